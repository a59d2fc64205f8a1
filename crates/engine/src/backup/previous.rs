//! What the backup before says of a table: the store files it had, and what was learned when they were read.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use catalog::key::Key;
use catalog::{BackupRow, Record, StoreFileRecord};
use hbase_types::TableName;
use repository::Repository;

use crate::Result;

/// Newest backup that holds each table, found in the list rows alone.
#[derive(Debug, Default)]
pub(super) struct PreviousBackups {
    by_table: HashMap<String, u64>,
    /// Newest backup whose list row has no room for its tables.
    elsewhere: Option<u64>,
}

/// One table of the backup before.
#[derive(Debug, Default)]
pub(super) struct PreviousTable {
    pub sequence: u64,
    /// By physical name and length.
    pub records: HashMap<(String, u64), StoreFileRecord>,
    /// Listed names by region (encoded) and family.
    pub stores: HashMap<(String, Bytes), HashSet<String>>,
}

impl PreviousBackups {
    /// Reads the list rows of `cluster`'s backups.
    pub(super) fn find(repository: &Repository, cluster: &str) -> Result<Self> {
        let mut found = Self::default();
        for head in repository.backups()? {
            let row = BackupRow::from_bytes(head.row)?;
            if row.cluster != cluster {
                continue;
            }
            if row.tables_elsewhere {
                found.elsewhere = Some(head.sequence);
            }
            for table in row.tables {
                found.by_table.insert(table.table, head.sequence);
            }
        }
        Ok(found)
    }

    /// What is known of `table`; `None` when no backup has it.
    pub(super) async fn table(&self, repository: &Repository, table: &TableName) -> Result<Option<PreviousTable>> {
        let named = self.by_table.get(&catalog::key::canonical(table)).copied();
        let mut candidates: Vec<u64> = named.into_iter().chain(self.elsewhere).collect();
        candidates.sort_unstable_by_key(|sequence| std::cmp::Reverse(*sequence));
        for sequence in candidates {
            let previous = load(repository, sequence, table).await?;
            if Some(sequence) == named || !previous.stores.is_empty() {
                return Ok(Some(previous));
            }
        }
        Ok(None)
    }
}

async fn load(repository: &Repository, sequence: u64, table: &TableName) -> Result<PreviousTable> {
    let mut previous = PreviousTable { sequence, ..PreviousTable::default() };
    let reader = repository.open_backup(sequence).await?;
    let mut entries = reader.entries(&catalog::key::table_regions(table));
    while let Some((key, value)) = entries.next().await? {
        match Key::decode(&key)? {
            Key::Region { encoded, .. } => {
                for family in catalog::RegionRecord::from_bytes(value)?.families {
                    previous.stores.entry((encoded.clone(), family.name)).or_default();
                }
            }
            Key::StoreFile { encoded, family, file, .. } => {
                let record = StoreFileRecord::from_bytes(value)?;
                previous.stores.entry((encoded, family)).or_default().insert(file);
                previous.records.insert((record.physical_name.clone(), record.physical_length), record);
            }
            _ => {}
        }
    }
    Ok(previous)
}
