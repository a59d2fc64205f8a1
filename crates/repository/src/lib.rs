//! The encrypted, deduplicating repository: a signed commit log, data objects, pages. `docs/format.md` fixes every byte.
//!
//! Knows nothing of HBase: files have a name and a length, manifests are opaque keys and values.
//!
//! * [`Repository`]: open, list, read, verify, keys.
//! * [`Upload`]: store files, then commit them as one backup.
//! * [`BackupReader`], [`FileStream`]: read a backup.
//!
//! Write order, which every crash case rests on: data objects → pages → prepared record → record in the log. Only the last put makes
//! a backup exist; before it nothing is visible, after it nothing is missing. Nothing is ever overwritten.

mod backup_reader;
mod cache;
mod config;
mod crypto;
mod environment;
mod error;
mod file;
mod file_stream;
mod inspect;
mod key_slots;
mod keys;
mod log;
mod names;
#[cfg(test)]
mod nonce_audit;
mod object;
mod page;
mod probe;
mod record;
mod repository;
mod stored_file;
mod upload;
mod validity;
#[cfg(test)]
mod validity_tests;
mod verify;
mod wire;

pub use backup_reader::{BackupReader, EntryStream, StoredFileStream};
pub use environment::{Entropy, Environment, SystemEntropy};
pub use error::{RepositoryError, Result};
pub use file::{Compression, FileIdentity, FileOptions, ObjectId, ObjectReference, StoredFile};
pub use file_stream::FileStream;
pub use inspect::RepositoryStats;
pub use key_slots::{AddedSlot, NewSlot, SlotInfo, SlotKind, suggest_passphrase};
pub use probe::{ProbeReport, probe};
pub use repository::{BackupHead, Freshness, Head, InitOptions, InitReport, Kdf, OpenOptions, Pin, Repository, Unlock};
pub use upload::{Adopted, CommitReceipt, CommitRequest, FileSink, KnownFiles, Upload, UploadOptions};
pub use verify::{Damage, VerifyLevel, VerifyOptions, VerifyProgress, VerifyReport};
