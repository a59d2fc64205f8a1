//! One writer's objects on their way into a backup.
//!
//! An upload has one process life. What it stored is garbage until its commit; if the process dies, the next upload *adopts* it: the
//! new commit names the dead upload, which fences it for good, and may use its objects. Known files come from the newest live
//! backup of every lineage and from adopted uploads; nothing of them is read or sent again.

mod adopt;
mod bundle;
mod commit;
mod journal;
mod known;
mod sink;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use zeroize::Zeroizing;

pub(crate) use self::commit::ATTEMPTS as COMMIT_ATTEMPTS;
pub use self::known::KnownFiles;
pub use self::sink::FileSink;
use crate::error::{RepositoryError, Result};
use crate::file::{FileIdentity, FileOptions, ObjectId, StoredFile};
use crate::log::look_beyond;
use crate::object::header::UploadKey;
use crate::object::sealer::Sealer;
use crate::page::layout::PageRef;
use crate::repository::Repository;
use journal::Journal;

/// A writer whose clock is further from the store's does not start.
const CLOCK_TOLERANCE_MILLIS: i64 = 5 * 60 * 1000;
/// Files shorter than this are bundled.
const BUNDLE_BELOW_BYTES: u64 = 1 << 20;

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
pub struct Upload {
    shared: Arc<Shared>,
}

/// What the upload and its sinks share.
struct Shared {
    repository: Repository,
    id: [u8; 16],
    key: UploadKey,
    lineage: [u8; 16],
    /// Place in the log at which the known files were read.
    base: u64,
    known: HashMap<[u8; 32], StoredFile>,
    /// Which of `known` come from adopted uploads.
    adopted: adopt::AdoptedUploads,
    base_roots: [Option<PageRef>; 3],
    written: Mutex<Written>,
    bundles: tokio::sync::Mutex<bundle::Bundles>,
    journal: Option<tokio::sync::Mutex<Journal>>,
}

/// What this upload has stored.
#[derive(Default)]
struct Written {
    /// Files whose object is in the store, by object and identity.
    stored: HashMap<(ObjectId, [u8; 32]), StoredFile>,
    /// Content ids by identity, bundled files included.
    contents: HashMap<[u8; 32], [u8; 32]>,
}

impl Upload {
    pub(crate) async fn begin(repository: Repository, options: UploadOptions) -> Result<Self> {
        let inner = &repository.inner;
        inner.check_writable()?;
        inner.refresh().await?;
        // The listing only raises alarms; what exists is decided by GET.
        if look_beyond(&inner.store, repository.head().sequence).await? {
            inner.refresh().await?;
        }
        inner.check_writable()?;
        let difference = inner.environment.now_millis().saturating_sub(inner.store.now_millis().await?);
        if difference.saturating_abs() > CLOCK_TOLERANCE_MILLIS {
            return Err(RepositoryError::refused(format!("this machine's clock is {} s away from the store's", difference / 1000)));
        }
        let id: [u8; 16] = inner.environment.random()?;
        let key = UploadKey::new(&inner.keyring, &id, Zeroizing::new(inner.environment.random()?))?;
        let lineage = inner.keyring.lineage(&options.lineage);
        let base = repository.head().sequence;
        let (mut known, base_roots) = known::known_files(&repository, &lineage).await?;
        let mut journal = match &options.journal_directory {
            Some(directory) => Some(Journal::create(directory, &inner.keyring, &id).await?),
            None => None,
        };
        let adopted = adopt::adopt(&repository, &options, Some(&id), &mut known).await?;
        if let Some(journal) = &mut journal {
            // Files of adopted uploads go into our journal too: should we die, the next run finds all in one place.
            for file in adopted.files.iter().filter_map(|identity| known.get(identity)) {
                journal.append(&inner.keyring, &id, file).await?;
            }
        }
        let shared = Shared {
            id,
            key,
            lineage,
            base,
            known,
            adopted,
            base_roots,
            written: Mutex::default(),
            bundles: tokio::sync::Mutex::default(),
            journal: journal.map(tokio::sync::Mutex::new),
            repository,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Its id.
    pub fn id(&self) -> [u8; 16] {
        self.shared.id
    }

    /// What was taken over from dead uploads.
    pub fn adopted(&self) -> Adopted {
        self.shared.adopted.sums(&self.shared.known)
    }

    /// Uploads of this machine whose process is certainly gone, adopted or not.
    pub fn dead_uploads(&self) -> BTreeSet<[u8; 16]> {
        self.shared.adopted.dead.clone()
    }

    /// The stored file of this identity, if a live backup or an adopted upload has it. Costs no store call.
    pub fn known(&self, identity: &FileIdentity) -> Option<StoredFile> {
        self.shared.known.get(&self.shared.repository.inner.keyring.identity(identity)).cloned()
    }

    /// Starts storing one file.
    pub async fn file(&self, identity: &FileIdentity, options: FileOptions) -> Result<FileSink> {
        FileSink::open(self.shared.clone(), identity, options).await
    }

    /// Writes the pages and the commit record. The backup exists exactly when this returns `Ok` (or when the record's put
    /// succeeded and the answer was lost).
    pub async fn commit(self, request: CommitRequest) -> Result<CommitReceipt> {
        commit::commit(&self.shared, request).await
    }
}

impl Shared {
    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> [u8; 16] {
        self.repository.inner.keyring.signer().id()
    }

    /// A new data object: its id, sealer and header bytes.
    fn new_object(&self) -> Result<(ObjectId, Sealer, Bytes)> {
        let environment = &self.repository.inner.environment;
        let object = ObjectId { upload: self.id, random: environment.random()? };
        let (sealer, header) = Sealer::new(&object, self.repository.id(), self.writer(), &self.key, environment.random()?)?;
        Ok((object, sealer, header))
    }

    /// Remembers the files of an object that is in the store now; writes them into the journal.
    async fn stored(&self, files: &[StoredFile]) -> Result<()> {
        let entries = files.iter().map(|file| ((file.object.object, file.identity), file.clone()));
        self.written().stored.extend(entries);
        if let Some(journal) = &self.journal {
            let mut journal = journal.lock().await;
            for file in files {
                journal.append(&self.repository.inner.keyring, &self.id, file).await?;
            }
        }
        Ok(())
    }
}
