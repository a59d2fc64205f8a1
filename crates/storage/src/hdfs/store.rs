//! An object store in an HDFS directory: `ROOT/<key>`, unfinished objects in `ROOT/tmp`.
//!
//! Write order of one object: create below `tmp/`, bytes with `hsync` before every block boundary, `hsync`, `close`, rename to the key
//! without overwriting (one transaction of the NameNode, durable when it answers). Crash cases:
//! * before the rename: nothing under the key; the temporary file is swept later;
//! * the answer of the rename is lost: ambiguous, the caller reads back.
//!
//! **Sweeping.** A temporary file is dead when it is older than [`SWEEP_AGE_MILLIS`] by the NameNode's own dates, and nobody holds its
//! lease: a living writer renews the lease, and the NameNode refuses to open the file for appending. The age covers the moment between
//! close and rename, when a file of the living has no lease.
//!
//! **Erasure coding.** Nothing can be synced in an erasure-coded directory. Only keys under the given prefixes may lie in one.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::OnceCell;

use super::client::{HdfsClient, HdfsOptions, missing_below_file};
use super::error::Asked;
use super::reader::HdfsReader;
use super::writer::HdfsWriter;
use crate::key::{TEMPORARY_SEGMENT, check_key, range_length, split_path};
use crate::key_walk::{Entry, KeyWalk};
use crate::{Clock, CreateOptions, FileReader, FileStatus, FileWriter, ObjectInfo, ObjectStore, Result, StorageError, SystemClock, Upload};

/// Age, in milliseconds, below which a temporary file is left alone.
const SWEEP_AGE_MILLIS: i64 = 60 * 60 * 1000;

/// Objects as files below a directory of HDFS. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HdfsStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: HdfsClient,
    /// Without a slash at the end; empty for `/`.
    root: String,
    erasure_coded_prefixes: Vec<String>,
    /// First part of the names of our temporary files.
    session: String,
    next: AtomicU64,
    swept: OnceCell<()>,
    /// Directories known to exist.
    directories: Mutex<HashSet<String>>,
}

impl HdfsStore {
    /// A store below `root`, which the first write creates if it is missing.
    pub(crate) fn new(options: &HdfsOptions, root: &str, erasure_coded_prefixes: Vec<String>) -> Result<Self> {
        let session = format!("{}-{}", std::process::id(), SystemClock.now_millis());
        let inner = Inner {
            client: HdfsClient::new(options)?,
            root: root.trim_end_matches('/').to_owned(),
            erasure_coded_prefixes,
            session,
            next: AtomicU64::new(0),
            swept: OnceCell::new(),
            directories: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Inner {
    fn path(&self, key: &str) -> Result<String> {
        check_key(key)?;
        Ok(format!("{}/{key}", self.root))
    }

    fn temporary_directory(&self) -> String {
        format!("{}/{TEMPORARY_SEGMENT}", self.root)
    }

    /// A new temporary file for `key`.
    async fn create_temporary(&self, key: &str) -> Result<(String, HdfsWriter)> {
        let unsynced_is_fine = self.erasure_coded_prefixes.iter().any(|prefix| key.starts_with(prefix));
        loop {
            let name = format!("{}/{}-{}", self.temporary_directory(), self.session, self.next.fetch_add(1, Ordering::Relaxed));
            match HdfsWriter::create(&self.client, &name, &CreateOptions::default(), unsynced_is_fine).await {
                Ok(writer) => {
                    self.swept.get_or_try_init(|| self.sweep(&name)).await?;
                    return Ok((name, writer));
                }
                // Another process of the same id on another host, in the same millisecond: the next number.
                Err(StorageError::AlreadyExists { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Deletes what the dead left, by the date of `fresh`, a file made just now.
    async fn sweep(&self, fresh: &str) -> Result<()> {
        let now_millis = self.client.status(fresh).await?.modified_millis;
        for entry in self.client.list(&self.temporary_directory()).await? {
            if entry.is_directory || now_millis.saturating_sub(entry.modified_millis) < SWEEP_AGE_MILLIS {
                continue;
            }
            if self.is_abandoned(&entry.path).await? {
                self.client.delete(&entry.path, false).await?;
            }
        }
        Ok(())
    }

    /// Whether nobody holds the lease of a temporary file. Asking starts the recovery of a lease that its holder no longer renews;
    /// the next sweep then finds it free.
    async fn is_abandoned(&self, path: &str) -> Result<bool> {
        let asked = Asked { path, operation: "append to", right: "write" };
        match self.client.change(asked, self.client.client.append(path)).await {
            Ok(mut writer) => {
                self.client.change(asked, writer.close()).await?;
                Ok(true)
            }
            Err(StorageError::NotFound { .. } | StorageError::AlreadyExists { .. } | StorageError::PermissionDenied { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Renames a closed temporary file to its key.
    async fn publish(&self, key: &str, temporary: &str, status: FileStatus) -> Result<ObjectInfo> {
        let target = self.path(key)?;
        let parent = split_path(&target).map_or("/", |(parent, _)| parent).to_owned();
        if !self.directories.lock().unwrap_or_else(PoisonError::into_inner).contains(&parent) {
            self.client.make_directories(&parent).await?;
            self.directories.lock().unwrap_or_else(PoisonError::into_inner).insert(parent.clone());
        }
        let mut renamed = self.client.rename_new(temporary, &target).await;
        if matches!(renamed, Err(StorageError::NotFound { .. })) {
            // The directory was removed since we made it.
            self.client.make_directories(&parent).await?;
            renamed = self.client.rename_new(temporary, &target).await;
        }
        match renamed {
            Ok(()) => {
                let FileStatus { length_bytes, modified_millis, .. } = status;
                Ok(ObjectInfo { key: key.to_owned(), length_bytes, modified_millis, version: None })
            }
            Err(error) => {
                // An ambiguous rename may still come: then there is nothing to delete, or what is deleted had no name anyone knows.
                if !error.is_ambiguous() {
                    self.client.delete(temporary, false).await?;
                }
                Err(error)
            }
        }
    }

    async fn open(&self, key: &str) -> Result<HdfsReader> {
        let path = self.path(key)?;
        HdfsReader::open(&self.client, &path).await.map_err(|error| match missing_below_file(error) {
            // A directory of other keys is no object.
            StorageError::Invalid { path, detail } if detail == "is a directory" => StorageError::NotFound { path },
            other => other,
        })
    }
}

#[async_trait]
impl ObjectStore for HdfsStore {
    fn url(&self) -> String {
        format!("{}{}", self.inner.client.url(), self.inner.root)
    }

    async fn put_new(&self, key: &str, body: Bytes) -> Result<ObjectInfo> {
        let mut upload = self.begin(key).await?;
        upload.write(body).await?;
        upload.complete().await
    }

    async fn begin(&self, key: &str) -> Result<Box<dyn Upload>> {
        check_key(key)?;
        let (temporary, writer) = self.inner.create_temporary(key).await?;
        let temporary = Temporary { inner: self.inner.clone(), path: Some(temporary) };
        Ok(Box::new(HdfsUpload { writer: Some(Box::new(writer)), temporary, key: key.to_owned() }))
    }

    async fn get(&self, key: &str, limit_bytes: u64) -> Result<Bytes> {
        let reader = self.inner.open(key).await?;
        let length = reader.length_bytes();
        if length > limit_bytes {
            let detail = format!("{length} bytes, more than the {limit_bytes} expected");
            return Err(StorageError::Invalid { path: key.to_owned(), detail });
        }
        reader.read_range(0, range_length(key, &(0..length))?).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let reader = self.inner.open(key).await?;
        reader.read_range(range.start, range_length(key, &range)?).await
    }

    async fn head(&self, key: &str) -> Result<ObjectInfo> {
        let path = self.inner.path(key)?;
        let status = self.inner.client.status(&path).await?;
        if status.is_directory {
            return Err(StorageError::NotFound { path });
        }
        let FileStatus { length_bytes, modified_millis, .. } = status;
        Ok(ObjectInfo { key: key.to_owned(), length_bytes, modified_millis, version: None })
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<ObjectInfo>> {
        let mut walk = KeyWalk::new(prefix, after, limit);
        while let Some(directory) = walk.next_directory() {
            let path = format!("{}/{directory}", self.inner.root);
            let path = if path.len() > 1 { path.trim_end_matches('/') } else { path.as_str() };
            let found = match self.inner.client.list(path).await {
                Err(StorageError::NotFound { .. }) => Vec::new(),
                found => found?,
            };
            let entry = |status: FileStatus| Entry {
                name: status.name().to_owned(),
                is_directory: status.is_directory,
                length_bytes: status.length_bytes,
                modified_millis: status.modified_millis,
            };
            walk.entries(&directory, found.into_iter().map(entry).collect());
        }
        Ok(walk.finish())
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let path = self.inner.path(key)?;
        match self.inner.client.delete(&path, false).await {
            // A directory of other keys is no object.
            Err(StorageError::Invalid { .. }) => Ok(()),
            done => done,
        }
    }

    async fn now_millis(&self) -> Result<i64> {
        // The NameNode tells its time only as the date of a file.
        let (temporary, writer) = self.inner.create_temporary("").await?;
        let closed = Box::new(writer).close().await;
        self.inner.client.delete(&temporary, false).await?;
        Ok(closed?.modified_millis)
    }
}

/// A temporary file that is deleted with its owner, if that is possible.
#[derive(Debug)]
struct Temporary {
    inner: Arc<Inner>,
    path: Option<String>,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let (Some(path), Ok(runtime)) = (self.path.take(), tokio::runtime::Handle::try_current()) {
            let inner = self.inner.clone();
            // What stays behind is swept by a later run.
            runtime.spawn(async move { inner.client.delete(&path, false).await });
        }
    }
}

#[derive(Debug)]
struct HdfsUpload {
    /// Before `temporary`: a file is closed or given up before its name goes.
    writer: Option<Box<HdfsWriter>>,
    temporary: Temporary,
    key: String,
}

impl HdfsUpload {
    fn completed_twice(&self) -> StorageError {
        StorageError::Invalid { path: self.key.clone(), detail: "completed twice".to_owned() }
    }
}

#[async_trait]
impl Upload for HdfsUpload {
    async fn write(&mut self, part: Bytes) -> Result<()> {
        match self.writer.as_mut() {
            Some(writer) => writer.write(part).await,
            None => Err(self.completed_twice()),
        }
    }

    async fn complete(mut self: Box<Self>) -> Result<ObjectInfo> {
        let Some(writer) = self.writer.take() else { return Err(self.completed_twice()) };
        let status = writer.close().await?;
        let Some(temporary) = self.temporary.path.take() else { return Err(self.completed_twice()) };
        self.temporary.inner.publish(&self.key, &temporary, status).await
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        drop(self.writer.take());
        match self.temporary.path.take() {
            Some(path) => self.temporary.inner.client.delete(&path, false).await,
            None => Ok(()),
        }
    }
}
