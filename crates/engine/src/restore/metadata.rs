//! What belongs to tables and is not in them: namespaces, grants, quotas, replication peers. Replayed on request, under the new names.
//!
//! * namespaces: those that restored tables need and the target lacks, with their configuration.
//! * grants: of restored tables; of the namespaces that were asked for; global ones only when the whole backup is restored.
//! * quotas: of restored tables and of namespaces created here.
//! * replication peers: those whose id the target does not have, *disabled*: nothing flows out of a restored cluster before somebody
//!   has looked at it.
//!
//! Not replayed: visibility labels, since cells carry their numbers and another cluster gives other numbers to the same names; and
//! RegionServer groups, which are made of servers.
//!
//! HBase gives the creator of a table all rights on it; that grant is not taken back.

use std::collections::{BTreeMap, BTreeSet};

use api::{Finding, Severity};
use bytes::Bytes;
use hbase_client::{ClientError, Permission, PermissionAction, PermissionScope, QuotaRecord};
use hbase_types::TableName;

use crate::target::{Namespace, Target};
use crate::{EngineError, Result};

/// A kind of metadata that can be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum With {
    /// Namespaces.
    Namespaces,
    /// Grants.
    Acls,
    /// Quotas.
    Quotas,
    /// Replication peers.
    Peers,
}

impl With {
    /// Reads one word of `--with`.
    pub fn parse(word: &str) -> Result<Self> {
        match word {
            "namespaces" => Ok(Self::Namespaces),
            "acls" => Ok(Self::Acls),
            "quotas" => Ok(Self::Quotas),
            "peers" => Ok(Self::Peers),
            "labels" | "rsgroups" => Err(EngineError::Unsupported {
                message: format!("{word} are in the backup, but this version does not replay them"),
                hint: Some("`seawall show` prints them; put them back by hand".into()),
            }),
            other => Err(EngineError::Usage { message: format!("--with {other}: expected namespaces, acls, quotas, peers") }),
        }
    }
}

/// What is replayed after the tables.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    /// Grants, under the new names.
    pub permissions: Vec<Permission>,
    /// Quotas, under the new names.
    pub quotas: Vec<QuotaRecord>,
    /// Replication peers: id, address, description as HBase gave it.
    pub peers: Vec<(String, String, Bytes)>,
}

impl Metadata {
    /// One line each, for the plan.
    pub fn lines(&self) -> Vec<String> {
        let grants = self.permissions.iter().map(permission_line);
        let quotas = self.quotas.iter().map(|quota| format!("quota of {}", quota.row.escape_ascii()));
        let peers = self.peers.iter().map(|(id, address, _)| peer_line(id, address));
        grants.chain(quotas).chain(peers).collect()
    }
}

/// The actions of a stored grant (`RWXCA`).
pub(super) fn actions(letters: &str) -> Vec<PermissionAction> {
    let action = |letter| match letter {
        'R' => Some(PermissionAction::Read),
        'W' => Some(PermissionAction::Write),
        'X' => Some(PermissionAction::Execute),
        'C' => Some(PermissionAction::Create),
        'A' => Some(PermissionAction::Admin),
        _ => None,
    };
    letters.chars().filter_map(action).collect()
}

/// The row of a quota under new names; `None` when it is not of a restored table or created namespace.
pub(super) fn renamed_quota_row(row: &[u8], tables: &BTreeMap<TableName, TableName>, namespaces: &BTreeSet<String>) -> Option<Bytes> {
    let text = std::str::from_utf8(row).ok()?;
    match text.split_once('.')? {
        ("t", table) => tables.get(&TableName::parse(table).ok()?).map(|target| format!("t.{target}").into()),
        ("n", namespace) => namespaces.contains(namespace).then(|| Bytes::copy_from_slice(row)),
        _ => None,
    }
}

/// Creates the namespaces of a plan; one that somebody else created meanwhile is success.
pub(super) async fn create_namespaces(target: &Target, namespaces: &[Namespace]) -> Result<()> {
    let Some(master) = target.master.as_deref() else { return Ok(()) };
    for namespace in namespaces {
        match master.create_namespace(namespace).await {
            Err(EngineError::Client(ClientError::NamespaceExists { .. })) => {}
            other => other?,
        }
    }
    Ok(())
}

/// Replays what belongs to `restored` tables, or to none. A refusal is a warning with the missing right, not the end of a restore.
pub(super) async fn replay(
    target: &Target,
    metadata: &Metadata,
    restored: &BTreeSet<TableName>,
    done: &mut Vec<String>,
    warnings: &mut Vec<Finding>,
) -> Result<()> {
    let Some(master) = target.master.as_deref() else { return Ok(()) };
    for permission in &metadata.permissions {
        if let PermissionScope::Table { table, .. } = &permission.scope
            && !restored.contains(table)
        {
            continue;
        }
        note(master.grant(permission).await, permission_line(permission), done, warnings)?;
    }
    for quota in &metadata.quotas {
        note(master.apply_quota(quota).await, format!("quota of {}", quota.row.escape_ascii()), done, warnings)?;
    }
    if metadata.peers.is_empty() {
        return Ok(());
    }
    let existing = master.replication_peers().await?;
    for (id, address, description) in &metadata.peers {
        if existing.contains(id) {
            let message = format!("the target has a replication peer {id}: it was left as it is");
            warnings.push(Finding::new("metadata-not-replayed", Severity::Warning, message).about(id.clone()));
            continue;
        }
        note(master.add_replication_peer(id, description).await, peer_line(id, address), done, warnings)?;
    }
    Ok(())
}

fn peer_line(id: &str, address: &str) -> String {
    format!("replication peer {id} to {address}, disabled")
}

fn note(result: Result<()>, line: String, done: &mut Vec<String>, warnings: &mut Vec<Finding>) -> Result<()> {
    match result {
        Ok(()) => done.push(line),
        Err(error) if error.is_unavailable() => return Err(error),
        Err(error) => {
            let finding = Finding::new("metadata-not-replayed", Severity::Warning, format!("{line}: {error}"));
            warnings.push(finding.hint("the tables are restored; repeat it with the needed right, or by hand"));
        }
    }
    Ok(())
}

fn permission_line(permission: &Permission) -> String {
    let scope = match &permission.scope {
        PermissionScope::Global => "everywhere".to_owned(),
        PermissionScope::Namespace(name) => format!("on namespace {name}"),
        PermissionScope::Table { table, family, qualifier } => {
            let part = |part: &Option<Bytes>| part.as_ref().map(|name| format!(":{}", name.escape_ascii())).unwrap_or_default();
            format!("on {table}{}{}", part(family), part(qualifier))
        }
    };
    let letter = |action: &PermissionAction| match action {
        PermissionAction::Read => 'R',
        PermissionAction::Write => 'W',
        PermissionAction::Execute => 'X',
        PermissionAction::Create => 'C',
        PermissionAction::Admin => 'A',
    };
    format!("grant {} {} {scope}", permission.user, permission.actions.iter().map(letter).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_follow_their_table() {
        let name = |text| TableName::parse(text).unwrap();
        let tables = BTreeMap::from([(name("shop:orders"), name("copy:orders"))]);
        let namespaces = BTreeSet::from(["copy".to_owned()]);
        let renamed = |row: &str| renamed_quota_row(row.as_bytes(), &tables, &namespaces);
        assert_eq!(renamed("t.shop:orders").unwrap(), "t.copy:orders");
        assert_eq!(renamed("n.copy").unwrap(), "n.copy");
        assert_eq!(renamed("t.users"), None);
        assert_eq!(renamed("u.alice"), None);
    }

    #[test]
    fn words_of_with_are_checked() {
        assert_eq!(With::parse("acls").unwrap(), With::Acls);
        assert_eq!(With::parse("peers").unwrap(), With::Peers);
        assert!(matches!(With::parse("labels"), Err(EngineError::Unsupported { .. })));
        assert!(matches!(With::parse("acl"), Err(EngineError::Usage { .. })));
        assert_eq!(actions("RWA"), [PermissionAction::Read, PermissionAction::Write, PermissionAction::Admin]);
    }
}
