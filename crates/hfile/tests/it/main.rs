//! The checker against every HFile of the fixtures and what HBase's own reader says of it.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests: fixtures are read as files, and a helper that fails fails its test"
)]

mod checker;
mod throughput;
