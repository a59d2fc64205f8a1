//! A client of HBase 2.4 to 3.x over its native RPC: finding the cluster, calls to the master and the RegionServers, scans.
//! Sockets, never a file.

mod admin;
mod authentication;
mod connection;
mod core;
mod discovery;
mod error;
mod meta;
mod options;
mod randomness;
mod retry;
mod rpc;
mod scan;
mod types;

pub use authentication::{SIMPLE_CODE, SaslError, SaslMechanism, SaslSession};
pub use connection::Connection;
pub use error::{ClientError, Result};
pub use options::{Authentication, ClientOptions, Discovery};
pub use randomness::{Randomness, SystemRandomness};
pub use scan::{ScanOptions, Scanner};
pub use types::*;
