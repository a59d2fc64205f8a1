//! The frozen repository of format version 1 in `testdata/repo/v1`: every later version of this crate must open and read it.
//!
//! Made once by `SEAWALL_FREEZE=1 cargo test -p repository --test frozen -- --ignored`; never made again for a released version.

#![allow(clippy::disallowed_methods, reason = "the test looks at local files")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Source, back_up, check_backup};
use repository::{Environment, InitOptions, OpenOptions, Pin, Repository, Unlock, VerifyLevel, VerifyOptions};
use storage::{LocalStore, ObjectStore};
use zeroize::Zeroizing;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/repo/v1")
}

fn sources() -> Vec<Source> {
    let mut sources = vec![Source::new("empty", 1, 0), Source::new("frame-and-one", 4, (1 << 20) + 1)];
    sources.extend((0..4).map(|n| Source::new(&format!("small-{n}"), 10 + n, 700 * n as usize)));
    sources
}

fn store() -> Arc<dyn ObjectStore> {
    Arc::new(LocalStore::new(directory().join("store"), storage::DEFAULT_DEADLINE))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes the frozen repository anew"]
async fn freeze() {
    assert!(std::env::var_os("SEAWALL_FREEZE").is_some() && !directory().exists(), "only on purpose, only once");
    let report =
        Repository::init(store(), Environment::system(), InitOptions { recovery: true, ..InitOptions::default() }).await.expect("init");
    std::fs::write(directory().join("key"), report.key_file.as_slice()).expect("key");
    std::fs::write(directory().join("recovery"), report.recovery.expect("recovery").as_bytes()).expect("recovery");
    let repository =
        Repository::open(store(), Environment::system(), Unlock::KeyFile(report.key_file), OpenOptions::default()).await.expect("open");
    back_up(&repository, &sources()[..3]).await.expect("first");
    back_up(&repository, &sources()).await.expect("second");
    let head = repository.head();
    std::fs::write(directory().join("head"), format!("{}:{}\n", head.sequence, data_encoding::HEXLOWER.encode(&head.hash))).expect("head");
}

fn pin() -> Pin {
    let text = std::fs::read_to_string(directory().join("head")).expect("head");
    let (sequence, hash) = text.trim().split_once(':').expect("seq:hash");
    let hash = data_encoding::HEXLOWER.decode(hash.as_bytes()).expect("hex");
    Pin { sequence: sequence.parse().expect("number"), hash: hash.try_into().expect("32 bytes") }
}

#[tokio::test(flavor = "multi_thread")]
async fn version_1_opens_and_reads() {
    let key = Unlock::KeyFile(Zeroizing::new(std::fs::read(directory().join("key")).expect("key")));
    let recovery = Unlock::Recovery(Zeroizing::new(std::fs::read_to_string(directory().join("recovery")).expect("recovery")));
    for unlock in [key, recovery] {
        let options = OpenOptions { pin: Some(pin()), read_only: true, ..OpenOptions::default() };
        let repository = Repository::open(store(), Environment::system(), unlock.clone(), options).await.expect("opens");
        check_backup(&repository, 1, &sources()[..3]).await;
        check_backup(&repository, 2, &sources()).await;
        let report =
            repository.verify(VerifyOptions { level: VerifyLevel::Data, backups: Vec::new(), workers: 2 }, &|_| {}).await.expect("verify");
        assert_eq!(report.damages, []);
        assert!(repository.key_prove(&unlock).await.expect("proved").current);
        for object in store().list("", None, 1000).await.expect("list") {
            repository.decode(&object.key).await.unwrap_or_else(|error| panic!("{}: {error}", object.key));
        }
    }
}
