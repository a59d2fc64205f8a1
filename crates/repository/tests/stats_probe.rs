//! What `stats` counts, checked against the store; and what the probe says of stores that break their promises.

mod common;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use common::{Fixture, Source, back_up, store_file};
use repository::{Environment, UploadOptions, probe};
use storage::wrap::{CallKind, Fault, FaultAction, FaultRule};
use storage::{LocalStore, MemoryStore, ObjectInfo, ObjectStore, Result, Upload};

#[tokio::test(flavor = "multi_thread")]
async fn stats_are_what_the_store_and_the_backups_hold() {
    let memory = Arc::new(MemoryStore::default());
    let fixture = Fixture::over(memory.clone()).await;
    let repository = fixture.open().await;
    assert_eq!(repository.stats().await.expect("stats"), repository::RepositoryStats::default());
    let sources: Vec<Source> =
        vec![Source::new("large", 5, 1_200_000), Source::new("a", 9, 700), Source::new("b", 15, 800), Source::new("other group", 7, 900)];
    back_up(&repository, &sources[..3]).await.expect("1");
    back_up(&repository, &sources).await.expect("2");
    let dead = repository.begin_upload(UploadOptions::default()).await.expect("begin");
    store_file(&dead, &Source::new("never committed", 11, 1_100_000)).await.expect("store");
    drop(dead);

    let stats = repository.stats().await.expect("stats");
    let sizes = |prefix: &str| {
        let contents = memory.contents();
        let found: Vec<u64> = contents.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(_, body)| body.len() as u64).collect();
        (found.len() as u64, found.iter().sum::<u64>())
    };
    assert_eq!((stats.backups, stats.records, stats.files), (2, 2, 4));
    assert_eq!(
        stats.logical_bytes,
        sources.iter().map(|source| source.bytes.len() as u64).sum::<u64>(),
        "a file in two backups counts once"
    );
    assert_eq!((stats.data_objects, stats.data_bytes), sizes("d/"));
    assert_eq!((stats.page_objects, stats.page_bytes), sizes("m/"));
    assert_eq!(stats.uncommitted_objects, 1);
    assert!(stats.uncommitted_bytes > 1_100_000);
    assert_eq!((stats.live_objects, stats.live_bytes), (stats.data_objects - 1, stats.data_bytes - stats.uncommitted_bytes));
    assert_eq!(stats.live_objects, 3, "one large file, one bundle of two, one bundle of one");
}

#[tokio::test(flavor = "multi_thread")]
async fn good_stores_pass_and_nothing_is_left() {
    let directory = tempfile::tempdir().expect("directory");
    let local: Arc<dyn ObjectStore> = Arc::new(LocalStore::new(directory.path(), storage::DEFAULT_DEADLINE));
    let memory: Arc<dyn ObjectStore> = Arc::new(MemoryStore::default());
    for store in [local, memory] {
        let report = probe(&store, &Environment::system()).await.expect("probe");
        assert!(report.is_usable() && report.can_destroy, "{}: {report:?}", store.url());
        assert!(report.clock_difference_millis.abs() < 5000, "{report:?}");
        assert_eq!(store.list("probe/", None, 10).await.expect("list"), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_deletion_cannot_be_destroyed() {
    let faults = Fault::new(vec![FaultRule::every(CallKind::DeleteObject, FaultAction::Denied)]);
    let store = faults.store(Arc::new(MemoryStore::default()));
    let report = probe(&store, &Environment::system()).await.expect("probe");
    assert!(report.is_usable() && !report.can_destroy, "{report:?}");
    assert_eq!(store.list("probe/", None, 10).await.expect("list").len(), 1, "one small object stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_store_is_an_error_not_a_verdict() {
    for call in 1..=20 {
        let faults = Fault::new(vec![FaultRule::at(call, FaultAction::Unreachable)]);
        let store = faults.store(Arc::new(MemoryStore::default()));
        assert!(probe(&store, &Environment::system()).await.is_err(), "call {call}");
    }
}

/// Which promise is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Create,
    Multipart,
    List,
    RangeBytes,
    RangeEnd,
    Delete,
}

#[derive(Debug, Clone)]
struct Careless(MemoryStore, Broken);

#[tokio::test(flavor = "multi_thread")]
async fn every_broken_promise_is_named() {
    for broken in [Broken::Create, Broken::Multipart, Broken::List, Broken::RangeBytes, Broken::RangeEnd, Broken::Delete] {
        let store: Arc<dyn ObjectStore> = Arc::new(Careless(MemoryStore::default(), broken));
        let report = probe(&store, &Environment::system()).await.expect("probe");
        let verdicts =
            [report.create_if_absent, report.multipart_create_if_absent, report.list_after_write, report.ranged_reads, report.can_destroy];
        let expected = match broken {
            Broken::Create => [false, true, true, true, true],
            Broken::Multipart => [true, false, true, true, true],
            Broken::List => [true, true, false, true, true],
            Broken::RangeBytes | Broken::RangeEnd => [true, true, true, false, true],
            Broken::Delete => [true, true, true, true, false],
        };
        assert_eq!(verdicts, expected, "{broken:?}");
        assert_eq!(report.is_usable(), broken == Broken::Delete, "{broken:?}");
    }
}

#[async_trait]
impl ObjectStore for Careless {
    fn url(&self) -> String {
        "careless:".to_owned()
    }
    async fn put_new(&self, key: &str, body: Bytes) -> Result<ObjectInfo> {
        if self.1 == Broken::Create {
            self.0.overwrite(key, body);
            return self.0.head(key).await;
        }
        self.0.put_new(key, body).await
    }
    async fn begin(&self, key: &str) -> Result<Box<dyn Upload>> {
        if self.1 == Broken::Multipart {
            return Ok(Box::new(CarelessUpload(self.0.clone(), key.to_owned(), Vec::new())));
        }
        self.0.begin(key).await
    }
    async fn get(&self, key: &str, limit_bytes: u64) -> Result<Bytes> {
        self.0.get(key, limit_bytes).await
    }
    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let whole = self.0.get(key, 1 << 20).await?;
        let (start, end) = (range.start as usize, range.end as usize);
        match self.1 {
            Broken::RangeBytes if start > 0 && end <= whole.len() => Ok(whole.slice(start - 1..end - 1)),
            Broken::RangeEnd if end > whole.len() => Ok(whole.slice(start..)),
            _ => self.0.get_range(key, range).await,
        }
    }
    async fn head(&self, key: &str) -> Result<ObjectInfo> {
        self.0.head(key).await
    }
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<ObjectInfo>> {
        if self.1 == Broken::List { Ok(Vec::new()) } else { self.0.list(prefix, after, limit).await }
    }
    async fn delete(&self, key: &str) -> Result<()> {
        if self.1 == Broken::Delete { Ok(()) } else { self.0.delete(key).await }
    }
    async fn now_millis(&self) -> Result<i64> {
        self.0.now_millis().await
    }
}

#[derive(Debug)]
struct CarelessUpload(MemoryStore, String, Vec<u8>);

#[async_trait]
impl Upload for CarelessUpload {
    async fn write(&mut self, part: Bytes) -> Result<()> {
        self.2.extend_from_slice(&part);
        Ok(())
    }
    async fn complete(self: Box<Self>) -> Result<ObjectInfo> {
        self.0.overwrite(&self.1, self.2.clone());
        self.0.head(&self.1).await
    }
    async fn abort(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
