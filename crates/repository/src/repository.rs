//! An open repository: the state of the commit log, the keys, and what can be done with them.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use storage::ObjectStore;
use zeroize::Zeroizing;

use crate::backup_reader::BackupReader;
use crate::environment::Environment;
use crate::error::Result;
use crate::file::StoredFile;
use crate::file_stream::FileStream;
use crate::upload::{Upload, UploadOptions};

/// How to open the repository key.
#[derive(Clone)]
pub enum Unlock {
    /// The text of a key file.
    KeyFile(Zeroizing<Vec<u8>>),
    /// A passphrase.
    Passphrase(Zeroizing<String>),
    /// A recovery key as printed.
    Recovery(Zeroizing<String>),
}

/// Cost of deriving a key from a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kdf {
    /// Argon2id, 256 MiB, 3 passes, 4 lanes.
    #[default]
    Standard,
    /// Argon2id, 64 MiB, 10 passes, 4 lanes: for machines with little memory.
    Small,
}

/// What `init` makes.
#[derive(Debug, Clone, Default)]
pub struct InitOptions {
    /// Label of the key-file slot, for messages; 1–64 bytes. Empty: `key-file`.
    pub label: String,
    /// Also make a passphrase slot.
    pub passphrase: Option<Zeroizing<String>>,
    /// Cost of the passphrase.
    pub kdf: Kdf,
    /// Also make a recovery slot and return its key.
    pub recovery: bool,
}

/// What `init` made. The keys exist nowhere else.
#[derive(Debug)]
pub struct InitReport {
    /// The repository's id, 16 random bytes.
    pub repository_id: [u8; 16],
    /// Text of the key file.
    pub key_file: Zeroizing<Vec<u8>>,
    /// The recovery key, if asked for.
    pub recovery: Option<Zeroizing<String>>,
}

/// A place in the commit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Sequence of the newest record; 0 = no record yet.
    pub sequence: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// A place in the commit log that was seen before; the caller stores it.
pub type Pin = Head;

/// How to open.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// The newest place this machine has seen.
    pub pin: Option<Pin>,
    /// A place that must be in the log, from elsewhere (`--expect SEQ:HASH`).
    pub expect: Option<Pin>,
    /// Never write.
    pub read_only: bool,
    /// Directory for the authenticated local copy of the log; only speed depends on it.
    pub cache_directory: Option<PathBuf>,
}

/// Whether the repository is proved to be no older than something seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It contains the pinned or expected place.
    Pinned,
    /// Nothing to compare with: a rollback could not be seen.
    Unproven,
}

/// One live backup, as the list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupHead {
    /// Sequence in the commit log: the number shown to people.
    pub sequence: u64,
    /// Hash of the record.
    pub hash: [u8; 32],
    /// When the writer committed, by its clock.
    pub committed_millis: i64,
    /// The list row given to `commit`, decrypted.
    pub row: Bytes,
    /// The upload that made it.
    pub upload: [u8; 16],
    /// Files in the backup.
    pub files: u64,
    /// Bytes of these files, as the source has them.
    pub logical_bytes: u64,
    /// Bytes of data objects this backup added to the store.
    pub stored_bytes: u64,
    /// Source bytes that earlier backups had stored already.
    pub reused_bytes: u64,
    /// Bytes of pages it added.
    pub page_bytes: u64,
    /// The newest tag payload, if any.
    pub tags: Option<Bytes>,
    /// Whether a pin or hold keeps it.
    pub kept: bool,
}

/// An open repository. Cheap to clone.
#[derive(Clone)]
pub struct Repository {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) environment: Environment,
}

impl Repository {
    /// Makes a repository in an empty store.
    pub async fn init(_store: Arc<dyn ObjectStore>, _environment: Environment, _options: InitOptions) -> Result<InitReport> {
        todo!()
    }

    /// Opens a repository, reads its log and checks it against the pin.
    pub async fn open(_store: Arc<dyn ObjectStore>, _environment: Environment, _unlock: Unlock, _options: OpenOptions) -> Result<Self> {
        todo!()
    }

    /// The repository's id.
    pub fn id(&self) -> [u8; 16] {
        todo!()
    }

    /// The store's address, for messages.
    pub fn url(&self) -> String {
        self.inner.store.url()
    }

    /// The newest place in the log that this value has read.
    pub fn head(&self) -> Head {
        todo!()
    }

    /// Whether the head was compared with something seen before.
    pub fn freshness(&self) -> Freshness {
        todo!()
    }

    /// Reads what others committed since.
    pub async fn refresh(&self) -> Result<Head> {
        todo!()
    }

    /// All live backups, oldest first.
    pub fn backups(&self) -> Result<Vec<BackupHead>> {
        todo!()
    }

    /// Starts an upload.
    pub async fn begin_upload(&self, _options: UploadOptions) -> Result<Upload> {
        todo!()
    }

    /// Opens one live backup for reading.
    pub async fn open_backup(&self, _sequence: u64) -> Result<BackupReader> {
        todo!()
    }

    /// Streams the content of one stored file.
    pub async fn read_file(&self, _file: &StoredFile) -> Result<FileStream> {
        todo!()
    }
}
