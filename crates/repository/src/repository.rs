//! An open repository: the state of the commit log, the keys, and what can be done with them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use storage::ObjectStore;
use zeroize::Zeroizing;

use crate::backup_reader::BackupReader;
use crate::cache;
use crate::config::{CONFIG_LIMIT_BYTES, Config};
use crate::environment::Environment;
use crate::error::{RepositoryError, Result};
use crate::file::StoredFile;
use crate::file_stream::{FileStream, ObjectCache};
use crate::key_slots::{NewSlot, add_slot, open_slot};
use crate::keys::keyring::{Keyring, Signer};
use crate::keys::slot::Payload;
use crate::log::{Log, PutOutcome, put_reading_back, read_after};
use crate::names;
use crate::page::tree_reader::PageReader;
use crate::record::envelope::{RECORD_LIMIT_BYTES, record_hash};
use crate::upload::{Upload, UploadOptions};
use crate::validity::{Backup, BackupState};

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
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) config: Config,
    pub(crate) slot: [u8; 16],
    pub(crate) pages: Arc<PageReader>,
    pub(crate) objects: ObjectCache,
    log: RwLock<Log>,
    /// One refresh at a time.
    refreshing: tokio::sync::Mutex<()>,
    read_only: bool,
    freshness: Freshness,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Repository").field("url", &self.url()).field("head", &self.head()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Unlock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::KeyFile(_) => "KeyFile(..)",
            Self::Passphrase(_) => "Passphrase(..)",
            Self::Recovery(_) => "Recovery(..)",
        })
    }
}

impl Repository {
    /// Makes a repository in an empty store: slots first, the config last, since the config is what makes it a repository.
    pub async fn init(store: Arc<dyn ObjectStore>, environment: Environment, options: InitOptions) -> Result<InitReport> {
        let url = store.url();
        match store.head(&names::config_key(1)).await {
            Ok(_) => return Err(RepositoryError::RepositoryExists { url }),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
        let repository_id: [u8; 16] = environment.random()?;
        let payload = Payload {
            generations: BTreeMap::from([(1, Zeroizing::new(environment.random::<32>()?))]),
            seed: Zeroizing::new(environment.random::<32>()?),
        };
        let signer = Signer::new(&payload.seed)?;
        let label = if options.label.is_empty() { "key-file".to_owned() } else { options.label };
        let key_file = add_slot(&store, &environment, repository_id, &payload, &NewSlot::KeyFile { label }).await?;
        let mut recovery = None;
        if options.recovery {
            let added =
                add_slot(&store, &environment, repository_id, &payload, &NewSlot::Recovery { label: "recovery".to_owned() }).await?;
            recovery = added.secret;
        }
        if let Some(passphrase) = options.passphrase {
            let slot = NewSlot::Passphrase { label: "passphrase".to_owned(), passphrase, kdf: options.kdf };
            add_slot(&store, &environment, repository_id, &payload, &slot).await?;
        }
        let config = Config {
            generation: 1,
            repository_id,
            compatible: 0,
            write_incompatible: 0,
            read_incompatible: 0,
            created_millis: environment.now_millis(),
            admin: signer.public(),
            previous_key: Vec::new(),
        };
        match put_reading_back(&store, &names::config_key(1), &Bytes::from(config.seal(&signer))).await? {
            PutOutcome::Ours => {}
            PutOutcome::Theirs => return Err(RepositoryError::RepositoryExists { url }),
        }
        let key_file = Zeroizing::new(key_file.secret.map(|text| text.as_bytes().to_vec()).unwrap_or_default());
        Ok(InitReport { repository_id, key_file, recovery })
    }

    /// Opens a repository, reads its log and checks it against the pin.
    pub async fn open(store: Arc<dyn ObjectStore>, environment: Environment, unlock: Unlock, options: OpenOptions) -> Result<Self> {
        let config_key = names::config_key(1);
        let config_bytes = match store.get(&config_key, CONFIG_LIMIT_BYTES).await {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Err(RepositoryError::NotARepository { url: store.url() }),
            Err(error) => return Err(error.into()),
        };
        let config = Config::decode(&config_key, &config_bytes)?;
        let (slot, payload) = open_slot(&store, &config.repository_id, &unlock).await?;
        let keyring = Arc::new(Keyring::new(config.repository_id, payload.generations, &payload.seed)?);
        let mut log = Log::new(&config, &config_bytes);
        if let Some(directory) = &options.cache_directory {
            for record in cache::load(directory, &keyring).await {
                log.push(record, true)?;
            }
        }
        let cached = log.stored.len();
        if cached > 0 {
            // The copy must be this log's: its last record is compared with the store's.
            let head = log.head();
            let stored = store.get(&names::commit_key(head.sequence), RECORD_LIMIT_BYTES).await;
            if !stored.is_ok_and(|bytes| record_hash(&bytes) == head.hash) || !log.damages.is_empty() {
                log = Log::new(&config, &config_bytes);
            }
        }
        let after = log.head().sequence;
        log.extend(&store, read_after(&store, after).await?).await?;
        for pin in options.pin.iter().chain(&options.expect) {
            log.check_pin(pin)?;
        }
        log.check_readable()?;
        if let Some(directory) = &options.cache_directory
            && log.damages.is_empty()
            && log.stored.len().abs_diff(cached) >= cache::REWRITE_RECORDS
        {
            let failed = |source| RepositoryError::Local { path: directory.display().to_string(), source };
            cache::save(directory, &keyring, &log.stored).await.map_err(failed)?;
        }
        let pinned = options.pin.is_some() || options.expect.is_some();
        let pages = Arc::new(PageReader::new(store.clone(), keyring.clone()));
        Ok(Self {
            inner: Arc::new(Inner {
                objects: ObjectCache::default(),
                pages,
                store,
                environment,
                keyring,
                config,
                slot,
                log: RwLock::new(log),
                refreshing: tokio::sync::Mutex::new(()),
                read_only: options.read_only,
                freshness: if pinned { Freshness::Pinned } else { Freshness::Unproven },
            }),
        })
    }

    /// The repository's id.
    pub fn id(&self) -> [u8; 16] {
        self.inner.config.repository_id
    }

    /// The store's address, for messages.
    pub fn url(&self) -> String {
        self.inner.store.url()
    }

    /// The store underneath.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.inner.store
    }

    /// The newest place in the log that this value has read.
    pub fn head(&self) -> Head {
        self.inner.log().head()
    }

    /// Whether the head was compared with something seen before.
    pub fn freshness(&self) -> Freshness {
        self.inner.freshness
    }

    /// Damaged records of the log: number and what is wrong. While there are any, nothing can be written.
    pub fn log_damage(&self) -> Vec<(u64, String)> {
        self.inner.log().damages.iter().map(|damage| (damage.sequence, damage.detail.clone())).collect()
    }

    /// Reads what others committed since.
    pub async fn refresh(&self) -> Result<Head> {
        self.inner.refresh().await
    }

    /// All live backups, oldest first.
    pub fn backups(&self) -> Result<Vec<BackupHead>> {
        let log = self.inner.log();
        log.check_readable()?;
        let live = log.state.backups.iter().filter(|(_, backup)| backup.state == BackupState::Live);
        live.map(|(sequence, backup)| self.inner.backup_head(*sequence, backup, log.state.is_kept(*sequence))).collect()
    }

    /// Starts an upload.
    pub async fn begin_upload(&self, options: UploadOptions) -> Result<Upload> {
        Upload::begin(self.clone(), options).await
    }

    /// Opens one live backup for reading.
    pub async fn open_backup(&self, sequence: u64) -> Result<BackupReader> {
        let log = self.inner.log();
        log.check_readable()?;
        let not_found = |state: &str| RepositoryError::BackupNotFound { sequence, state: state.to_owned() };
        let backup = log.state.backups.get(&sequence).ok_or_else(|| match log.state.void.get(&sequence) {
            Some(void) => not_found(&format!("record {sequence} has no effect: {void}")),
            None => not_found("no such backup"),
        })?;
        match backup.state {
            BackupState::Live => {
                Ok(BackupReader::new(self.clone(), self.inner.backup_head(sequence, backup, log.state.is_kept(sequence))?, backup))
            }
            BackupState::Deleted => Err(not_found("deleted")),
            BackupState::Condemned => Err(not_found("deleted for good")),
            BackupState::Revoked => Err(not_found("made with a signing key that was revoked")),
        }
    }

    /// Streams the content of one stored file.
    pub async fn read_file(&self, file: &StoredFile) -> Result<FileStream> {
        FileStream::open(self.clone(), file).await
    }
}

impl Inner {
    pub(crate) fn log(&self) -> RwLockReadGuard<'_, Log> {
        self.log.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn refresh(&self) -> Result<Head> {
        let _one = self.refreshing.lock().await;
        let after = self.log().head().sequence;
        let records = read_after(&self.store, after).await?;
        if !records.is_empty() {
            // Applied to a copy, so that an error leaves the old state whole.
            let mut log = self.log().clone();
            log.extend(&self.store, records).await?;
            log.check_readable()?;
            *self.log.write().unwrap_or_else(PoisonError::into_inner) = log;
        }
        Ok(self.log().head())
    }

    /// Refuses unless this value may write.
    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.read_only {
            return Err(RepositoryError::ReadOnly { reason: "it was opened read-only".to_owned() });
        }
        if self.config.write_incompatible != 0 {
            let found = format!("features {:#x}", self.config.write_incompatible);
            return Err(RepositoryError::FormatTooNew { what: names::config_key(1), found, supported: "1".to_owned() });
        }
        self.log().write_refusal().map_or(Ok(()), Err)
    }

    fn backup_head(&self, sequence: u64, backup: &Backup, kept: bool) -> Result<BackupHead> {
        let object = names::commit_key(sequence);
        let commit = &backup.commit;
        let tags = match &backup.tags {
            Some((at, field)) => Some(Bytes::from(field.open(&self.keyring, "tags", &names::commit_key(*at))?)),
            None => None,
        };
        Ok(BackupHead {
            sequence,
            hash: backup.hash,
            committed_millis: backup.time_millis,
            row: Bytes::from(commit.row.open(&self.keyring, "row", &object)?),
            upload: commit.upload,
            files: commit.files,
            logical_bytes: commit.logical_bytes,
            stored_bytes: commit.new_bytes,
            reused_bytes: commit.reused_bytes,
            page_bytes: commit.page_bytes,
            tags,
            kept,
        })
    }
}
