//! The engine over real root directories of HBase.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test, with files on this machine.

mod backup;
mod interrupted;
mod many_files;
mod offline_source;
mod world;
