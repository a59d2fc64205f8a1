//! The contract of [`FileSystem`].

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::Barrier;

use super::pattern;
use crate::{CreateOptions, FileSystem, StorageError};

/// Runs every check below `root`, a directory that may not exist yet but whose parent does. `open` opens the file system anew.
pub async fn check_file_system(open: impl Fn() -> Arc<dyn FileSystem>, root: &str) {
    let file_system = open();
    let root = root.trim_end_matches('/');
    file_system.make_directories(root).await.expect("the root of the checks");
    writes_and_reads(&*file_system, root).await;
    files_are_visible_while_written(&open, root).await;
    creates_once(&open, root).await;
    lists_one_level_sorted(&*file_system, root).await;
    makes_directories(&*file_system, root).await;
    renames_without_overwriting(&*file_system, root).await;
    one_of_sixteen_renames_wins(&open, root).await;
    deletes(&*file_system, root).await;
    sets_mode_and_owner(&*file_system, root).await;
    refuses_paths_that_are_not_plain(&*file_system).await;
}

async fn write(file_system: &dyn FileSystem, path: &str, body: Bytes) {
    let mut writer = file_system.create_new(path, CreateOptions::default()).await.expect(path);
    writer.write(body).await.expect(path);
    writer.close().await.expect(path);
}

async fn read(file_system: &dyn FileSystem, path: &str) -> Bytes {
    let reader = file_system.open(path).await.expect(path);
    let length = usize::try_from(reader.length_bytes()).expect("length");
    reader.read_range(0, length).await.expect(path)
}

fn not_found<T: std::fmt::Debug>(what: &str, result: crate::Result<T>) {
    assert!(matches!(result, Err(StorageError::NotFound { .. })), "{what}: expected NotFound, got {result:?}");
}

fn already_exists<T: std::fmt::Debug>(what: &str, result: crate::Result<T>) {
    assert!(matches!(result, Err(StorageError::AlreadyExists { .. })), "{what}: expected AlreadyExists, got {result:?}");
}

fn invalid<T: std::fmt::Debug>(what: &str, result: crate::Result<T>) {
    assert!(matches!(result, Err(StorageError::Invalid { .. })), "{what}: expected Invalid, got {result:?}");
}

async fn writes_and_reads(file_system: &dyn FileSystem, root: &str) {
    let mut body = BytesMut::new();
    let path = format!("{root}/write/deep/er/file");
    let options = CreateOptions { mode: None, expected_length_bytes: Some(20 << 20) };
    let mut writer = file_system.create_new(&path, options).await.expect("create with parents");
    for (part, length) in [0usize, 1, 70_000, 5 << 20, 3, (4 << 20) + 1].into_iter().enumerate() {
        let bytes = pattern(length, part as u64);
        body.extend_from_slice(&bytes);
        writer.write(bytes).await.expect("write");
    }
    let body = body.freeze();
    let status = writer.close().await.expect("close");
    assert_eq!((status.path.as_str(), status.length_bytes, status.is_directory), (path.as_str(), body.len() as u64, false));
    let found = file_system.status(&path).await.expect("status");
    assert_eq!((found.length_bytes, found.name(), found.is_directory), (body.len() as u64, "file", false));
    assert!(found.modified_millis > 1_600_000_000_000, "no date: {found:?}");
    assert!(read(file_system, &path).await == body, "the file reads differently");

    let reader = Arc::new(file_system.open(&path).await.expect("open"));
    assert_eq!(reader.length_bytes(), body.len() as u64);
    let ranges = [(0usize, 0usize), (0, 1), (body.len() - 1, 1), (body.len(), 0), (65_535, 65_537), (1 << 20, 3 << 20)];
    let reads = ranges.map(|(offset, length)| {
        let (reader, body) = (reader.clone(), body.clone());
        async move {
            let found = reader.read_range(offset as u64, length).await.expect("range");
            assert!(found == body.slice(offset..offset + length), "range {offset}+{length}");
        }
    });
    futures::future::join_all(reads).await;
    let past = reader.read_range(body.len() as u64 - 1, 2).await;
    assert!(matches!(past, Err(StorageError::Short { actual: 1, .. })), "past the end: {past:?}");
    let far = reader.read_range(u64::MAX, 1).await;
    assert!(matches!(far, Err(StorageError::Short { .. })), "far past the end: {far:?}");

    write(file_system, &format!("{root}/write/empty"), Bytes::new()).await;
    assert!(read(file_system, &format!("{root}/write/empty")).await.is_empty());
    invalid("open of a directory", file_system.open(&format!("{root}/write")).await);
    not_found("open", file_system.open(&format!("{root}/write/none")).await);
    not_found("status", file_system.status(&format!("{root}/none/none")).await);
    not_found("status below a file", file_system.status(&format!("{root}/write/empty/below")).await);
    not_found("open below a file", file_system.open(&format!("{root}/write/empty/below")).await);
    // Names as HBase makes them.
    let name = format!("{root}/write/.tmp/localhost%2C16020%2C1.1700000000000=a-b_SeqId_5_");
    write(file_system, &name, pattern(10, 1)).await;
    assert_eq!(read(file_system, &name).await, pattern(10, 1));
}

async fn files_are_visible_while_written(open: &impl Fn() -> Arc<dyn FileSystem>, root: &str) {
    let path = format!("{root}/visible/file");
    let file_system = open();
    let mut writer = file_system.create_new(&path, CreateOptions::default()).await.expect("create");
    assert!(!open().status(&path).await.expect("visible while empty").is_directory);
    writer.write(pattern(100, 1)).await.expect("write");
    assert_eq!(open().list(&format!("{root}/visible")).await.expect("list").len(), 1);
    already_exists("a second writer", open().create_new(&path, CreateOptions::default()).await);
    writer.close().await.expect("close");
    assert_eq!(open().status(&path).await.expect("status").length_bytes, 100);
    already_exists("create over a file", file_system.create_new(&path, CreateOptions::default()).await);
    already_exists("create over a directory", file_system.create_new(&format!("{root}/visible"), CreateOptions::default()).await);
    invalid("create below a file", file_system.create_new(&format!("{path}/below"), CreateOptions::default()).await);
    // Whoever drops a writer leaves a file that can be deleted.
    let dropped = format!("{root}/visible/dropped");
    drop(file_system.create_new(&dropped, CreateOptions::default()).await.expect("create"));
    file_system.delete(&dropped, false).await.expect("delete what a dropped writer left");
    not_found("deleted", file_system.status(&dropped).await);
}

async fn creates_once(open: &impl Fn() -> Arc<dyn FileSystem>, root: &str) {
    let path = format!("{root}/create-race/in/new/directories/file");
    let start = Arc::new(Barrier::new(16));
    let racers = (0..16).map(|_| {
        let (file_system, path, start) = (open(), path.clone(), start.clone());
        tokio::spawn(async move {
            start.wait().await;
            match file_system.create_new(&path, CreateOptions::default()).await {
                Ok(writer) => writer.close().await.map(|_| true),
                Err(StorageError::AlreadyExists { .. }) => Ok(false),
                Err(error) => Err(error),
            }
        })
    });
    let won = futures::future::join_all(racers.collect::<Vec<_>>()).await;
    let won = won.into_iter().filter(|result| *result.as_ref().expect("racer").as_ref().expect("create")).count();
    assert_eq!(won, 1, "creators of one file");
}

async fn lists_one_level_sorted(file_system: &dyn FileSystem, root: &str) {
    for name in ["b/inside", "a-b", "a", "ab", "A", ".hidden", "c%2Cd"] {
        write(file_system, &format!("{root}/list/{name}"), Bytes::from_static(b"xyz")).await;
    }
    let listed = file_system.list(&format!("{root}/list")).await.expect("list");
    let names: Vec<&str> = listed.iter().map(|entry| entry.name()).collect();
    assert_eq!(names, [".hidden", "A", "a", "a-b", "ab", "b", "c%2Cd"]);
    for entry in &listed {
        assert_eq!(entry.path, format!("{root}/list/{}", entry.name()));
        assert_eq!((entry.is_directory, entry.length_bytes), if entry.name() == "b" { (true, 0) } else { (false, 3) });
    }
    file_system.make_directories(&format!("{root}/list/empty")).await.expect("make");
    assert!(file_system.list(&format!("{root}/list/empty")).await.expect("list").is_empty());
    not_found("list of a file", file_system.list(&format!("{root}/list/a")).await);
    not_found("list below a file", file_system.list(&format!("{root}/list/a/b")).await);
    not_found("list", file_system.list(&format!("{root}/none")).await);
}

async fn makes_directories(file_system: &dyn FileSystem, root: &str) {
    let path = format!("{root}/make/a/b/c");
    file_system.make_directories(&path).await.expect("make");
    file_system.make_directories(&path).await.expect("make again");
    assert!(file_system.status(&path).await.expect("status").is_directory);
    write(file_system, &format!("{root}/make/file"), Bytes::new()).await;
    already_exists("directory over a file", file_system.make_directories(&format!("{root}/make/file")).await);
    invalid("directory below a file", file_system.make_directories(&format!("{root}/make/file/a/b")).await);
}

async fn renames_without_overwriting(file_system: &dyn FileSystem, root: &str) {
    let at = |name: &str| format!("{root}/rename/{name}");
    write(file_system, &at("one"), pattern(10, 1)).await;
    write(file_system, &at("two"), pattern(20, 2)).await;
    write(file_system, &at("tree/deep/three"), pattern(30, 3)).await;
    file_system.make_directories(&at("empty")).await.expect("make");
    already_exists("file over a file", file_system.rename_new(&at("one"), &at("two")).await);
    already_exists("file over an empty directory", file_system.rename_new(&at("one"), &at("empty")).await);
    already_exists("directory over an empty directory", file_system.rename_new(&at("tree"), &at("empty")).await);
    already_exists("directory over a file", file_system.rename_new(&at("tree"), &at("one")).await);
    assert!(file_system.list(&at("empty")).await.expect("list").is_empty(), "something was moved into a directory");
    not_found("missing source", file_system.rename_new(&at("none"), &at("new")).await);
    not_found("missing parent of the target", file_system.rename_new(&at("one"), &at("none/new")).await);
    invalid("below itself", file_system.rename_new(&at("tree"), &at("tree/deep/new")).await);
    assert_eq!(read(file_system, &at("one")).await, pattern(10, 1));
    assert_eq!(read(file_system, &at("two")).await, pattern(20, 2));

    file_system.rename_new(&at("one"), &at("empty/one")).await.expect("file into another directory");
    assert_eq!(read(file_system, &at("empty/one")).await, pattern(10, 1));
    not_found("renamed", file_system.status(&at("one")).await);
    file_system.rename_new(&at("tree"), &at("moved")).await.expect("directory");
    assert_eq!(read(file_system, &at("moved/deep/three")).await, pattern(30, 3));
    not_found("renamed", file_system.status(&at("tree")).await);
}

/// Sixteen directories want one name: a finished directory is published by one rename.
async fn one_of_sixteen_renames_wins(open: &impl Fn() -> Arc<dyn FileSystem>, root: &str) {
    let target = format!("{root}/rename-race/target");
    for racer in 0..16u64 {
        write(&*open(), &format!("{root}/rename-race/{racer}/file"), pattern(100, racer)).await;
    }
    let start = Arc::new(Barrier::new(16));
    let racers = (0..16u64).map(|racer| {
        let (file_system, from, to, start) = (open(), format!("{root}/rename-race/{racer}"), target.clone(), start.clone());
        tokio::spawn(async move {
            start.wait().await;
            (racer, file_system.rename_new(&from, &to).await)
        })
    });
    let mut winners = Vec::new();
    for result in futures::future::join_all(racers.collect::<Vec<_>>()).await {
        match result.expect("racer") {
            (racer, Ok(())) => winners.push(racer),
            (_, Err(StorageError::AlreadyExists { .. })) => {}
            (racer, Err(error)) => panic!("racer {racer}: {error}"),
        }
    }
    let [winner] = winners[..] else { panic!("winners: {winners:?}") };
    assert_eq!(read(&*open(), &format!("{target}/file")).await, pattern(100, winner));
    assert_eq!(open().list(&target).await.expect("list").len(), 1, "a loser was moved into the winner");
}

async fn deletes(file_system: &dyn FileSystem, root: &str) {
    let at = |name: &str| format!("{root}/delete/{name}");
    write(file_system, &at("tree/a/file"), pattern(10, 1)).await;
    write(file_system, &at("tree/file"), pattern(10, 1)).await;
    write(file_system, &at("single"), pattern(10, 1)).await;
    invalid("a full directory", file_system.delete(&at("tree"), false).await);
    assert_eq!(read(file_system, &at("tree/a/file")).await, pattern(10, 1));
    file_system.delete(&at("tree"), true).await.expect("delete a tree");
    not_found("deleted", file_system.status(&at("tree")).await);
    file_system.delete(&at("single"), false).await.expect("delete a file");
    not_found("deleted", file_system.status(&at("single")).await);
    for missing in ["single", "none/none"] {
        file_system.delete(&at(missing), false).await.expect("delete what is not there");
        file_system.delete(&at(missing), true).await.expect("delete what is not there");
    }
    file_system.make_directories(&at("empty")).await.expect("make");
    file_system.delete(&at("empty"), false).await.expect("delete an empty directory");
    not_found("deleted", file_system.status(&at("empty")).await);
}

async fn sets_mode_and_owner(file_system: &dyn FileSystem, root: &str) {
    let path = format!("{root}/mode/file");
    let options = CreateOptions { mode: Some(0o600), expected_length_bytes: None };
    file_system.create_new(&path, options).await.expect("create").close().await.expect("close");
    assert_eq!(file_system.status(&path).await.expect("status").mode, Some(0o600));
    file_system.set_mode(&path, 0o640).await.expect("set mode");
    let status = file_system.status(&path).await.expect("status");
    assert_eq!(status.mode, Some(0o640));
    let (owner, group) = (status.owner.expect("owner"), status.group.expect("group"));
    assert!(!owner.is_empty() && !group.is_empty());
    // What everyone may do: give it to whom it belongs.
    file_system.set_owner(&path, Some(&owner), None).await.expect("owner stays");
    file_system.set_owner(&path, None, Some(&group)).await.expect("group stays");
    let after = file_system.status(&path).await.expect("status");
    assert_eq!((after.owner, after.group), (Some(owner), Some(group)));
    not_found("mode of nothing", file_system.set_mode(&format!("{root}/none"), 0o600).await);
    not_found("owner of nothing", file_system.set_owner(&format!("{root}/none"), Some("nobody"), None).await);
}

async fn refuses_paths_that_are_not_plain(file_system: &dyn FileSystem) {
    for bad in ["", "relative", "/a/../b", "/a//b", "/a/", "/a/./b"] {
        invalid(bad, file_system.status(bad).await);
        invalid(bad, file_system.list(bad).await);
        invalid(bad, file_system.create_new(bad, CreateOptions::default()).await);
        invalid(bad, file_system.delete(bad, true).await);
        invalid(bad, file_system.rename_new("/a", bad).await);
        invalid(bad, file_system.rename_new(bad, "/a").await);
        invalid(bad, file_system.make_directories(bad).await);
    }
}
