//! A tree of files on disk that dies on command: after so many calls every further one fails, as after a SIGKILL.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use storage::{CreateOptions, FileReader, FileStatus, FileSystem, FileWriter, Result, Space, StorageError};

/// When a tree dies, and whether the last call still takes effect.
#[derive(Debug)]
pub(super) struct Fuse {
    calls_left: AtomicI64,
    last_call_acts: bool,
}

impl Fuse {
    pub(super) fn new(calls: i64, last_call_acts: bool) -> Arc<Self> {
        Arc::new(Self { calls_left: AtomicI64::new(calls), last_call_acts })
    }

    pub(super) fn never() -> Arc<Self> {
        Self::new(i64::MAX, false)
    }

    pub(super) fn used(&self, of: i64) -> i64 {
        of - self.calls_left.load(Ordering::SeqCst)
    }

    /// `Ok(true)`: do it. `Ok(false)`: do it and then fail. An error: fail.
    fn burn(&self, path: &str) -> Result<bool> {
        match self.calls_left.fetch_sub(1, Ordering::SeqCst) {
            left if left > 1 => Ok(true),
            1 if self.last_call_acts => Ok(false),
            1 => Err(dead(path)),
            _ => Err(dead(path)),
        }
    }
}

fn dead(path: &str) -> StorageError {
    StorageError::Unreachable { endpoint: path.to_owned(), detail: "killed".into() }
}

/// The tree under `base`.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) base: PathBuf,
    pub(super) fuse: Arc<Fuse>,
}

impl Tree {
    pub(super) fn shared(base: &Path, fuse: Arc<Fuse>) -> Arc<dyn FileSystem> {
        Arc::new(Self { base: base.to_owned(), fuse })
    }

    fn at(&self, path: &str) -> PathBuf {
        self.base.join(path.trim_start_matches('/'))
    }

    async fn status_of(&self, path: &str) -> Result<FileStatus> {
        let found = tokio::fs::metadata(self.at(path)).await.map_err(|error| convert(path, error))?;
        Ok(FileStatus {
            path: path.to_owned(),
            length_bytes: if found.is_dir() { 0 } else { found.len() },
            is_directory: found.is_dir(),
            modified_millis: 0,
            owner: None,
            group: None,
            mode: None,
        })
    }
}

fn convert(path: &str, error: std::io::Error) -> StorageError {
    let path = path.to_owned();
    match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => StorageError::NotFound { path },
        std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::DirectoryNotEmpty => StorageError::AlreadyExists { path },
        _ => StorageError::Other { path, operation: "test tree", source: Box::new(error) },
    }
}

fn answer<T>(acted: bool, path: &str, value: T) -> Result<T> {
    if acted { Ok(value) } else { Err(dead(path)) }
}

#[async_trait]
impl FileSystem for Tree {
    fn url(&self) -> String {
        "test://".into()
    }

    async fn status(&self, path: &str) -> Result<FileStatus> {
        let acted = self.fuse.burn(path)?;
        let status = self.status_of(path).await?;
        answer(acted, path, status)
    }

    async fn list(&self, path: &str) -> Result<Vec<FileStatus>> {
        let acted = self.fuse.burn(path)?;
        let mut entries = tokio::fs::read_dir(self.at(path)).await.map_err(|error| convert(path, error))?;
        let mut found = Vec::new();
        while let Some(entry) = entries.next_entry().await.map_err(|error| convert(path, error))? {
            found.push(self.status_of(&format!("{path}/{}", entry.file_name().to_string_lossy())).await?);
        }
        found.sort_by(|left, right| left.path.cmp(&right.path));
        answer(acted, path, found)
    }

    async fn open(&self, path: &str) -> Result<Box<dyn FileReader>> {
        let acted = self.fuse.burn(path)?;
        let body = tokio::fs::read(self.at(path)).await.map_err(|error| convert(path, error))?;
        answer(acted, path, Box::new(Reader { path: path.to_owned(), body: body.into(), fuse: self.fuse.clone() }))
    }

    async fn create_new(&self, path: &str, _: CreateOptions) -> Result<Box<dyn FileWriter>> {
        let acted = self.fuse.burn(path)?;
        if let Some(parent) = self.at(path).parent() {
            tokio::fs::create_dir_all(parent).await.map_err(|error| convert(path, error))?;
        }
        let opened = tokio::fs::OpenOptions::new().write(true).create_new(true).open(self.at(path)).await;
        let file = opened.map_err(|error| convert(path, error))?;
        answer(acted, path, Box::new(Writer { tree: self.clone(), path: path.to_owned(), file }))
    }

    async fn rename_new(&self, from: &str, to: &str) -> Result<()> {
        let acted = self.fuse.burn(from)?;
        if tokio::fs::metadata(self.at(to)).await.is_ok() {
            return Err(StorageError::AlreadyExists { path: to.to_owned() });
        }
        tokio::fs::rename(self.at(from), self.at(to)).await.map_err(|error| convert(from, error))?;
        answer(acted, from, ())
    }

    async fn make_directories(&self, path: &str) -> Result<()> {
        let acted = self.fuse.burn(path)?;
        tokio::fs::create_dir_all(self.at(path)).await.map_err(|error| convert(path, error))?;
        answer(acted, path, ())
    }

    async fn delete(&self, path: &str, recursive: bool) -> Result<()> {
        let acted = self.fuse.burn(path)?;
        let at = self.at(path);
        let done = match tokio::fs::metadata(&at).await {
            Ok(found) if found.is_dir() && recursive => tokio::fs::remove_dir_all(&at).await,
            Ok(found) if found.is_dir() => tokio::fs::remove_dir(&at).await,
            Ok(_) => tokio::fs::remove_file(&at).await,
            Err(_) => Ok(()),
        };
        done.map_err(|error| convert(path, error))?;
        answer(acted, path, ())
    }

    async fn set_owner(&self, path: &str, _: Option<&str>, _: Option<&str>) -> Result<()> {
        self.fuse.burn(path).map(drop)
    }

    async fn set_mode(&self, path: &str, _: u32) -> Result<()> {
        self.fuse.burn(path).map(drop)
    }

    async fn space(&self) -> Result<Option<Space>> {
        Ok(None)
    }
}

#[derive(Debug)]
struct Reader {
    path: String,
    body: Bytes,
    fuse: Arc<Fuse>,
}

#[async_trait]
impl FileReader for Reader {
    fn length_bytes(&self) -> u64 {
        self.body.len() as u64
    }

    async fn read_range(&self, offset: u64, length: usize) -> Result<Bytes> {
        self.fuse.burn(&self.path)?;
        let start = usize::try_from(offset).unwrap();
        Ok(self.body.slice(start..start + length))
    }
}

#[derive(Debug)]
struct Writer {
    tree: Tree,
    path: String,
    file: tokio::fs::File,
}

#[async_trait]
impl FileWriter for Writer {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        use tokio::io::AsyncWriteExt;
        let acted = self.tree.fuse.burn(&self.path);
        // A kill in the middle of a write leaves its first half.
        let part = if acted.is_ok() { &bytes[..] } else { &bytes[..bytes.len() / 2] };
        self.file.write_all(part).await.map_err(|error| convert(&self.path, error))?;
        self.file.flush().await.map_err(|error| convert(&self.path, error))?;
        answer(acted?, &self.path, ())
    }

    async fn close(self: Box<Self>) -> Result<FileStatus> {
        let acted = self.tree.fuse.burn(&self.path)?;
        let status = self.tree.status_of(&self.path).await?;
        answer(acted, &self.path, status)
    }
}
