//! `list`: the backups of a repository, from their list rows alone.

use api::{BackupEntry, BackupList, BackupOutcome, RepositoryState};
use catalog::{BackupKind, BackupRow, Record};
use hbase_types::TableName;
use repository::{BackupHead, Freshness, Repository};

use crate::time::rfc3339;
use crate::{EngineError, Result};

/// Which backups are listed; empty fields take all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Of this cluster.
    pub cluster: Option<String>,
    /// Holding this table.
    pub table: Option<TableName>,
    /// With all of these tags.
    pub tags: Vec<(String, String)>,
    /// Whose snapshots ended at or after this, milliseconds since the epoch.
    pub since_millis: Option<i64>,
    /// … before this.
    pub until_millis: Option<i64>,
    /// The newest of them only.
    pub limit: Option<usize>,
}

/// The id shown to people.
pub fn id(sequence: u64) -> String {
    format!("{sequence:04}")
}

/// `sequence:hash8`.
pub fn head_text(sequence: u64, hash: &[u8; 32]) -> String {
    let short: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{sequence}:{short}")
}

/// The repository in a report.
pub fn repository_state(repository: &Repository) -> RepositoryState {
    let head = repository.head();
    RepositoryState {
        url: repository.url(),
        id: repository.id().iter().map(|byte| format!("{byte:02x}")).collect(),
        head: head_text(head.sequence, &head.hash),
        pinned: repository.freshness() == Freshness::Pinned,
    }
}

/// Lists backups, newest first.
pub async fn list(repository: &Repository, filter: &ListFilter) -> Result<BackupList> {
    let mut backups = Vec::new();
    for head in repository.backups()?.into_iter().rev() {
        let row = BackupRow::from_bytes(head.row.clone())?;
        if filter.accepts(&row) && has_table(repository, &head, &row, filter.table.as_ref()).await? {
            backups.push(entry(&head, &row));
        }
        if filter.limit.is_some_and(|limit| backups.len() >= limit) {
            break;
        }
    }
    Ok(BackupList { schema_version: api::LIST_SCHEMA_VERSION, repository: repository_state(repository), backups })
}

/// The backup meant by `latest`, `oldest` or a number, among those that the filter accepts.
pub async fn resolve(repository: &Repository, id: &str, filter: &ListFilter) -> Result<BackupHead> {
    let heads = repository.backups()?;
    if let Ok(sequence) = id.parse::<u64>() {
        let found = heads.into_iter().find(|head| head.sequence == sequence);
        return found.ok_or_else(|| EngineError::NotFound { message: format!("no backup {}", self::id(sequence)) });
    }
    let newest_first: Vec<BackupHead> = match id {
        "latest" => heads.into_iter().rev().collect(),
        "oldest" => heads,
        _ => return Err(EngineError::Usage { message: format!("`{id}` is no backup id: a number, `latest` or `oldest`") }),
    };
    for head in newest_first {
        let row = BackupRow::from_bytes(head.row.clone())?;
        if filter.accepts(&row) && has_table(repository, &head, &row, filter.table.as_ref()).await? {
            return Ok(head);
        }
    }
    let of = filter.table.as_ref().map(|table| format!(" of table {table}")).unwrap_or_default();
    Err(EngineError::NotFound { message: format!("the repository has no backup{of} that fits") })
}

impl ListFilter {
    fn accepts(&self, row: &BackupRow) -> bool {
        let tagged = |(key, value): &(String, String)| row.tags.iter().any(|tag| tag.key == *key && tag.value == *value);
        self.cluster.as_ref().is_none_or(|cluster| *cluster == row.cluster)
            && self.tags.iter().all(tagged)
            && self.since_millis.is_none_or(|since| row.snapshot_last_millis >= since)
            && self.until_millis.is_none_or(|until| row.snapshot_last_millis < until)
    }
}

async fn has_table(repository: &Repository, head: &BackupHead, row: &BackupRow, table: Option<&TableName>) -> Result<bool> {
    let Some(table) = table else { return Ok(true) };
    let name = catalog::key::canonical(table);
    if !row.tables_elsewhere {
        return Ok(row.tables.iter().any(|row| row.table == name));
    }
    let key = catalog::key::Key::Table(table.clone()).encode();
    let reader = repository.open_backup(head.sequence).await?;
    let mut entries = reader.entries(&key);
    Ok(matches!(entries.next().await?, Some((found, _)) if found == key))
}

/// One line of the list.
pub(crate) fn entry(head: &BackupHead, row: &BackupRow) -> BackupEntry {
    let totals = row.totals.unwrap_or_default();
    let kind = match row.kind() {
        BackupKind::Snapshot => "snapshot",
        BackupKind::Synthetic => "synthetic",
        BackupKind::Restored => "restored",
        BackupKind::Unknown => "unknown",
    };
    BackupEntry {
        id: id(head.sequence),
        sequence: head.sequence,
        cluster: row.cluster.clone(),
        cluster_id: row.cluster_id.clone(),
        hbase_version: row.hbase_version.clone(),
        kind: kind.to_owned(),
        outcome: if row.failed_count == 0 { BackupOutcome::Complete } else { BackupOutcome::Partial },
        started: rfc3339(row.started_millis),
        finished: rfc3339(row.finished_millis),
        committed: rfc3339(head.committed_millis),
        snapshot_first: rfc3339(row.snapshot_first_millis),
        snapshot_last: rfc3339(row.snapshot_last_millis),
        tables: totals.tables,
        regions: totals.regions,
        files: totals.files,
        bytes: totals.bytes,
        read_bytes: totals.read_bytes,
        stored_bytes: head.stored_bytes,
        shared_bytes: totals.shared_bytes,
        tags: row.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect(),
        failed_tables: row.failed.iter().map(|failed| failed.table.clone()).collect(),
    }
}
