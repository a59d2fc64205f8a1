//! A repository of 10 000 backups: opening it without any local copy and listing it takes less than a second.
//!
//! `cargo test --release -p repository --test many_backups -- --ignored --nocapture` prints the figures of both stores.

#![allow(clippy::disallowed_methods, clippy::print_stderr, reason = "measures time and prints it")]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::Fixture;
use repository::{CommitRequest, Environment, OpenOptions, Repository, UploadOptions, VerifyLevel, VerifyOptions};
use storage::{LocalStore, MemoryStore, ObjectStore};

const BACKUPS: u64 = 10_000;
/// What a row of three tables takes.
const ROW_BYTES: usize = 500;
/// The best of so many, on a machine that does other things too.
const TRIES: usize = 5;

async fn fill(store: Arc<dyn ObjectStore>) -> Fixture {
    let fixture = Fixture::over(store).await;
    let repository = fixture.open().await;
    for number in 0..BACKUPS {
        let upload = repository.begin_upload(UploadOptions::default()).await.expect("begin");
        let mut row = vec![number as u8; ROW_BYTES];
        row[..8].copy_from_slice(&number.to_le_bytes());
        let request = CommitRequest { row: Bytes::from(row), ..CommitRequest::default() };
        assert_eq!(upload.commit(request).await.expect("commit").sequence, number + 1);
    }
    fixture
}

/// Opens cold and lists.
async fn list_cold(fixture: &Fixture, store: &Arc<dyn ObjectStore>) -> (Duration, Duration) {
    let begun = Instant::now();
    let repository = Repository::open(store.clone(), Environment::system(), fixture.unlock(), OpenOptions::default()).await.expect("open");
    let opened = begun.elapsed();
    let backups = repository.backups().expect("list");
    let listed = begun.elapsed();
    assert_eq!(backups.len() as u64, BACKUPS);
    assert!(backups.iter().zip(0u64..).all(|(backup, number)| backup.row[..8] == number.to_le_bytes()));
    (opened, listed)
}

async fn measure(what: &str, fixture: &Fixture, store: &Arc<dyn ObjectStore>) {
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..TRIES {
        let tried = list_cold(fixture, store).await;
        eprintln!("{what}: {BACKUPS} backups: opened after {:?}, listed after {:?}", tried.0, tried.1);
        best = if tried.1 < best.1 { tried } else { best };
    }
    assert!(best.1 < Duration::from_secs(1), "{what}: {best:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn ten_thousand_backups_are_listed_within_a_second() {
    let memory = Arc::new(MemoryStore::default());
    let begun = Instant::now();
    let fixture = fill(memory.clone()).await;
    eprintln!("made in {:?}", begun.elapsed());
    let store: Arc<dyn ObjectStore> = memory.clone();
    measure("memory", &fixture, &store).await;

    let directory = tempfile::tempdir().expect("directory");
    for (key, body) in memory.contents() {
        let path = directory.path().join(key);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("directory");
        std::fs::write(path, body).expect("write");
    }
    let local: Arc<dyn ObjectStore> = Arc::new(LocalStore::new(directory.path(), storage::DEFAULT_DEADLINE));
    measure("local disk", &fixture, &local).await;

    // With the local copy of the log even less is read.
    let copy = tempfile::tempdir().expect("directory");
    let options = OpenOptions { cache_directory: Some(copy.path().to_owned()), ..OpenOptions::default() };
    for round in ["fills the copy", "uses the copy"] {
        let begun = Instant::now();
        let repository = Repository::open(local.clone(), Environment::system(), fixture.unlock(), options.clone()).await.expect("open");
        eprintln!("{round}: opened after {:?}", begun.elapsed());
        assert_eq!(repository.head().sequence, BACKUPS);
    }
    let options = VerifyOptions { level: VerifyLevel::Quick, backups: Vec::new(), workers: 2 };
    let begun = Instant::now();
    let report = fixture.open().await.verify(options, &|_| {}).await.expect("verify");
    eprintln!("verify --level quick: {:?}", begun.elapsed());
    assert_eq!((report.records, report.damages.len()), (BACKUPS, 0));
}
