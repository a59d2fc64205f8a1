//! Plans, reports, verdicts and errors as plain data: one type for `--dry-run`, JSON, HTTP and the dashboard.
//!
//! Each top value has a `schema_version`. A field that comes is no new version; a field that goes or changes its meaning is.
//! Times are RFC 3339 in UTC, lengths are bytes. No behaviour but small sums, no I/O.

mod backup;
mod check;
mod error;
mod event;
mod finding;
mod fingerprint;
mod list;
mod look;
mod restore;
mod status;
mod verify;

pub use backup::*;
pub use check::*;
pub use error::{ErrorKind, ErrorReport};
pub use event::{Phase, Work};
pub use finding::{Finding, Severity};
pub use fingerprint::*;
pub use list::*;
pub use look::*;
pub use restore::*;
pub use status::*;
pub use verify::*;
