//! `show`: one backup in full, from its manifest.

use std::collections::BTreeMap;

use api::{BackupDetails, FailedTable, FamilyDetails, MetadataCounts, RegionDetails, TableDetails};
use catalog::{BackupRow, Entry, Record, StoreFileRecord, TableRecord, TableState, decode_entry, key};
use hbase_layout::{FamilyView, TableSchema, parse_region_info};
use hbase_types::TableName;
use repository::{BackupReader, Repository};

use crate::Result;
use crate::list::{ListFilter, entry, repository_state, resolve};
use crate::time::rfc3339;

/// Reads one backup. With `regions`, every region too.
pub async fn show(repository: &Repository, id: &str, filter: &ListFilter, regions: bool) -> Result<BackupDetails> {
    let head = resolve(repository, id, filter).await?;
    let row = BackupRow::from_bytes(head.row.clone())?;
    let reader = repository.open_backup(head.sequence).await?;
    let mut details = BackupDetails {
        schema_version: api::LIST_SCHEMA_VERSION,
        repository: repository_state(repository),
        backup: entry(&head, &row),
        tables: Vec::new(),
        failed: Vec::new(),
        metadata: MetadataCounts::default(),
        omissions: Vec::new(),
        made_by: row.seawall_version.clone(),
        host: row.host.clone(),
        root: String::new(),
    };
    for prefix in [key::CLUSTER, key::NAMESPACES, key::ACLS, key::QUOTAS, key::LABELS, key::GROUPS, key::PEERS, key::TABLES] {
        let mut entries = reader.entries(prefix);
        while let Some((key, value)) = entries.next().await? {
            match decode_entry(&key, value)? {
                Entry::Cluster(cluster) => {
                    details.root = cluster.root;
                    details.omissions = cluster.omissions.into_iter().map(|omission| (omission.what, omission.reason)).collect();
                    let failed = cluster.failed.into_iter();
                    details.failed = failed.map(|failed| FailedTable { table: failed.table, message: failed.message }).collect();
                }
                Entry::Namespace(_) => details.metadata.namespaces += 1,
                Entry::Acl(_, acl) => details.metadata.grants += acl.permissions.len() as u64,
                Entry::Quota { .. } => details.metadata.quotas += 1,
                Entry::Label(..) => details.metadata.labels += 1,
                Entry::Group(_) => details.metadata.groups += 1,
                Entry::Peer(_) => details.metadata.peers += 1,
                Entry::Table(record) => details.tables.push(table(&reader, record, regions).await?),
                Entry::Region { .. } | Entry::StoreFile { .. } => {}
            }
        }
    }
    Ok(details)
}

async fn table(reader: &BackupReader, record: TableRecord, with_regions: bool) -> Result<TableDetails> {
    let name = TableName::parse(&record.table).map_err(hbase_layout::LayoutError::from)?;
    let schema = TableSchema::parse(record.schema.clone())?;
    let row = record.row.clone().unwrap_or_default();
    let state = match record.state() {
        TableState::Enabled => "enabled",
        TableState::Disabled => "disabled",
        TableState::Unknown => "unknown",
    };
    Ok(TableDetails {
        table: name.to_string(),
        regions: record.regions,
        files: record.files,
        bytes: record.bytes,
        read_bytes: row.read_bytes,
        stored_bytes: row.stored_bytes,
        shared_bytes: row.shared_bytes,
        mob_files: record.mob_files,
        state: state.to_owned(),
        snapshot_started: rfc3339(record.snapshot_started_millis),
        snapshot_finished: rfc3339(record.snapshot_finished_millis),
        without_memstores: record.without_memstores,
        growth: row.growth.as_ref().map(crate::backup::stats::reasons).unwrap_or_default(),
        families: schema.families().iter().map(family).collect(),
        region_list: if with_regions { region_list(reader, &name).await? } else { Vec::new() },
    })
}

fn family(view: &FamilyView) -> FamilyDetails {
    FamilyDetails {
        family: view.name_text(),
        compression: view.compression().to_owned(),
        data_block_encoding: view.data_block_encoding().to_owned(),
        bloom_filter: view.bloom_filter().to_owned(),
        versions: view.versions().to_string(),
        time_to_live: view.ttl_seconds().map_or_else(|| "forever".to_owned(), |seconds| format!("{seconds} s")),
        mob: view.is_mob(),
    }
}

async fn region_list(reader: &BackupReader, table: &TableName) -> Result<Vec<RegionDetails>> {
    let mut regions: BTreeMap<String, RegionDetails> = BTreeMap::new();
    let mut order = Vec::new();
    let mut entries = reader.entries(&key::table_regions(table));
    while let Some((key, value)) = entries.next().await? {
        match decode_entry(&key, value)? {
            Entry::Region { key: key::Key::Region { encoded, .. }, record } => {
                let info = parse_region_info(&record.info)?;
                let families = record.families.iter();
                let details = RegionDetails {
                    encoded: encoded.clone(),
                    start_key: info.start_key.escape_ascii().to_string(),
                    end_key: info.end_key.escape_ascii().to_string(),
                    files: 0,
                    bytes: 0,
                    max_sequence_ids: families
                        .map(|family| (String::from_utf8_lossy(&family.name).into_owned(), family.max_sequence_id))
                        .collect(),
                };
                order.push((info.start_key, encoded.clone()));
                regions.insert(encoded, details);
            }
            Entry::StoreFile { key: key::Key::StoreFile { encoded, .. }, record } => {
                let StoreFileRecord { physical_length, .. } = record;
                if let Some(region) = regions.get_mut(&encoded) {
                    region.files += 1;
                    region.bytes += physical_length;
                }
            }
            _ => {}
        }
    }
    order.sort();
    Ok(order.into_iter().filter_map(|(_, encoded)| regions.remove(&encoded)).collect())
}
