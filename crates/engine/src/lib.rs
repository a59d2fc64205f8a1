//! Backup and restore, from plan to report. Never prints, never reads the environment, never waits for a terminal.
//!
//! Every verb is `plan` (reads only, gives a printable value of `api`) and `run` (does it, tells a [`Monitor`], gives a report).
//! What is configured comes in as values: a [`Cluster`], a `repository::Repository`, options, a [`CancellationToken`].

pub mod backup;
pub mod check;
mod cluster;
mod error;
pub mod fingerprint;
pub mod list;
pub mod look;
mod monitor;
pub mod restore;
pub mod show;
pub mod source;
pub mod status;
pub mod target;
mod time;
pub mod verify;

pub use cluster::Cluster;
pub use error::{EngineError, TableFailure};
pub use monitor::{Monitor, Silent};
pub use tokio_util::sync::CancellationToken;

/// Every fallible call of this crate.
pub type Result<T> = std::result::Result<T, EngineError>;
