//! One writer's objects on their way into a backup.

mod sink;

use std::path::PathBuf;

use bytes::Bytes;

pub use self::sink::FileSink;
use crate::error::Result;
use crate::file::{FileIdentity, FileOptions, StoredFile};

/// How an upload starts.
#[derive(Debug, Clone, Default)]
pub struct UploadOptions {
    /// Names the sequence of backups this one continues, for example the cluster. Files are known from the newest live backup of
    /// every lineage; the repository stores only a keyed hash of it.
    pub lineage: Bytes,
    /// Directory for journals. Uploads of dead processes found there are adopted: what they uploaded is known here.
    pub journal_directory: Option<PathBuf>,
    /// Without a journal: also look through the store for uncommitted objects of our key whose upload got no new object for this
    /// long by the store's date, and adopt them. `None` = do not look.
    pub adopt_idle_millis: Option<i64>,
}

/// What a commit holds.
#[derive(Debug, Clone, Default)]
pub struct CommitRequest {
    /// What `list` shows; encrypted, opaque, at most 16 KiB.
    pub row: Bytes,
    /// Manifest entries, sorted by key without duplicates; opaque. Key ≤ 4 KiB, value ≤ 16 MiB.
    pub manifest: Vec<(Bytes, Bytes)>,
    /// All files of the backup, new and known, in any order; duplicates are merged.
    pub files: Vec<StoredFile>,
}

/// A backup that exists now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitReceipt {
    /// Its number.
    pub sequence: u64,
    /// Hash of its record.
    pub hash: [u8; 32],
    /// Bytes of data objects added to the store.
    pub new_bytes: u64,
    /// Source bytes that were in the repository before.
    pub reused_bytes: u64,
    /// Bytes of pages added.
    pub page_bytes: u64,
}

/// What an upload took over from dead ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Uploads adopted.
    pub uploads: u64,
    /// Files found in them.
    pub files: u64,
    /// Source bytes of these files.
    pub bytes: u64,
}

/// An upload. Share it between workers by reference. Dropping it leaves objects that the next upload adopts.
pub struct Upload {}

impl Upload {
    /// Its id.
    pub fn id(&self) -> [u8; 16] {
        todo!()
    }

    /// What was taken over from dead uploads.
    pub fn adopted(&self) -> Adopted {
        todo!()
    }

    /// The stored file of this identity, if a live backup or an adopted upload has it. Costs no store call.
    pub fn known(&self, _identity: &FileIdentity) -> Option<StoredFile> {
        todo!()
    }

    /// Starts storing one file.
    pub async fn file(&self, _identity: &FileIdentity, _options: FileOptions) -> Result<FileSink> {
        todo!()
    }

    /// Writes the pages and the commit record. The backup exists exactly when this returns `Ok` (or when the record's put
    /// succeeded and the answer was lost).
    pub async fn commit(self, _request: CommitRequest) -> Result<CommitReceipt> {
        todo!()
    }
}
