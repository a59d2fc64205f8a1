//! A table's store files out of its directories, for sources without a snapshot and for plans.
//!
//! Which regions count: without a master there is no `hbase:meta` to ask, so the directories decide. A split or merge leaves the
//! parents' directories until their daughters have no more references to them. Daughters have a higher region id than their parents,
//! so: a region whose rows are wholly held by regions with higher ids is such a parent and is left out. A region that newer ones cover
//! only in part means a split that had not committed both daughters: then the newer ones hold nothing of their own yet and are left
//! out. What then remains has to cover every row once, else the table is refused by name.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use hbase_layout::{
    FamilyManifest, Reference, RegionManifest, StoreFile, StoreFileList, StoreFileName, TableSchema, mob, newest_table_info,
    newest_track_files, parse_region_info, region_info_from_file, walk,
};
use hbase_proto::Message;
use hbase_types::{RegionInfo, TableName};

use super::SourceFiles;
use super::manifest::{LISTINGS, SMALL_BYTES};
use crate::error::at_path;
use crate::{EngineError, Result};

/// The descriptor of a table; `None` when its directory has none (being made, or being deleted).
pub(super) async fn descriptor(files: &SourceFiles, table: &TableName) -> Result<Option<TableSchema>> {
    let directory = files.layout.table_descriptor_directory(table);
    let entries = files.list_if_there(&directory).await?;
    let names = entries.iter().filter(|entry| !entry.is_directory).map(|entry| (entry.name(), entry.length_bytes));
    let Some(name) = newest_table_info(names) else { return Ok(None) };
    let path = format!("{directory}/{name}");
    let file = files.read_small(&path, SMALL_BYTES).await?;
    TableSchema::from_file(&file).map(Some).map_err(at_path(&path))
}

/// All tables under `data/`, sorted.
pub(crate) async fn tables(files: &SourceFiles) -> Result<Vec<TableName>> {
    let data = files.layout.data_directory();
    let entries = files.file_system.list(&data).await?;
    let mut tables = Vec::new();
    for namespace in entries.iter().filter(|entry| entry.is_directory && walk::is_namespace_directory(entry.name())) {
        let directories = files.list_if_there(&namespace.path).await?;
        let names = directories.iter().filter(|entry| entry.is_directory);
        tables.extend(names.filter_map(|entry| walk::table_of_directory(namespace.name(), entry.name())));
    }
    tables.sort();
    Ok(tables)
}

/// Namespaces, by their directories.
pub(crate) async fn namespaces(files: &SourceFiles) -> Result<Vec<String>> {
    let entries = files.file_system.list(&files.layout.data_directory()).await?;
    let directories = entries.iter().filter(|entry| entry.is_directory && walk::is_namespace_directory(entry.name()));
    Ok(directories.map(|entry| entry.name().to_owned()).collect())
}

/// The regions that a table consists of, by its directories. No holes, no overlaps.
pub(super) async fn table(files: &SourceFiles, schema: &TableSchema) -> Result<Vec<RegionManifest>> {
    let table = schema.table();
    let directory = files.layout.table_directory(table);
    let entries = files.file_system.list(&directory).await?;
    let directories = entries.into_iter().filter(|entry| entry.is_directory && walk::is_region_directory(entry.name()));
    let infos = directories.map(|entry| async move { region_info(files, &entry.path, entry.name()).await });
    let infos: Vec<Option<(RegionInfo, Bytes)>> = futures::stream::iter(infos).buffered(LISTINGS).try_collect().await?;
    let found: Vec<(RegionInfo, Bytes)> = infos.into_iter().flatten().filter(|(info, _)| info.table == *table).collect();
    let live = without_replaced(found);
    let mut regions = list_regions(files, schema, live).await?;
    regions.extend(mob_region(files, schema).await?);
    super::manifest::in_table_order(regions, &directory)
}

/// The store files of regions that a master named.
pub(super) async fn regions(files: &SourceFiles, schema: &TableSchema, infos: Vec<RegionInfo>) -> Result<Vec<RegionManifest>> {
    let infos = infos.into_iter().filter(|info| info.replica_id == 0 && !info.split && !info.offline);
    let mut regions = list_regions(files, schema, infos.map(|info| (info, Bytes::new())).collect()).await?;
    regions.extend(mob_region(files, schema).await?);
    Ok(regions)
}

async fn list_regions(files: &SourceFiles, schema: &TableSchema, infos: Vec<(RegionInfo, Bytes)>) -> Result<Vec<RegionManifest>> {
    let listed = infos.into_iter().map(|(info, raw)| async move { region(files, schema, info, raw).await });
    futures::stream::iter(listed).buffered(LISTINGS).try_collect().await
}

async fn region_info(files: &SourceFiles, directory: &str, name: &str) -> Result<Option<(RegionInfo, Bytes)>> {
    let path = format!("{directory}/.regioninfo");
    let Some(file) = files.read_small_if_there(&path, SMALL_BYTES).await? else {
        return empty_or_damaged(files, directory).await.map(|()| None);
    };
    let raw = region_info_from_file(&file).map_err(at_path(&path))?;
    let info = parse_region_info(&raw).map_err(at_path(&path))?;
    if info.encoded_name() != name {
        return Err(EngineError::Damage { path, message: format!("describes region {}", info.encoded_name()) });
    }
    Ok(Some((info, raw)))
}

/// A region directory without `.regioninfo` was being made or deleted; with store files in it, it is damaged.
async fn empty_or_damaged(files: &SourceFiles, directory: &str) -> Result<()> {
    for family in files.list_if_there(directory).await? {
        let is_family = family.is_directory && walk::is_family_directory(family.name());
        if is_family && files.list_if_there(&family.path).await?.iter().any(|entry| !entry.is_directory && entry.length_bytes > 0) {
            let message = format!("has store files in {} but no .regioninfo", family.name());
            return Err(EngineError::Damage { path: directory.to_owned(), message });
        }
    }
    Ok(())
}

/// Leaves out parents of splits and merges; see the head of this file.
fn without_replaced(mut found: Vec<(RegionInfo, Bytes)>) -> Vec<(RegionInfo, Bytes)> {
    found.retain(|(info, _)| info.replica_id == 0 && !(info.offline && info.split));
    found.sort_by_key(|(info, _)| std::cmp::Reverse(info.region_id));
    let mut kept: Vec<(RegionInfo, Bytes)> = Vec::new();
    for (info, raw) in found {
        let newer: Vec<&RegionInfo> = kept.iter().map(|(kept, _)| kept).filter(|kept| overlaps(kept, &info)).collect();
        if newer.iter().all(|other| other.region_id == info.region_id) {
            // Nothing newer there (or a sibling that overlaps, which the check for overlaps will name).
            kept.push((info, raw));
        } else if !covers(&newer, &info) {
            kept.retain(|(other, _)| !overlaps(other, &info));
            kept.push((info, raw));
        }
    }
    kept
}

fn overlaps(left: &RegionInfo, right: &RegionInfo) -> bool {
    let before = |end: &Bytes, start: &Bytes| !end.is_empty() && end <= start;
    !before(&left.end_key, &right.start_key) && !before(&right.end_key, &left.start_key)
}

/// Whether `regions` together hold all rows of `whole`.
fn covers(regions: &[&RegionInfo], whole: &RegionInfo) -> bool {
    let mut sorted = regions.to_vec();
    sorted.sort_by(|left, right| left.start_key.cmp(&right.start_key));
    let mut reached = whole.start_key.clone();
    for region in sorted {
        if region.start_key > reached {
            return false;
        }
        if region.end_key.is_empty() || (!whole.end_key.is_empty() && region.end_key >= whole.end_key) {
            return true;
        }
        reached = reached.max(region.end_key.clone());
    }
    false
}

async fn region(files: &SourceFiles, schema: &TableSchema, info: RegionInfo, raw_info: Bytes) -> Result<RegionManifest> {
    let encoded_name = info.encoded_name();
    let mut families = Vec::new();
    for family in schema.families() {
        let name = family.name_text();
        let directory = files.layout.family_directory(&info.table, &encoded_name, &name);
        let store_files =
            if is_file_tracked(schema, &name) { tracked_files(files, &directory).await? } else { listed_files(files, &directory).await? };
        families.push(FamilyManifest { name: family.name.clone(), store_files });
    }
    Ok(RegionManifest { info, encoded_name, raw_info, families, raw: Bytes::new() })
}

/// Whether the store's files are those of `.filelist`. HBase writes the tracker into the descriptor when a table is made.
fn is_file_tracked(schema: &TableSchema, family: &str) -> bool {
    const TRACKER: &str = "hbase.store.file-tracker.impl";
    const MIGRATION_SOURCE: &str = "hbase.store.file-tracker.migration.src.impl";
    let family = schema.family(family.as_bytes());
    let setting = |key: &str| {
        let of_family = family.and_then(|family| family.configuration.get(key).or_else(|| family.attributes.get(key)));
        of_family.or_else(|| schema.configuration().get(key)).or_else(|| schema.attributes().get(key)).map(String::as_str)
    };
    let tracker = match setting(TRACKER) {
        Some("MIGRATION") => setting(MIGRATION_SOURCE),
        tracker => tracker,
    };
    tracker.is_some_and(|tracker| tracker.eq_ignore_ascii_case("FILE") || tracker.ends_with(".FileBasedStoreFileTracker"))
}

async fn tracked_files(files: &SourceFiles, directory: &str) -> Result<Vec<StoreFile>> {
    let tracks = format!("{directory}/.filelist");
    let entries = files.list_if_there(&tracks).await?;
    let mut last_error = None;
    for (_, names) in newest_track_files(entries.iter().map(storage::FileStatus::name)) {
        let mut newest: Option<StoreFileList> = None;
        for name in names {
            let path = format!("{tracks}/{name}");
            match StoreFileList::from_file(&files.read_small(&path, SMALL_BYTES).await?) {
                Ok(list) if newest.as_ref().is_none_or(|other| other.timestamp < list.timestamp) => newest = Some(list),
                Ok(_) => {}
                // One of the two is being written, or was when the server died.
                Err(error) => last_error = Some(at_path(&path)(error)),
            }
        }
        if let Some(list) = newest {
            let files = list.files.into_iter().map(|file| async move {
                let path = format!("{directory}/{}", file.name);
                let parts = StoreFileName::parse(&file.name).map_err(at_path(&path))?;
                store_file(files, &path, file.name, parts, file.file_size_bytes).await
            });
            return futures::stream::iter(files).buffered(LISTINGS).try_collect().await;
        }
    }
    last_error.map_or_else(|| Ok(Vec::new()), Err)
}

async fn listed_files(files: &SourceFiles, directory: &str) -> Result<Vec<StoreFile>> {
    let mut store_files = Vec::new();
    for entry in files.list_if_there(directory).await? {
        let parts = walk::store_file_of_entry(entry.name(), entry.length_bytes, entry.is_directory).map_err(at_path(&entry.path))?;
        if let Some(parts) = parts {
            store_files.push(store_file(files, &entry.path, entry.name().to_owned(), parts, entry.length_bytes).await?);
        }
    }
    Ok(store_files)
}

async fn store_file(files: &SourceFiles, path: &str, name: String, parts: StoreFileName, length: u64) -> Result<StoreFile> {
    // A link is empty and a half holds the split row only: the length of the physical file is asked for later.
    let stands_for_itself = matches!(parts, StoreFileName::HFile { .. } | StoreFileName::BulkLoaded { .. } | StoreFileName::Mob { .. });
    let reference = if parts.is_reference() {
        let file = files.read_small(path, SMALL_BYTES).await?;
        Some(Reference::from_file(&file).map_err(at_path(path))?.to_message())
    } else {
        None
    };
    Ok(StoreFile { name, parts, file_size_bytes: stands_for_itself.then_some(length), reference, raw: Bytes::new() })
}

/// The MOB files of a table, as the pseudo region that a snapshot has for them.
async fn mob_region(files: &SourceFiles, schema: &TableSchema) -> Result<Option<RegionManifest>> {
    let info = mob::mob_region(schema.table());
    let encoded_name = info.encoded_name();
    let mut families = Vec::new();
    for family in schema.families().iter().filter(|family| family.is_mob()) {
        let directory = files.layout.mob_family_directory(schema.table(), &encoded_name, &family.name_text());
        families.push(FamilyManifest { name: family.name.clone(), store_files: listed_files(files, &directory).await? });
    }
    let raw_info = raw_region_info(&info);
    Ok((!families.is_empty()).then(|| RegionManifest { info, encoded_name, raw_info, families, raw: Bytes::new() }))
}

/// The message of a region info that no file holds: that of a MOB region.
pub(crate) fn raw_region_info(info: &RegionInfo) -> Bytes {
    let message = hbase_proto::RegionInfo {
        region_id: info.region_id.cast_unsigned(),
        table_name: (&info.table).into(),
        start_key: Some(info.start_key.clone()),
        end_key: Some(info.end_key.clone()),
        offline: Some(info.offline),
        split: Some(info.split),
        replica_id: Some(info.replica_id),
    };
    message.encode_to_vec().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(start: &'static str, end: &'static str, region_id: i64) -> (RegionInfo, Bytes) {
        let table = TableName::parse("t").unwrap();
        let (start_key, end_key) = (Bytes::from(start), Bytes::from(end));
        (RegionInfo { table, start_key, end_key, region_id, replica_id: 0, offline: false, split: false }, Bytes::new())
    }

    fn kept(found: Vec<(RegionInfo, Bytes)>) -> Vec<(String, String)> {
        let text = |key: &Bytes| String::from_utf8(key.to_vec()).unwrap();
        let mut kept: Vec<_> = without_replaced(found).iter().map(|(info, _)| (text(&info.start_key), text(&info.end_key))).collect();
        kept.sort();
        kept
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(start, end)| ((*start).to_owned(), (*end).to_owned())).collect()
    }

    #[test]
    fn parents_of_a_split_give_way_to_their_daughters() {
        let found = vec![region("", "m", 1), region("m", "", 1), region("m", "s", 2), region("s", "", 2)];
        assert_eq!(kept(found), pairs(&[("", "m"), ("m", "s"), ("s", "")]));
    }

    #[test]
    fn parents_of_a_merge_give_way_to_their_child() {
        let found = vec![region("", "m", 1), region("m", "", 1), region("", "", 2)];
        assert_eq!(kept(found), pairs(&[("", "")]));
    }

    #[test]
    fn a_lone_daughter_gives_way_to_its_parent() {
        let found = vec![region("", "m", 1), region("m", "", 1), region("m", "s", 2)];
        assert_eq!(kept(found), pairs(&[("", "m"), ("m", "")]));
    }

    #[test]
    fn daughters_that_split_again_still_cover_the_first_parent() {
        let found = vec![region("", "", 1), region("", "m", 2), region("m", "", 2), region("m", "s", 3), region("s", "", 3)];
        assert_eq!(kept(found), pairs(&[("", "m"), ("m", "s"), ("s", "")]));
    }
}
