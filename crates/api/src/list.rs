//! `list` and `show`.

use serde::{Deserialize, Serialize};

use crate::backup::{BackupOutcome, GrowthReason, RepositoryState};

/// Version of [`BackupList`] and [`BackupDetails`] as JSON.
pub const LIST_SCHEMA_VERSION: u32 = 1;

/// Result of `list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupList {
    /// [`LIST_SCHEMA_VERSION`].
    pub schema_version: u32,
    pub repository: RepositoryState,
    /// Newest first.
    pub backups: Vec<BackupEntry>,
}

/// One backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupEntry {
    /// The commit's sequence, four digits or more.
    pub id: String,
    pub sequence: u64,
    pub cluster: String,
    pub cluster_id: String,
    pub hbase_version: String,
    /// `snapshot`, `synthetic`, `restored`.
    pub kind: String,
    pub outcome: BackupOutcome,
    /// RFC 3339 UTC.
    pub started: String,
    pub finished: String,
    pub committed: String,
    /// Begin and end of all snapshot intervals.
    pub snapshot_first: String,
    pub snapshot_last: String,
    pub tables: u64,
    pub regions: u64,
    pub files: u64,
    /// What it can give back.
    pub bytes: u64,
    pub read_bytes: u64,
    pub stored_bytes: u64,
    pub shared_bytes: u64,
    /// Key and value.
    pub tags: Vec<(String, String)>,
    /// Asked for, and not in it.
    pub failed_tables: Vec<String>,
}

/// Result of `show`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupDetails {
    /// [`LIST_SCHEMA_VERSION`].
    pub schema_version: u32,
    pub repository: RepositoryState,
    pub backup: BackupEntry,
    /// Sorted by name.
    pub tables: Vec<TableDetails>,
    /// Asked for, and not in it.
    pub failed: Vec<FailedTable>,
    /// Metadata that is in it.
    pub metadata: MetadataCounts,
    /// What a complete backup would hold and this one does not: stable code and reason.
    pub omissions: Vec<(String, String)>,
    /// Program and machine that made it.
    pub made_by: String,
    pub host: String,
    /// Address of the root directory.
    pub root: String,
}

/// One table of a backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableDetails {
    pub table: String,
    pub regions: u64,
    pub files: u64,
    pub bytes: u64,
    pub read_bytes: u64,
    pub stored_bytes: u64,
    pub shared_bytes: u64,
    pub mob_files: u64,
    /// `enabled`, `disabled`, `unknown`.
    pub state: String,
    /// RFC 3339 UTC.
    pub snapshot_started: String,
    pub snapshot_finished: String,
    /// Whether memstores were left out.
    pub without_memstores: bool,
    pub growth: Vec<GrowthReason>,
    pub families: Vec<FamilyDetails>,
    /// With `--regions` only.
    pub region_list: Vec<RegionDetails>,
}

/// One family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyDetails {
    pub family: String,
    /// As HBase spells them.
    pub compression: String,
    pub data_block_encoding: String,
    pub bloom_filter: String,
    pub versions: String,
    pub time_to_live: String,
    pub mob: bool,
}

/// One region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionDetails {
    pub encoded: String,
    /// Printable form (`\x00`); empty = end of the table.
    pub start_key: String,
    pub end_key: String,
    pub files: u64,
    pub bytes: u64,
    /// Highest sequence id by family.
    pub max_sequence_ids: Vec<(String, Option<u64>)>,
}

/// A table that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTable {
    pub table: String,
    pub message: String,
}

/// How many of each are in a backup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataCounts {
    pub namespaces: u64,
    pub grants: u64,
    pub quotas: u64,
    pub labels: u64,
    pub groups: u64,
    pub peers: u64,
}
