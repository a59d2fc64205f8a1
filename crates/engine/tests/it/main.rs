//! The engine over real root directories of HBase.

mod offline_source;
