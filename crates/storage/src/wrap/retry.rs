//! Repeats calls that failed for a reason that may pass.
//!
//! Repeated: reads, listings, and writes that end in the same state however often they are made (delete, make directories, mode,
//! owner, settle, beginning an upload). **Never repeated: `put_new`, `complete`, `create_new`, `rename_new`, and the bytes of an upload
//! or a file.** Their failure may hide a success, a second try would then say `AlreadyExists` about our own object; and even a look
//! that finds nothing proves nothing while the first request may still be on its way. They give the error as it is
//! ([`StorageError::is_ambiguous`]); the caller, who knows what its bytes were, reads back.

use std::future::Future;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::Instant;

use super::fault::next_random;
use crate::{CreateOptions, FileReader, FileStatus, FileSystem, FileWriter, ObjectInfo, ObjectStore, Result, Space, StorageError, Upload};

/// Tries of a read that ends early. A connection that broke off is whole the next time; an object that was cut stays cut, and the
/// caller must know that soon.
const SHORT_TRIES: u32 = 3;

/// How calls are repeated.
#[derive(Debug, Clone, Copy)]
pub struct RetryOptions {
    /// No new try after this time, counted from the first.
    pub deadline: Duration,
    /// Pause before the second try; it doubles with every further one, and is drawn between half and all of that.
    pub first_pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
    /// Seed of the pauses.
    pub seed: u64,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(180),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(10),
            seed: u64::from(std::process::id()),
        }
    }
}

#[derive(Debug)]
struct Retry {
    options: RetryOptions,
    random: Mutex<u64>,
}

impl Retry {
    fn new(options: RetryOptions) -> Arc<Self> {
        Arc::new(Self { options, random: Mutex::new(options.seed) })
    }

    async fn repeat<T, F: Future<Output = Result<T>>>(&self, mut call: impl FnMut() -> F) -> Result<T> {
        let start = Instant::now();
        let mut pause = self.options.first_pause;
        let mut short = 0;
        loop {
            let error = match call().await {
                Err(error) if error.is_retryable() || matches!(error, StorageError::TimedOut { .. }) => error,
                done => return done,
            };
            short += u32::from(matches!(error, StorageError::Short { .. }));
            if short == SHORT_TRIES {
                return Err(error);
            }
            let drawn = self.draw(pause);
            if start.elapsed() + drawn >= self.options.deadline {
                return Err(error);
            }
            tokio::time::sleep(drawn).await;
            pause = (pause * 2).min(self.options.longest_pause);
        }
    }

    fn draw(&self, pause: Duration) -> Duration {
        let drawn = next_random(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner));
        pause / 2 + pause.mul_f64((drawn >> 11) as f64 / (1u64 << 53) as f64 / 2.0)
    }
}

/// An object store whose harmless calls are repeated.
#[derive(Debug)]
pub struct RetryStore {
    inner: Arc<dyn ObjectStore>,
    retry: Arc<Retry>,
}

impl RetryStore {
    /// `inner` with retries.
    pub fn new(inner: Arc<dyn ObjectStore>, options: RetryOptions) -> Self {
        Self { inner, retry: Retry::new(options) }
    }
}

#[async_trait]
impl ObjectStore for RetryStore {
    fn url(&self) -> String {
        self.inner.url()
    }

    async fn put_new(&self, key: &str, body: Bytes) -> Result<ObjectInfo> {
        self.inner.put_new(key, body).await
    }

    async fn begin(&self, key: &str) -> Result<Box<dyn Upload>> {
        // A second one leaves the first one's temporary object to be swept: nothing anyone sees.
        self.retry.repeat(|| self.inner.begin(key)).await
    }

    async fn get(&self, key: &str, limit_bytes: u64) -> Result<Bytes> {
        self.retry.repeat(|| self.inner.get(key, limit_bytes)).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.retry.repeat(|| self.inner.get_range(key, range.clone())).await
    }

    async fn head(&self, key: &str) -> Result<ObjectInfo> {
        self.retry.repeat(|| self.inner.head(key)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<ObjectInfo>> {
        self.retry.repeat(|| self.inner.list(prefix, after, limit)).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.retry.repeat(|| self.inner.delete(key)).await
    }

    async fn now_millis(&self) -> Result<i64> {
        self.retry.repeat(|| self.inner.now_millis()).await
    }

    async fn settle(&self, key: &str) -> Result<()> {
        self.retry.repeat(|| self.inner.settle(key)).await
    }
}

/// A file system whose harmless calls are repeated.
#[derive(Debug)]
pub struct RetryFileSystem {
    inner: Arc<dyn FileSystem>,
    retry: Arc<Retry>,
}

impl RetryFileSystem {
    /// `inner` with retries.
    pub fn new(inner: Arc<dyn FileSystem>, options: RetryOptions) -> Self {
        Self { inner, retry: Retry::new(options) }
    }
}

#[async_trait]
impl FileSystem for RetryFileSystem {
    fn url(&self) -> String {
        self.inner.url()
    }

    async fn status(&self, path: &str) -> Result<FileStatus> {
        self.retry.repeat(|| self.inner.status(path)).await
    }

    async fn list(&self, path: &str) -> Result<Vec<FileStatus>> {
        self.retry.repeat(|| self.inner.list(path)).await
    }

    async fn open(&self, path: &str) -> Result<Box<dyn FileReader>> {
        let inner = self.retry.repeat(|| self.inner.open(path)).await?;
        Ok(Box::new(RetryReader { inner, retry: self.retry.clone() }))
    }

    async fn create_new(&self, path: &str, options: CreateOptions) -> Result<Box<dyn FileWriter>> {
        self.inner.create_new(path, options).await
    }

    async fn rename_new(&self, from: &str, to: &str) -> Result<()> {
        self.inner.rename_new(from, to).await
    }

    async fn make_directories(&self, path: &str) -> Result<()> {
        self.retry.repeat(|| self.inner.make_directories(path)).await
    }

    async fn delete(&self, path: &str, recursive: bool) -> Result<()> {
        self.retry.repeat(|| self.inner.delete(path, recursive)).await
    }

    async fn set_owner(&self, path: &str, owner: Option<&str>, group: Option<&str>) -> Result<()> {
        self.retry.repeat(|| self.inner.set_owner(path, owner, group)).await
    }

    async fn set_mode(&self, path: &str, mode: u32) -> Result<()> {
        self.retry.repeat(|| self.inner.set_mode(path, mode)).await
    }

    async fn space(&self) -> Result<Option<Space>> {
        self.retry.repeat(|| self.inner.space()).await
    }
}

#[derive(Debug)]
struct RetryReader {
    inner: Box<dyn FileReader>,
    retry: Arc<Retry>,
}

#[async_trait]
impl FileReader for RetryReader {
    fn length_bytes(&self) -> u64 {
        self.inner.length_bytes()
    }

    async fn read_range(&self, offset: u64, length: usize) -> Result<Bytes> {
        // Past the end is `Short` too, and stays so.
        let inside = offset.checked_add(length as u64).is_some_and(|end| end <= self.inner.length_bytes());
        if !inside {
            return self.inner.read_range(offset, length).await;
        }
        self.retry.repeat(|| self.inner.read_range(offset, length)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrap::{CallKind, Fault, FaultAction, FaultRule};
    use crate::{MemoryFileSystem, MemoryStore};

    fn faulty(rules: Vec<FaultRule>) -> (MemoryStore, Fault, RetryStore) {
        let memory = MemoryStore::default();
        let fault = Fault::new(rules);
        let store = RetryStore::new(fault.store(Arc::new(memory.clone())), RetryOptions { seed: 1, ..RetryOptions::default() });
        (memory, fault, store)
    }

    #[tokio::test(start_paused = true)]
    async fn reads_are_repeated_until_they_succeed_or_time_is_up() {
        let passing = FaultRule { times: 5, ..FaultRule::every(CallKind::Get, FaultAction::Unreachable) };
        let (memory, fault, store) = faulty(vec![passing, FaultRule::every(CallKind::Head, FaultAction::Unreachable)]);
        memory.overwrite("key", "body");
        assert_eq!(store.get("key", 10).await.expect("sixth try").as_ref(), b"body");
        assert_eq!(fault.happened(), 5);
        let start = Instant::now();
        assert!(matches!(store.head("key").await, Err(StorageError::Unreachable { .. })));
        let waited = start.elapsed();
        assert!((Duration::from_secs(160)..Duration::from_secs(180)).contains(&waited), "gave up after {waited:?}");
        let before = fault.calls();
        assert!(store.head("tmp/refused").await.is_err());
        assert!(matches!(store.get("none", 1).await, Err(StorageError::NotFound { .. })));
        assert!(fault.calls() > before);
    }

    #[tokio::test(start_paused = true)]
    async fn what_must_be_answered_once_is_asked_once() {
        for action in [FaultAction::AppliedWithoutAnswer, FaultAction::LostWithoutAnswer, FaultAction::Unreachable] {
            let (memory, fault, store) =
                faulty(vec![FaultRule::every(CallKind::PutNew, action), FaultRule::every(CallKind::Complete, action)]);
            assert!(store.put_new("put", Bytes::new()).await.expect_err("ambiguous").is_ambiguous());
            let upload = store.begin("upload").await.expect("begin");
            assert!(upload.complete().await.expect_err("ambiguous").is_ambiguous());
            assert_eq!(fault.calls(), 3, "{action:?}: put, begin, complete");
            let applied = action == FaultAction::AppliedWithoutAnswer;
            assert_eq!(memory.contents().len(), if applied { 2 } else { 0 });
        }
        let memory = MemoryFileSystem::default();
        memory.overwrite("/a", "x").expect("file");
        let fault = Fault::new(vec![FaultRule::every(CallKind::Rename, FaultAction::AppliedWithoutAnswer)]);
        let tree = RetryFileSystem::new(fault.file_system(Arc::new(memory.clone())), RetryOptions::default());
        assert!(tree.rename_new("/a", "/b").await.expect_err("ambiguous").is_ambiguous());
        assert_eq!((fault.calls(), memory.contents().contains_key("/b")), (1, true));
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_that_was_cut_is_told_soon() {
        let memory = MemoryStore::default();
        memory.put_new("key", Bytes::from_static(&[7; 100])).await.expect("put");
        let fault = Fault::new(Vec::new());
        let store = RetryStore::new(fault.store(Arc::new(memory)), RetryOptions::default());
        let start = Instant::now();
        assert!(matches!(store.get_range("key", 50..150).await, Err(StorageError::Short { .. })));
        assert_eq!(fault.calls(), u64::from(SHORT_TRIES));
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_damaged_read_is_read_again_and_the_end_is_not() {
        let memory = MemoryFileSystem::default();
        memory.overwrite("/file", vec![7u8; 100]).expect("file");
        let fault = Fault::new(vec![FaultRule::nth(CallKind::Read, 1, FaultAction::ShortRead)]);
        let tree = RetryFileSystem::new(fault.file_system(Arc::new(memory)), RetryOptions::default());
        let reader = tree.open("/file").await.expect("open");
        assert_eq!(reader.read_range(0, 100).await.expect("second try").len(), 100);
        let calls = fault.calls();
        assert!(matches!(reader.read_range(0, 101).await, Err(StorageError::Short { .. })));
        assert_eq!(fault.calls(), calls + 1);
    }
}
