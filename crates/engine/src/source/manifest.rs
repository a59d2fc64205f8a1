//! Reading an HBase snapshot from its directory, in every form that HBase has written.

use futures::{StreamExt, TryStreamExt};
use hbase_layout::{RegionManifest, SnapshotDescription, SnapshotManifest, V1Region, V1StoreFile, newest_table_info, walk};

use super::SourceFiles;
use crate::error::at_path;
use crate::{EngineError, Result};

/// Longest `.snapshotinfo`, descriptor or region manifest.
pub(super) const SMALL_BYTES: u64 = 64 << 20;
/// Longest `data.manifest`: far above any `snapshot.manifest.size.limit` seen.
const MANIFEST_BYTES: u64 = 2 << 30;
/// Directories listed at once.
pub(super) const LISTINGS: usize = 16;

/// Reads snapshot `name`. Its regions are in table order, and whole: a hole between them is an error.
pub(crate) async fn read_snapshot(files: &SourceFiles, name: &str) -> Result<SnapshotManifest> {
    let directory = files.layout.snapshot_directory(name);
    let info_path = files.layout.snapshot_info_file(name);
    let info = files.read_small_if_there(&info_path, SMALL_BYTES).await?;
    let info = info.ok_or_else(|| EngineError::NotFound { message: format!("no HBase snapshot {name} (no {info_path})") })?;
    let description = SnapshotDescription::parse(&info).map_err(at_path(&info_path))?;
    let manifest_path = files.layout.data_manifest_file(name);
    let mut manifest = match files.read_small_if_there(&manifest_path, MANIFEST_BYTES).await? {
        Some(data) => SnapshotManifest::read_v2(&info, &data).map_err(at_path(&manifest_path))?,
        None => {
            let descriptor = table_descriptor(files, &directory).await?;
            if description.version == 0 {
                let regions = v1_regions(files, &directory).await?;
                SnapshotManifest::read_v1(&info, &descriptor, &regions).map_err(at_path(&directory))?
            } else {
                let regions = region_manifests(files, &directory).await?;
                SnapshotManifest::read_region_manifests(&info, &descriptor, &regions).map_err(at_path(&directory))?
            }
        }
    };
    manifest.regions = in_table_order(manifest.regions, &directory)?;
    Ok(manifest)
}

/// Sorts regions, drops split parents whose daughters are there, and refuses holes and overlaps.
pub(super) fn in_table_order(regions: Vec<RegionManifest>, place: &str) -> Result<Vec<RegionManifest>> {
    let (mob, mut regions): (Vec<_>, Vec<_>) = regions.into_iter().partition(RegionManifest::is_mob);
    regions.retain(|region| region.info.replica_id == 0 && !(region.info.offline && region.info.split));
    regions.sort_by(|left, right| left.info.start_key.cmp(&right.info.start_key).then(left.info.region_id.cmp(&right.info.region_id)));
    let damage = |message: String| Err(EngineError::Damage { path: place.to_owned(), message });
    let mut end: Option<&[u8]> = Some(&[]);
    for region in &regions {
        let start = region.info.start_key.as_ref();
        match end {
            Some(end) if end == start => {}
            Some(end) => {
                let (from, to) = (end.escape_ascii(), start.escape_ascii());
                let what = if end < start { "no region holds the rows" } else { "regions overlap in the rows" };
                return damage(format!("{what} between `{from}` and `{to}` (region {})", region.encoded_name));
            }
            None => return damage(format!("region {} starts behind the end of the table", region.encoded_name)),
        }
        end = (!region.info.end_key.is_empty()).then_some(region.info.end_key.as_ref());
    }
    if let Some(end) = end {
        return damage(format!("no region holds the rows from `{}`", end.escape_ascii()));
    }
    regions.extend(mob);
    Ok(regions)
}

async fn table_descriptor(files: &SourceFiles, directory: &str) -> Result<bytes::Bytes> {
    let descriptors = format!("{directory}/.tabledesc");
    // HBase up to 0.98 put the descriptor beside `.snapshotinfo`.
    for place in [descriptors.as_str(), directory] {
        let entries = files.list_if_there(place).await?;
        let names = entries.iter().filter(|entry| !entry.is_directory).map(|entry| (entry.name(), entry.length_bytes));
        if let Some(name) = newest_table_info(names) {
            return files.read_small(&format!("{place}/{name}"), SMALL_BYTES).await;
        }
    }
    Err(EngineError::Damage { path: directory.to_owned(), message: "the snapshot has neither data.manifest nor .tableinfo".into() })
}

async fn region_manifests(files: &SourceFiles, directory: &str) -> Result<Vec<bytes::Bytes>> {
    let entries = files.list_if_there(directory).await?;
    let names = entries.into_iter().filter(|entry| entry.name().starts_with("region-manifest."));
    let reads = names.map(|entry| async move { files.read_small(&entry.path, SMALL_BYTES).await });
    futures::stream::iter(reads).buffered(LISTINGS).try_collect().await
}

async fn v1_regions(files: &SourceFiles, directory: &str) -> Result<Vec<V1Region>> {
    let entries = files.list_if_there(directory).await?;
    let regions = entries.into_iter().filter(|entry| entry.is_directory && walk::is_region_directory(entry.name()));
    let reads = regions.map(|entry| async move { v1_region(files, &entry.path).await });
    futures::stream::iter(reads).buffered(LISTINGS).try_collect().await
}

async fn v1_region(files: &SourceFiles, directory: &str) -> Result<V1Region> {
    let region_info_file = files.read_small(&format!("{directory}/.regioninfo"), SMALL_BYTES).await?;
    let mut families = Vec::new();
    for family in files.list_if_there(directory).await? {
        if !family.is_directory || !walk::is_family_directory(family.name()) {
            continue;
        }
        let mut store_files = Vec::new();
        for file in files.list_if_there(&family.path).await?.into_iter().filter(|entry| !entry.is_directory) {
            // A plain store file stands here as an empty file; only a half has content.
            let reference_file = if file.length_bytes > 0 { Some(files.read_small(&file.path, SMALL_BYTES).await?) } else { None };
            store_files.push(V1StoreFile { name: file.name().to_owned(), file_size_bytes: None, reference_file });
        }
        families.push((bytes::Bytes::copy_from_slice(family.name().as_bytes()), store_files));
    }
    Ok(V1Region { region_info_file, families })
}
