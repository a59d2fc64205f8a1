//! What only the local backends promise: order of syncs, sweeping, links, errors.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use crate::conformance::{check_file_system, check_object_store};
use crate::local_disk::{DirectorySync, Step};
use crate::{
    CreateOptions, FileSystem, LocalFileSystem, LocalStore, MemoryFileSystem, MemoryStore, ObjectStore, StorageError, SystemClock,
};

fn touch(path: &Path) {
    drop(std::fs::OpenOptions::new().create_new(true).write(true).open(path).expect("create"));
}

const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_the_contracts() {
    let store = MemoryStore::default();
    check_object_store(|| Arc::new(store.clone())).await;
    let tree = MemoryFileSystem::default();
    check_file_system(|| Arc::new(tree.clone()), "/checks").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_store_keeps_the_contract() {
    let directory = tempfile::tempdir().expect("directory");
    let root = directory.path().join("new/repository");
    check_object_store(|| Arc::new(LocalStore::new(&root, DEADLINE))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_file_system_keeps_the_contract() {
    let directory = tempfile::tempdir().expect("directory");
    let root = directory.path().join("hbase");
    check_file_system(|| Arc::new(LocalFileSystem::new(&root, DEADLINE)), root.to_str().expect("path")).await;
}

#[tokio::test]
async fn an_object_is_synced_before_it_has_a_name_and_its_name_before_success() {
    let directory = tempfile::tempdir().expect("directory");
    let root = directory.path().join("repository");
    let trace = Arc::new(Mutex::new(Vec::new()));
    let store = LocalStore::with(root.clone(), DEADLINE, Arc::new(SystemClock), DirectorySync::traced(trace.clone()));
    store.put_new("d/aa/one", Bytes::from_static(b"x")).await.expect("put");
    let steps = std::mem::take(&mut *trace.lock().expect("trace"));
    let temporary = steps.iter().find_map(|step| if let Step::SyncFile(path) = step { Some(path.clone()) } else { None }).expect("synced");
    let sync = |path: &str| Step::SyncDirectory(root.join(path));
    assert_eq!(
        steps,
        [
            Step::MakeDirectory(root.clone()),
            Step::MakeDirectory(root.join("tmp")),
            Step::SyncFile(temporary.clone()),
            Step::MakeDirectory(root.join("d")),
            Step::MakeDirectory(root.join("d/aa")),
            Step::Link(root.join("d/aa/one")),
            Step::Unlink(temporary),
            sync("d/aa"),
            sync("d"),
            Step::SyncDirectory(root.clone()),
            Step::SyncDirectory(directory.path().to_owned()),
        ]
    );
    // The second object of a directory syncs only that directory.
    let mut upload = store.begin("d/aa/two").await.expect("begin");
    upload.write(Bytes::from_static(b"y")).await.expect("write");
    upload.complete().await.expect("complete");
    let steps = std::mem::take(&mut *trace.lock().expect("trace"));
    assert!(
        matches!(&steps[..], [Step::SyncFile(file), Step::Link(link), Step::Unlink(gone), synced] if file == gone && *link == root.join("d/aa/two") && *synced == sync("d/aa")),
        "{steps:?}"
    );
    // The loser of a race may build on the winner's object only when that is durable.
    store.put_new("d/aa/one", Bytes::new()).await.expect_err("exists");
    let steps = std::mem::take(&mut *trace.lock().expect("trace"));
    assert_eq!(steps.last(), Some(&sync("d/aa")), "{steps:?}");
    // A directory that was removed and made again is another one.
    std::fs::remove_dir_all(root.join("d")).expect("remove");
    tokio::time::sleep(Duration::from_millis(20)).await;
    store.put_new("d/aa/one", Bytes::new()).await.expect("put");
    let steps = std::mem::take(&mut *trace.lock().expect("trace"));
    assert!(steps.ends_with(&[sync("d/aa"), sync("d"), Step::SyncDirectory(root.clone())]), "{steps:?}");
}

fn temporaries(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root.join("tmp")) else { return Vec::new() };
    entries.map(|entry| entry.expect("entry").path()).collect()
}

#[tokio::test]
async fn leftovers_of_the_dead_are_swept_and_those_of_the_living_are_not() {
    let directory = tempfile::tempdir().expect("directory");
    let root = directory.path();
    // A dead process: its lock file is there, its lock is not. Process ids say nothing: this one is alive.
    let dead = root.join(format!("tmp/{}-0", std::process::id()));
    std::fs::create_dir_all(&dead).expect("make");
    for name in ["lock", "0", "1"] {
        touch(&dead.join(name));
    }
    std::fs::create_dir_all(root.join("tmp/4711-3")).expect("one that died before it had a lock");
    let living = LocalStore::new(root, DEADLINE);
    let mut upload = living.begin("d/one").await.expect("begin");
    upload.write(Bytes::from(vec![7u8; 5 << 20])).await.expect("write");
    let own = temporaries(root);
    assert_eq!(own.len(), 1, "the dead one's were swept: {own:?}");
    let files: Vec<_> = std::fs::read_dir(&own[0]).expect("own").map(|entry| entry.expect("entry").file_name()).collect();
    assert_eq!(files.len(), 2, "lock and one file: {files:?}");

    LocalStore::new(root, DEADLINE).put_new("d/two", Bytes::new()).await.expect("another store sweeps too");
    upload.complete().await.expect("the living one's file was left alone");
    assert_eq!(living.head("d/one").await.expect("head").length_bytes, 5 << 20);
    drop(living);
    assert!(temporaries(root).is_empty(), "a closed store leaves nothing: {:?}", temporaries(root));
}

#[tokio::test]
async fn links_do_not_lead_out_of_the_root() {
    let directory = tempfile::tempdir().expect("directory");
    let (root, outside) = (directory.path().join("hbase"), directory.path().join("outside"));
    std::fs::create_dir_all(root.join("data")).expect("make");
    std::fs::create_dir_all(&outside).expect("make");
    touch(&outside.join("secret"));
    symlink(&outside, root.join("out")).expect("link");
    symlink(outside.join("secret"), root.join("file")).expect("link");
    let tree = LocalFileSystem::new(&root, DEADLINE);
    let at = |name: &str| format!("{}/{name}", root.display());
    for result in [
        tree.open(&at("out/secret")).await.map(drop),
        tree.open(&at("file")).await.map(drop),
        tree.create_new(&at("out/new"), CreateOptions::default()).await.map(drop),
        tree.make_directories(&at("out/new")).await,
        tree.rename_new(&at("data"), &at("out/data")).await,
        tree.set_mode(&at("file"), 0o777).await,
        tree.open(&format!("{}/secret", outside.display())).await.map(drop),
    ] {
        assert!(matches!(result, Err(StorageError::Invalid { .. })), "{result:?}");
    }
    assert_eq!(std::fs::read_dir(&outside).expect("outside").count(), 1);
    tree.delete(&at("out"), true).await.expect("the link goes, not what it names");
    assert!(outside.join("secret").exists());
    // The root itself may be a link.
    symlink(&root, directory.path().join("linked")).expect("link");
    let linked = LocalFileSystem::new(directory.path().join("linked"), DEADLINE);
    assert!(linked.status(&format!("{}/linked/data", directory.path().display())).await.expect("status").is_directory);
}

#[tokio::test]
async fn a_full_disk_says_so() {
    // A file size limit would kill the test process; a length no disk has makes fallocate say what a full one says.
    let directory = tempfile::tempdir().expect("directory");
    let tree = LocalFileSystem::new(directory.path(), DEADLINE);
    let path = format!("{}/file", directory.path().display());
    let options = CreateOptions { mode: None, expected_length_bytes: Some(1 << 42) };
    let refused = tree.create_new(&path, options).await;
    assert!(matches!(refused, Err(StorageError::NoSpace { .. })), "{refused:?}");
    assert!(matches!(tree.status(&path).await, Err(StorageError::NotFound { .. })), "nothing stays behind");
}
