//! The master of a running cluster, over the native RPC.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hbase_client::{
    ClientError, Connection, Permission, PermissionQuery, ProcedureId, QuotaRecord, SnapshotInfo, SnapshotKind, SnapshotRequest, TableState,
};
use hbase_layout::RootLayout;
use hbase_types::{RegionInfo, TableName};

use super::{Master, Namespace, Target, TargetOptions};
use crate::{Cluster, Result};

/// A master, with the limits for what may take long.
#[derive(Debug, Clone)]
pub struct LiveMaster {
    connection: Connection,
    deadline: Duration,
}

impl LiveMaster {
    /// Uses `connection`; a procedure (a clone, a table switched off) may take `deadline`.
    pub fn new(connection: Connection, deadline: Duration) -> Self {
        Self { connection, deadline }
    }
}

/// The target that `cluster` is: live if it has a connection.
pub fn target(cluster: &Cluster, options: TargetOptions, deadline: Duration) -> Target {
    let master = cluster.connection.clone().map(|connection| Arc::new(LiveMaster::new(connection, deadline)) as Arc<dyn Master>);
    let layout = RootLayout::new(&cluster.root);
    Target { file_system: cluster.file_system.clone(), layout, root: cluster.root.clone(), master, options }
}

#[async_trait]
impl Master for LiveMaster {
    fn version(&self) -> String {
        self.connection.hbase_version().text.clone()
    }

    fn cluster_id(&self) -> String {
        self.connection.cluster_id().to_owned()
    }

    fn new_nonce(&self) -> (u64, u64) {
        self.connection.new_nonce()
    }

    async fn namespaces(&self) -> Result<Vec<Namespace>> {
        Ok(self.connection.namespaces().await?)
    }

    async fn create_namespace(&self, namespace: &Namespace) -> Result<()> {
        Ok(self.connection.create_namespace(&namespace.0, &namespace.1, self.connection.new_nonce()).await?)
    }

    async fn tables(&self) -> Result<Vec<TableName>> {
        Ok(self.connection.list_tables().await?)
    }

    async fn is_enabled(&self, table: &TableName) -> Result<Option<bool>> {
        if !self.connection.table_exists(table).await? {
            return Ok(None);
        }
        match self.connection.table_state(table).await {
            Ok(state) => Ok(Some(matches!(state, TableState::Enabled | TableState::Enabling))),
            Err(ClientError::TableNotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn wait_settled(&self, table: &TableName) -> Result<()> {
        self.connection.wait_table_settled(table, self.deadline).await?;
        Ok(())
    }

    async fn schema(&self, table: &TableName) -> Result<Option<Bytes>> {
        Ok(self.connection.table_schema_raw(table).await?)
    }

    async fn regions(&self, table: &TableName) -> Result<Vec<RegionInfo>> {
        Ok(self.connection.regions(table).await?.into_iter().map(|(region, _)| region).collect())
    }

    async fn clone_snapshot(&self, snapshot: &str, target: &TableName, nonce: (u64, u64)) -> Result<ProcedureId> {
        Ok(self.connection.clone_snapshot(snapshot, target, nonce, false).await?)
    }

    async fn wait_procedure(&self, procedure: ProcedureId) -> Result<()> {
        Ok(self.connection.wait_procedure(procedure, self.deadline).await?)
    }

    async fn take_snapshot(&self, name: &str, table: &TableName) -> Result<()> {
        let kind = SnapshotKind::Flush;
        let request = SnapshotRequest { name: name.to_owned(), table: table.clone(), kind, ttl_seconds: 0, owner: None };
        Ok(self.connection.take_snapshot(&request, self.deadline).await?)
    }

    async fn snapshots(&self) -> Result<Vec<SnapshotInfo>> {
        Ok(self.connection.list_snapshots().await?)
    }

    async fn delete_snapshot(&self, name: &str) -> Result<()> {
        match self.connection.delete_snapshot(name).await {
            Err(ClientError::SnapshotNotFound { .. }) => Ok(()),
            other => Ok(other?),
        }
    }

    async fn enable_table(&self, table: &TableName) -> Result<()> {
        Ok(self.connection.enable_table(table, self.connection.new_nonce(), self.deadline).await?)
    }

    async fn disable_table(&self, table: &TableName) -> Result<()> {
        match self.connection.disable_table(table, self.connection.new_nonce(), self.deadline).await {
            Err(ClientError::TableNotEnabled { .. }) => Ok(()),
            other => Ok(other?),
        }
    }

    async fn delete_table(&self, table: &TableName) -> Result<()> {
        match self.connection.delete_table(table, self.connection.new_nonce(), self.deadline).await {
            Err(ClientError::TableNotFound { .. }) => Ok(()),
            other => Ok(other?),
        }
    }

    async fn replication_peers(&self) -> Result<Vec<String>> {
        Ok(self.connection.replication_peers().await?.into_iter().map(|peer| peer.id).collect())
    }

    async fn add_replication_peer(&self, id: &str, description: &Bytes) -> Result<()> {
        Ok(self.connection.add_replication_peer(id, description, self.deadline).await?)
    }

    async fn permissions(&self, query: &PermissionQuery) -> Result<Vec<Permission>> {
        Ok(self.connection.permissions(query).await?)
    }

    async fn grant(&self, permission: &Permission) -> Result<()> {
        Ok(self.connection.grant(permission, false).await?)
    }

    async fn apply_quota(&self, record: &QuotaRecord) -> Result<()> {
        Ok(self.connection.apply_quota(record).await?)
    }
}
