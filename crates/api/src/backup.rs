//! Backup: the plan (what `--dry-run` prints, nothing has changed yet) and the report (what happened).

use serde::{Deserialize, Serialize};

use crate::{ErrorReport, Finding};

/// Version of [`BackupPlan`] and [`BackupReport`] as JSON.
pub const BACKUP_SCHEMA_VERSION: u32 = 1;

/// Kind of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A running cluster; its master takes the snapshots.
    Live,
    /// A root directory without a master.
    Offline,
}

/// The cluster that is backed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSource {
    /// Name in the configuration.
    pub cluster: String,
    /// Kind.
    pub kind: SourceKind,
    /// Address of the root directory.
    pub root: String,
    /// HBase's cluster id.
    pub cluster_id: Option<String>,
    /// HBase version, where a master told it.
    pub hbase_version: Option<String>,
}

/// The state of the repository that a plan or report is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryState {
    /// Address, without secrets.
    pub url: String,
    /// Repository id, hex.
    pub id: String,
    /// `sequence:hash8` of the head.
    pub head: String,
    /// Whether the head was checked against a pin; without one an older state of the repository cannot be told from the newest.
    pub pinned: bool,
}

/// A printable plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupPlan {
    /// [`BACKUP_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Where from.
    pub source: BackupSource,
    /// Where to.
    pub repository: RepositoryState,
    /// One entry per table, sorted by name.
    pub tables: Vec<BackupTablePlan>,
    /// Sums over the tables; a file that two tables share counts once.
    pub totals: BackupTotals,
    /// What an interrupted run left that this one can use.
    pub adopted: Adopted,
    /// Name of the HBase snapshot to use; `None` = take one per table.
    pub existing_snapshot: Option<String>,
    /// Whether memstores are flushed before the snapshot.
    pub flush: bool,
    /// Time to live of our snapshots, seconds.
    pub snapshot_ttl_seconds: Option<u64>,
    /// Bytes that the snapshots can keep from HBase's cleaner while they exist.
    pub snapshot_pins_bytes: u64,
    /// Workers that read.
    pub workers: u32,
    /// Expected duration, seconds; `None` when there is no rate to go by.
    pub estimated_seconds: Option<u64>,
    /// Any of these and the plan is refused.
    pub blockers: Vec<Finding>,
    /// To be read.
    pub warnings: Vec<Finding>,
}

/// One table of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupTablePlan {
    /// Table.
    pub table: String,
    /// Regions.
    pub regions: u64,
    /// Column families.
    pub families: Vec<String>,
    /// Distinct physical files, and their bytes.
    pub files: u64,
    pub bytes: u64,
    /// Of those, below 1 MiB: they are bundled.
    pub small_files: u64,
    /// Of those, in the repository already: not read.
    pub known_files: u64,
    pub known_bytes: u64,
    /// Of those, MOB files.
    pub mob_files: u64,
    /// What is left: read and stored.
    pub files_to_read: u64,
    pub bytes_to_read: u64,
}

/// Sums of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupTotals {
    pub tables: u64,
    pub regions: u64,
    pub files: u64,
    pub bytes: u64,
    pub known_files: u64,
    pub known_bytes: u64,
    pub files_to_read: u64,
    pub bytes_to_read: u64,
    pub small_files: u64,
}

/// Files of unfinished uploads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    pub uploads: u64,
    pub files: u64,
    pub bytes: u64,
}

/// How a backup ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupOutcome {
    /// Every table that was asked for is in it.
    Complete,
    /// Some are; the others are named. Exit code 3.
    Partial,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupReport {
    /// [`BACKUP_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Id shown to people: the commit's sequence, four digits or more.
    pub id: String,
    /// The same as a number.
    pub sequence: u64,
    /// Complete or partial.
    pub outcome: BackupOutcome,
    /// Where from.
    pub source: BackupSource,
    /// Where to; the head is that of the commit.
    pub repository: RepositoryState,
    /// RFC 3339 UTC.
    pub started: String,
    pub finished: String,
    /// Wall time, seconds.
    pub seconds: f64,
    /// One entry per table that was asked for, sorted by name.
    pub tables: Vec<BackupTableReport>,
    /// Sums.
    pub totals: BackupSums,
    /// What was taken over from interrupted runs.
    pub adopted: Adopted,
    /// Metadata that is in the backup, one line each (`namespaces: 3`, `grants: 12`).
    pub metadata: Vec<String>,
    /// What a complete backup would hold and this one does not, and leftovers that could not be removed.
    pub warnings: Vec<Finding>,
}

/// Sums of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSums {
    pub tables: u64,
    pub regions: u64,
    pub files: u64,
    /// Bytes of all distinct physical files: what the backup can give back.
    pub bytes: u64,
    /// Read from the cluster in this run.
    pub read_files: u64,
    pub read_bytes: u64,
    /// What those took in the repository.
    pub stored_bytes: u64,
    /// Not read, because the repository had them.
    pub shared_files: u64,
    pub shared_bytes: u64,
    /// Pages of the backup.
    pub page_bytes: u64,
}

/// One table of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupTableReport {
    /// Table.
    pub table: String,
    /// Whether it is in the backup.
    pub stored: bool,
    pub regions: u64,
    pub files: u64,
    pub bytes: u64,
    pub read_files: u64,
    pub read_bytes: u64,
    pub stored_bytes: u64,
    pub shared_files: u64,
    pub shared_bytes: u64,
    /// RFC 3339 UTC: every region's content is from within this interval.
    pub snapshot_started: Option<String>,
    pub snapshot_finished: Option<String>,
    /// Snapshots that were taken, with repetitions after splits, crashes and near the time to live.
    pub snapshots_taken: u32,
    /// Why there were new files, heaviest first; empty when there were none.
    pub growth: Vec<GrowthReason>,
    /// Why it is not in the backup.
    pub error: Option<ErrorReport>,
}

/// Why files were new, against the backup before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrowthCause {
    /// The table is in no earlier backup.
    First,
    /// Memstores were flushed.
    Flush,
    /// Files were bulk-loaded.
    BulkLoad,
    /// A compaction rewrote some files of a store.
    Compaction,
    /// A major compaction rewrote all files of a store: the same cells in new files.
    MajorCompaction,
    /// Regions are new: split, merged.
    NewRegion,
}

impl GrowthCause {
    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::First => "first backup of the table",
            Self::Flush => "flushed since",
            Self::BulkLoad => "bulk-loaded since",
            Self::Compaction => "rewritten by a compaction",
            Self::MajorCompaction => "rewritten by a major compaction",
            Self::NewRegion => "in regions that a split or merge made",
        }
    }
}

/// One cause with its share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrowthReason {
    pub cause: GrowthCause,
    pub files: u64,
    pub bytes: u64,
    /// Id of the backup this compares with.
    pub compared_with: Option<String>,
}
