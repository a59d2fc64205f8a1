//! The engine over real root directories of HBase.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test, with files on this machine.

mod offline_source;
