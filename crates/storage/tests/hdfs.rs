//! The suites against a real HDFS, two NameNodes behind a nameservice, and what only a real one shows. One lab for all tests of a run:
//! `cargo test -p storage --test hdfs -- --ignored --test-threads 1`.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use storage::conformance::{check_file_system, check_object_store};
use storage::{
    CreateOptions, FileSystem, FileSystemOptions, ObjectStore, StorageError, StoreOptions, open_file_system, open_object_store, url_path,
};
use testkit::{HBaseVersion, Lab, LabSpec, Signal};
use tokio::time::Instant;

/// Never dropped: the servers die with this process.
static LAB: LazyLock<Lab> =
    LazyLock::new(|| Lab::start(LabSpec::distributed(HBaseVersion::V2_6_4, true, 1)).expect("a lab with two NameNodes"));

/// A directory of ours; the user who runs the tests started the NameNodes, and so is the superuser.
fn url() -> String {
    let root = LAB.rootdir();
    let authority = root.split('/').nth(2).expect("authority");
    format!("hdfs://{authority}/storage-tests")
}

fn conf_dir() -> Option<PathBuf> {
    Some(LAB.conf_dir())
}

fn store(name: &str, user: Option<&str>) -> Arc<dyn ObjectStore> {
    let options = StoreOptions { conf_dir: conf_dir(), user: user.map(str::to_owned), ..StoreOptions::default() };
    open_object_store(&format!("{}/{name}", url()), &options).expect("store")
}

fn file_system(user: Option<&str>) -> Arc<dyn FileSystem> {
    let options = FileSystemOptions { conf_dir: conf_dir(), user: user.map(str::to_owned), ..FileSystemOptions::default() };
    open_file_system(&url(), &options).expect("file system")
}

fn root(name: &str) -> String {
    format!("{}/{name}", url_path(&url()).expect("path"))
}

async fn empty(name: &str) {
    file_system(None).delete(&root(name), true).await.expect("clean directory");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "live"]
async fn the_hdfs_store_keeps_the_contract() {
    empty("store").await;
    check_object_store(|| store("store", None)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "live"]
async fn the_hdfs_file_system_keeps_the_contract() {
    empty("tree").await;
    check_file_system(|| file_system(None), &root("tree")).await;
}

/// Bytes whose value is their place.
fn body(length: usize) -> Bytes {
    (0..length).map(|place| (place ^ (place >> 8) ^ (place >> 16)) as u8).collect::<Vec<u8>>().into()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "live"]
async fn files_of_several_blocks_end_exactly_at_and_around_a_boundary() {
    empty("blocks").await;
    let tree = file_system(None);
    const BLOCK: usize = 128 << 20;
    for length in [BLOCK - 1, BLOCK, BLOCK + 1] {
        let path = root(&format!("blocks/{length}"));
        let expected = body(length);
        let mut writer = tree.create_new(&path, CreateOptions::default()).await.expect("create");
        for start in (0..length).step_by(5 << 20) {
            writer.write(expected.slice(start..length.min(start + (5 << 20)))).await.expect("write");
        }
        assert_eq!(writer.close().await.expect("close").length_bytes, length as u64);
        let reader = tree.open(&path).await.expect("open");
        for start in (0..length).step_by(8 << 20) {
            let end = length.min(start + (8 << 20));
            assert!(reader.read_range(start as u64, end - start).await.expect("read") == expected.slice(start..end), "{length} at {start}");
        }
        if length > BLOCK {
            let across = reader.read_range(BLOCK as u64 - 5, 6).await.expect("across the boundary");
            assert_eq!(across, expected.slice(BLOCK - 5..BLOCK + 1));
        }
    }
    empty("blocks").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "live"]
async fn a_missing_right_is_named() {
    empty("rights").await;
    let tree = file_system(None);
    let path = root("rights/private/file");
    tree.create_new(&path, CreateOptions::default()).await.expect("create").close().await.expect("close");
    tree.set_mode(&root("rights/private"), 0o700).await.expect("mode");
    let stranger = file_system(Some("stranger"));
    for (call, result) in [
        ("status", stranger.status(&path).await.map(drop)),
        ("open", stranger.open(&path).await.map(drop)),
        ("list", stranger.list(&root("rights/private")).await.map(drop)),
        ("create", stranger.create_new(&root("rights/new"), CreateOptions::default()).await.map(drop)),
        ("delete", stranger.delete(&path, false).await),
        ("rename", stranger.rename_new(&path, &root("rights/private/other")).await),
        ("owner", stranger.set_owner(&root("rights"), Some("stranger"), None).await),
        ("mode", stranger.set_mode(&root("rights"), 0o777).await),
    ] {
        let Err(StorageError::PermissionDenied { right, .. }) = &result else { panic!("{call}: {result:?}") };
        assert!(right.contains("stranger"), "{call}: {right}");
    }
    let put = store("rights/private/store", Some("stranger")).put_new("key", Bytes::new()).await;
    assert!(matches!(put, Err(StorageError::PermissionDenied { .. })), "{put:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "live"]
async fn a_name_node_that_does_not_answer_ends_within_the_deadline() {
    for address in ["hdfs://127.0.0.1:1/none", "hdfs://192.0.2.1:8020/none"] {
        let options = FileSystemOptions { deadline: Duration::from_secs(5), ..FileSystemOptions::default() };
        let tree = open_file_system(address, &options).expect("open");
        let start = Instant::now();
        let result = tree.status("/none").await;
        assert!(matches!(result, Err(StorageError::Unreachable { .. })), "{result:?}");
        assert!(start.elapsed() < Duration::from_secs(7), "took {:?}", start.elapsed());
    }
    let unknown = open_file_system("hdfs://no-such-nameservice/x", &FileSystemOptions::default());
    assert!(matches!(unknown, Err(StorageError::Invalid { .. })), "{unknown:?}");
}

/// Old files of the dead go; what a living writer holds, and what is fresh, stays.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "live"]
async fn leftovers_of_the_dead_are_swept_and_those_of_the_living_are_not() {
    empty("sweep").await;
    let mut builder = hdfs_native::ClientBuilder::new().with_url(url());
    if let Some(directory) = conf_dir() {
        builder = builder.with_config_dir(directory.display().to_string());
    }
    let client = builder.build().expect("client");
    let at = |name: &str| root(&format!("sweep/tmp/{name}"));
    let two_hours = 2 * 60 * 60 * 1000;
    let mut living = None;
    for name in ["dead", "fresh", "living"] {
        let mut writer = client.create(&at(name), hdfs_native::WriteOptions::default()).await.expect(name);
        writer.write_bytes(body(1000)).await.expect(name);
        if name == "living" {
            writer.hsync().await.expect(name);
            living = Some(writer);
        } else {
            writer.close().await.expect(name);
        }
        let made = client.get_file_info(&at(name)).await.expect(name).modification_time;
        if name != "fresh" {
            client.set_times(&at(name), made - two_hours, made - two_hours).await.expect(name);
        }
    }
    store("sweep", None).put_new("key", Bytes::new()).await.expect("the first put sweeps");
    let tree = file_system(None);
    assert!(tree.status(&at("dead")).await.expect_err("swept").is_not_found());
    tree.status(&at("fresh")).await.expect("fresh");
    tree.status(&at("living")).await.expect("living");
    let mut living = living.expect("writer");
    living.write_bytes(body(1000)).await.expect("the living one writes on");
    living.close().await.expect("and closes");
    assert_eq!(tree.status(&at("living")).await.expect("living").length_bytes, 2000);
}

/// Kills the active NameNode with SIGKILL and makes the other one active; the dead one comes back as the standby.
async fn fail_over() {
    let switch = || {
        let active = LAB.active_namenode().expect("an active NameNode");
        let other = if active == "nn1" { "nn2" } else { "nn1" };
        LAB.kill(active, Signal::KILL).expect("kill");
        LAB.activate_namenode(other, true).expect("take over");
        LAB.start_process(active).expect("start again");
    };
    tokio::task::spawn_blocking(switch).await.expect("failover");
}

/// The active NameNode is killed while an object of five blocks is written: the upload goes on with the other, or fails within its
/// deadline with nothing under the key; then the next one succeeds.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "live"]
async fn failover_during_a_long_write() {
    empty("failover-write").await;
    let expected = body(600 << 20);
    let store = store("failover-write", None);
    let mut killing = None;
    let mut outcomes = Vec::new();
    for attempt in 0..3 {
        let result = async {
            let mut upload = store.begin("object").await?;
            for (part, start) in (0..expected.len()).step_by(4 << 20).enumerate() {
                if attempt == 0 && part == 40 {
                    killing = Some(tokio::spawn(fail_over()));
                }
                upload.write(expected.slice(start..expected.len().min(start + (4 << 20)))).await?;
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
            upload.complete().await
        }
        .await;
        outcomes.push(result.map(drop));
        if outcomes.last().is_some_and(Result::is_ok) {
            break;
        }
        assert!(store.head("object").await.expect_err("half an object").is_not_found());
    }
    killing.expect("killed").await.expect("failover");
    assert!(outcomes.last().is_some_and(Result::is_ok), "{outcomes:?}");
    assert!(outcomes.len() <= 2, "the other NameNode was there: {outcomes:?}");
    for start in (0..expected.len()).step_by(8 << 20) {
        let end = expected.len().min(start + (8 << 20));
        assert!(store.get_range("object", start as u64..end as u64).await.expect("read") == expected.slice(start..end), "at {start}");
    }
    eprint(&format!("outcomes: {outcomes:?}"));
    empty("failover-write").await;
}

/// The same while a file is read: no error, no wrong byte.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "live"]
async fn failover_during_a_long_read() {
    empty("failover-read").await;
    let expected = body(400 << 20);
    let tree = file_system(None);
    let path = root("failover-read/file");
    let mut writer = tree.create_new(&path, CreateOptions::default()).await.expect("create");
    writer.write(expected.clone()).await.expect("write");
    writer.close().await.expect("close");
    let reader = tree.open(&path).await.expect("open");
    let mut killing = None;
    let mut slowest = Duration::ZERO;
    for (part, start) in (0..expected.len()).step_by(4 << 20).enumerate() {
        if part == 10 {
            killing = Some(tokio::spawn(fail_over()));
        }
        let end = expected.len().min(start + (4 << 20));
        let began = Instant::now();
        assert!(reader.read_range(start as u64, end - start).await.expect("read") == expected.slice(start..end), "at {start}");
        tree.status(&path).await.expect("status");
        slowest = slowest.max(began.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    killing.expect("killed").await.expect("failover");
    eprint(&format!("slowest read and status: {slowest:?}"));
    empty("failover-read").await;
}

/// Shown with `--nocapture`: how long, and how often.
#[expect(clippy::print_stderr, reason = "figures of a live run")]
fn eprint(text: &str) {
    eprintln!("{text}");
}
