//! HBase's side of storage: a tree of files as HBase keeps it.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;

use crate::Result;

/// What a file system says about one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStatus {
    /// Absolute path inside the file system (no scheme, no authority), `/`-separated.
    pub path: String,
    /// Length in bytes; 0 for a directory. An HDFS file under construction may be longer than this says.
    pub length_bytes: u64,
    /// Whether this is a directory.
    pub is_directory: bool,
    /// Modification time, milliseconds since the epoch.
    pub modified_millis: i64,
    /// Owner, where the file system has one.
    pub owner: Option<String>,
    /// Group, where the file system has one.
    pub group: Option<String>,
    /// Permission bits, for example `0o755`.
    pub mode: Option<u32>,
}

impl FileStatus {
    /// The last component of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// How a file is created.
#[derive(Debug, Clone, Default)]
pub struct CreateOptions {
    /// Permission bits; `None` leaves the file system's default.
    pub mode: Option<u32>,
    /// Length, where known: lets a backend reserve space and fail early.
    pub expected_length_bytes: Option<u64>,
}

/// Free and total space, where the file system tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes a new file could use.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

/// A tree of files with HBase's needs: rename without overwrite, owner, mode.
///
/// Paths are absolute inside the file system. Contract, checked by one conformance suite over every backend:
/// * `create_new` creates missing parents, refuses an existing file, and the file is visible while it is written (HBase's own files are);
/// * `FileWriter::close` returns only when the bytes are durable (local: fsync of file and directory; HDFS: hsync, then close);
/// * `rename_new` is atomic and refuses an existing target; parents of the target must exist;
/// * `list` of a file or a missing directory is `NotFound`; entries are sorted by path, not recursive;
/// * every call has a deadline and ends in `TimedOut` or `Unreachable` instead of waiting for ever.
#[async_trait]
pub trait FileSystem: Send + Sync + Debug {
    /// Address without path, for messages: `file://`, `hdfs://nameservice1`.
    fn url(&self) -> String;

    /// Status of one path.
    async fn status(&self, path: &str) -> Result<FileStatus>;

    /// The entries of a directory.
    async fn list(&self, path: &str) -> Result<Vec<FileStatus>>;

    /// Opens a file for reading; the length is the one at this moment.
    async fn open(&self, path: &str) -> Result<Box<dyn FileReader>>;

    /// Creates a file that must not exist.
    async fn create_new(&self, path: &str, options: CreateOptions) -> Result<Box<dyn FileWriter>>;

    /// Renames a file or directory; the target must not exist.
    async fn rename_new(&self, from: &str, to: &str) -> Result<()>;

    /// Creates a directory and its parents; an existing directory is success.
    async fn make_directories(&self, path: &str) -> Result<()>;

    /// Deletes a file, or a directory with all it holds if `recursive`. A missing path is success.
    async fn delete(&self, path: &str, recursive: bool) -> Result<()>;

    /// Sets owner and group (`None` leaves one as it is).
    async fn set_owner(&self, path: &str, owner: Option<&str>, group: Option<&str>) -> Result<()>;

    /// Sets permission bits.
    async fn set_mode(&self, path: &str, mode: u32) -> Result<()>;

    /// Free space, where known.
    async fn space(&self) -> Result<Option<Space>>;
}

/// An open file. Reads may run in parallel.
#[async_trait]
pub trait FileReader: Send + Sync + Debug {
    /// Length at the time of `open`.
    fn length_bytes(&self) -> u64;

    /// Exactly `length` bytes from `offset`; past the end is `Short`.
    async fn read_range(&self, offset: u64, length: usize) -> Result<Bytes>;
}

/// A file being written, front to back.
#[async_trait]
pub trait FileWriter: Send + Debug {
    /// Appends `bytes`.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Makes everything durable and closes. Dropping a writer without this leaves a short file under the path.
    async fn close(self: Box<Self>) -> Result<FileStatus>;
}
