//! The plain path: init, open, upload, commit, read; reuse; over memory and local disk.

mod common;

use std::sync::Arc;

use common::{Fixture, Source, back_up, check_backup};
use repository::{Environment, OpenOptions, Repository, RepositoryError, Unlock};
use storage::{LocalStore, ObjectStore};

fn sources() -> Vec<Source> {
    let mut sources = vec![
        Source::new("empty", 1, 0),
        Source::new("one-byte", 2, 1),
        Source::new("frame", 3, 1 << 20),
        Source::new("frame-and-one", 4, (1 << 20) + 1),
        Source::new("large", 5, 5_000_000),
        Source::new("large-plain", 6, 7_000_000),
    ];
    sources.extend((0..40).map(|n| Source::new(&format!("small-{n}"), 100 + n, 1000 * n as usize)));
    sources
}

async fn plain_path(store: Arc<dyn ObjectStore>) {
    let fixture = Fixture::over(store).await;
    let repository = fixture.open().await;
    let sources = sources();
    let first = back_up(&repository, &sources).await.expect("first backup");
    assert_eq!((first.sequence, first.reused_bytes), (1, 0));
    check_backup(&repository, 1, &sources).await;

    let mut more = sources.clone();
    more.push(Source::new("new", 77, 2_000_000));
    let again = fixture.open().await;
    let second = back_up(&again, &more).await.expect("second backup");
    assert_eq!(second.sequence, 2);
    assert_eq!(second.reused_bytes, sources.iter().map(|source| source.bytes.len() as u64).sum::<u64>());
    assert!(second.new_bytes < 2_010_000, "only the new file was stored: {}", second.new_bytes);
    let unchanged = back_up(&again, &more).await.expect("third backup");
    assert_eq!((unchanged.new_bytes, unchanged.page_bytes), (0, 0), "an unchanged backup stores nothing but its record");
    let last = fixture.open().await;
    check_backup(&last, 1, &sources).await;
    check_backup(&last, 3, &more).await;
    let heads = last.backups().expect("list");
    assert_eq!(heads.iter().map(|head| head.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(&heads[0].row[..], b"row");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory() {
    let store = Arc::new(storage::MemoryStore::new(Arc::new(storage::SystemClock)));
    plain_path(store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn local_disk() {
    let directory = tempfile::tempdir().expect("directory");
    let store = LocalStore::new(directory.path(), storage::DEFAULT_DEADLINE);
    plain_path(Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_key_names_both() {
    let (one, other) = (Fixture::new().await, Fixture::new().await);
    let opened =
        Repository::open(one.store.clone(), Environment::system(), Unlock::KeyFile(other.key.clone()), OpenOptions::default()).await;
    let Err(RepositoryError::WrongKey { needs, got }) = opened else { panic!("{opened:?}") };
    assert!(needs.starts_with("slot key-file ") && got.starts_with("key-file ") && !needs.ends_with(&got), "{needs} / {got}");
    let empty: Arc<dyn ObjectStore> = Arc::new(storage::MemoryStore::new(Arc::new(storage::SystemClock)));
    let opened = Repository::open(empty, Environment::system(), one.unlock(), OpenOptions::default()).await;
    assert!(matches!(opened, Err(RepositoryError::NotARepository { .. })));
}
