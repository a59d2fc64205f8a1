//! An object store in a local directory: `ROOT/<key>`, unfinished objects in `ROOT/tmp`.
//!
//! Write order of one object: bytes into a file below `tmp/`, fsync(file), link() to its key (fails if the key exists), unlink of
//! the temporary name, fsync of the key's directory, fsync of the parents whose names may not be durable yet. Only then success.
//! Crash cases:
//! * before link(): nothing under the key; the temporary file is swept by a later store (`local_temporary.rs`);
//! * after link(), before fsync(directory): the object is whole or absent after a power failure, and its writer was told nothing;
//!   who finds it and builds on it calls [`ObjectStore::settle`] first;
//! * the loser of a race gets `AlreadyExists` only after the winner's name was made durable.
//!
//! It does not create or check the mount point, and does not know who else may write below ROOT.

use std::ops::Range;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rustix::fs::{AtFlags, FileType, OFlags};
use rustix::io::Errno;

use crate::blocking::blocking;
use crate::key::{TEMPORARY_SEGMENT, check_key, check_range, range_length};
use crate::key_walk::{Entry, KeyWalk};
use crate::local_disk::{DirectorySync, Step, failure, length_bytes, modified_millis, open, read_exactly, retry_interrupted, write_all};
use crate::local_pump::Pump;
use crate::local_temporary::{TemporaryDirectory, directory_names, link};
use crate::{Clock, ObjectInfo, ObjectStore, Result, StorageError, SystemClock, Upload};

/// How often a directory that vanishes between mkdir and link is made again.
const ATTEMPTS: usize = 100;

/// Objects as files below a directory. Clones share one temporary directory.
#[derive(Debug, Clone)]
pub struct LocalStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    deadline: Duration,
    clock: Arc<dyn Clock>,
    directories: DirectorySync,
    /// Made by the first write, so that a reader needs no right to write.
    temporary: Mutex<Option<Arc<TemporaryDirectory>>>,
}

impl LocalStore {
    /// A store below `root`, which the first write creates if it is missing. `deadline` bounds each call.
    pub fn new(root: impl Into<PathBuf>, deadline: Duration) -> Self {
        Self::with(root.into(), deadline, Arc::new(SystemClock), DirectorySync::default())
    }

    pub(crate) fn with(root: PathBuf, deadline: Duration, clock: Arc<dyn Clock>, directories: DirectorySync) -> Self {
        Self { inner: Arc::new(Inner { root, deadline, clock, directories, temporary: Mutex::default() }) }
    }

    /// Runs `work` on a blocking thread with the store and the checked key.
    async fn run<T: Send + 'static>(&self, key: &str, work: impl FnOnce(&Inner, &str) -> Result<T> + Send + 'static) -> Result<T> {
        check_key(key)?;
        let (inner, key) = (self.inner.clone(), key.to_owned());
        let path = inner.message_path(&key);
        blocking(&path, self.inner.deadline, move || work(&inner, &key)).await
    }
}

impl Inner {
    fn message_path(&self, key: &str) -> String {
        self.root.join(key).display().to_string()
    }

    fn fail(&self, key: &str, operation: &'static str, right: &str, errno: Errno) -> StorageError {
        failure(&self.message_path(key), operation, right, errno)
    }

    fn temporary(&self) -> Result<Arc<TemporaryDirectory>> {
        let mut temporary = self.temporary.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(temporary) = temporary.as_ref() {
            return Ok(temporary.clone());
        }
        let made = TemporaryDirectory::create(&self.root.join(TEMPORARY_SEGMENT), &self.directories)
            .map_err(|errno| self.fail(TEMPORARY_SEGMENT, "create", &format!("write on {}", self.root.display()), errno))?;
        Ok(temporary.insert(Arc::new(made)).clone())
    }

    fn open(&self, key: &str) -> Result<(OwnedFd, u64, i64)> {
        let opened = open(&self.root.join(key), OFlags::RDONLY).map_err(|errno| self.read_failure(key, errno))?;
        let stat = rustix::fs::fstat(&opened).map_err(|errno| self.read_failure(key, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(StorageError::NotFound { path: self.message_path(key) });
        }
        Ok((opened, length_bytes(&stat), modified_millis(&stat)))
    }

    /// Under a key that has objects below it, or below one that is an object, there is nothing.
    fn read_failure(&self, key: &str, errno: Errno) -> StorageError {
        let errno = if errno == Errno::NOTDIR { Errno::NOENT } else { errno };
        self.fail(key, "open", "read", errno)
    }

    /// link, unlink, fsync of directories: everything after the bytes are durable.
    fn publish(&self, key: &str, temporary: &Path, file: &OwnedFd) -> Result<ObjectInfo> {
        let target = self.root.join(key);
        let directory = target.parent().unwrap_or(&self.root);
        let right = format!("write on directory {}", directory.display());
        let result = self.link(temporary, &target, directory);
        let unlinked = rustix::fs::unlink(temporary);
        self.directories.note(|| Step::Unlink(temporary.to_owned()));
        match result {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                self.directories.settle(directory, self.top()).map_err(|errno| self.fail(key, "fsync", &right, errno))?;
                return Err(StorageError::AlreadyExists { path: self.message_path(key) });
            }
            Err(errno) => return Err(self.fail(key, "link", &right, errno)),
        }
        unlinked.map_err(|errno| self.fail(key, "unlink", &right, errno))?;
        self.directories.settle(directory, self.top()).map_err(|errno| self.fail(key, "fsync", &right, errno))?;
        let stat = rustix::fs::fstat(file).map_err(|errno| self.fail(key, "stat", "read", errno))?;
        let (length_bytes, modified_millis) = (length_bytes(&stat), modified_millis(&stat));
        Ok(ObjectInfo { key: key.to_owned(), length_bytes, modified_millis, version: None })
    }

    fn link(&self, temporary: &Path, target: &Path, directory: &Path) -> std::result::Result<(), Errno> {
        for _ in 0..ATTEMPTS {
            match link(temporary, target) {
                Ok(()) => {
                    self.directories.note(|| Step::Link(target.to_owned()));
                    return Ok(());
                }
                Err(Errno::NOENT) => self.directories.make(directory, 0o777)?,
                Err(errno) => return Err(errno),
            }
        }
        Err(Errno::NOENT)
    }

    /// The last directory whose name is made durable: the parent of the root, since the root may be new too.
    fn top(&self) -> &Path {
        self.root.parent().unwrap_or(&self.root)
    }

    fn read_directory(&self, relative: &str) -> Result<Vec<Entry>> {
        let path = if relative.is_empty() { self.root.clone() } else { self.root.join(relative) };
        let opened = match open(&path, OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Vec::new()),
            opened => opened.map_err(|errno| self.fail(relative, "list", "read", errno))?,
        };
        let mut entries = Vec::new();
        for name in directory_names(&opened).map_err(|errno| self.fail(relative, "list", "read", errno))? {
            let stat = match rustix::fs::statat(&opened, &name, AtFlags::empty()) {
                // Deleted while we were listing.
                Err(Errno::NOENT) => continue,
                stat => stat.map_err(|errno| self.fail(relative, "stat", "search", errno))?,
            };
            let kind = FileType::from_raw_mode(stat.st_mode);
            if matches!(kind, FileType::RegularFile | FileType::Directory) {
                let is_directory = kind == FileType::Directory;
                entries.push(Entry { name, is_directory, length_bytes: length_bytes(&stat), modified_millis: modified_millis(&stat) });
            }
        }
        Ok(entries)
    }
}

#[async_trait]
impl ObjectStore for LocalStore {
    fn url(&self) -> String {
        format!("file://{}", self.inner.root.display())
    }

    async fn put_new(&self, key: &str, body: Bytes) -> Result<ObjectInfo> {
        self.run(key, move |inner, key| {
            let message = inner.message_path(key);
            let (temporary, file) =
                inner.temporary()?.file().map_err(|errno| inner.fail(key, "create", "write on directory tmp", errno))?;
            let written = write_all(&file, &message, 0, &[body])
                .and_then(|_| retry_interrupted(|| rustix::fs::fsync(&file)).map_err(|errno| inner.fail(key, "fsync", "write", errno)));
            if let Err(error) = written {
                let _ = rustix::fs::unlink(&temporary);
                return Err(error);
            }
            inner.directories.note(|| Step::SyncFile(temporary.clone()));
            inner.publish(key, &temporary, &file)
        })
        .await
    }

    async fn begin(&self, key: &str) -> Result<Box<dyn Upload>> {
        let (temporary, file) = self
            .run(key, |inner, key| inner.temporary()?.file().map_err(|errno| inner.fail(key, "create", "write on directory tmp", errno)))
            .await?;
        let pump = Pump::new(file, self.inner.message_path(key), self.inner.deadline);
        Ok(Box::new(LocalUpload { store: self.clone(), key: key.to_owned(), temporary: Temporary(Some(temporary)), pump }))
    }

    async fn get(&self, key: &str, limit_bytes: u64) -> Result<Bytes> {
        self.run(key, move |inner, key| {
            let (file, length, _) = inner.open(key)?;
            if length > limit_bytes {
                let detail = format!("{length} bytes, more than the {limit_bytes} expected");
                return Err(StorageError::Invalid { path: inner.message_path(key), detail });
            }
            let length = range_length(key, &(0..length))?;
            read_exactly(&file, &inner.message_path(key), 0, length)
        })
        .await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.run(key, move |inner, key| {
            let (file, total, _) = inner.open(key)?;
            let path = inner.message_path(key);
            let length = range_length(&path, &range)?;
            check_range(&path, range.start, length as u64, total)?;
            read_exactly(&file, &path, range.start, length)
        })
        .await
    }

    async fn head(&self, key: &str) -> Result<ObjectInfo> {
        self.run(key, |inner, key| {
            let stat = rustix::fs::stat(inner.root.join(key)).map_err(|errno| inner.read_failure(key, errno))?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
                return Err(StorageError::NotFound { path: inner.message_path(key) });
            }
            let (length_bytes, modified_millis) = (length_bytes(&stat), modified_millis(&stat));
            Ok(ObjectInfo { key: key.to_owned(), length_bytes, modified_millis, version: None })
        })
        .await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<ObjectInfo>> {
        let mut walk = KeyWalk::new(prefix, after, limit);
        let inner = self.inner.clone();
        blocking(&self.url(), self.inner.deadline, move || {
            while let Some(directory) = walk.next_directory() {
                let entries = inner.read_directory(&directory)?;
                walk.entries(&directory, entries);
            }
            Ok(walk.finish())
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.run(key, |inner, key| {
            let path = inner.root.join(key);
            let directory = path.parent().unwrap_or(&inner.root);
            let right = format!("write on directory {}", directory.display());
            match rustix::fs::unlink(&path) {
                // A directory of other keys is no object.
                Ok(()) | Err(Errno::ISDIR) => {}
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
                Err(errno) => return Err(inner.fail(key, "delete", &right, errno)),
            }
            inner.directories.settle(directory, inner.top()).map_err(|errno| inner.fail(key, "fsync", &right, errno))
        })
        .await
    }

    async fn now_millis(&self) -> Result<i64> {
        Ok(self.inner.clock.now_millis())
    }

    async fn settle(&self, key: &str) -> Result<()> {
        self.run(key, |inner, key| {
            inner.open(key)?;
            let path = inner.root.join(key);
            let directory = path.parent().unwrap_or(&inner.root);
            inner.directories.settle(directory, inner.top()).map_err(|errno| inner.fail(key, "fsync", "read", errno))
        })
        .await
    }
}

/// A temporary name that goes away with its owner.
#[derive(Debug)]
struct Temporary(Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            let _ = rustix::fs::unlink(path);
        }
    }
}

#[derive(Debug)]
struct LocalUpload {
    // Order matters: the name goes before the store, whose last clone removes the directory.
    temporary: Temporary,
    store: LocalStore,
    key: String,
    pump: Pump,
}

#[async_trait]
impl Upload for LocalUpload {
    async fn write(&mut self, part: Bytes) -> Result<()> {
        self.pump.push(part).await
    }

    async fn complete(mut self: Box<Self>) -> Result<ObjectInfo> {
        self.pump.finish().await?;
        let Some(temporary) = self.temporary.0.take() else {
            return Err(StorageError::Invalid { path: self.key.clone(), detail: "completed twice".to_owned() });
        };
        let file = self.pump.file().clone();
        let published = self.store.run(&self.key, move |inner, key| {
            inner.directories.note(|| Step::SyncFile(temporary.clone()));
            inner.publish(key, &temporary, &file)
        });
        published.await
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
