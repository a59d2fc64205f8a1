//! Seawall on real servers: HBase's own client says what a table holds before and after.
//!
//! Every test is `#[ignore = "live"]`; the first word of its name is its suite, and `cargo xtask ci SUITE` runs one.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout)] // A test, with files on this machine; it tells seeds and rounds.

mod chaos;
mod concurrency;
mod hdfs;
mod input;
mod journey;
mod kill;
mod limits;
mod pairs;
mod quick;
mod random;
mod site;
mod traps;
mod vault;
mod versions;
