//! Backups of real root directories into a real repository in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use api::{BackupOutcome, ErrorKind};
use async_trait::async_trait;
use engine::Silent;
use engine::backup::BackupOptions;
use repository::OpenOptions;
use storage::wrap::CallKind;
use storage::{CreateOptions, FileReader, FileStatus, FileSystem, FileWriter, LocalFileSystem, ObjectStore, Space};
use testkit::fixtures;

use crate::world::{Still, World, all, empty_users, files_below, hfile, is_store_file, only};

/// Bytes of every store file anywhere in a root directory, by name.
fn on_disk(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for top in ["data", "archive", "mobdir"] {
        for file in files_below(&root.join(top)) {
            if is_store_file(file.to_str().unwrap()) {
                found.insert(file.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&file).unwrap());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_reads_back_byte_for_byte() {
    for version in fixtures::VERSIONS {
        let root = fixtures::root(version).unwrap();
        let world = World::over(root.clone()).await;
        let report = world.backup(all()).await.unwrap();
        assert_eq!((report.outcome, report.sequence), (BackupOutcome::Complete, 1), "{version}");
        let (restored, disk) = (world.restored(1).await, on_disk(&root));
        assert_eq!(restored.len() as u64, report.totals.files, "{version}");
        for (name, bytes) in &restored {
            assert!(disk.get(name) == Some(bytes), "{version}: {name} is not what lies on disk");
        }
        // Nothing that a user's region lists is left out.
        for file in files_below(&root.join("data")).iter().filter(|file| is_store_file(file.to_str().unwrap())) {
            let name = file.file_name().unwrap().to_str().unwrap();
            let is_plain = name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'_' || byte.is_ascii_alphabetic());
            if is_plain && !file.to_str().unwrap().contains("/data/hbase/") {
                assert!(restored.contains_key(name), "{version}: {} is not in the backup", file.display());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_backup_without_changes_opens_no_store_file_and_makes_few_calls() {
    let mut calls = Vec::new();
    for options in [only("users"), all()] {
        let world = World::over(fixtures::root("2.6.4").unwrap()).await;
        world.backup(options.clone()).await.unwrap();
        let first = world.source_calls.reset();
        assert!(first.paths(CallKind::Open).iter().any(|path| is_store_file(path)), "the first backup reads");
        world.store_calls.reset();
        let report = world.backup(options).await.unwrap();
        assert_eq!((report.totals.read_files, report.totals.read_bytes, report.totals.stored_bytes), (0, 0, 0));
        assert_eq!(report.totals.shared_files, report.totals.files);
        let (source, store) = (world.source_calls.reset(), world.store_calls.reset());
        for kind in [CallKind::Open, CallKind::Read, CallKind::Status] {
            let touched: Vec<&str> = source.paths(kind).into_iter().filter(|path| is_store_file(path)).collect();
            assert_eq!(touched, Vec::<&str>::new(), "{kind:?}");
        }
        assert_eq!(source.changes(), 0, "a backup changes nothing in an offline source");
        assert_eq!(store.paths(CallKind::Begin), Vec::<&str>::new());
        assert!(store.paths(CallKind::PutNew).iter().all(|key| !key.starts_with("d/")), "no data is stored");
        assert!(store.total_calls() <= 40, "{} calls: {:?}", store.total_calls(), store.counts);
        calls.push(store.total_calls());
    }
    // Nine tables or one: what differs is pages of the manifest, which come together.
    assert!(calls[0].abs_diff(calls[1]) <= 8, "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_source_file_fails_its_table_by_name_and_no_other() {
    let directory = fixtures::copy("2.6.4").unwrap();
    let root = directory.path().join("root");
    let users = files_below(&root.join("data/default/users")).into_iter().filter(|file| is_store_file(file.to_str().unwrap()));
    let victim = users.max_by_key(|file| std::fs::metadata(file).unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&victim).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 0x04;
    std::fs::write(&victim, bytes).unwrap();
    let world = World::over(root).await;

    let report = world.backup(all()).await.unwrap();
    assert_eq!(report.outcome, BackupOutcome::Partial);
    let failed: Vec<_> = report.tables.iter().filter(|table| !table.stored).collect();
    let [table] = failed[..] else { panic!("{failed:?}") };
    let error = table.error.as_ref().unwrap();
    assert_eq!((table.table.as_str(), error.code), ("users", 5));
    assert!(error.message.contains(victim.file_name().unwrap().to_str().unwrap()), "{}", error.message);
    assert!(report.tables.iter().filter(|table| table.stored).count() >= 8);
    let restored = world.restored(1).await;
    assert!(!restored.contains_key(victim.file_name().unwrap().to_str().unwrap()), "a damaged file must not get into a backup");
    assert!(restored.len() > 30);

    // Alone it is an error of the run, and nothing is committed.
    let alone = world.backup(only("users")).await.unwrap_err();
    assert_eq!(alone.kind(), ErrorKind::Damage, "{alone}");
    assert_eq!(world.open().await.backups().unwrap().len(), 1);
}

/// A local root directory in which HBase's cleaner archives a file at the moment somebody wants to open it.
#[derive(Debug)]
struct Archiving {
    inner: LocalFileSystem,
    from: String,
    to: String,
    done: AtomicBool,
}

#[async_trait]
impl FileSystem for Archiving {
    fn url(&self) -> String {
        self.inner.url()
    }
    async fn status(&self, path: &str) -> storage::Result<FileStatus> {
        self.inner.status(path).await
    }
    async fn list(&self, path: &str) -> storage::Result<Vec<FileStatus>> {
        self.inner.list(path).await
    }
    async fn open(&self, path: &str) -> storage::Result<Box<dyn FileReader>> {
        if path == self.from && !self.done.swap(true, Ordering::SeqCst) {
            self.inner.make_directories(self.to.rsplit_once('/').unwrap().0).await?;
            self.inner.rename_new(&self.from, &self.to).await?;
        }
        self.inner.open(path).await
    }
    async fn create_new(&self, path: &str, options: CreateOptions) -> storage::Result<Box<dyn FileWriter>> {
        self.inner.create_new(path, options).await
    }
    async fn rename_new(&self, from: &str, to: &str) -> storage::Result<()> {
        self.inner.rename_new(from, to).await
    }
    async fn make_directories(&self, path: &str) -> storage::Result<()> {
        self.inner.make_directories(path).await
    }
    async fn delete(&self, path: &str, recursive: bool) -> storage::Result<()> {
        self.inner.delete(path, recursive).await
    }
    async fn set_owner(&self, path: &str, owner: Option<&str>, group: Option<&str>) -> storage::Result<()> {
        self.inner.set_owner(path, owner, group).await
    }
    async fn set_mode(&self, path: &str, mode: u32) -> storage::Result<()> {
        self.inner.set_mode(path, mode).await
    }
    async fn space(&self) -> storage::Result<Option<Space>> {
        self.inner.space().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_moves_to_the_archive_is_found_there() {
    let directory = fixtures::copy("2.6.4").unwrap();
    let root = directory.path().join("root");
    let victim = files_below(&root.join("data/default/users")).into_iter().find(|file| is_store_file(file.to_str().unwrap())).unwrap();
    let from = victim.to_str().unwrap().to_owned();
    let to = from.replace("/root/data/", "/root/archive/data/");
    let expected = std::fs::read(&victim).unwrap();
    let inner = LocalFileSystem::new(root.clone(), Duration::from_secs(60));
    let archiving = Arc::new(Archiving { inner, from: from.clone(), to: to.clone(), done: AtomicBool::new(false) });
    let world = World::with(archiving.clone(), root.to_str().unwrap().to_owned()).await;
    let report = world.backup(only("users")).await.unwrap();
    assert_eq!(report.outcome, BackupOutcome::Complete);
    assert!(archiving.done.load(Ordering::SeqCst) && !victim.exists());
    assert!(world.source_calls.snapshot().paths(CallKind::Open).contains(&to.as_str()));
    assert_eq!(world.restored(1).await[victim.file_name().unwrap().to_str().unwrap()], expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_worker_writes_what_eight_workers_write() {
    let mut seen = Vec::new();
    for (workers, tables_at_once) in [(1, 1), (8, 4)] {
        let world = World::over(fixtures::root("2.6.4").unwrap()).await;
        let options = BackupOptions { workers, tables_at_once, ..all() };
        world.backup(options).await.unwrap();
        let repository = world.open().await;
        let row = repository.backups().unwrap().remove(0).row;
        // Ids are keyed by the repository's own key, so files are compared by what the manifest calls them.
        let restored: BTreeMap<String, blake3::Hash> =
            world.restored(1).await.into_iter().map(|(name, bytes)| (name, blake3::hash(&bytes))).collect();
        seen.push((world.entries(1).await, row, restored));
    }
    assert!(seen[0].0.len() > 100);
    assert!(seen[0].0 == seen[1].0, "the manifests differ");
    assert_eq!(seen[0].1, seen[1].1, "the list rows differ");
    assert_eq!(seen[0].2, seen[1].2, "the contents differ");
}

/// A plan for people only writes nothing: not into the repository, not beside it, not into the source; and counts what the real plan counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_preview_works_where_nothing_may_be_written() {
    let (tree, families) = empty_users();
    tree.overwrite(&format!("{}/{:032x}", families[0], 1), hfile(1, 1_500_000)).unwrap();
    tree.overwrite(&format!("{}/{:032x}", families[1], 2), hfile(2, 50_000)).unwrap();
    let world = World::with(Arc::new(tree.clone()), "/hbase".to_owned()).await;
    world.backup(all()).await.unwrap();
    tree.overwrite(&format!("{}/{:032x}", families[2], 3), hfile(3, 60_000)).unwrap();
    // A run that died after it stored one more large file.
    tree.overwrite(&format!("{}/{:032x}", families[3], 4), hfile(4, 1_200_000)).unwrap();
    let journals = tempfile::tempdir().unwrap();
    let options = BackupOptions { journal_directory: Some(journals.path().to_owned()), ..all() };
    let faults =
        storage::wrap::Fault::new(vec![storage::wrap::FaultRule::every(CallKind::PutNew, storage::wrap::FaultAction::Unreachable)]);
    let dying = world.open_over(faults.store(world.memory.clone()), OpenOptions::default()).await;
    world.backup_into(&dying, options.clone()).await.unwrap_err();

    let (before, journals_before) = (world.memory.contents(), files_below(journals.path()));
    assert_eq!(journals_before.len(), 1, "the dead run left a journal");
    let denied = [CallKind::PutNew, CallKind::Begin, CallKind::DeleteObject, CallKind::Settle];
    let rules = denied.map(|kind| storage::wrap::FaultRule::every(kind, storage::wrap::FaultAction::Denied));
    let read_only = storage::wrap::Fault::new(rules.to_vec()).store(world.memory.clone());
    let repository = world.open_over(read_only, OpenOptions { read_only: true, ..OpenOptions::default() }).await;
    world.source_calls.reset();
    for options in [options.clone(), BackupOptions { journal_directory: None, adopt_idle: Some(Duration::ZERO), ..all() }] {
        let plan = engine::backup::preview(&world.cluster(), &repository, &options, Arc::new(Still), &Silent).await.unwrap();
        assert!(engine::backup::refusal(&plan).is_none());
        assert_eq!((plan.totals.files, plan.totals.known_files, plan.totals.files_to_read), (4, 3, 1), "{:?}", plan.totals);
        assert_eq!((plan.adopted.uploads, plan.adopted.files, plan.adopted.bytes), (1, 1, 1_200_000));
    }
    assert_eq!(world.memory.contents(), before);
    assert_eq!(files_below(journals.path()), journals_before);
    assert_eq!(world.source_calls.reset().changes(), 0);
    // What it foretold is what the run then does.
    let report = world.backup(options).await.unwrap();
    assert_eq!((report.totals.read_files, report.adopted.files), (1, 1));
    let names: BTreeSet<String> = world.restored(2).await.into_keys().collect();
    assert_eq!(names.len(), 4);
    assert!(world.memory.list("d/", None, 100).await.unwrap().len() >= 4);
}
