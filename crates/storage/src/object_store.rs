//! The repository's side of storage: flat keys, create-if-absent, never an overwrite.

use std::fmt::Debug;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use crate::Result;

/// What a store says about one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Key, `/`-separated, relative to the store's root.
    pub key: String,
    /// Length in bytes.
    pub length_bytes: u64,
    /// The store's own date of the object, milliseconds since the epoch.
    pub modified_millis: i64,
    /// Version id on versioned stores.
    pub version: Option<String>,
}

/// A store of immutable objects.
///
/// Contract, checked by one conformance suite over every backend:
/// * an object is visible only when whole; a crash leaves nothing under its key (temporary files are never listed);
/// * `put_new` and `Upload::complete` never replace: the second one gets `AlreadyExists`, also when they race;
/// * after success the object survives a power failure (local: fsync of file and directory);
/// * a range outside the object is `Short`; a missing key is `NotFound`;
/// * keys are what [`crate::check_key`] takes, all else is `Invalid`; a key that is a directory of another (`a` beside `a/b`) may be
///   refused with `Invalid`;
/// * `list` is sorted by key, complete at the time of the call, and takes a plain string prefix.
#[async_trait]
pub trait ObjectStore: Send + Sync + Debug {
    /// The store's address without secrets, for messages.
    fn url(&self) -> String;

    /// Stores `body` under `key` unless something is there.
    async fn put_new(&self, key: &str, body: Bytes) -> Result<ObjectInfo>;

    /// Starts an object of unknown length, sent in parts. Dropping the upload abandons it.
    async fn begin(&self, key: &str) -> Result<Box<dyn Upload>>;

    /// The whole object. For small objects (commits, keys, pages): refuses with `Invalid` above `limit_bytes`.
    async fn get(&self, key: &str, limit_bytes: u64) -> Result<Bytes>;

    /// Exactly the bytes of `range`.
    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes>;

    /// Length and date.
    async fn head(&self, key: &str) -> Result<ObjectInfo>;

    /// All objects whose key starts with `prefix` and sorts after `after`, at most `limit` of them, sorted by key.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<ObjectInfo>>;

    /// Deletes one object. A missing key is success.
    async fn delete(&self, key: &str) -> Result<()>;

    /// The store's own clock, milliseconds since the epoch (local: the machine's; a web store: its Date header).
    async fn now_millis(&self) -> Result<i64>;

    /// Makes an object that was found, not put, survive a power failure, as if this caller had put it. Whoever builds on an object of
    /// someone else calls this first: its writer may have died before it was durable. Stores that never show an object earlier
    /// have nothing to do.
    async fn settle(&self, key: &str) -> Result<()> {
        self.head(key).await.map(drop)
    }
}

/// One object on its way. Parts arrive in order; the store decides how they are grouped.
#[async_trait]
pub trait Upload: Send + Debug {
    /// Appends `part`.
    async fn write(&mut self, part: Bytes) -> Result<()>;

    /// Publishes the object, unless its key exists.
    async fn complete(self: Box<Self>) -> Result<ObjectInfo>;

    /// Gives up and removes what was sent.
    async fn abort(self: Box<Self>) -> Result<()>;
}
