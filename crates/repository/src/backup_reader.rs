//! Reading one backup's pages.

use bytes::Bytes;

use crate::error::Result;
use crate::file::{FileIdentity, StoredFile};

/// One live backup.
pub struct BackupReader {}

/// Manifest entries in key order.
pub struct EntryStream {}

/// Stored files in the order of their identity hashes.
pub struct StoredFileStream {}

impl BackupReader {
    /// The backup's number.
    pub fn sequence(&self) -> u64 {
        todo!()
    }

    /// Manifest entries whose key starts with `prefix`, sorted by key.
    pub fn entries(&self, _prefix: &[u8]) -> EntryStream {
        todo!()
    }

    /// Where this backup has the file, if it has it.
    pub async fn file(&self, _identity: &FileIdentity) -> Result<Option<StoredFile>> {
        todo!()
    }

    /// All files of the backup.
    pub fn files(&self) -> StoredFileStream {
        todo!()
    }
}

impl EntryStream {
    /// The next entry.
    pub async fn next(&mut self) -> Result<Option<(Bytes, Bytes)>> {
        todo!()
    }
}

impl StoredFileStream {
    /// The next file.
    pub async fn next(&mut self) -> Result<Option<StoredFile>> {
        todo!()
    }
}
