//! An object store in memory: the test double of every other one, and the place where tests damage objects on purpose.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::key::{check_key, check_range, range_length};
use crate::{Clock, ObjectInfo, ObjectStore, Result, StorageError, SystemClock, Upload};

#[derive(Debug, Clone)]
struct Object {
    body: Bytes,
    modified_millis: i64,
}

type Objects = BTreeMap<String, Object>;

/// Objects in memory. Clones share them.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    objects: Arc<Mutex<Objects>>,
    clock: Arc<dyn Clock>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

impl MemoryStore {
    /// An empty store whose dates come from `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { objects: Arc::default(), clock }
    }

    /// Another store with the same objects now; later changes to one are not seen by the other.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self { objects: Arc::new(Mutex::new(self.lock().clone())), clock: self.clock.clone() }
    }

    /// Every key and body.
    pub fn contents(&self) -> BTreeMap<String, Bytes> {
        self.lock().iter().map(|(key, object)| (key.clone(), object.body.clone())).collect()
    }

    /// Puts `body` under `key` whatever was there: damage, swaps and rollbacks for tests. Not part of any store's contract.
    pub fn overwrite(&self, key: &str, body: impl Into<Bytes>) {
        let object = Object { body: body.into(), modified_millis: self.clock.now_millis() };
        self.lock().insert(key.to_owned(), object);
    }

    fn lock(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn body(&self, key: &str) -> Result<Bytes> {
        check_key(key)?;
        self.lock().get(key).map(|object| object.body.clone()).ok_or_else(|| not_found(key))
    }

    fn insert_new(&self, key: &str, body: Bytes) -> Result<ObjectInfo> {
        check_key(key)?;
        let object = Object { body, modified_millis: self.clock.now_millis() };
        let info = information(key, &object);
        let mut objects = self.lock();
        if objects.contains_key(key) {
            return Err(StorageError::AlreadyExists { path: key.to_owned() });
        }
        objects.insert(key.to_owned(), object);
        Ok(info)
    }
}

fn not_found(key: &str) -> StorageError {
    StorageError::NotFound { path: key.to_owned() }
}

fn information(key: &str, object: &Object) -> ObjectInfo {
    let length_bytes = object.body.len() as u64;
    ObjectInfo { key: key.to_owned(), length_bytes, modified_millis: object.modified_millis, version: None }
}

#[async_trait]
impl ObjectStore for MemoryStore {
    fn url(&self) -> String {
        "memory:".to_owned()
    }

    async fn put_new(&self, key: &str, body: Bytes) -> Result<ObjectInfo> {
        self.insert_new(key, body)
    }

    async fn begin(&self, key: &str) -> Result<Box<dyn Upload>> {
        check_key(key)?;
        Ok(Box::new(MemoryUpload { store: self.clone(), key: key.to_owned(), body: BytesMut::new() }))
    }

    async fn get(&self, key: &str, limit_bytes: u64) -> Result<Bytes> {
        let body = self.body(key)?;
        if body.len() as u64 > limit_bytes {
            let detail = format!("{} bytes, more than the {limit_bytes} expected", body.len());
            return Err(StorageError::Invalid { path: key.to_owned(), detail });
        }
        Ok(body)
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let body = self.body(key)?;
        let length = range_length(key, &range)?;
        check_range(key, range.start, length as u64, body.len() as u64)?;
        let start = usize::try_from(range.start).unwrap_or(usize::MAX);
        Ok(body.slice(start..start + length))
    }

    async fn head(&self, key: &str) -> Result<ObjectInfo> {
        check_key(key)?;
        self.lock().get(key).map(|object| information(key, object)).ok_or_else(|| not_found(key))
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<ObjectInfo>> {
        let objects = self.lock();
        let wanted = objects.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        let wanted = wanted.filter(|(key, _)| after.is_none_or(|after| key.as_str() > after));
        Ok(wanted.take(limit).map(|(key, object)| information(key, object)).collect())
    }

    async fn delete(&self, key: &str) -> Result<()> {
        check_key(key)?;
        self.lock().remove(key);
        Ok(())
    }

    async fn now_millis(&self) -> Result<i64> {
        Ok(self.clock.now_millis())
    }
}

#[derive(Debug)]
struct MemoryUpload {
    store: MemoryStore,
    key: String,
    body: BytesMut,
}

#[async_trait]
impl Upload for MemoryUpload {
    async fn write(&mut self, part: Bytes) -> Result<()> {
        self.body.extend_from_slice(&part);
        Ok(())
    }

    async fn complete(self: Box<Self>) -> Result<ObjectInfo> {
        self.store.insert_new(&self.key, self.body.freeze())
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
