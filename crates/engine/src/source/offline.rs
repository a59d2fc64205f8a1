//! A root directory without a master: a dead cluster, an HDFS snapshot of `/hbase`, a copied directory.
//!
//! Tables come from their descriptors, regions and files from the directories (or from a snapshot that lies there). What was in
//! memstores when the cluster died is in its WALs only and is *not* read: a plan names the WALs, loudly. Nothing is written, nothing is held:
//! if somebody starts the cluster meanwhile, files may go away, and the table is listed again.

use std::sync::Arc;

use api::{Finding, Severity};
use async_trait::async_trait;
use catalog::TableState;
use hbase_layout::{RegionManifest, RootLayout, cluster_id_from_file, format_version_from_file, walk};
use storage::{Clock, FileSystem};

use super::files::list_if_there;
use super::manifest::{SMALL_BYTES, read_snapshot};
use super::{SnapshotGuard, SnapshotOptions, Source, SourceFiles, SourceIdentity, TableContent, TableListing, listing};
use crate::error::at_path;
use crate::{Cluster, EngineError, Result};

/// See the head of this file.
#[derive(Debug)]
pub struct OfflineSource {
    files: SourceFiles,
    wal_file_system: Arc<dyn FileSystem>,
    wal_root: String,
    clock: Arc<dyn Clock>,
}

impl OfflineSource {
    /// The files of `cluster`.
    pub fn new(cluster: &Cluster, clock: Arc<dyn Clock>) -> Self {
        let files = SourceFiles { file_system: cluster.file_system.clone(), layout: RootLayout::new(&cluster.root) };
        let (wal_file_system, wal_root) = cluster.wal_root();
        Self { files, wal_file_system: wal_file_system.clone(), wal_root: wal_root.trim_end_matches('/').to_owned(), clock }
    }
}

/// `hbase.id` and `hbase.version`.
pub(super) async fn identity_of_files(files: &SourceFiles) -> Result<SourceIdentity> {
    let id_path = files.layout.cluster_id_file();
    let cluster_id = match files.read_small_if_there(&id_path, SMALL_BYTES).await? {
        Some(file) => Some(cluster_id_from_file(&file).map_err(at_path(&id_path))?),
        None => None,
    };
    let version_path = files.layout.version_file();
    let layout_version = match files.read_small_if_there(&version_path, SMALL_BYTES).await? {
        Some(file) => Some(format_version_from_file(&file).map_err(at_path(&version_path))?),
        None => None,
    };
    Ok(SourceIdentity { cluster_id, layout_version, ..SourceIdentity::default() })
}

/// Refuses a path that is no `hbase.rootdir`.
pub(super) async fn check_root(files: &SourceFiles) -> Result<()> {
    match files.file_system.list(&files.layout.data_directory()).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Err(EngineError::NotFound {
            message: format!("{}{} is no hbase.rootdir: it has no directory `data`", files.file_system.url(), files.layout.root()),
        }),
        Err(error) => Err(error.into()),
    }
}

/// Reads an existing snapshot of `listing`'s table.
pub(super) async fn existing_snapshot(files: &SourceFiles, listing: &TableListing, name: &str, state: TableState) -> Result<TableContent> {
    let manifest = read_snapshot(files, name).await?;
    if manifest.description.table != listing.table {
        let message = format!("snapshot {name} is of table {}, not of {}", manifest.description.table, listing.table);
        return Err(EngineError::Usage { message });
    }
    let taken = manifest.description.creation_time_millis;
    Ok(TableContent {
        table: listing.table.clone(),
        state,
        schema: manifest.table_schema,
        without_memstores: manifest.description.kind == hbase_layout::SnapshotKind::SkipFlush,
        snapshot: Some(manifest.description),
        regions: manifest.regions,
        started_millis: taken,
        finished_millis: taken,
        guard: None,
        snapshots_taken: 0,
    })
}

#[async_trait]
impl Source for OfflineSource {
    fn kind(&self) -> api::SourceKind {
        api::SourceKind::Offline
    }

    fn files(&self) -> &SourceFiles {
        &self.files
    }

    async fn identity(&self) -> Result<SourceIdentity> {
        check_root(&self.files).await?;
        identity_of_files(&self.files).await
    }

    async fn tables(&self) -> Result<Vec<TableListing>> {
        check_root(&self.files).await?;
        let mut listings = Vec::new();
        for table in listing::tables(&self.files).await? {
            // `hbase:meta` has its descriptor in the program, so its directory need not have one.
            if let Some(schema) = listing::descriptor(&self.files, &table).await? {
                listings.push(TableListing { table, schema });
            }
        }
        Ok(listings)
    }

    async fn survey(&self, listing: &TableListing) -> Result<Vec<RegionManifest>> {
        listing::table(&self.files, &listing.schema).await
    }

    async fn snapshot(&self, listing: &TableListing, options: &SnapshotOptions) -> Result<TableContent> {
        if let Some(name) = &options.existing {
            return existing_snapshot(&self.files, listing, name, TableState::Unknown).await;
        }
        let started_millis = self.clock.now_millis();
        let regions = listing::table(&self.files, &listing.schema).await?;
        Ok(TableContent {
            table: listing.table.clone(),
            state: TableState::Unknown,
            schema: listing.schema.raw().clone(),
            snapshot: None,
            regions,
            started_millis,
            finished_millis: self.clock.now_millis(),
            without_memstores: !self.unflushed().await?.is_empty(),
            guard: None,
            snapshots_taken: 0,
        })
    }

    async fn release(&self, _guard: &SnapshotGuard) -> Result<()> {
        Ok(())
    }

    async fn clean_up(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    async fn findings(&self) -> Result<Vec<Finding>> {
        let wals = self.unflushed().await?;
        if wals.is_empty() {
            return Ok(Vec::new());
        }
        const SHOWN: usize = 10;
        let more = if wals.len() > SHOWN { format!(" and {} more", wals.len() - SHOWN) } else { String::new() };
        let names: Vec<&str> = wals.iter().take(SHOWN).map(String::as_str).collect();
        let message = format!(
            "the cluster was not shut down cleanly: {} write-ahead logs may hold edits that are in no store file and will NOT be in the backup: {}{more}",
            wals.len(),
            names.join(", ")
        );
        let hint = "start the cluster once so that it replays them (or back it up while it runs), then back up again";
        Ok(vec![Finding::new("unflushed-wals", Severity::Warning, message).hint(hint)])
    }
}

impl OfflineSource {
    /// WALs that a clean stop would have moved away, and edits that were split off WALs and not replayed.
    async fn unflushed(&self) -> Result<Vec<String>> {
        let mut paths = Vec::new();
        for server in list_if_there(&self.wal_file_system, &format!("{}/WALs", self.wal_root)).await? {
            if !server.is_directory {
                continue;
            }
            for wal in list_if_there(&self.wal_file_system, &server.path).await? {
                // WALs of hbase:meta hold no user's data.
                if !wal.is_directory && !wal.name().ends_with(".meta") {
                    paths.push(wal.path);
                }
            }
        }
        for table in listing::tables(&self.files).await?.into_iter().filter(|table| !table.is_system()) {
            for region in self.files.list_if_there(&self.files.layout.table_directory(&table)).await? {
                if !region.is_directory || !walk::is_region_directory(region.name()) {
                    continue;
                }
                let recovered = self.files.list_if_there(&format!("{}/recovered.edits", region.path)).await?;
                let edits = recovered.into_iter().filter(|entry| !entry.is_directory && !entry.name().ends_with(".seqid"));
                paths.extend(edits.filter(|entry| entry.length_bytes > 0).map(|entry| entry.path));
            }
        }
        Ok(paths)
    }
}
