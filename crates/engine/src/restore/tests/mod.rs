//! Restores into an offline root: killed at every call, resumed, undone, damaged; and read back by what HBase would read.

mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use api::{RestoreMode, RestoreOutcome, RestoreReport};
use async_trait::async_trait;
use bytes::Bytes;
use hbase_layout::{RestoreFamily, RestoreFile, RestoreRegion, RootLayout, SnapshotManifest, StoreFileName};
use hbase_types::TableName;
use repository::FileIdentity;
use storage::SystemClock;

use self::tree::{Fuse, Tree};
use super::files::{CopyLimits, FileChunks, FileSource};
use super::journal::{Journal, JournalRecord};
use super::metadata::Metadata;
use super::plan::{Plan, assemble};
use super::run::Run;
use super::view::BackupTable;
use crate::target::ownership::Ownership;
use crate::target::{Target, TargetOptions, offline};
use crate::{CancellationToken, EngineError, Result, Silent};

const ROOT: &str = "/hbase";

/// Files by physical name, as the repository would give them.
#[derive(Default, Clone)]
struct Source(BTreeMap<String, Bytes>);

#[async_trait]
impl FileSource for Source {
    async fn read(&self, file: &FileIdentity) -> Result<Box<dyn FileChunks>> {
        let body = self.0.get(&file.name).cloned();
        let body = body.ok_or_else(|| EngineError::Damage { path: file.name.clone(), message: "frame 0 does not authenticate".into() })?;
        Ok(Box::new(Chunks(body)))
    }
}

struct Chunks(Bytes);

#[async_trait]
impl FileChunks for Chunks {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        let length = self.0.len().min(64 << 10);
        Ok((length > 0).then(|| self.0.split_to(length)))
    }
}

/// A snapshot of a fixture root as a backup would hold it, and its files.
fn backup_of(root: &Path, snapshot: &str) -> (BackupTable, Source) {
    let read = |path: &str| Bytes::from(read_file(&root.join(path.trim_start_matches('/'))).unwrap());
    let layout = RootLayout::new("/");
    let info = read(&layout.snapshot_info_file(snapshot));
    let manifest = SnapshotManifest::read_v2(&info, &read(&layout.data_manifest_file(snapshot))).unwrap();
    let table = manifest.description.table.clone();
    let mut source = Source::default();
    let mut backup = BackupTable {
        name: table.clone(),
        schema: manifest.table_schema,
        enabled: true,
        without_memstores: false,
        regions: vec![],
        infos: vec![],
    };
    for region in manifest.regions {
        let mut families = Vec::new();
        for family in &region.families {
            let directory = family.directory().unwrap();
            let mut files = Vec::new();
            for file in &family.store_files {
                let places = file.parts.candidates(&layout, &table, &region.encoded_name, directory);
                let body =
                    places.iter().find_map(|place| read_file(&root.join(place.trim_start_matches('/')))).expect("the fixture is whole");
                let file_size_bytes = body.len() as u64;
                source.0.insert(file.parts.physical_name().to_owned(), body.into());
                files.push(RestoreFile { name: file.name.clone(), file_size_bytes, reference: file.reference.clone(), existing: None });
            }
            families.push(RestoreFamily { name: family.name.clone(), files });
        }
        backup.regions.push(RestoreRegion { raw_info: region.raw_info, families });
        backup.infos.push(region.info);
    }
    (backup, source)
}

#[expect(clippy::disallowed_methods, reason = "fixtures are files of the source tree")]
fn read_file(path: &Path) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
}

#[expect(clippy::disallowed_methods, reason = "a test breaks a file on purpose")]
fn write_file(path: &Path, body: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, body).unwrap();
}

/// Every file under `base` with its bytes; a directory without entries counts as itself.
fn walk(base: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![base.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(base).unwrap().to_string_lossy().into_owned();
            if path.is_dir() { open.push(path) } else { drop(found.insert(name, read_file(&path).unwrap())) }
        }
    }
    found
}

fn record(source: &TableName, target: &str) -> JournalRecord {
    let id = "00112233aabbccdd";
    let target_table = TableName::parse(target).unwrap();
    JournalRecord {
        version: 1,
        id: id.into(),
        repository: "r".into(),
        backup: 7,
        source: source.to_string(),
        target: target.into(),
        mode: RestoreMode::New,
        replaces: false,
        carrier: TableName::new(target_table.namespace(), &format!("seawall-restore-{id}")).unwrap().to_string(),
        snapshot: format!("seawall-restore-{id}"),
        nonce: (1, 2),
        created_millis: 5,
    }
}

fn target(base: &Path, fuse: Arc<Fuse>) -> Target {
    offline::target(Tree::shared(base, fuse), ROOT, TargetOptions { user: "me".into(), ..TargetOptions::default() })
}

/// One run of `seawall restore`: looks for a journal, plans, runs.
async fn restore(target: &Target, backup: &BackupTable, source: &Source, name: &str) -> Result<RestoreReport> {
    let journals = Journal::list(&target.file_system, &target.root).await?;
    let resumes = journals.into_iter().next();
    let record = resumes.as_ref().map_or_else(|| record(&backup.name, name), |journal| journal.record.clone());
    let table = assemble(target, backup.clone(), record, resumes, &BTreeSet::new()).await?;
    let plan = Plan {
        summary: summary(),
        tables: vec![table],
        namespaces: vec![],
        metadata: Metadata::default(),
        ownership: Ownership::default(),
    };
    let cancel = CancellationToken::new();
    let limits = CopyLimits { workers: 1, memory_bytes: 1 << 20 };
    Run { target, source, limits, monitor: &Silent, clock: &SystemClock, cancel: &cancel }.run(plan).await
}

fn summary() -> api::RestorePlan {
    api::RestorePlan {
        schema_version: 1,
        backup: api::RestoreSource {
            id: "0007".into(),
            committed: String::new(),
            head: String::new(),
            pinned: false,
            cluster: "c".into(),
            hbase_version: None,
        },
        target: api::RestoreTarget { kind: api::TargetKind::Offline, root: ROOT.into(), cluster_id: None, hbase_version: None },
        mode: RestoreMode::New,
        tables: vec![],
        namespaces_to_create: vec![],
        metadata: vec![],
        totals: api::RestoreTotals::default(),
        estimated_seconds: None,
        blockers: vec![],
        warnings: vec![],
    }
}

/// The published snapshot is complete, and every file that it lists is there with the bytes of the backup.
fn assert_whole(base: &Path, backup: &BackupTable, source: &Source) {
    let root = base.join("hbase");
    let layout = RootLayout::new("/");
    let name = "seawall-restore-00112233aabbccdd";
    let file = |path: String| Bytes::from(read_file(&root.join(path.trim_start_matches('/'))).unwrap());
    let manifest = SnapshotManifest::read_v2(&file(layout.snapshot_info_file(name)), &file(layout.data_manifest_file(name))).unwrap();
    assert_eq!(manifest.regions.len(), backup.clone_regions().count());
    let mut seen = BTreeSet::new();
    for region in &manifest.regions {
        for family in &region.families {
            for file in &family.store_files {
                let places = file.parts.candidates(&layout, &manifest.description.table, &region.encoded_name, family.directory().unwrap());
                let found = places
                    .iter()
                    .find_map(|place| read_file(&root.join(place.trim_start_matches('/'))))
                    .unwrap_or_else(|| panic!("{}", file.name));
                assert_eq!(Some(found.len() as u64), file.file_size_bytes, "{}", file.name);
                assert!(found == source.0[file.parts.physical_name()], "{} has other bytes", file.name);
                seen.insert(file.parts.physical_name().to_owned());
            }
        }
    }
    for (name, body) in source.0.iter().filter(|(name, _)| !seen.contains(*name)) {
        let mob = walk(&root.join("mobdir")).into_iter().find(|(path, _)| path.ends_with(name.as_str()));
        assert!(mob.is_some_and(|(_, found)| found == *body), "MOB file {name}");
        assert!(matches!(StoreFileName::parse(name), Ok(StoreFileName::Mob { .. })));
    }
    assert!(!root.join(".seawall").exists(), "nothing of ours is left beside the result");
}

fn fixture() -> std::path::PathBuf {
    testkit::fixtures::root("2.6.4").unwrap()
}

#[tokio::test]
async fn every_fixture_snapshot_is_restored_whole() {
    let root = fixture();
    let mut restored = 0;
    for entry in std::fs::read_dir(root.join(".hbase-snapshot")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let (backup, source) = backup_of(&root, &name);
        let place = tempfile::tempdir().unwrap();
        let report = restore(&target(place.path(), Fuse::never()), &backup, &source, "other:name").await.unwrap();
        assert_eq!(report.tables[0].outcome, RestoreOutcome::SnapshotWritten, "{name}: {:?}", report.tables[0].error);
        assert_eq!(report.tables[0].files_written, source.0.len() as u64);
        let guarded = place.path().join("hbase/.hbase-snapshot/seawall-mob-00112233aabbccdd").exists();
        assert_eq!(guarded, backup.infos.iter().any(hbase_layout::mob::is_mob_region), "{name}");
        assert_whole(place.path(), &backup, &source);
        restored += 1;
    }
    assert!(restored > 20, "{restored} snapshots");
}

#[tokio::test]
async fn killed_at_every_call_the_next_run_finishes() {
    let root = fixture();
    // Half references of a split region, links, and MOB files.
    for snapshot in ["shop.orders-s2", "shop.blobs-s2"] {
        let (backup, source) = backup_of(&root, snapshot);
        let whole = Fuse::new(1 << 40, false);
        let place = tempfile::tempdir().unwrap();
        restore(&target(place.path(), whole.clone()), &backup, &source, "t").await.unwrap();
        let calls = whole.used(1 << 40);
        assert!(calls > 50, "{calls}");
        for last_call_acts in [false, true] {
            for kill_at in 1..=calls {
                let place = tempfile::tempdir().unwrap();
                let killed = restore(&target(place.path(), Fuse::new(kill_at, last_call_acts)), &backup, &source, "t").await;
                let published = place.path().join("hbase/.hbase-snapshot/seawall-restore-00112233aabbccdd");
                if published.exists() {
                    let complete = [".snapshotinfo", "data.manifest"].iter().all(|file| published.join(file).exists());
                    assert!(complete, "killed at {kill_at}: half a snapshot is published");
                }
                let again = restore(&target(place.path(), Fuse::never()), &backup, &source, "t").await;
                let again = again.unwrap_or_else(|error| panic!("{snapshot} killed at {kill_at} ({killed:?}): {error}"));
                assert_eq!(again.tables[0].outcome, RestoreOutcome::SnapshotWritten, "killed at {kill_at}: {:?}", again.tables[0].error);
                assert_whole(place.path(), &backup, &source);
            }
        }
    }
}

#[tokio::test]
async fn a_damaged_file_undoes_everything() {
    let (backup, mut source) = backup_of(&fixture(), "shop.blobs-s2");
    for victim in source.0.keys().cloned().collect::<Vec<_>>() {
        let body = source.0.remove(&victim).unwrap();
        let place = tempfile::tempdir().unwrap();
        write_file(&place.path().join("hbase/hbase.id"), b"here before");
        let report = restore(&target(place.path(), Fuse::never()), &backup, &source, "t").await.unwrap();
        let table = &report.tables[0];
        assert_eq!((table.outcome, table.error.as_ref().map(|error| error.code)), (RestoreOutcome::Failed, Some(5)), "{victim}");
        assert!(table.left.is_empty(), "{:?}", table.left);
        assert_eq!(walk(place.path()).into_keys().collect::<Vec<_>>(), ["hbase/hbase.id"], "{victim}");
        source.0.insert(victim, body);
    }
}

#[tokio::test]
async fn what_lies_at_the_target_is_used_only_if_its_bytes_match() {
    let (backup, source) = backup_of(&fixture(), "users-s2");
    let place = tempfile::tempdir().unwrap();
    let layout = RootLayout::new("/hbase");
    let mut files = Vec::new();
    for (region, info) in backup.regions.iter().zip(&backup.infos) {
        for family in &region.families {
            let directory = layout.family_directory(&backup.name, &info.encoded_name(), std::str::from_utf8(&family.name).unwrap());
            files.extend(family.files.iter().map(|file| (format!("{directory}/{}", file.name), file.name.clone())));
        }
    }
    assert!(files.len() > 3);
    for (index, (path, name)) in files.iter().enumerate() {
        let mut body = source.0[name].to_vec();
        if index == 1 {
            let middle = body.len() / 2;
            body[middle] ^= 1;
        }
        write_file(&place.path().join(path.trim_start_matches('/')), &body);
    }
    let report = restore(&target(place.path(), Fuse::never()), &backup, &source, "copy").await.unwrap();
    assert_eq!(report.tables[0].outcome, RestoreOutcome::SnapshotWritten);
    assert_eq!(
        (report.tables[0].files_written, report.tables[0].files_reused),
        (1, files.len() as u64 - 1),
        "the damaged one is written, the others are linked"
    );
    assert_whole_but_links(place.path(), &source, &files[1].1);
}

/// The damaged file lies under the carrier, all others are links to where they are.
fn assert_whole_but_links(base: &Path, source: &Source, written: &str) {
    let archived = walk(&base.join("hbase/archive"));
    assert_eq!(archived.len(), 1);
    let (path, body) = archived.into_iter().next().unwrap();
    assert!(path.ends_with(written) && body == source.0[written]);
    let layout = RootLayout::new("/");
    let name = "seawall-restore-00112233aabbccdd";
    let root = base.join("hbase");
    let file = |path: String| Bytes::from(read_file(&root.join(path.trim_start_matches('/'))).unwrap());
    let manifest = SnapshotManifest::read_v2(&file(layout.snapshot_info_file(name)), &file(layout.data_manifest_file(name))).unwrap();
    let listed: Vec<StoreFileName> = manifest
        .regions
        .into_iter()
        .flat_map(|region| region.families)
        .flat_map(|family| family.store_files)
        .map(|file| file.parts)
        .collect();
    let links = listed.iter().filter(|parts| matches!(parts, StoreFileName::Link { .. })).count();
    assert_eq!(links, listed.len() - 1);
}

#[tokio::test]
async fn a_later_run_takes_over() {
    let (backup, _) = backup_of(&fixture(), "users-s1");
    let place = tempfile::tempdir().unwrap();
    let target = target(place.path(), Fuse::never());
    let first = Journal::create(&target.file_system, ROOT, record(&backup.name, "t")).await.unwrap();
    first.still_ours().await.unwrap();
    let second = Journal::list(&target.file_system, ROOT).await.unwrap().remove(0).claim().await.unwrap();
    second.still_ours().await.unwrap();
    assert!(matches!(first.still_ours().await, Err(EngineError::TakenOver { .. })));
    second.remove().await.unwrap();
    assert!(walk(place.path()).is_empty());
}
