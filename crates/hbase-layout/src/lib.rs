//! hbase-layout
