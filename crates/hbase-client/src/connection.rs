//! The connection: all calls of the client. (bodies follow)

use std::time::Duration;

use bytes::Bytes;
use hbase_types::{RegionInfo, ServerName, TableName};

use crate::error::Result;
use crate::options::ClientOptions;
use crate::scan::{ScanOptions, Scanner};
use crate::types::*;

/// A connection to one cluster; clones share it.
#[derive(Debug, Clone)]
pub struct Connection {}

impl Connection {
    /// Opens a connection: finds the cluster, its active master and its version, and refuses what is too old.
    pub async fn connect(options: ClientOptions) -> Result<Self> {
        let _ = (options,);
        todo!()
    }
    pub fn cluster_id(&self) -> &str {
        todo!()
    }
    pub fn hbase_version(&self) -> &HbaseVersion {
        todo!()
    }
    pub fn new_nonce(&self) -> Nonce {
        todo!()
    }
    pub async fn cluster_status(&self) -> Result<ClusterStatus> {
        todo!()
    }
    pub async fn active_master(&self) -> Result<ServerName> {
        todo!()
    }
    pub async fn security_capabilities(&self) -> Result<Vec<SecurityCapability>> {
        todo!()
    }
    pub async fn namespaces(&self) -> Result<Vec<(String, Vec<(String, String)>)>> {
        todo!()
    }
    pub async fn create_namespace(&self, name: &str, configuration: &[(String, String)], nonce: Nonce) -> Result<()> {
        let _ = (name, configuration, nonce);
        todo!()
    }
    pub async fn delete_namespace(&self, name: &str, nonce: Nonce) -> Result<()> {
        let _ = (name, nonce);
        todo!()
    }
    /// Tables of users, sorted.
    pub async fn list_tables(&self) -> Result<Vec<TableName>> {
        todo!()
    }
    /// Tables of users and of HBase itself, sorted.
    pub async fn list_all_tables(&self) -> Result<Vec<TableName>> {
        todo!()
    }
    /// The table's `TableSchema` as the master sent it.
    pub async fn table_schema_raw(&self, table: &TableName) -> Result<Option<Bytes>> {
        let _ = (table,);
        todo!()
    }
    pub async fn table_schemas_raw(&self, tables: &[TableName]) -> Result<Vec<(TableName, Bytes)>> {
        let _ = (tables,);
        todo!()
    }
    pub async fn table_exists(&self, table: &TableName) -> Result<bool> {
        let _ = (table,);
        todo!()
    }
    pub async fn table_state(&self, table: &TableName) -> Result<TableState> {
        let _ = (table,);
        todo!()
    }
    pub async fn create_table(&self, schema_raw: &Bytes, split_keys: &[Bytes], nonce: Nonce, deadline: Duration) -> Result<()> {
        let _ = (schema_raw, split_keys, nonce, deadline);
        todo!()
    }
    pub async fn enable_table(&self, table: &TableName, nonce: Nonce, deadline: Duration) -> Result<()> {
        let _ = (table, nonce, deadline);
        todo!()
    }
    pub async fn disable_table(&self, table: &TableName, nonce: Nonce, deadline: Duration) -> Result<()> {
        let _ = (table, nonce, deadline);
        todo!()
    }
    /// Deletes a disabled table.
    pub async fn delete_table(&self, table: &TableName, nonce: Nonce, deadline: Duration) -> Result<()> {
        let _ = (table, nonce, deadline);
        todo!()
    }
    pub async fn regions(&self, table: &TableName) -> Result<Vec<LocatedRegion>> {
        let _ = (table,);
        todo!()
    }
    pub async fn flush_table(&self, table: &TableName, deadline: Duration) -> Result<()> {
        let _ = (table, deadline);
        todo!()
    }
    pub async fn split_region(&self, region: &RegionInfo, split_row: &Bytes, nonce: Nonce) -> Result<ProcedureId> {
        let _ = (region, split_row, nonce);
        todo!()
    }
    pub async fn merge_regions(&self, regions: &[RegionInfo], forcible: bool, nonce: Nonce) -> Result<ProcedureId> {
        let _ = (regions, forcible, nonce);
        todo!()
    }
    pub async fn move_region(&self, region: &RegionInfo, destination: Option<&ServerName>) -> Result<()> {
        let _ = (region, destination);
        todo!()
    }
    /// Asks for a snapshot; it is taken when [`Self::snapshot_done`] says so.
    pub async fn snapshot(&self, request: &SnapshotRequest) -> Result<SnapshotTicket> {
        let _ = (request,);
        todo!()
    }
    pub async fn snapshot_done(&self, name: &str, table: &TableName) -> Result<bool> {
        let _ = (name, table);
        todo!()
    }
    /// Takes a snapshot and waits for its end.
    pub async fn take_snapshot(&self, request: &SnapshotRequest, deadline: Duration) -> Result<()> {
        let _ = (request, deadline);
        todo!()
    }
    pub async fn list_snapshots(&self) -> Result<Vec<SnapshotInfo>> {
        todo!()
    }
    pub async fn delete_snapshot(&self, name: &str) -> Result<()> {
        let _ = (name,);
        todo!()
    }
    /// Asks for a clone of a completed snapshot as `target`, which must not exist: check right before (facts A3).
    pub async fn clone_snapshot(&self, name: &str, target: &TableName, nonce: Nonce, restore_acl: bool) -> Result<ProcedureId> {
        let _ = (name, target, nonce, restore_acl);
        todo!()
    }
    pub async fn procedure_result(&self, id: ProcedureId) -> Result<ProcedureState> {
        let _ = (id,);
        todo!()
    }
    pub async fn wait_procedure(&self, id: ProcedureId, deadline: Duration) -> Result<()> {
        let _ = (id, deadline);
        todo!()
    }
    pub async fn permissions(&self, query: &PermissionQuery) -> Result<Vec<Permission>> {
        let _ = (query,);
        todo!()
    }
    pub async fn grant(&self, permission: &Permission, merge: bool) -> Result<()> {
        let _ = (permission, merge);
        todo!()
    }
    pub async fn revoke(&self, permission: &Permission) -> Result<()> {
        let _ = (permission,);
        todo!()
    }
    pub async fn quotas(&self) -> Result<Vec<QuotaRecord>> {
        todo!()
    }
    pub async fn apply_quota(&self, record: &QuotaRecord) -> Result<()> {
        let _ = (record,);
        todo!()
    }
    pub async fn replication_peers(&self) -> Result<Vec<ReplicationPeer>> {
        todo!()
    }
    pub async fn region_server_groups(&self) -> Result<Vec<RegionServerGroup>> {
        todo!()
    }
    pub async fn visibility_labels(&self) -> Result<Vec<Bytes>> {
        todo!()
    }
    /// Rolls a RegionServer's WAL; gives the encoded names of the regions that must be flushed so that old WALs can go.
    pub async fn roll_wal(&self, server: &ServerName) -> Result<Vec<String>> {
        let _ = (server,);
        todo!()
    }
    /// Switches the cleaner chores (HFiles, WALs) and gives the state before.
    pub async fn set_cleaner(&self, on: bool) -> Result<bool> {
        let _ = (on,);
        todo!()
    }
    pub async fn is_cleaner_enabled(&self) -> Result<bool> {
        todo!()
    }
    pub async fn run_cleaner(&self) -> Result<bool> {
        todo!()
    }
    pub async fn set_balancer(&self, on: bool) -> Result<bool> {
        let _ = (on,);
        todo!()
    }
    pub async fn is_balancer_enabled(&self) -> Result<bool> {
        todo!()
    }
    pub async fn set_normalizer(&self, on: bool) -> Result<bool> {
        let _ = (on,);
        todo!()
    }
    pub async fn set_splits(&self, on: bool) -> Result<bool> {
        let _ = (on,);
        todo!()
    }
    pub async fn set_merges(&self, on: bool) -> Result<bool> {
        let _ = (on,);
        todo!()
    }
    pub async fn set_snapshot_cleanup(&self, on: bool) -> Result<bool> {
        let _ = (on,);
        todo!()
    }
    pub fn scan(&self, table: &TableName, options: ScanOptions) -> Scanner {
        let _ = (table, options);
        todo!()
    }
}
