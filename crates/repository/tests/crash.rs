//! The process dies at every store call of a backup: nothing half-made is visible, and the next run adopts what was stored.

mod common;

use std::sync::Arc;

use common::crash::{Crash, Death};
use common::{Fixture, Source, back_up_with, check_backup};
use repository::{Environment, OpenOptions, Repository, UploadOptions, VerifyLevel, VerifyOptions};
use storage::{MemoryStore, ObjectStore};

fn sources() -> Vec<Source> {
    let mut sources: Vec<Source> = (0..3).map(|n| Source::new(&format!("large-{n}"), 20 + n, 1_200_000 + 1000 * n as usize)).collect();
    sources.extend((0..5).map(|n| Source::new(&format!("small-{n}"), 40 + n, 30_000)));
    sources
}

fn quick() -> VerifyOptions {
    VerifyOptions { level: VerifyLevel::Data, backups: Vec::new(), workers: 2 }
}

async fn run(
    fixture: &Fixture,
    store: Arc<dyn ObjectStore>,
    options: UploadOptions,
    sources: &[Source],
) -> repository::Result<repository::CommitReceipt> {
    let repository = Repository::open(store, Environment::system(), fixture.unlock(), OpenOptions::default()).await?;
    back_up_with(&repository, sources, options).await
}

async fn die_everywhere(death: Death, with_journal: bool) {
    let memory = Arc::new(MemoryStore::new(Arc::new(storage::SystemClock)));
    let fixture = Fixture::over(memory.clone()).await;
    let sources = sources();
    run(&fixture, memory.clone(), UploadOptions::default(), &sources[..1]).await.expect("base");
    let total = {
        let counting = Crash::new(Arc::new(memory.copy()), u64::MAX, death, false);
        run(&fixture, counting.clone(), UploadOptions::default(), &sources).await.expect("undisturbed");
        counting.calls()
    };
    assert!(total > 25, "{total}");
    for at in 1..=total {
        let journals = tempfile::tempdir().expect("directory");
        let options = UploadOptions {
            journal_directory: with_journal.then(|| journals.path().to_owned()),
            adopt_idle_millis: (!with_journal).then_some(0),
            ..UploadOptions::default()
        };
        let store: Arc<dyn ObjectStore> = Arc::new(memory.copy());
        let crashed = run(&fixture, Crash::new(store.clone(), at, death, false), options.clone(), &sources).await;
        let reopened =
            Repository::open(store.clone(), Environment::system(), fixture.unlock(), OpenOptions::default()).await.expect("opens");
        let count = reopened.backups().expect("list").len();
        if crashed.is_ok() {
            assert_eq!(count, 2, "call {at}: success was reported");
        }
        let report = reopened.verify(quick(), &|_| {}).await.expect("verify");
        assert_eq!(report.damages, [], "call {at}");
        let before = data_objects(&store).await;
        let receipt = back_up_with(&reopened, &sources, options).await.unwrap_or_else(|error| panic!("call {at}: next run: {error}"));
        check_backup(&reopened, receipt.sequence, &sources).await;
        let report = reopened.verify(quick(), &|_| {}).await.expect("verify");
        assert_eq!(report.damages, [], "call {at}, next run");
        // What was stored whole is not stored again: five new data objects in all (two large files, up to two bundles), however the first run died.
        let after = data_objects(&store).await;
        let fresh = after - before;
        assert!(after <= 5, "call {at}: {after} data objects, {fresh} of them new");
    }
}

async fn data_objects(store: &Arc<dyn ObjectStore>) -> usize {
    store.list("d/", None, 1000).await.expect("list").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_each_call_with_a_journal() {
    die_everywhere(Death::Before, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_each_call_with_a_journal() {
    // The journal misses an object whose answer was lost: it is stored once more.
    die_everywhere_loosely().await;
}

async fn die_everywhere_loosely() {
    let memory = Arc::new(MemoryStore::new(Arc::new(storage::SystemClock)));
    let fixture = Fixture::over(memory.clone()).await;
    let sources = sources();
    let total = {
        let counting = Crash::new(Arc::new(memory.copy()), u64::MAX, Death::After, false);
        run(&fixture, counting.clone(), UploadOptions::default(), &sources).await.expect("undisturbed");
        counting.calls()
    };
    for at in 1..=total {
        let journals = tempfile::tempdir().expect("directory");
        let options = UploadOptions { journal_directory: Some(journals.path().to_owned()), ..UploadOptions::default() };
        let store: Arc<dyn ObjectStore> = Arc::new(memory.copy());
        let _dead = run(&fixture, Crash::new(store.clone(), at, Death::After, false), options.clone(), &sources).await;
        let reopened =
            Repository::open(store.clone(), Environment::system(), fixture.unlock(), OpenOptions::default()).await.expect("opens");
        let receipt = back_up_with(&reopened, &sources, options).await.unwrap_or_else(|error| panic!("call {at}: next run: {error}"));
        check_backup(&reopened, receipt.sequence, &sources).await;
        assert!(data_objects(&store).await <= 6, "call {at}: at most one object is stored twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_each_call_found_by_headers() {
    die_everywhere(Death::After, false).await;
}

/// One lost answer at every call, and the process lives on: the backup succeeds once, or fails and leaves nothing visible.
#[tokio::test(flavor = "multi_thread")]
async fn each_answer_lost_once() {
    let memory = Arc::new(MemoryStore::new(Arc::new(storage::SystemClock)));
    let fixture = Fixture::over(memory.clone()).await;
    let sources = sources();
    let total = {
        let counting = Crash::new(Arc::new(memory.copy()), u64::MAX, Death::After, true);
        run(&fixture, counting.clone(), UploadOptions::default(), &sources).await.expect("undisturbed");
        counting.calls()
    };
    let mut survived = 0;
    for at in 1..=total {
        let store: Arc<dyn ObjectStore> = Arc::new(memory.copy());
        let outcome = run(&fixture, Crash::new(store.clone(), at, Death::After, true), UploadOptions::default(), &sources).await;
        let reopened = Repository::open(store, Environment::system(), fixture.unlock(), OpenOptions::default()).await.expect("opens");
        let count = reopened.backups().expect("list").len();
        survived += usize::from(outcome.is_ok());
        if outcome.is_ok() {
            assert_eq!(count, 1, "call {at}");
            check_backup(&reopened, 1, &sources).await;
        }
        assert!(count <= 1, "call {at}: committed twice");
    }
    assert!(survived >= 6, "lost answers to puts are read back: {survived} of {total}");
}
