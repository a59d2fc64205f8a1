//! Layout code against root directories written by real HBase servers, and against what HBase's own readers say of them.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests: fixtures are read as files, and a helper that fails fails its test"
)]

mod fixtures;
mod live;
mod restore;
mod snapshots;
