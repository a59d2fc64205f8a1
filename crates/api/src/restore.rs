//! Restore: the plan (what `--dry-run` prints and nothing has changed yet) and the report (what happened).

use serde::{Deserialize, Serialize};

use crate::{ErrorReport, Finding};

/// Version of [`RestorePlan`] and [`RestoreReport`] as JSON.
pub const RESTORE_SCHEMA_VERSION: u32 = 1;

/// What happens when a table of the wanted name exists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestoreMode {
    /// Refuse.
    #[default]
    New,
    /// Put the restored table in its place, keeping a safety snapshot of the old one.
    Replace,
}

/// A printable plan. Tests, `--dry-run`, the API and the dashboard read this one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestorePlan {
    /// [`RESTORE_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The backup that is restored.
    pub backup: RestoreSource,
    /// Where to.
    pub target: RestoreTarget,
    /// New names only, or replace.
    pub mode: RestoreMode,
    /// One entry per table, in the order of work.
    pub tables: Vec<RestoreTablePlan>,
    /// Namespaces that will be created.
    pub namespaces_to_create: Vec<String>,
    /// Grants, quotas, namespaces that will be replayed after the tables, one line each.
    pub metadata: Vec<String>,
    /// Sums over the tables.
    pub totals: RestoreTotals,
    /// Expected duration of the copy, seconds; `None` when there is no rate to go by.
    pub estimated_seconds: Option<u64>,
    /// Any of these and the plan is refused.
    pub blockers: Vec<Finding>,
    /// To be read before saying yes.
    pub warnings: Vec<Finding>,
}

/// The backup behind a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreSource {
    /// Id shown to people: the commit's sequence, four digits or more.
    pub id: String,
    /// When the backup was committed, RFC 3339 UTC.
    pub committed: String,
    /// `sequence:hash8` of the repository's head that was used.
    pub head: String,
    /// Whether the head was checked against a pin; without one an older state of the repository cannot be told from the newest.
    pub pinned: bool,
    /// Name of the backed-up cluster.
    pub cluster: String,
    /// HBase version of the backed-up cluster.
    pub hbase_version: Option<String>,
}

/// Where tables are restored to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreTarget {
    /// `live`: with a master that clones. `offline`: a root directory, to be cloned later.
    pub kind: TargetKind,
    /// Address of the root directory.
    pub root: String,
    /// Cluster id, where it has one.
    pub cluster_id: Option<String>,
    /// HBase version, where a master told it.
    pub hbase_version: Option<String>,
}

/// Kind of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// A running cluster.
    Live,
    /// A root directory with no master.
    Offline,
}

/// One table of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreTablePlan {
    /// Name in the backup.
    pub source: String,
    /// Name at the target.
    pub target: String,
    /// HBase snapshot that carries it, and what an offline target's operator clones.
    pub snapshot: String,
    /// Whether an earlier, interrupted run of the same restore is continued.
    pub resumes: bool,
    /// Whether the table is enabled at the end.
    pub enabled: bool,
    /// Regions.
    pub regions: u64,
    /// Column families.
    pub families: Vec<String>,
    /// Distinct store files and their bytes.
    pub files: u64,
    /// Bytes of all store files.
    pub bytes: u64,
    /// Files of the same name and length that are at the target already; used only after every byte was read and matched.
    pub reusable_files: u64,
    /// Bytes of those.
    pub reusable_bytes: u64,
    /// MOB files among `files`.
    pub mob_files: u64,
    /// Size of the HBase snapshot's manifest.
    pub manifest_bytes: u64,
}

/// Sums of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreTotals {
    /// Tables.
    pub tables: u64,
    /// Regions.
    pub regions: u64,
    /// Distinct store files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes to be fetched from the repository.
    pub bytes_to_move: u64,
    /// Free bytes at the target, where it tells.
    pub free_bytes: Option<u64>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestoreReport {
    /// [`RESTORE_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The backup that was restored.
    pub backup: RestoreSource,
    /// Where to.
    pub target: RestoreTarget,
    /// One entry per table of the plan, in its order.
    pub tables: Vec<RestoreTableReport>,
    /// Metadata that was replayed, one line each.
    pub metadata: Vec<String>,
    /// What did not stop the restore and should be known.
    pub warnings: Vec<Finding>,
    /// Wall time, seconds.
    pub seconds: f64,
}

impl RestoreReport {
    /// Tables that ended well.
    pub fn restored(&self) -> usize {
        self.tables.iter().filter(|table| table.outcome != RestoreOutcome::Failed).count()
    }
}

/// How one table ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestoreOutcome {
    /// The table is there, and its boundaries and descriptor are those of the backup.
    Restored,
    /// An earlier run of the same restore had finished it.
    AlreadyRestored,
    /// Offline: files and snapshot are there; clone the snapshot once a master runs.
    SnapshotWritten,
    /// Not restored; `error` says why and `left` what remains.
    Failed,
}

/// Report of one table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestoreTableReport {
    /// Name in the backup.
    pub source: String,
    /// Name at the target.
    pub target: String,
    /// Outcome.
    pub outcome: RestoreOutcome,
    /// Snapshot that was used; still there when `outcome` is `snapshot_written`.
    pub snapshot: String,
    /// The safety snapshot of the table that was replaced.
    pub safety_snapshot: Option<String>,
    /// Regions.
    pub regions: u64,
    /// Files written by this run.
    pub files_written: u64,
    /// Bytes written by this run.
    pub bytes_written: u64,
    /// Files found at the target and proved equal (of an earlier run or of HBase's own).
    pub files_reused: u64,
    /// Bytes of those.
    pub bytes_reused: u64,
    /// Why it failed.
    pub error: Option<ErrorReport>,
    /// What remains at the target after a failure, one line each; empty = as it was.
    pub left: Vec<String>,
    /// Wall time, seconds.
    pub seconds: f64,
}
