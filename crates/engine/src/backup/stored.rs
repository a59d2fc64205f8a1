//! One table on its way into a backup: every file its regions list, and the manifest entries that say so.
//!
//! A MOB file is listed by the table's MOB region, but not always: a clone of a MOB table needs files of the table it was cloned from,
//! and its snapshot does not name them. The store files do (`MOB_FILE_REFS`), so what they lead to is stored too, under the MOB
//! region of the table whose directory readers look in.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use catalog::key::{Key, canonical};
use catalog::record::MobReference;
use catalog::{FamilyRecord, Record, RegionRecord, StoreFileKind, StoreFileRecord, TableRecord, TableRow};
use futures::{StreamExt, TryStreamExt};
use hbase_layout::{RegionManifest, StoreFile, StoreFileName, TableSchema, mob::MobFile};
use hbase_types::TableName;
use repository::{FileIdentity, StoredFile};
use tokio_util::task::AbortOnDropHandle;

use super::previous::PreviousTable;
use super::transfer::{Job, Transfer, TransferredFile};
use crate::source::{PhysicalFile, TableContent};
use crate::{EngineError, Result};

/// Files in flight at once, beside the limit on workers: known ones pass without one.
const IN_FLIGHT: usize = 64;

/// A file that a region lists, in the repository.
#[derive(Debug, Clone)]
pub(super) struct StoredEntry {
    /// Encoded.
    pub region: String,
    pub start_key: Bytes,
    pub family: Bytes,
    pub name: String,
    pub record: StoreFileRecord,
    pub stored: StoredFile,
    /// Whether this table's pass read it.
    pub counted_as_read: bool,
}

/// A table whose files are all in the repository.
#[derive(Debug)]
pub(super) struct StoredTable {
    pub content: TableContent,
    /// MOB regions of other tables that cells lead to.
    pub foreign_mob: Vec<RegionManifest>,
    pub files: Vec<StoredEntry>,
    /// Store files whose file info could not be read although MOB references may stand there.
    pub uninspected_mob: u64,
}

/// Where a listed file stands.
#[derive(Debug, Clone)]
struct Place {
    table: TableName,
    region: String,
    start_key: Bytes,
    family: Bytes,
    family_name: String,
    codec: String,
    in_mob_region: bool,
}

/// Stores every file of `content`.
pub(super) async fn store(transfer: &Arc<Transfer>, content: TableContent, previous: Option<Arc<PreviousTable>>) -> Result<StoredTable> {
    let schema = TableSchema::parse(content.schema.clone())?;
    let listed = listed(&content, &schema)?;
    let mut files = store_all(transfer, &content.table, listed, previous.clone()).await?;
    let (foreign_mob, led_to) = mob_files(&content, &schema, &files)?;
    files.extend(store_all(transfer, &content.table, led_to, previous).await?);
    let is_clone = files.iter().any(|file| matches!(file.record.kind(), StoreFileKind::Link | StoreFileKind::LinkReference));
    let has_mob = schema.families().iter().any(hbase_layout::FamilyView::is_mob);
    let uninspected = files.iter().filter(|file| !file.record.inspected && !file.record.mob).count() as u64;
    let uninspected_mob = if is_clone && has_mob { uninspected } else { 0 };
    Ok(StoredTable { content, foreign_mob, files, uninspected_mob })
}

type Listed = Vec<(Place, StoreFile)>;

fn listed(content: &TableContent, schema: &TableSchema) -> Result<Listed> {
    let mut listed = Vec::new();
    for region in &content.regions {
        for family in &region.families {
            let place = Place {
                table: content.table.clone(),
                region: region.encoded_name.clone(),
                start_key: region.info.start_key.clone(),
                family: family.name.clone(),
                family_name: family.directory()?.to_owned(),
                codec: codec(schema, &family.name),
                in_mob_region: region.is_mob(),
            };
            listed.extend(family.store_files.iter().map(|file| (place.clone(), file.clone())));
        }
    }
    Ok(listed)
}

fn codec(schema: &TableSchema, family: &[u8]) -> String {
    schema.family(family).map_or("NONE", hbase_layout::FamilyView::compression).to_owned()
}

async fn store_all(
    transfer: &Arc<Transfer>,
    table: &TableName,
    listed: Listed,
    previous: Option<Arc<PreviousTable>>,
) -> Result<Vec<StoredEntry>> {
    let tasks = listed.into_iter().map(|(place, file)| {
        let (transfer, table, previous) = (transfer.clone(), table.clone(), previous.clone());
        // A task of its own, so that checksums and ciphers run on all cores.
        let task = tokio::spawn(async move { store_one(&transfer, &table, place, file, previous.as_deref()).await });
        let task = AbortOnDropHandle::new(task);
        async move { task.await.map_err(|error| EngineError::Bug { message: format!("a worker ended: {error}") })? }
    });
    futures::stream::iter(tasks).buffer_unordered(IN_FLIGHT).try_collect().await
}

async fn store_one(
    transfer: &Transfer,
    table: &TableName,
    place: Place,
    file: StoreFile,
    previous: Option<&PreviousTable>,
) -> Result<StoredEntry> {
    let source = transfer.source.files();
    let physical = if place.in_mob_region && matches!(file.parts, StoreFileName::Mob { .. }) {
        let mob = MobFile { table: place.table.clone(), family: place.family_name.clone(), name: file.name.clone() };
        PhysicalFile { length: file.file_size_bytes, ..source.mob(&mob) }
    } else {
        source.physical(&place.table, &place.region, &place.family_name, &file)
    };
    let length = source.length(&physical).await?;
    let identity = FileIdentity { name: physical.name.clone(), length };
    let group = Bytes::from([canonical(table).as_bytes(), b"\0", &place.family].concat());
    let job = Job { physical, identity, group, codec: place.codec.clone() };
    let (transferred, counted_as_read) = transfer.store(&job).await?;
    let record = record(&place, &file, &job, &transferred, previous);
    let Place { region, start_key, family, .. } = place;
    Ok(StoredEntry { region, start_key, family, name: file.name, record, stored: transferred.stored, counted_as_read })
}

fn record(place: &Place, file: &StoreFile, job: &Job, transferred: &TransferredFile, previous: Option<&PreviousTable>) -> StoreFileRecord {
    let (kind, named_sequence_id) = match &file.parts {
        StoreFileName::HFile { .. } | StoreFileName::Mob { .. } => (StoreFileKind::Plain, None),
        StoreFileName::BulkLoaded { sequence_id, .. } => (StoreFileKind::BulkLoaded, Some(*sequence_id)),
        StoreFileName::Link { .. } => (StoreFileKind::Link, None),
        StoreFileName::Reference { .. } => (StoreFileKind::Reference, None),
        StoreFileName::LinkReference { .. } => (StoreFileKind::LinkReference, None),
    };
    let physical = &job.physical;
    let elsewhere = physical.table != place.table || physical.region != place.region;
    let mut record = StoreFileRecord {
        kind: kind.into(),
        physical_name: job.identity.name.clone(),
        physical_length: job.identity.length,
        listed_length: file.file_size_bytes,
        reference: file.reference.clone(),
        origin_table: if elsewhere { canonical(&physical.table) } else { String::new() },
        origin_region: if elsewhere { physical.region.clone() } else { String::new() },
        mob: place.in_mob_region,
        max_sequence_id: named_sequence_id,
        raw: file.raw.clone(),
        ..StoreFileRecord::default()
    };
    if let Some(reading) = &transferred.read {
        record.max_sequence_id = named_sequence_id.or(reading.max_sequence_id);
        record.entries = Some(reading.entries);
        record.codec.clone_from(&reading.codec);
        record.inspected = reading.inspected;
        let references = reading.mob_references.iter();
        record.mob_references = references.map(|(table, file)| MobReference { table: canonical(table), file: file.clone() }).collect();
    } else if let Some(known) = previous.and_then(|previous| previous.records.get(&(job.identity.name.clone(), job.identity.length))) {
        record.max_sequence_id = named_sequence_id.or(known.max_sequence_id);
        record.entries = known.entries;
        record.codec.clone_from(&known.codec);
        record.inspected = known.inspected;
        record.mob_references.clone_from(&known.mob_references);
    }
    record
}

/// MOB files that cells lead to and the table's own MOB region does not list.
fn mob_files(content: &TableContent, schema: &TableSchema, files: &[StoredEntry]) -> Result<(Vec<RegionManifest>, Listed)> {
    let have: HashSet<&str> = files.iter().filter(|file| file.record.mob).map(|file| file.record.physical_name.as_str()).collect();
    let mut wanted: BTreeMap<TableName, BTreeSet<(Bytes, String)>> = BTreeMap::new();
    for file in files {
        for reference in file.record.mob_references.iter().filter(|reference| !have.contains(reference.file.as_str())) {
            let table = TableName::parse(&reference.table).map_err(hbase_layout::LayoutError::from)?;
            wanted.entry(table).or_default().insert((file.family.clone(), reference.file.clone()));
        }
    }
    let (mut regions, mut listed) = (Vec::new(), Listed::new());
    for (table, files) in wanted {
        let info = hbase_layout::mob::mob_region(&table);
        let encoded_name = info.encoded_name();
        let mut families: BTreeMap<Bytes, Vec<StoreFile>> = BTreeMap::new();
        for (family, name) in files {
            let parts = StoreFileName::parse(&name)?;
            let file = StoreFile { name, parts, file_size_bytes: None, reference: None, raw: Bytes::new() };
            families.entry(family).or_default().push(file);
        }
        let families: Vec<hbase_layout::FamilyManifest> =
            families.into_iter().map(|(name, store_files)| hbase_layout::FamilyManifest { name, store_files }).collect();
        for family in &families {
            let place = Place {
                table: table.clone(),
                region: encoded_name.clone(),
                start_key: info.start_key.clone(),
                family: family.name.clone(),
                family_name: family.directory()?.to_owned(),
                codec: codec(schema, &family.name),
                in_mob_region: true,
            };
            listed.extend(family.store_files.iter().map(|file| (place.clone(), file.clone())));
        }
        if table != content.table {
            let raw_info = crate::source::listing::raw_region_info(&info);
            regions.push(RegionManifest { info, encoded_name, raw_info, families, raw: Bytes::new() });
        }
    }
    Ok((regions, listed))
}

impl StoredTable {
    /// Manifest entries of this table, in no order.
    pub(super) fn entries(&self, row: TableRow) -> Result<Vec<(Bytes, Bytes)>> {
        let table = &self.content.table;
        let mut entries = Vec::with_capacity(self.files.len() + self.content.regions.len() + 1);
        let mut by_region: HashMap<&str, Vec<&StoredEntry>> = HashMap::new();
        for file in &self.files {
            by_region.entry(&file.region).or_default().push(file);
        }
        let of = |region: &str| by_region.get(region).map(Vec::as_slice).unwrap_or_default();
        let own_mob = hbase_layout::mob::mob_region_name(table);
        let mut has_own_mob = false;
        for region in self.content.regions.iter().chain(&self.foreign_mob) {
            has_own_mob |= region.encoded_name == own_mob;
            entries.push(self.region_entry(region, of(&region.encoded_name))?);
        }
        if !has_own_mob && self.files.iter().any(|file| file.region == own_mob) {
            let info = hbase_layout::mob::mob_region(table);
            let raw_info = crate::source::listing::raw_region_info(&info);
            let region = RegionManifest { info, encoded_name: own_mob, raw_info, families: Vec::new(), raw: Bytes::new() };
            let files = of(&region.encoded_name);
            entries.push(self.region_entry(&region, files)?);
        }
        for file in &self.files {
            let key = Key::StoreFile {
                table: table.clone(),
                start_key: file.start_key.clone(),
                encoded: file.region.clone(),
                family: file.family.clone(),
                file: file.name.clone(),
            };
            entries.push((key.encode(), file.record.to_bytes()?));
        }
        let record = TableRecord {
            table: canonical(table),
            schema: self.content.schema.clone(),
            state: self.content.state.into(),
            snapshot: self.content.snapshot.as_ref().map(|snapshot| snapshot.raw.clone()).unwrap_or_default(),
            snapshot_started_millis: self.content.started_millis,
            snapshot_finished_millis: self.content.finished_millis,
            regions: row.regions,
            files: row.files,
            bytes: row.bytes,
            without_memstores: self.content.without_memstores,
            mob_files: self.files.iter().filter(|file| file.record.mob).count() as u64,
            row: Some(row),
        };
        entries.push((Key::Table(table.clone()).encode(), record.to_bytes()?));
        Ok(entries)
    }

    fn region_entry(&self, region: &RegionManifest, files: &[&StoredEntry]) -> Result<(Bytes, Bytes)> {
        let mut names: Vec<Bytes> = region.families.iter().map(|family| family.name.clone()).collect();
        for file in files {
            if !names.contains(&file.family) {
                names.push(file.family.clone());
            }
        }
        let family = |name: Bytes| {
            let of_family = || files.iter().filter(|file| file.family == name).map(|file| &file.record);
            let known = of_family().all(|record| record.max_sequence_id.is_some());
            let max_sequence_id = of_family().filter_map(|record| record.max_sequence_id).max().filter(|_| known);
            FamilyRecord { files: of_family().count() as u64, max_sequence_id, name: name.clone() }
        };
        let families = names.into_iter().map(family).collect();
        let record = RegionRecord { info: region.raw_info.clone(), mob: region.is_mob(), families };
        let (table, start_key) = (self.content.table.clone(), region.info.start_key.clone());
        Ok((Key::Region { table, start_key, encoded: region.encoded_name.clone() }.encode(), record.to_bytes()?))
    }

    /// The table's row: sums over its distinct physical files.
    pub(super) fn row(&self, previous: Option<&PreviousTable>) -> TableRow {
        let mut row = TableRow {
            table: canonical(&self.content.table),
            regions: self.content.regions.iter().filter(|region| !region.is_mob()).count() as u64,
            files: self.files.len() as u64,
            snapshot_started_millis: self.content.started_millis,
            snapshot_finished_millis: self.content.finished_millis,
            ..TableRow::default()
        };
        let read: HashSet<[u8; 32]> = self.files.iter().filter(|file| file.counted_as_read).map(|file| file.stored.identity).collect();
        let mut seen = HashSet::new();
        for file in self.files.iter().filter(|file| seen.insert(file.stored.identity)) {
            let length = file.stored.plaintext_length;
            row.bytes += length;
            if read.contains(&file.stored.identity) {
                row.read_files += 1;
                row.read_bytes += length;
                row.stored_bytes += file.stored.object.length;
            } else {
                row.shared_files += 1;
                row.shared_bytes += length;
            }
        }
        row.growth = Some(super::stats::growth(previous, self));
        row
    }
}
