//! The commit log under rollback, fork, replay, holes, foreign signatures, and many writers.

#![allow(clippy::disallowed_methods, reason = "the test looks at local files")]

mod common;

use std::sync::Arc;

use common::{Fixture, Source, back_up, check_backup};
use repository::{Environment, Freshness, OpenOptions, Pin, Repository, RepositoryError, VerifyLevel, VerifyOptions};
use storage::{LocalStore, MemoryStore, ObjectStore};

fn memory() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(Arc::new(storage::SystemClock)))
}

const ONE: &str = "commit/00000000/000000000001";
const TWO: &str = "commit/00000000/000000000002";
const THREE: &str = "commit/00000000/000000000003";

async fn open_pinned(fixture: &Fixture, pin: Option<Pin>) -> repository::Result<Repository> {
    let options = OpenOptions { pin, ..OpenOptions::default() };
    Repository::open(fixture.store.clone(), Environment::system(), fixture.unlock(), options).await
}

#[tokio::test(flavor = "multi_thread")]
async fn rollback_fork_replay_hole_and_foreign_signature() {
    let store = memory();
    let fixture = Fixture::over(store.clone()).await;
    let repository = fixture.open().await;
    assert_eq!(repository.freshness(), Freshness::Unproven);
    let sources = [Source::new("a", 1, 1000)];
    back_up(&repository, &sources).await.expect("1");
    back_up(&repository, &sources).await.expect("2");
    let pin = repository.head();
    assert_eq!(open_pinned(&fixture, Some(pin)).await.expect("pinned").freshness(), Freshness::Pinned);

    let two = store.get(TWO, 1 << 20).await.expect("record");
    store.delete(TWO).await.expect("delete");
    assert!(matches!(open_pinned(&fixture, Some(pin)).await, Err(RepositoryError::Rollback { pinned: 2, head: 1 })));
    // Without a pin a lost newest commit cannot be seen when opening.
    assert_eq!(open_pinned(&fixture, None).await.expect("opens").head().sequence, 1);

    // Another history from record 1 on.
    back_up(&open_pinned(&fixture, None).await.expect("opens"), &[Source::new("b", 2, 10)]).await.expect("other 2");
    assert!(matches!(open_pinned(&fixture, Some(pin)).await, Err(RepositoryError::Fork { sequence: 2, .. })));

    // The old record 2 in slot 3: it does not fit there.
    store.overwrite(THREE, two.clone());
    let opened = open_pinned(&fixture, None).await.expect("opens");
    assert_eq!(opened.log_damage().iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), [3]);
    assert_eq!(opened.backups().expect("list").len(), 2);
    assert!(matches!(back_up(&opened, &sources).await, Err(RepositoryError::ReadOnly { .. })));

    // A record signed by another repository's key.
    let foreign = Fixture::over(memory()).await;
    back_up(&foreign.open().await, &sources).await.expect("foreign");
    store.overwrite(THREE, foreign.store.get(ONE, 1 << 20).await.expect("record"));
    assert_eq!(open_pinned(&fixture, None).await.expect("opens").log_damage().len(), 1);

    // A record beyond a hole.
    store.delete(THREE).await.expect("delete");
    let opened = open_pinned(&fixture, None).await.expect("opens");
    store.overwrite("commit/00000000/000000000009", two);
    assert!(matches!(back_up(&opened, &sources).await, Err(RepositoryError::LogTailMissing { missing: 3, beyond: 9 })));
}

async fn many_writers(store: Arc<dyn ObjectStore>, rounds: u64) {
    let fixture = Arc::new(Fixture::over(store).await);
    let tasks: Vec<_> = (0..8u64)
        .map(|writer| {
            let fixture = fixture.clone();
            tokio::spawn(async move {
                let mut done = Vec::new();
                for round in 0..rounds {
                    let repository = fixture.open().await;
                    let sources: Vec<Source> = (0..=round)
                        .map(|n| Source::new(&format!("w{writer}-{n}"), writer * 100 + n, 2000))
                        .chain([Source::new("shared", 7, 5000)])
                        .collect();
                    let receipt = back_up(&repository, &sources).await.expect("commit");
                    done.push((receipt.sequence, sources));
                }
                done
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.expect("writer"));
    }
    let mut sequences: Vec<u64> = all.iter().map(|(sequence, _)| *sequence).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=8 * rounds).collect::<Vec<_>>(), "every commit has its own place, none is lost");
    let repository = fixture.open().await;
    for (sequence, sources) in &all {
        check_backup(&repository, *sequence, sources).await;
    }
    let report =
        repository.verify(VerifyOptions { level: VerifyLevel::Data, backups: Vec::new(), workers: 4 }, &|_| {}).await.expect("verify");
    assert_eq!(report.damages, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_writers_in_memory() {
    many_writers(memory(), 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_writers_on_local_disk() {
    let directory = tempfile::tempdir().expect("directory");
    many_writers(Arc::new(LocalStore::new(directory.path(), storage::DEFAULT_DEADLINE)), 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_copy_of_the_log_saves_reads_and_is_not_trusted_blindly() {
    let store = memory();
    let fixture = Fixture::over(store.clone()).await;
    let repository = fixture.open().await;
    for round in 0..70 {
        back_up(&repository, &[Source::new("a", 1, 100 + round)]).await.expect("backup");
    }
    let directory = tempfile::tempdir().expect("directory");
    let options = OpenOptions { cache_directory: Some(directory.path().to_owned()), ..OpenOptions::default() };
    let open = |counting: Arc<common::crash::Crash>| Repository::open(counting, Environment::system(), fixture.unlock(), options.clone());
    let counting = || common::crash::Crash::new(store.clone(), u64::MAX, common::crash::Death::Before, false);
    let (first, second) = (counting(), counting());
    open(first.clone()).await.expect("fills the copy");
    let head = open(second.clone()).await.expect("uses the copy").head();
    assert_eq!(head, repository.head());
    assert!(first.calls() > 70 && second.calls() <= 5, "{} then {}", first.calls(), second.calls());
    let file = std::fs::read_dir(directory.path()).expect("directory").next().expect("a file").expect("entry").path();
    let mut bytes = std::fs::read(&file).expect("copy");
    bytes[1000] ^= 1;
    std::fs::write(&file, bytes).expect("write");
    assert_eq!(open(counting()).await.expect("falls back to the store").head(), head);
}
