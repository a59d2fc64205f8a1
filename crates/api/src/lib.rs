//! Plans, reports, verdicts and errors as plain data: one type for `--dry-run`, JSON, HTTP and the dashboard.
//!
//! Each top value has a `schema_version`. A field that comes is no new version; a field that goes or changes its meaning is.
//! Times are RFC 3339 in UTC, lengths are bytes. No behaviour but small sums, no I/O.

mod backup;
mod error;
mod event;
mod finding;
mod list;
mod look;
mod status;

pub use backup::*;
pub use error::{ErrorKind, ErrorReport};
pub use event::{Phase, Work};
pub use finding::{Finding, Severity};
pub use list::*;
pub use look::*;
pub use status::*;
