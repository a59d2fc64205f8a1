//! hbase-types
