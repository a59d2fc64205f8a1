//! A laboratory of real servers for Seawall's tests.
//!
//! [`Lab`] starts HBase from its Maven artifacts: standalone on a local directory, or HDFS (one NameNode, or two with a
//! JournalNode), ZooKeeper, HMaster and RegionServers, each a JVM of its own. [`Witness`] is a long-lived Java client compiled
//! against that version's own jars: it makes tables, writes, scans and takes snapshots with HBase's own code, so that what we
//! compare against is never ours. [`build_fixture_tables`] fills a lab with tables that use what
//! HBase can do to a file; [`fixtures`] are root directories made earlier.
//!
//! No server outlives its test: the kernel kills the JVMs of a lab when the process that owns it dies, however it dies
//! (`spawn`); `Drop` does so before. Only labs made by `cargo xtask lab up` stay, until `lab down`.

#![allow(clippy::disallowed_methods)] // Logs, pid files and configuration of the servers are files on this machine, not stored data.

mod cache;
mod configuration;
mod fixture_tables;
pub mod fixtures;
mod hdfs;
mod lab;
mod ports;
mod process;
mod spawn;
mod spec;
mod witness;
mod witness_types;

pub use fixture_tables::{FixtureTables, Profile, build_fixture_tables};
pub use lab::Lab;
pub use ports::Ports;
pub use rustix::process::Signal;
pub use spec::{HBaseVersion, Kind, LabSpec};
pub use witness::{Boundaries, Witness, WitnessError};
pub use witness_types::{
    Cell, Difference, FamilySpec, FileSummary, Permission, ProcedureState, Region, Scan, ScanSummary, Snapshot, TableSpec, Tag, difference,
};
