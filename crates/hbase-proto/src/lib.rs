//! hbase-proto
