//! Calls to the master and to single servers, by subject.

mod cluster;
mod namespace;
mod permission;
mod procedure;
mod quota;
mod raw;
mod region;
mod settings;
mod snapshot;
mod switch;
mod table;
