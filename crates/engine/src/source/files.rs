//! From a name in a manifest to bytes, wherever the physical file lies by now.
//!
//! A store file moves from `data/` to `archive/` when a compaction, split or merge is done with it, at any moment, also while we read
//! it; a MOB file moves from `mobdir/`. So a file is looked for in every place HBase may keep it, and a read that fails is tried again
//! at the place where the file is then. Files never change: the same name and length is the same content.

use std::sync::Arc;

use bytes::Bytes;
use hbase_layout::{RootLayout, StoreFile, mob::MobFile};
use hbase_types::TableName;
use storage::{FileReader, FileSystem, StorageError};

use crate::{EngineError, Result};

/// How often a file that is nowhere, or a read that fails, is looked for again.
const TRIES: u32 = 4;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

/// A physical file: its name and every place it may lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhysicalFile {
    /// Bare name.
    pub name: String,
    /// Absolute paths, likeliest first.
    pub candidates: Vec<String>,
    /// Length, where the manifest tells.
    pub length: Option<u64>,
    /// Table and region (encoded) whose directory it belongs to.
    pub table: TableName,
    pub region: String,
}

impl PhysicalFile {
    /// Its likeliest path, for messages.
    pub fn path(&self) -> &str {
        self.candidates.first().unwrap_or(&self.name)
    }
}

/// The store files of one root directory.
#[derive(Debug, Clone)]
pub struct SourceFiles {
    pub file_system: Arc<dyn FileSystem>,
    pub layout: RootLayout,
}

impl SourceFiles {
    /// The physical file behind a name listed in `family` of `region` (encoded) of `table`.
    pub fn physical(&self, table: &TableName, region: &str, family: &str, file: &StoreFile) -> PhysicalFile {
        let (home_table, home_region) = file.parts.home(table, region);
        PhysicalFile {
            name: file.parts.physical_name().to_owned(),
            candidates: file.parts.candidates(&self.layout, table, region, family),
            length: file.file_size_bytes,
            table: home_table.clone(),
            region: home_region.to_owned(),
        }
    }

    /// A MOB file that cells lead to.
    pub fn mob(&self, file: &MobFile) -> PhysicalFile {
        PhysicalFile {
            name: file.name.clone(),
            candidates: file.candidates(&self.layout).to_vec(),
            length: None,
            table: file.table.clone(),
            region: hbase_layout::mob::mob_region_name(&file.table),
        }
    }

    /// The length of a file, asked of the file system when the manifest does not tell.
    pub async fn length(&self, file: &PhysicalFile) -> Result<u64> {
        if let Some(length) = file.length {
            return Ok(length);
        }
        for attempt in 0..TRIES {
            for path in &file.candidates {
                match self.file_system.status(path).await {
                    Ok(status) => return Ok(status.length_bytes),
                    Err(error) if error.is_not_found() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            pause(attempt).await;
        }
        Err(missing(file))
    }

    /// Opens a file of known length.
    pub async fn open(&self, file: &PhysicalFile, length: u64) -> Result<SourceReader> {
        let (path, reader) = self.find(file, length).await?;
        Ok(SourceReader { files: self.clone(), file: file.clone(), length, path, reader })
    }

    async fn find(&self, file: &PhysicalFile, length: u64) -> Result<(String, Box<dyn FileReader>)> {
        for attempt in 0..TRIES {
            for path in &file.candidates {
                match self.file_system.open(path).await {
                    Ok(reader) if reader.length_bytes() == length => return Ok((path.clone(), reader)),
                    Ok(reader) => {
                        let message = format!("{} bytes long, the manifest says {length}", reader.length_bytes());
                        return Err(EngineError::Damage { path: path.clone(), message });
                    }
                    Err(error) if error.is_not_found() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            pause(attempt).await;
        }
        Err(missing(file))
    }

    /// A whole small file; one longer than `limit_bytes` is refused.
    pub async fn read_small(&self, path: &str, limit_bytes: u64) -> Result<Bytes> {
        read_small(&self.file_system, path, limit_bytes).await
    }

    /// The same, `None` when it is not there.
    pub async fn read_small_if_there(&self, path: &str, limit_bytes: u64) -> Result<Option<Bytes>> {
        match self.read_small(path, limit_bytes).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(EngineError::Storage(error)) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The entries of a directory; none when it is not there.
    pub async fn list_if_there(&self, path: &str) -> Result<Vec<storage::FileStatus>> {
        list_if_there(&self.file_system, path).await
    }
}

/// The entries of a directory; none when it is not there.
pub(crate) async fn list_if_there(file_system: &Arc<dyn FileSystem>, path: &str) -> Result<Vec<storage::FileStatus>> {
    match file_system.list(path).await {
        Ok(entries) => Ok(entries),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

async fn read_small(file_system: &Arc<dyn FileSystem>, path: &str, limit_bytes: u64) -> Result<Bytes> {
    let reader = file_system.open(path).await?;
    let length = reader.length_bytes();
    match usize::try_from(length) {
        Ok(length_here) if length <= limit_bytes => Ok(reader.read_range(0, length_here).await?),
        _ => {
            Err(EngineError::Damage { path: path.to_owned(), message: format!("{length} bytes long, at most {limit_bytes} are expected") })
        }
    }
}

/// An open store file that is found again when it moves.
#[derive(Debug)]
pub struct SourceReader {
    files: SourceFiles,
    file: PhysicalFile,
    length: u64,
    path: String,
    reader: Box<dyn FileReader>,
}

impl SourceReader {
    /// Length, bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Where it lay when it was opened last.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Exactly `length` bytes from `offset`.
    pub async fn read(&mut self, offset: u64, length: usize) -> Result<Bytes> {
        let mut attempt = 0;
        loop {
            let error = match self.reader.read_range(offset, length).await {
                Ok(bytes) => return Ok(bytes),
                Err(error) => error,
            };
            attempt += 1;
            if attempt == TRIES || !may_have_moved(&error) {
                return Err(error.into());
            }
            pause(attempt).await;
            (self.path, self.reader) = self.files.find(&self.file, self.length).await?;
        }
    }
}

fn may_have_moved(error: &StorageError) -> bool {
    error.is_not_found() || error.is_retryable() || matches!(error, StorageError::TimedOut { .. } | StorageError::Other { .. })
}

fn missing(file: &PhysicalFile) -> EngineError {
    EngineError::FileMissing { path: file.path().to_owned(), places: file.candidates.clone() }
}

async fn pause(attempt: u32) {
    if attempt > 0 {
        tokio::time::sleep(PAUSE * attempt).await;
    }
}
