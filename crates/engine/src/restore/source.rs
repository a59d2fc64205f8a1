//! The backup that is restored: its tables and metadata, and its files as a [`FileSource`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::RestoreSource;
use async_trait::async_trait;
use bytes::Bytes;
use catalog::{AclRecord, BackupRow, Entry, NamespaceRecord, Record, decode_entry, key};
use hbase_client::{Permission, PermissionScope, QuotaRecord};
use hbase_types::TableName;
use repository::{BackupReader, Entropy, FileIdentity, FileStream, Freshness, Repository};
use storage::Clock;

use super::files::{FileChunks, FileSource};
use super::mapping::Selection;
use super::metadata::{Metadata, With, actions, renamed_quota_row};
use super::plan::RestoreOptions;
use crate::target::Namespace;
use crate::{EngineError, Result};

/// An opened backup.
#[derive(Clone)]
pub struct RestoreBackup {
    /// The repository it is in.
    pub repository: Repository,
    /// Its records.
    pub reader: Arc<BackupReader>,
    /// Its sequence.
    pub sequence: u64,
    /// Repository id, hex.
    pub repository_id: String,
    /// When it was committed, milliseconds since the epoch.
    pub committed_millis: i64,
    /// What the plan and the report say of it.
    pub summary: RestoreSource,
    /// Its tables.
    pub tables: BTreeSet<TableName>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and nonces come from here.
    pub entropy: Arc<dyn Entropy>,
}

impl RestoreBackup {
    /// Opens a backup of `repository`: the one with this sequence, or the newest.
    pub async fn open(repository: &Repository, sequence: Option<u64>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Self> {
        let backups = repository.backups()?;
        let head = match sequence {
            Some(sequence) => backups.iter().find(|backup| backup.sequence == sequence),
            None => backups.last(),
        };
        let Some(head) = head else {
            let message =
                sequence.map_or("there is no backup in this repository".to_owned(), |sequence| format!("no backup {sequence:04}"));
            return Err(EngineError::NotFound { message });
        };
        let row = BackupRow::from_bytes(head.row.clone())?;
        let reader = Arc::new(repository.open_backup(head.sequence).await?);
        let mut tables = BTreeSet::new();
        for table in &row.tables {
            tables.insert(
                TableName::parse(&table.table)
                    .map_err(|error| EngineError::Damage { path: "list row".into(), message: error.to_string() })?,
            );
        }
        let log = repository.head();
        let summary = RestoreSource {
            id: format!("{:04}", head.sequence),
            committed: crate::time::rfc3339(head.committed_millis),
            head: crate::time::head(&log),
            pinned: repository.freshness() == Freshness::Pinned,
            cluster: row.cluster.clone(),
            hbase_version: Some(row.hbase_version.clone()).filter(|version| !version.is_empty()),
        };
        Ok(Self {
            repository: repository.clone(),
            reader,
            sequence: head.sequence,
            repository_id: repository.id().iter().map(|byte| format!("{byte:02x}")).collect(),
            committed_millis: head.committed_millis,
            summary,
            tables,
            clock,
            entropy,
        })
    }

    /// The value under one key of the manifest.
    pub(super) async fn get(&self, wanted: &key::Key) -> Result<Option<Bytes>> {
        get(&self.reader, wanted).await
    }

    /// Now.
    pub(super) fn now_millis(&self) -> i64 {
        self.clock.now_millis()
    }

    /// A fresh number for names and nonces.
    pub(super) fn random_u64(&self) -> Result<u64> {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes).map_err(|message| EngineError::Bug { message })?;
        Ok(u64::from_be_bytes(bytes))
    }

    /// The configuration of a namespace of the backup.
    pub(super) async fn namespace(&self, name: &str) -> Result<Option<Vec<(String, String)>>> {
        let Some(value) = self.get(&key::Key::Namespace(name.to_owned())).await? else { return Ok(None) };
        let record = NamespaceRecord::from_bytes(value)?;
        let pairs = record.configuration.into_iter().filter(|pair| pair.key != "hbase.rsgroup.name");
        Ok(Some(pairs.map(|pair| (pair.key, pair.value)).collect()))
    }

    /// Grants and quotas to replay, under the new names.
    pub(super) async fn metadata(
        &self,
        options: &RestoreOptions,
        pairs: &[(TableName, TableName)],
        created: &[Namespace],
    ) -> Result<Metadata> {
        let mut metadata = Metadata::default();
        let tables: BTreeMap<TableName, TableName> = pairs.iter().cloned().collect();
        if options.with.contains(&With::Acls) {
            let mut entries = self.reader.entries(key::ACLS);
            while let Some((stored, value)) = entries.next().await? {
                if let Entry::Acl(key, record) = decode_entry(&stored, value)?
                    && let Some(scope) = scope(&key, &tables, &options.selection)
                {
                    metadata.permissions.extend(permissions(record, &scope));
                }
            }
        }
        if options.with.contains(&With::Quotas) {
            let namespaces: BTreeSet<String> = created.iter().map(|(name, _)| name.clone()).collect();
            let mut entries = self.reader.entries(key::QUOTAS);
            while let Some((stored, value)) = entries.next().await? {
                if let Entry::Quota { row, qualifier, record } = decode_entry(&stored, value)?
                    && let Some(row) = renamed_quota_row(&row, &tables, &namespaces)
                {
                    metadata.quotas.push(QuotaRecord { row, qualifier, value: record.value });
                }
            }
        }
        if options.with.contains(&With::Peers) {
            let mut entries = self.reader.entries(key::PEERS);
            while let Some((stored, value)) = entries.next().await? {
                if let Entry::Peer(record) = decode_entry(&stored, value)? {
                    metadata.peers.push((record.id, record.cluster_key, record.raw));
                }
            }
        }
        Ok(metadata)
    }
}

/// The value under one key of a manifest.
pub(super) async fn get(reader: &BackupReader, wanted: &key::Key) -> Result<Option<Bytes>> {
    let wanted = wanted.encode();
    let mut entries = reader.entries(&wanted);
    while let Some((key, value)) = entries.next().await? {
        if key == wanted {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// The scope of a stored grant at the target; `None` when it is not replayed.
fn scope(key: &key::Key, tables: &BTreeMap<TableName, TableName>, selection: &Selection) -> Option<PermissionScope> {
    match key {
        key::Key::AclGlobal => selection.all.then_some(PermissionScope::Global),
        key::Key::AclNamespace(name) => {
            let wanted = selection.all || selection.namespaces.contains(name);
            wanted.then(|| PermissionScope::Namespace(name.clone()))
        }
        key::Key::AclTable(table) => {
            let table = tables.get(table)?.clone();
            Some(PermissionScope::Table { table, family: None, qualifier: None })
        }
        _ => None,
    }
}

fn permissions(record: AclRecord, scope: &PermissionScope) -> Vec<Permission> {
    let permission = |stored: catalog::PermissionRecord| {
        let scope = match scope {
            PermissionScope::Table { table, .. } => {
                PermissionScope::Table { table: table.clone(), family: stored.family, qualifier: stored.qualifier }
            }
            other => other.clone(),
        };
        Permission { user: stored.user, scope, actions: actions(&stored.actions) }
    };
    record.permissions.into_iter().map(permission).collect()
}

#[async_trait]
impl FileSource for RestoreBackup {
    async fn read(&self, file: &FileIdentity) -> Result<Box<dyn FileChunks>> {
        let stored = self.reader.file(file).await?.ok_or_else(|| EngineError::Damage {
            path: file.name.clone(),
            message: format!("backup {:04} lists it and has no bytes of it", self.sequence),
        })?;
        Ok(Box::new(Chunks(self.repository.read_file(&stored).await?)))
    }
}

struct Chunks(FileStream);

#[async_trait]
impl FileChunks for Chunks {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        Ok(self.0.next().await?)
    }
}
