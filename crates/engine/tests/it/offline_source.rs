//! Root directories that HBase wrote, read as offline sources: every file that directories and snapshots name is found and sound.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::Cluster;
use engine::source::{OfflineSource, SnapshotOptions, Source, TableContent};
use storage::{LocalFileSystem, SystemClock};
use testkit::fixtures;

fn source(version: &str) -> OfflineSource {
    let root = fixtures::root(version).unwrap();
    let path = root.to_str().unwrap().to_owned();
    let file_system = Arc::new(LocalFileSystem::new(root, Duration::from_secs(60)));
    OfflineSource::new(&Cluster::new("fixture", None, file_system, path), Arc::new(SystemClock))
}

fn options(existing: Option<&str>) -> SnapshotOptions {
    let hour = Duration::from_secs(3600);
    SnapshotOptions { existing: existing.map(str::to_owned), flush: true, ttl: hour, deadline: hour }
}

/// Reads every file to its end and checks it; gives their number.
async fn read_all(source: &OfflineSource, content: &TableContent) -> usize {
    let mut files = 0;
    for region in &content.regions {
        for family in &region.families {
            for file in &family.store_files {
                let physical = source.files().physical(&content.table, &region.encoded_name, family.directory().unwrap(), file);
                let length = source.files().length(&physical).await.unwrap();
                let mut reader = source.files().open(&physical, length).await.unwrap();
                let bytes: Bytes = reader.read(0, usize::try_from(length).unwrap()).await.unwrap();
                let summary = hfile::check(&bytes.to_vec()).unwrap_or_else(|error| panic!("{}: {error}", physical.path()));
                assert_eq!(summary.length, length);
                files += 1;
            }
        }
    }
    files
}

#[tokio::test]
async fn every_table_and_every_snapshot_reads_whole() {
    for version in fixtures::VERSIONS {
        let source = source(version);
        let tables = source.tables().await.unwrap();
        assert!(tables.len() >= 9, "{version}: {} tables", tables.len());
        let mut files = 0;
        for listing in tables.iter().filter(|listing| !listing.table.is_system()) {
            let content = source.snapshot(listing, &options(None)).await.unwrap();
            files += read_all(&source, &content).await;
        }
        assert!(files > 40, "{version}: {files} files");
        for entry in source.files().list_if_there(&source.files().layout.snapshots_directory()).await.unwrap() {
            let name = entry.name().to_owned();
            if name.starts_with('.') {
                continue;
            }
            let table = name.rsplit_once("-s").unwrap().0.replacen('.', ":", 1);
            let listing = tables.iter().find(|listing| listing.table.to_string() == table).unwrap();
            let content = source.snapshot(listing, &options(Some(&name))).await.unwrap();
            read_all(&source, &content).await;
        }
    }
}

#[tokio::test]
async fn wals_that_a_crash_left_are_named() {
    for version in fixtures::VERSIONS {
        let findings = source(version).findings().await.unwrap();
        let wals = findings.iter().find(|finding| finding.code == "unflushed-wals").expect("the fixture's server was killed");
        assert!(wals.message.contains("/WALs/"), "{}", wals.message);
    }
}
