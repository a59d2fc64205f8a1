//! Reading one backup's pages.

use bytes::Bytes;

use crate::error::Result;
use crate::file::{FileIdentity, StoredFile};
use crate::keys::keyring::PageKind;
use crate::names;
use crate::page::layout::PageRef;
use crate::page::tree_reader::TreeScan;
use crate::repository::{BackupHead, Repository};
use crate::stored_file::read_index_entry;
use crate::validity::Backup;

/// One live backup.
#[derive(Debug, Clone)]
pub struct BackupReader {
    repository: Repository,
    head: BackupHead,
    roots: [Option<PageRef>; 3],
}

/// Manifest entries in key order.
pub struct EntryStream {
    scan: TreeScan,
    prefix: Bytes,
}

/// Stored files in the order of their identity hashes.
pub struct StoredFileStream {
    scan: TreeScan,
    object: String,
}

impl BackupReader {
    pub(crate) fn new(repository: Repository, head: BackupHead, backup: &Backup) -> Self {
        Self { repository, head, roots: backup.commit.roots.clone() }
    }

    /// The backup's number.
    pub fn sequence(&self) -> u64 {
        self.head.sequence
    }

    /// What the list shows of it.
    pub fn head(&self) -> &BackupHead {
        &self.head
    }

    fn root(&self, kind: PageKind) -> Option<&PageRef> {
        PageKind::ALL.iter().zip(&self.roots).find(|(candidate, _)| **candidate == kind).and_then(|(_, root)| root.as_ref())
    }

    fn scan(&self, kind: PageKind, start: Bytes) -> TreeScan {
        TreeScan::new(self.repository.inner.pages.clone(), kind, self.root(kind).cloned(), start)
    }

    /// Manifest entries whose key starts with `prefix`, sorted by key.
    pub fn entries(&self, prefix: &[u8]) -> EntryStream {
        let prefix = Bytes::copy_from_slice(prefix);
        EntryStream { scan: self.scan(PageKind::Manifest, prefix.clone()), prefix }
    }

    /// The manifest value of one key.
    pub async fn entry(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.repository.inner.pages.get(PageKind::Manifest, self.root(PageKind::Manifest), key).await
    }

    /// Where this backup has the file, if it has it.
    pub async fn file(&self, identity: &FileIdentity) -> Result<Option<StoredFile>> {
        self.file_by_hash(&self.repository.inner.keyring.identity(identity)).await
    }

    /// The same by the hash of the identity, as [`StoredFile`] and damage reports hold it.
    pub async fn file_by_hash(&self, identity: &[u8; 32]) -> Result<Option<StoredFile>> {
        let inner = &self.repository.inner;
        match inner.pages.get(PageKind::Index, self.root(PageKind::Index), identity).await? {
            Some(value) => read_index_entry(&names::commit_key(self.head.sequence), identity, &value).map(Some),
            None => Ok(None),
        }
    }

    /// All files of the backup.
    pub fn files(&self) -> StoredFileStream {
        StoredFileStream { scan: self.scan(PageKind::Index, Bytes::new()), object: names::commit_key(self.head.sequence) }
    }

    /// Hash of an identity, as damage reports name files.
    pub fn identity_hash(&self, identity: &FileIdentity) -> [u8; 32] {
        self.repository.inner.keyring.identity(identity)
    }
}

impl EntryStream {
    /// The next entry.
    pub async fn next(&mut self) -> Result<Option<(Bytes, Bytes)>> {
        Ok(self.scan.next().await?.filter(|(key, _)| key.starts_with(&self.prefix)))
    }
}

impl StoredFileStream {
    /// The next file.
    pub async fn next(&mut self) -> Result<Option<StoredFile>> {
        match self.scan.next().await? {
            Some((key, value)) => read_index_entry(&self.object, &key, &value).map(Some),
            None => Ok(None),
        }
    }
}
