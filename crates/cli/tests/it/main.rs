//! The binary as a user meets it: arguments and environment in; standard output, standard error, exit code and files out.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test, with files on this machine.

mod bad_input;
mod damage;
mod documents;
mod fixture;
mod interrupted;
mod json;
#[cfg(feature = "fault-injection")]
mod killed;
mod offline;
