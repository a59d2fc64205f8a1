//! Backup: HBase snapshots into one commit.
//!
//! # Order
//! snapshot of a table → its manifest → files that the repository does not know, read once and checked → the snapshot is given up →
//! (all tables) → metadata → pages and the one commit. Nothing is visible before the commit, everything after it.
//!
//! # Crash cases
//! Files that were stored and not committed are adopted by the next run. HBase snapshots have a time to live. A run that fails or is
//! cancelled removes its snapshots before it returns.
//!
//! # What it does not do
//! A table is in a backup whole or not at all. With several tables the others are committed and the failed ones named (partial).

mod metadata;
mod plan;
mod previous;
mod run;
mod selection;
pub(crate) mod stats;
mod stored;
mod transfer;

use std::path::PathBuf;
use std::time::Duration;

pub use plan::{PlannedBackup, plan, preview, refusal};
pub use run::run;
pub use selection::TableSelection;

/// What to back up, and how.
#[derive(Debug, Clone)]
pub struct BackupOptions {
    pub selection: TableSelection,
    /// Use this HBase snapshot; exactly one table, the snapshot's, may be chosen with it (none chosen = that one).
    pub existing_snapshot: Option<String>,
    /// Flush memstores first.
    pub flush: bool,
    /// Key and value.
    pub tags: Vec<(String, String)>,
    /// Files read at once.
    pub workers: usize,
    /// Memory for chunks in flight, bytes.
    pub memory_bytes: u64,
    /// Configured read limit, for estimates; the limit itself is in the file system that the caller passes.
    pub read_bytes_per_second: Option<u64>,
    /// Tables in work at once.
    pub tables_at_once: usize,
    /// How long splits, moves, dying servers and masters are waited out per table.
    pub snapshot_deadline: Duration,
    /// Time to live of our snapshots; `None` = from the plan's estimate.
    pub snapshot_ttl: Option<Duration>,
    /// Journals of uploads, by which an interrupted run is continued without looking through the store.
    pub journal_directory: Option<PathBuf>,
    /// Without a journal: adopt uploads that have been idle in the store for this long.
    pub adopt_idle: Option<Duration>,
    /// The program and the machine, for the list.
    pub seawall_version: String,
    pub host: String,
}

impl Default for BackupOptions {
    fn default() -> Self {
        Self {
            selection: TableSelection::default(),
            existing_snapshot: None,
            flush: true,
            tags: Vec::new(),
            workers: 4,
            memory_bytes: 64 << 20,
            read_bytes_per_second: None,
            tables_at_once: 4,
            snapshot_deadline: Duration::from_secs(15 * 60),
            snapshot_ttl: None,
            journal_directory: None,
            adopt_idle: None,
            seawall_version: String::new(),
            host: String::new(),
        }
    }
}
