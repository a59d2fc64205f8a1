//! `look`: a first impression of a cluster. Read-only, no repository needed.

use serde::{Deserialize, Serialize};

use crate::Finding;
use crate::backup::BackupSource;

/// Version of [`LookReport`] as JSON.
pub const LOOK_SCHEMA_VERSION: u32 = 1;

/// Result of `look`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LookReport {
    /// [`LOOK_SCHEMA_VERSION`].
    pub schema_version: u32,
    pub source: BackupSource,
    /// Masters and RegionServers; empty offline.
    pub master: Option<String>,
    pub backup_masters: Vec<String>,
    pub region_servers: Vec<String>,
    pub dead_servers: Vec<String>,
    /// Authorization, cell visibility, … where a master told it.
    pub security: Vec<String>,
    pub namespaces: Vec<String>,
    /// Sorted by name.
    pub tables: Vec<LookTable>,
    pub totals: LookTotals,
    pub wals: LookWals,
    /// HBase snapshots there are.
    pub snapshots: Vec<LookSnapshot>,
    /// Free and total bytes of the file system, where it tells.
    pub free_bytes: Option<u64>,
    pub total_bytes: Option<u64>,
    /// What Seawall would stumble over, worst first.
    pub findings: Vec<Finding>,
}

/// One table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookTable {
    pub table: String,
    /// `enabled`, `disabled`, `unknown`.
    pub state: String,
    pub regions: u64,
    pub files: u64,
    pub bytes: u64,
    /// Largest store file.
    pub largest_file_bytes: u64,
    pub small_files: u64,
    pub mob_files: u64,
    /// Names in stores that stand for other files.
    pub references: u64,
    pub links: u64,
    pub families: Vec<String>,
    /// Distinct over its families, as HBase spells them.
    pub codecs: Vec<String>,
    pub encodings: Vec<String>,
    /// Store file tracker, when it is not the default.
    pub store_file_tracker: Option<String>,
    /// Coprocessors in the descriptor.
    pub coprocessors: Vec<String>,
}

/// Sums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookTotals {
    pub tables: u64,
    pub regions: u64,
    pub files: u64,
    pub bytes: u64,
}

/// Write-ahead logs, as far as the files tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookWals {
    /// Directory that holds `WALs` and `oldWALs`.
    pub root: String,
    pub live_files: u64,
    pub live_bytes: u64,
    pub old_files: u64,
    pub old_bytes: u64,
    /// `single`, `multiple groups`, `unknown`.
    pub provider: String,
}

/// One HBase snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookSnapshot {
    pub name: String,
    pub table: String,
    /// RFC 3339 UTC.
    pub created: String,
    /// Whether an earlier run of ours left it.
    pub ours: bool,
}
