//! A store whose process dies at the n-th call: from then on every call fails, whatever was under way.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use storage::{ObjectInfo, ObjectStore, Result, StorageError, Upload};

/// How the fatal call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Before it had any effect.
    Before,
    /// After it took effect, before the answer.
    After,
}

#[derive(Debug)]
pub struct Crash {
    inner: Arc<dyn ObjectStore>,
    calls: Arc<AtomicU64>,
    at: u64,
    death: Death,
    /// Only the fatal call fails; its answer is lost and life goes on.
    pub survives: bool,
}

impl Crash {
    pub fn new(inner: Arc<dyn ObjectStore>, at: u64, death: Death, survives: bool) -> Arc<Self> {
        Arc::new(Self { inner, calls: Arc::default(), at, death, survives })
    }

    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn lost(&self) -> StorageError {
        StorageError::TimedOut { path: "store".to_owned(), seconds: 1 }
    }

    /// `Ok(true)` = do it, then lose the answer.
    fn step(&self) -> Result<bool> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        match (call.cmp(&self.at), self.death) {
            (std::cmp::Ordering::Less, _) => Ok(false),
            (std::cmp::Ordering::Greater, _) if self.survives => Ok(false),
            (std::cmp::Ordering::Equal, Death::After) => Ok(true),
            _ => Err(self.lost()),
        }
    }

    fn answer<T>(&self, result: Result<T>, lose: bool) -> Result<T> {
        if lose { Err(self.lost()) } else { result }
    }
}

#[async_trait::async_trait]
impl ObjectStore for Crash {
    fn url(&self) -> String {
        self.inner.url()
    }
    async fn put_new(&self, key: &str, body: Bytes) -> Result<ObjectInfo> {
        let lose = self.step()?;
        self.answer(self.inner.put_new(key, body).await, lose)
    }
    async fn begin(&self, key: &str) -> Result<Box<dyn Upload>> {
        let lose = self.step()?;
        let upload = self.answer(self.inner.begin(key).await, lose)?;
        let shared =
            Crash { inner: self.inner.clone(), calls: self.calls.clone(), at: self.at, death: self.death, survives: self.survives };
        Ok(Box::new(CrashUpload { upload, store: shared }))
    }
    async fn get(&self, key: &str, limit_bytes: u64) -> Result<Bytes> {
        let lose = self.step()?;
        self.answer(self.inner.get(key, limit_bytes).await, lose)
    }
    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let lose = self.step()?;
        self.answer(self.inner.get_range(key, range).await, lose)
    }
    async fn head(&self, key: &str) -> Result<ObjectInfo> {
        let lose = self.step()?;
        self.answer(self.inner.head(key).await, lose)
    }
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<ObjectInfo>> {
        let lose = self.step()?;
        self.answer(self.inner.list(prefix, after, limit).await, lose)
    }
    async fn delete(&self, key: &str) -> Result<()> {
        let lose = self.step()?;
        self.answer(self.inner.delete(key).await, lose)
    }
    async fn now_millis(&self) -> Result<i64> {
        let lose = self.step()?;
        self.answer(self.inner.now_millis().await, lose)
    }
}

#[derive(Debug)]
struct CrashUpload {
    upload: Box<dyn Upload>,
    store: Crash,
}

#[async_trait::async_trait]
impl Upload for CrashUpload {
    async fn write(&mut self, part: Bytes) -> Result<()> {
        let lose = self.store.step()?;
        let result = self.upload.write(part).await;
        self.store.answer(result, lose)
    }
    async fn complete(self: Box<Self>) -> Result<ObjectInfo> {
        let lose = self.store.step()?;
        let result = self.upload.complete().await;
        self.store.answer(result, lose)
    }
    async fn abort(self: Box<Self>) -> Result<()> {
        let lose = self.store.step()?;
        let result = self.upload.abort().await;
        self.store.answer(result, lose)
    }
}
