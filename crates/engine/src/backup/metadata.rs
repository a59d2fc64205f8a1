//! What a cluster knows beside its tables: namespaces, grants, quotas, labels, RegionServer groups, replication peers.
//!
//! What cannot be read is written down as an omission with its reason; it never fails the backup, and it is never passed over in
//! silence. A feature that the cluster does not have is no omission.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use catalog::key::{Key, canonical};
use catalog::record::Pair;
use catalog::{AclRecord, GroupRecord, LabelRecord, NamespaceRecord, Omission, PeerRecord, PermissionRecord, QuotaRecord, Record};
use hbase_client::{ClientError, Connection, Permission, PermissionAction, PermissionQuery, PermissionScope, SecurityCapability};
use hbase_types::TableName;

use crate::source::{SourceFiles, listing};
use crate::{Cluster, Result};

/// Manifest entries, and what is missing among them.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub entries: Vec<(Bytes, Bytes)>,
    pub omissions: Vec<Omission>,
    /// One line per kind that there is.
    pub lines: Vec<String>,
}

impl Metadata {
    fn omit(&mut self, what: &str, reason: impl ToString) {
        self.omissions.push(Omission { what: what.to_owned(), reason: reason.to_string() });
    }

    fn count(&mut self, what: &str, count: usize) {
        if count > 0 {
            self.lines.push(format!("{what}: {count}"));
        }
    }

    fn push(&mut self, key: &Key, record: &impl Record) -> Result<()> {
        self.entries.push((key.encode(), record.to_bytes()?));
        Ok(())
    }
}

/// Captures everything about the cluster that the tables of this backup may need.
pub(super) async fn capture(cluster: &Cluster, files: &SourceFiles, tables: &BTreeSet<TableName>) -> Result<Metadata> {
    match &cluster.connection {
        Some(connection) => live(connection, tables).await,
        None => offline(files).await,
    }
}

async fn offline(files: &SourceFiles) -> Result<Metadata> {
    let mut metadata = Metadata::default();
    let names = listing::namespaces(files).await?;
    metadata.count("namespaces", names.len());
    for name in names {
        let record = NamespaceRecord { name: name.clone(), configuration: Vec::new(), raw: Bytes::new() };
        metadata.push(&Key::Namespace(name), &record)?;
    }
    for what in ["namespace-configuration", "acls", "quotas", "labels", "groups", "peers", "table-state"] {
        metadata.omit(what, "offline source: no master to ask");
    }
    Ok(metadata)
}

async fn live(connection: &Connection, tables: &BTreeSet<TableName>) -> Result<Metadata> {
    let mut metadata = Metadata::default();
    let namespaces = connection.namespaces().await?;
    metadata.count("namespaces", namespaces.len());
    for (name, configuration) in namespaces {
        let configuration = configuration.into_iter().map(|(key, value)| Pair { key, value }).collect();
        metadata.push(&Key::Namespace(name.clone()), &NamespaceRecord { name, configuration, raw: Bytes::new() })?;
    }
    match connection.security_capabilities().await {
        Ok(capabilities) => {
            if capabilities.contains(&SecurityCapability::Authorization) {
                grants(connection, tables, &mut metadata).await?;
            }
            if capabilities.contains(&SecurityCapability::CellVisibility) {
                labels(connection, &mut metadata).await?;
            }
        }
        Err(error) => {
            metadata.omit("acls", &error);
            metadata.omit("labels", &error);
        }
    }
    quotas(connection, tables, &mut metadata).await?;
    groups(connection, &mut metadata).await?;
    peers(connection, &mut metadata).await?;
    Ok(metadata)
}

async fn grants(connection: &Connection, tables: &BTreeSet<TableName>, metadata: &mut Metadata) -> Result<()> {
    let permissions = match connection.permissions(&PermissionQuery::All).await {
        Ok(permissions) => permissions,
        Err(error) => {
            metadata.omit("acls", error);
            return Ok(());
        }
    };
    let mut scopes: BTreeMap<Key, AclRecord> = BTreeMap::new();
    let mut count = 0;
    for permission in permissions {
        let key = match &permission.scope {
            PermissionScope::Global => Key::AclGlobal,
            PermissionScope::Namespace(name) => Key::AclNamespace(name.clone()),
            PermissionScope::Table { table, .. } if tables.contains(table) => Key::AclTable(table.clone()),
            PermissionScope::Table { .. } => continue,
        };
        count += 1;
        scopes.entry(key).or_default().permissions.push(permission_record(permission));
    }
    metadata.count("grants", count);
    scopes.iter().try_for_each(|(key, record)| metadata.push(key, record))
}

fn permission_record(permission: Permission) -> PermissionRecord {
    let letter = |action: &PermissionAction| match action {
        PermissionAction::Read => 'R',
        PermissionAction::Write => 'W',
        PermissionAction::Execute => 'X',
        PermissionAction::Create => 'C',
        PermissionAction::Admin => 'A',
    };
    let mut actions = permission.actions;
    actions.sort();
    actions.dedup();
    let (family, qualifier) = match permission.scope {
        PermissionScope::Table { family, qualifier, .. } => (family, qualifier),
        _ => (None, None),
    };
    PermissionRecord { user: permission.user, family, qualifier, actions: actions.iter().map(letter).collect() }
}

async fn labels(connection: &Connection, metadata: &mut Metadata) -> Result<()> {
    match connection.visibility_labels().await {
        Ok(labels) => {
            metadata.count("visibility labels", labels.len());
            labels.into_iter().try_for_each(|label| metadata.push(&Key::Label(label), &LabelRecord { ordinal: None }))
        }
        Err(error) => {
            metadata.omit("labels", error);
            Ok(())
        }
    }
}

async fn quotas(connection: &Connection, tables: &BTreeSet<TableName>, metadata: &mut Metadata) -> Result<()> {
    match connection.quotas().await {
        Ok(mut quotas) => {
            // Rows of tables are `t.<table>`; those of users, namespaces and servers belong to every backup.
            quotas.retain(|quota| {
                let table = quota.row.strip_prefix(b"t.").and_then(|name| std::str::from_utf8(name).ok());
                table.and_then(|name| TableName::parse(name).ok()).is_none_or(|table| tables.contains(&table))
            });
            metadata.count("quotas", quotas.len());
            quotas.into_iter().try_for_each(|quota| {
                let key = Key::Quota { row: quota.row, qualifier: quota.qualifier };
                metadata.push(&key, &QuotaRecord { value: quota.value })
            })
        }
        Err(error) if is_absent(&error) => Ok(()),
        Err(error) => {
            metadata.omit("quotas", error);
            Ok(())
        }
    }
}

async fn groups(connection: &Connection, metadata: &mut Metadata) -> Result<()> {
    match connection.region_server_groups().await {
        Ok(groups) => {
            metadata.count("RegionServer groups", groups.len());
            groups.into_iter().try_for_each(|group| {
                let tables = group.tables.iter().map(canonical).collect();
                metadata.push(&Key::Group(group.name.clone()), &GroupRecord { name: group.name, tables, raw: group.raw })
            })
        }
        Err(error) if is_absent(&error) => Ok(()),
        Err(error) => {
            metadata.omit("groups", error);
            Ok(())
        }
    }
}

async fn peers(connection: &Connection, metadata: &mut Metadata) -> Result<()> {
    match connection.replication_peers().await {
        Ok(peers) => {
            metadata.count("replication peers", peers.len());
            peers.into_iter().try_for_each(|peer| {
                let record = PeerRecord { id: peer.id.clone(), enabled: peer.enabled, cluster_key: peer.cluster_key, raw: peer.raw };
                metadata.push(&Key::Peer(peer.id), &record)
            })
        }
        Err(error) => {
            metadata.omit("peers", error);
            Ok(())
        }
    }
}

/// The cluster does not have the feature: nothing is missing.
fn is_absent(error: &ClientError) -> bool {
    match error {
        ClientError::TableNotFound { .. } => true,
        ClientError::Remote { class, .. } => {
            ["UnknownProtocolException", "UnsupportedOperationException", "TableNotFoundException"].iter().any(|name| class.ends_with(name))
        }
        _ => false,
    }
}
