//! A place to restore to: HBase's tree of files, and the master that clones, if there is one.
//!
//! The file side is the same for both kinds. The master side is the trait [`Master`]: [`live`] implements it over the native RPC; an
//! offline target has none, so that every step that needs a master is visibly skipped, never simulated.

pub mod live;
pub mod offline;
pub mod ownership;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use hbase_client::{Permission, PermissionQuery, ProcedureId, QuotaRecord, SnapshotInfo};
use hbase_layout::RootLayout;
use hbase_types::{RegionInfo, TableName};
use storage::FileSystem;

use crate::Result;

/// Default of `snapshot.manifest.size.limit` in every version, bytes.
pub const DEFAULT_MANIFEST_LIMIT_BYTES: u64 = 64 << 20;

/// What cannot be asked of the target and is read from its configuration.
#[derive(Debug, Clone)]
pub struct TargetOptions {
    /// `snapshot.manifest.size.limit` of the target's master.
    pub manifest_limit_bytes: u64,
    /// Copies that the file system keeps of each byte (`dfs.replication`).
    pub replication: u64,
    /// The user that snapshots are owned by: ours, as the master sees it.
    pub user: String,
}

impl Default for TargetOptions {
    fn default() -> Self {
        Self { manifest_limit_bytes: DEFAULT_MANIFEST_LIMIT_BYTES, replication: 1, user: String::new() }
    }
}

/// Where a restore goes.
#[derive(Debug, Clone)]
pub struct Target {
    /// HBase's tree.
    pub file_system: Arc<dyn FileSystem>,
    /// Paths in it.
    pub layout: RootLayout,
    /// Root directory, absolute inside the file system.
    pub root: String,
    /// The master; `None` offline.
    pub master: Option<Arc<dyn Master>>,
    /// Configuration.
    pub options: TargetOptions,
}

/// A namespace and its configuration, quotas among it (`hbase.namespace.quota.maxtables`, `…maxregions`).
pub type Namespace = (String, Vec<(String, String)>);

/// What a restore asks of HBase. Every call has a deadline; mutations return when their procedure has ended.
#[async_trait]
pub trait Master: Send + Sync + Debug {
    /// Version, for example `2.6.4-hadoop3`.
    fn version(&self) -> String;
    /// Cluster id.
    fn cluster_id(&self) -> String;
    /// A new nonce for [`Master::clone_snapshot`].
    fn new_nonce(&self) -> (u64, u64);
    /// All namespaces.
    async fn namespaces(&self) -> Result<Vec<Namespace>>;
    /// Creates a namespace.
    async fn create_namespace(&self, namespace: &Namespace) -> Result<()>;
    /// All tables, HBase's own left out.
    async fn tables(&self) -> Result<Vec<TableName>>;
    /// Whether the table is enabled (or on the way there); `None` when there is no such table.
    async fn is_enabled(&self, table: &TableName) -> Result<Option<bool>>;
    /// Waits until the table is enabled or disabled, not on the way to either.
    async fn wait_settled(&self, table: &TableName) -> Result<()>;
    /// Descriptor, raw; `None` when there is no such table.
    async fn schema(&self, table: &TableName) -> Result<Option<Bytes>>;
    /// Regions from `hbase:meta`, split parents included.
    async fn regions(&self, table: &TableName) -> Result<Vec<RegionInfo>>;
    /// The RestoreSnapshot RPC, ACLs left alone. Returns a procedure id, which is no success yet.
    async fn clone_snapshot(&self, snapshot: &str, target: &TableName, nonce: (u64, u64)) -> Result<ProcedureId>;
    /// Follows a procedure to its end.
    async fn wait_procedure(&self, procedure: ProcedureId) -> Result<()>;
    /// Takes a snapshot of a table, flushed, kept until it is deleted.
    async fn take_snapshot(&self, name: &str, table: &TableName) -> Result<()>;
    /// Completed snapshots.
    async fn snapshots(&self) -> Result<Vec<SnapshotInfo>>;
    /// Deletes a snapshot; one that is not there is success.
    async fn delete_snapshot(&self, name: &str) -> Result<()>;
    /// Enables a table.
    async fn enable_table(&self, table: &TableName) -> Result<()>;
    /// Disables a table; one that is disabled is success.
    async fn disable_table(&self, table: &TableName) -> Result<()>;
    /// Deletes a disabled table; one that is not there is success.
    async fn delete_table(&self, table: &TableName) -> Result<()>;
    /// Grants.
    async fn permissions(&self, query: &PermissionQuery) -> Result<Vec<Permission>>;
    /// Gives a grant, in place of the user's earlier one of the same scope.
    async fn grant(&self, permission: &Permission) -> Result<()>;
    /// Ids of the replication peers.
    async fn replication_peers(&self) -> Result<Vec<String>>;
    /// Adds a replication peer, disabled.
    async fn add_replication_peer(&self, id: &str, description: &Bytes) -> Result<()>;
    /// Sets a quota.
    async fn apply_quota(&self, record: &QuotaRecord) -> Result<()>;
}
