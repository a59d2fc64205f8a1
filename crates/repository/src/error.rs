//! What can go wrong with a repository. Each variant names the state found and is one thing a caller acts on; the CLI maps variants
//! to exit codes. Damage is always an error with a place, never a shorter answer.

use storage::StorageError;
use thiserror::Error;

/// Every fallible call of this crate.
pub type Result<T> = std::result::Result<T, RepositoryError>;

/// The state found when an operation could not go on.
#[derive(Debug, Error)]
pub enum RepositoryError {
    /// The key given opens none of the slots. Both sides are named: what the repository wants, what was given.
    #[error("wrong key: needs {needs}, got {got}")]
    WrongKey { needs: String, got: String },
    /// A key file or recovery key that is not one: bad text, bad checksum.
    #[error("not a usable key: {detail}")]
    KeyUnreadable { detail: String },
    /// Nothing of ours at this address.
    #[error("{url}: not a Seawall repository (no cfg/0000000001)")]
    NotARepository { url: String },
    /// `init` met a repository.
    #[error("{url}: a repository exists here already")]
    RepositoryExists { url: String },
    /// Written by a newer version in a way that this one must not touch (`what` says which part).
    #[error("{what}: format {found} is newer than this program supports ({supported})")]
    FormatTooNew { what: String, found: String, supported: String },
    /// Stored bytes are not what was written. `offset` counts from the start of the object.
    #[error("{object} at {offset}: {detail}")]
    Damaged { object: String, offset: u64, detail: String },
    /// A record exists beyond a hole in the commit log.
    #[error("commit log: record {missing} is missing although record {beyond} exists")]
    LogTailMissing { missing: u64, beyond: u64 },
    /// The repository is older than the pin: it was rolled back, or its newest commits were lost.
    #[error("commit log ends at {head} although commit {pinned} was seen before: the repository was rolled back or lost commits")]
    Rollback { pinned: u64, head: u64 },
    /// Another history than the pinned one.
    #[error("commit {sequence} is {found}, but was {expected} before: the repository's history was replaced")]
    Fork { sequence: u64, expected: String, found: String },
    /// No live backup of this number.
    #[error("backup {sequence:04}: {state}")]
    BackupNotFound { sequence: u64, state: String },
    /// Other writers won every try.
    #[error("commit lost {attempts} races against other writers")]
    Conflict { attempts: u32 },
    /// The record would have no effect under the rules that everyone applies.
    #[error("the commit log does not accept this record: {reason}")]
    Void { reason: String },
    /// A file known by name and length has other content than before.
    #[error("{name}: content differs from what an earlier backup stored under the same name and length")]
    ContentChanged { name: String },
    /// Opened for reading, or the key may not write.
    #[error("repository is read-only: {reason}")]
    ReadOnly { reason: String },
    /// A guard said no: last key slot, unreasonable KDF parameters, a value beyond a format limit.
    #[error("refused: {reason}")]
    Refused { reason: String },
    /// The random source failed or repeats itself. Nothing was sealed with it.
    #[error("random source: {detail}")]
    Entropy { detail: String },
    /// A file beside the repository (journal, cache) could not be used.
    #[error("{path}: {source}")]
    Local { path: String, source: std::io::Error },
    /// A worker thread of this process died.
    #[error("internal task failed: {detail}")]
    Task { detail: String },
    /// The store's answer.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl RepositoryError {
    pub(crate) fn damaged(object: impl Into<String>, offset: u64, detail: impl Into<String>) -> Self {
        Self::Damaged { object: object.into(), offset, detail: detail.into() }
    }

    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }

    /// Whether this says that stored bytes are missing or wrong (exit code 5).
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. }
            | Self::LogTailMissing { .. }
            | Self::Rollback { .. }
            | Self::Fork { .. }
            | Self::ContentChanged { .. } => true,
            Self::Storage(error) => error.is_not_found() || matches!(error, StorageError::Short { .. }),
            _ => false,
        }
    }
}
