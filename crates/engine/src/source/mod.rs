//! Where a backup reads from: a running cluster ([`LiveSource`]) or a root directory without a master ([`OfflineSource`]).
//!
//! Both give the same: tables with their descriptors, and of one table a [`TableContent`] = the names of all its store files, which
//! [`SourceFiles`] resolves to physical files and reads wherever HBase has moved them meanwhile. Only a live source takes snapshots;
//! an offline one lists directories, or reads a snapshot that lies there.

mod files;
pub(crate) mod listing;
mod live;
mod manifest;
mod offline;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use catalog::TableState;
use hbase_layout::{RegionManifest, SnapshotDescription, TableSchema};
use hbase_types::TableName;
use storage::Clock;

pub use files::{PhysicalFile, SourceFiles, SourceReader};
pub use live::LiveSource;
pub(crate) use manifest::read_snapshot;
pub use offline::OfflineSource;

use crate::{Cluster, Result};

/// What comes first in the names of snapshots that a backup takes.
pub const SNAPSHOT_PREFIX: &str = "seawall-backup-";

/// A table as the source lists it.
#[derive(Debug, Clone)]
pub struct TableListing {
    pub table: TableName,
    pub schema: TableSchema,
}

/// The source as a whole.
#[derive(Debug, Clone, Default)]
pub struct SourceIdentity {
    pub cluster_id: Option<String>,
    /// As the master says it; `None` offline.
    pub hbase_version: Option<String>,
    /// `hbase.version`, the version of the directory layout.
    pub layout_version: Option<String>,
    pub region_servers: u64,
    pub master_coprocessors: Vec<String>,
}

/// How the content of a table is fixed.
#[derive(Debug, Clone)]
pub struct SnapshotOptions {
    /// An HBase snapshot that exists; else one is taken (live) or the directories are listed (offline).
    pub existing: Option<String>,
    /// Whether memstores are flushed first.
    pub flush: bool,
    /// Time to live of a snapshot that is taken.
    pub ttl: Duration,
    /// How long splits, merges, moves, dying servers and masters are waited out before the table is given up.
    pub deadline: Duration,
}

/// Every store file of a table at one moment (per region).
#[derive(Debug, Clone)]
pub struct TableContent {
    pub table: TableName,
    pub state: TableState,
    /// Raw `TableSchema`.
    pub schema: Bytes,
    pub snapshot: Option<SnapshotDescription>,
    /// Regions in table order, and the MOB pseudo region. No split parents without data of their own.
    pub regions: Vec<RegionManifest>,
    /// Each region's content is from within this interval, by this machine's clock.
    pub started_millis: i64,
    pub finished_millis: i64,
    /// Whether edits in memstores, or in WALs of a dead cluster, are missing.
    pub without_memstores: bool,
    /// A snapshot of ours that keeps the files from HBase's cleaner.
    pub guard: Option<SnapshotGuard>,
    /// Snapshots that were tried for this.
    pub snapshots_taken: u32,
}

/// A snapshot of ours in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotGuard {
    pub name: String,
    /// When HBase may remove it, by this machine's clock.
    pub expires_millis: i64,
}

/// A file system and a master, or the file system alone.
#[async_trait]
pub trait Source: Send + Sync + Debug {
    /// Live or offline.
    fn kind(&self) -> api::SourceKind;

    /// The way to the store files.
    fn files(&self) -> &SourceFiles;

    /// Who it is.
    async fn identity(&self) -> Result<SourceIdentity>;

    /// All tables, HBase's own included, sorted.
    async fn tables(&self) -> Result<Vec<TableListing>>;

    /// Tables that exist but that [`Source::tables`] may not show to this user: a backup of "everything" must not leave them out in
    /// silence.
    async fn hidden_tables(&self) -> Result<Vec<TableName>> {
        Ok(Vec::new())
    }

    /// The store files at this moment, nothing held: for plans.
    async fn survey(&self, listing: &TableListing) -> Result<Vec<RegionManifest>>;

    /// Fixes the content of a table.
    async fn snapshot(&self, listing: &TableListing, options: &SnapshotOptions) -> Result<TableContent>;

    /// Gives a snapshot of ours up.
    async fn release(&self, guard: &SnapshotGuard) -> Result<()>;

    /// Removes every snapshot that this source took and has not released; gives the names that could not be removed, and why.
    async fn clean_up(&self) -> Vec<(String, String)>;

    /// Tells the upload that the run stores into, whose snapshots bear its name, and the uploads whose runs are certainly over. Once,
    /// before the first snapshot.
    fn begin_run(&self, _upload: Option<[u8; 16]>, _dead: BTreeSet<[u8; 16]>) {}

    /// What a reader of the plan has to know: unflushed WALs, snapshots that earlier runs left. Changes nothing.
    async fn findings(&self) -> Result<Vec<api::Finding>>;

    /// Removes snapshots of ours that certainly belong to no run any more.
    async fn remove_leftovers(&self) -> Result<()> {
        Ok(())
    }
}

/// The source of a cluster: live when it has a connection.
pub fn open(cluster: &Cluster, clock: Arc<dyn Clock>) -> Arc<dyn Source> {
    match &cluster.connection {
        Some(connection) => Arc::new(LiveSource::new(cluster, connection.clone(), clock)),
        None => Arc::new(OfflineSource::new(cluster, clock)),
    }
}
