//! Wrappers around any store or file system: retry, limit, record, fault.
//!
//! The last three look at each call from outside, without knowing what it does. They are [`Hook`]s, and two wrappers carry a hook to
//! every call of an [`crate::ObjectStore`] or a [`crate::FileSystem`]. Retry has to repeat calls and knows which may be repeated.
//! Order from the inside: backend, fault, record, limit, retry; so that retries are counted and paced like first tries.

mod call;
mod fault;
mod file_system;
mod limit;
mod object_store;
mod record;
mod retry;

pub use call::{Call, CallKind};
pub use fault::{Die, Fault, FaultAction, FaultRule};
pub use limit::{Limiter, Limits};
pub use record::{Count, RecordedCall, Recorder, Recording};
pub use retry::{RetryFileSystem, RetryOptions, RetryStore};
