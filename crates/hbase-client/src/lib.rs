//! hbase-client
