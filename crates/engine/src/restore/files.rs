//! Store files on their way from the repository to the target.
//!
//! # Rules
//! * A file is written under its final name: `archive/` has no room for temporary names (the cleaner deletes them at once).
//! * The published snapshot guards it from the first byte on, by name; see `publish.rs`.
//! * Parents are made again on every create, because the cleaner removes empty directories.
//! * A name proves nothing. What lies there already is used only after all its bytes were read and match; what is short, too long
//!   or different is removed and written again.
//! * Only bytes that authenticated are written, and the file counts only when the last one did and the length is right.
//!
//! # Crash cases
//! A kill leaves a short file under its final name (nothing reads it: the table does not exist yet); the next run replaces it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use api::Work;
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use repository::FileIdentity;
use storage::{CreateOptions, FileReader, FileSystem, StorageError};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::journal::Journal;
use crate::target::Target;
use crate::target::ownership::Ownership;
use crate::{EngineError, Result};

/// Bytes compared at a time when a file of the target is checked.
const COMPARE_BYTES: usize = 1 << 20;
/// What one file in flight may hold: chunks read, and written but not yet taken by the file system.
const IN_FLIGHT_BYTES: u64 = 8 << 20;
/// The budget is counted in these.
const PERMIT_BYTES: u64 = 64 << 10;
/// How often a file is begun anew because somebody removed its directory or put something in its place.
const PLACE_TRIES: usize = 8;

/// Where the bytes come from.
#[async_trait]
pub trait FileSource: Send + Sync {
    /// The verified bytes of a file, front to back. An error after some chunks means that the file is damaged there.
    async fn read(&self, file: &FileIdentity) -> Result<Box<dyn FileChunks>>;

    /// Whether `found` holds exactly the bytes of `file`: every byte of it is read.
    async fn matches(&self, file: &FileIdentity, found: &dyn FileReader) -> Result<bool> {
        if found.length_bytes() != file.length {
            return Ok(false);
        }
        let mut chunks = self.read(file).await?;
        let mut offset = 0u64;
        while let Some(chunk) = chunks.next().await? {
            for expected in chunk.chunks(COMPARE_BYTES) {
                let actual = found.read_range(offset, expected.len()).await?;
                if actual != expected {
                    return Ok(false);
                }
                offset += expected.len() as u64;
            }
        }
        Ok(offset == file.length)
    }
}

/// Chunks of one file.
#[async_trait]
pub trait FileChunks: Send {
    /// The next verified bytes; `None` after the last, when the whole was checked.
    async fn next(&mut self) -> Result<Option<Bytes>>;
}

/// One file to be put in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePlan {
    /// Physical name and length.
    pub identity: FileIdentity,
    /// Final path at the target.
    pub path: String,
    /// Whether it lies in `mobdir/`.
    pub mob: bool,
    /// The table of the target whose MOB directory that is, if such a table exists: its files are not ours to replace.
    pub guest_of: Option<String>,
}

/// What moving did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FileStats {
    /// Files written.
    pub files_written: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Files that were there and proved equal.
    pub files_reused: u64,
    /// Bytes of those.
    pub bytes_reused: u64,
}

/// Limits of the copy.
#[derive(Debug, Clone, Copy)]
pub struct CopyLimits {
    /// Files at a time.
    pub workers: usize,
    /// Bytes in memory, all files together.
    pub memory_bytes: u64,
}

impl Default for CopyLimits {
    fn default() -> Self {
        Self { workers: 8, memory_bytes: 256 << 20 }
    }
}

/// Reports progress: bytes that were moved or proved, files that are in place.
pub(super) type Progress<'a> = &'a (dyn Fn(Work) + Send + Sync);

/// Everything a copy works with.
pub(super) struct Copier<'a> {
    /// Where to.
    pub target: &'a Target,
    /// Owner, group and mode.
    pub ownership: &'a Ownership,
    /// Whose run this is.
    pub journal: &'a Journal,
    /// Where from.
    pub source: &'a dyn FileSource,
    /// Limits.
    pub limits: CopyLimits,
    /// Stops the copy between two chunks.
    pub cancel: &'a CancellationToken,
    /// Told about bytes in place.
    pub progress: Progress<'a>,
}

impl Copier<'_> {
    /// Puts all `files` in place, several at a time; the first failure stops the rest.
    pub(super) async fn place_all(&self, files: &[FilePlan]) -> Result<FileStats> {
        let permits = (self.limits.memory_bytes / PERMIT_BYTES).clamp(1, u64::from(u32::MAX));
        let budget = Arc::new(Semaphore::new(usize::try_from(permits).unwrap_or(Semaphore::MAX_PERMITS)));
        let counters = Counters::default();
        let work = futures::stream::iter(files).map(|file| {
            let (budget, counters) = (budget.clone(), &counters);
            async move {
                let wanted = file.identity.length.clamp(1, IN_FLIGHT_BYTES).div_ceil(PERMIT_BYTES).min(permits);
                let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
                let _permit = budget.acquire_many(wanted).await.map_err(|_| EngineError::Cancelled)?;
                let written = self.place(file).await?;
                counters.add(written, file.identity.length);
                Ok::<(), EngineError>(())
            }
        });
        work.buffer_unordered(self.limits.workers.max(1)).try_collect::<()>().await?;
        Ok(counters.stats())
    }

    /// Puts one file in place; `true` if it had to be written.
    async fn place(&self, file: &FilePlan) -> Result<bool> {
        for _ in 0..PLACE_TRIES {
            if self.cancel.is_cancelled() {
                return Err(EngineError::Cancelled);
            }
            if self.is_in_place(file).await? {
                (self.progress)(Work { files: 1, bytes: file.identity.length });
                return Ok(false);
            }
            match self.write(file).await {
                Ok(()) => {
                    (self.progress)(Work { files: 1, bytes: 0 });
                    return Ok(true);
                }
                // The directory went between two calls, or another attempt of ours left something: look again.
                Err(EngineError::Storage(error)) if error.is_not_found() || error.is_already_exists() => {}
                Err(error) => return Err(error),
            }
        }
        Err(EngineError::TargetChanged { path: file.path.clone(), detail: "its directory or the file itself keeps changing".into() })
    }

    /// Whether the right bytes are there; what is wrong is removed.
    async fn is_in_place(&self, file: &FilePlan) -> Result<bool> {
        let file_system = &self.target.file_system;
        let found = match file_system.open(&file.path).await {
            Ok(found) => found,
            Err(error) if error.is_not_found() => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        if found.length_bytes() == file.identity.length && self.source.matches(&file.identity, found.as_ref()).await? {
            return Ok(true);
        }
        if let Some(table) = &file.guest_of {
            let detail = format!("it is not what the backup holds under this name, and it belongs to the live table {table}");
            return Err(EngineError::TargetChanged { path: file.path.clone(), detail });
        }
        drop(found);
        self.journal.still_ours().await?;
        file_system.delete(&file.path, false).await?;
        Ok(false)
    }

    async fn write(&self, file: &FilePlan) -> Result<()> {
        let file_system = &self.target.file_system;
        let parent = file.path.rsplit_once('/').map_or("/", |(parent, _)| parent);
        self.ownership.make_directories(file_system, parent).await?;
        // A file that is damaged in the repository fails here, before anything is made for it, if its first frame is.
        let mut chunks = self.source.read(&file.identity).await?;
        let mut next = chunks.next().await?;
        let options = CreateOptions { mode: self.ownership.file_mode, expected_length_bytes: Some(file.identity.length) };
        let mut writer = file_system.create_new(&file.path, options).await?;
        let mut written = 0u64;
        let copied: Result<()> = async {
            while let Some(chunk) = next {
                if self.cancel.is_cancelled() {
                    return Err(EngineError::Cancelled);
                }
                let length = chunk.len() as u64;
                writer.write(chunk).await?;
                written += length;
                (self.progress)(Work { files: 0, bytes: length });
                next = chunks.next().await?;
            }
            Ok(())
        }
        .await;
        let closed = match copied {
            Ok(()) => writer.close().await.map_err(EngineError::from),
            Err(error) => {
                drop(writer);
                Err(error)
            }
        };
        let finished = closed.and_then(|status| {
            if status.length_bytes == file.identity.length && written == file.identity.length {
                return Ok(status);
            }
            let (expected, actual) = (file.identity.length, status.length_bytes);
            Err(StorageError::Short { path: file.path.clone(), offset: 0, expected, actual }.into())
        });
        match finished {
            Ok(status) => Ok(self.ownership.give_file(file_system, &status).await?),
            Err(error) => {
                remove_short(file_system, &file.path).await;
                Err(error)
            }
        }
    }
}

/// Removes what a failed write left. Its own failure is no news: the caller fails already, and the next run checks every byte.
async fn remove_short(file_system: &Arc<dyn FileSystem>, path: &str) {
    drop(file_system.delete(path, false).await);
}

#[derive(Debug, Default)]
struct Counters {
    files_written: AtomicU64,
    bytes_written: AtomicU64,
    files_reused: AtomicU64,
    bytes_reused: AtomicU64,
}

impl Counters {
    fn add(&self, written: bool, length: u64) {
        let (files, bytes) = if written { (&self.files_written, &self.bytes_written) } else { (&self.files_reused, &self.bytes_reused) };
        files.fetch_add(1, Ordering::Relaxed);
        bytes.fetch_add(length, Ordering::Relaxed);
    }

    fn stats(&self) -> FileStats {
        FileStats {
            files_written: self.files_written.load(Ordering::Relaxed),
            bytes_written: self.bytes_written.load(Ordering::Relaxed),
            files_reused: self.files_reused.load(Ordering::Relaxed),
            bytes_reused: self.bytes_reused.load(Ordering::Relaxed),
        }
    }
}
