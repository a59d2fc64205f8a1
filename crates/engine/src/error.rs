//! Errors of the engine: what was found, the class that tells the caller what to do, and advice as data.

use api::{ErrorKind, ErrorReport};
use catalog::CatalogError;
use hbase_client::ClientError;
use hbase_layout::LayoutError;
use repository::RepositoryError;
use storage::StorageError;
use thiserror::Error;

/// A table that was not done, in an error or a report about several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFailure {
    /// Table.
    pub table: String,
    /// Why.
    pub error: ErrorReport,
}

/// Why a plan or a run did not end well.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The request contradicts itself or names what cannot be.
    #[error("{message}")]
    Usage { message: String },
    /// No such table, backup, snapshot, namespace.
    #[error("{message}")]
    NotFound { message: String },
    /// Bytes are not what they must be, or a file is missing; `path` says which.
    #[error("{path}: {message}")]
    Damage { path: String, message: String },
    /// A store file that is in none of the places where HBase keeps it.
    #[error("{path}: missing: not in {}", places.join(", nor in "))]
    FileMissing { path: String, places: Vec<String> },
    /// No table was done; the class is that of the first failure.
    #[error("no table was done: {}", names(failed))]
    NothingDone { kind: ErrorKind, failed: Vec<TableFailure> },
    /// Some tables were done, these were not.
    #[error("{} of {total} tables failed: {}", failed.len(), names(failed))]
    Partial { total: usize, failed: Vec<TableFailure> },
    /// An objective was missed.
    #[error("{message}")]
    ObjectiveMissed { message: String },
    /// Something else is at it.
    #[error("{message}")]
    Busy { message: String },
    /// Not allowed; `hint` is the grant to give.
    #[error("{message}")]
    Auth { message: String, hint: Option<String> },
    /// No space.
    #[error("{message}")]
    NoSpace { message: String },
    /// The cluster, or a part of it, does not answer.
    #[error("{message}")]
    ClusterUnavailable { message: String, hint: Option<String> },
    /// A guard refused.
    #[error("{message}")]
    Refused { message: String, hint: Option<String> },
    /// A plan has blockers.
    #[error("{}", findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; "))]
    Blocked { kind: ErrorKind, findings: Vec<api::Finding> },
    /// A version or feature that is not supported.
    #[error("{message}")]
    Unsupported { message: String, hint: Option<String> },
    /// Stopped by the user.
    #[error("stopped")]
    Cancelled,
    /// A journal of an interrupted restore that cannot be used.
    #[error("{path}: {detail}")]
    Journal { path: String, detail: String },
    /// A later run of the same work has begun; this one must not touch anything any more.
    #[error("another run has taken over {what}")]
    TakenOver { what: String },
    /// Something at a restore's target is not what it must be for us to go on.
    #[error("{path}: {detail}")]
    TargetChanged { path: String, detail: String },
    /// What a restore made is not what the backup holds.
    #[error("{subject}: {detail}")]
    Mismatch { subject: String, detail: String },
    /// A live table could not be replaced; the message says what became of it.
    #[error("{message}")]
    ReplaceFailed { message: String, hint: String, source: Box<EngineError> },
    /// What must not happen.
    #[error("{message}")]
    Bug { message: String },
    /// The cluster's files.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The cluster's servers.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The repository.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// A file or name of HBase's that is not what HBase writes, where its path is not known.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A record of a backup that cannot be read or written.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl EngineError {
    /// The class, which is the exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Usage { .. } => ErrorKind::Usage,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Damage { .. } | Self::FileMissing { .. } | Self::Journal { .. } | Self::TargetChanged { .. } | Self::Mismatch { .. } => {
                ErrorKind::Damage
            }
            Self::ReplaceFailed { source, .. } => source.kind(),
            Self::NothingDone { kind, .. } => *kind,
            Self::Partial { .. } => ErrorKind::Partial,
            Self::ObjectiveMissed { .. } => ErrorKind::ObjectiveMissed,
            Self::Busy { .. } | Self::TakenOver { .. } => ErrorKind::Busy,
            Self::Auth { .. } => ErrorKind::Auth,
            Self::NoSpace { .. } => ErrorKind::NoSpace,
            Self::ClusterUnavailable { .. } => ErrorKind::ClusterUnavailable,
            Self::Refused { .. } => ErrorKind::Refused,
            Self::Blocked { kind, .. } => *kind,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Bug { .. } => ErrorKind::Bug,
            Self::Storage(error) => storage_kind(error, ErrorKind::ClusterUnavailable),
            Self::Client(error) => client_kind(error),
            Self::Repository(error) => repository_kind(error),
            Self::Layout(error) => layout_kind(error),
            Self::Catalog(error) => catalog_kind(error),
        }
    }

    /// What to do, where this error knows it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Auth { hint, .. }
            | Self::ClusterUnavailable { hint, .. }
            | Self::Refused { hint, .. }
            | Self::Unsupported { hint, .. } => hint.clone(),
            Self::ReplaceFailed { hint, .. } => Some(hint.clone()),
            Self::Blocked { findings, .. } => findings.iter().find_map(|finding| finding.hint.clone()),
            Self::Partial { failed, .. } | Self::NothingDone { failed, .. } => failed.iter().find_map(|failure| failure.error.hint.clone()),
            Self::Storage(error) => storage_hint(error),
            Self::Client(error) => client_hint(error),
            Self::Repository(error) => repository_hint(error),
            Self::Cancelled => Some("run the same command again: it goes on from what is done".into()),
            Self::Catalog(CatalogError::UnknownVersion { .. }) => {
                Some("use the version of seawall that made this backup, or a newer one".into())
            }
            Self::Catalog(_) => Some("seawall verify --level data".into()),
            _ => None,
        }
    }

    /// Whether nobody can say what became of the last call: the cluster, or the repository, does not answer.
    pub fn is_unavailable(&self) -> bool {
        matches!(self.kind(), ErrorKind::ClusterUnavailable | ErrorKind::RepositoryUnreachable)
            && !matches!(self, Self::Client(error) if answered(error))
    }

    /// Message, class and hint as data.
    pub fn report(&self) -> ErrorReport {
        ErrorReport::new(self.kind(), self.to_string(), self.hint())
    }

    /// Whether the same may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Storage(error) => error.is_retryable(),
            Self::Client(error) => error.is_retryable(),
            other => other.kind().is_retryable(),
        }
    }
}

/// Whether a server said no, in contrast to saying nothing.
fn answered(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::SnapshotFailed { .. }
            | ClientError::ProcedureFailed { .. }
            | ClientError::TableNotEnabled { .. }
            | ClientError::TableNotDisabled { .. }
            | ClientError::Remote { do_not_retry: true, .. }
    )
}

fn names(failed: &[TableFailure]) -> String {
    failed.iter().map(|failure| format!("{} ({})", failure.table, failure.error.message)).collect::<Vec<_>>().join(", ")
}

/// Class of a storage error; `unreachable` depends on whose storage it is.
pub(crate) fn storage_kind(error: &StorageError, unreachable: ErrorKind) -> ErrorKind {
    match error {
        StorageError::NotFound { .. } => ErrorKind::NotFound,
        StorageError::AlreadyExists { .. } => ErrorKind::Busy,
        StorageError::PermissionDenied { .. } | StorageError::ReadOnly { .. } => ErrorKind::Auth,
        StorageError::NoSpace { .. } => ErrorKind::NoSpace,
        StorageError::Unreachable { .. } | StorageError::TimedOut { .. } => unreachable,
        StorageError::Short { .. } => ErrorKind::Damage,
        StorageError::Invalid { .. } => ErrorKind::Usage,
        StorageError::Unsupported { .. } => ErrorKind::Unsupported,
        StorageError::Other { .. } => unreachable,
    }
}

fn storage_hint(error: &StorageError) -> Option<String> {
    match error {
        StorageError::PermissionDenied { right, .. } => Some(format!("give this user: {right}")),
        StorageError::NoSpace { .. } => Some("free space or raise the quota, then run again: what was stored is reused".into()),
        StorageError::Unreachable { endpoint, .. } => Some(format!("is {endpoint} up, and reachable from here?")),
        StorageError::NotFound { .. } => Some("check `rootdir`: it must be hbase.rootdir of the cluster".into()),
        _ => None,
    }
}

fn repository_kind(error: &RepositoryError) -> ErrorKind {
    match error {
        RepositoryError::WrongKey { .. } | RepositoryError::KeyUnreadable { .. } => ErrorKind::WrongKey,
        RepositoryError::NotARepository { .. } | RepositoryError::BackupNotFound { .. } => ErrorKind::NotFound,
        RepositoryError::FormatTooNew { .. } => ErrorKind::Unsupported,
        RepositoryError::Damaged { .. }
        | RepositoryError::LogTailMissing { .. }
        | RepositoryError::Rollback { .. }
        | RepositoryError::Fork { .. }
        | RepositoryError::ContentChanged { .. } => ErrorKind::Damage,
        RepositoryError::Conflict { .. } => ErrorKind::Busy,
        RepositoryError::ReadOnly { .. } => ErrorKind::Auth,
        RepositoryError::RepositoryExists { .. } | RepositoryError::Void { .. } | RepositoryError::Refused { .. } => ErrorKind::Refused,
        RepositoryError::Storage(error) if error.is_not_found() => ErrorKind::Damage,
        RepositoryError::Storage(error) => storage_kind(error, ErrorKind::RepositoryUnreachable),
        _ => ErrorKind::Bug,
    }
}

fn repository_hint(error: &RepositoryError) -> Option<String> {
    match error {
        RepositoryError::NotARepository { .. } => Some("seawall init makes one; or check `url`".into()),
        RepositoryError::BackupNotFound { .. } => Some("seawall list shows the backups there are".into()),
        RepositoryError::FormatTooNew { .. } => Some("use the version of seawall that wrote it, or a newer one".into()),
        RepositoryError::WrongKey { .. } => Some("use the key file of that slot, or a passphrase or recovery key".into()),
        RepositoryError::Damaged { .. } => Some("seawall verify --level data shows what is affected".into()),
        RepositoryError::Storage(error) => storage_hint(error).filter(|_| !error.is_not_found()),
        _ => None,
    }
}

fn client_kind(error: &ClientError) -> ErrorKind {
    match error {
        ClientError::Options { .. } => ErrorKind::Usage,
        ClientError::Authentication { .. } | ClientError::AccessDenied { .. } => ErrorKind::Auth,
        ClientError::UnsupportedVersion { .. } => ErrorKind::Unsupported,
        ClientError::TableNotFound { .. } | ClientError::NamespaceNotFound { .. } | ClientError::SnapshotNotFound { .. } => {
            ErrorKind::NotFound
        }
        ClientError::TableExists { .. } | ClientError::NamespaceExists { .. } | ClientError::SnapshotExists { .. } => ErrorKind::Refused,
        _ => ErrorKind::ClusterUnavailable,
    }
}

fn client_hint(error: &ClientError) -> Option<String> {
    match error {
        ClientError::AccessDenied { message } => Some(format!("grant the right in the HBase shell: {message}")),
        ClientError::Discovery { .. } => Some("check `zookeeper` or `masters` of the cluster in the configuration".into()),
        ClientError::NoMaster { .. } => Some("start an HBase master, or back up offline with `rootdir` alone".into()),
        ClientError::Unreachable { server, .. } => Some(format!("is {server} up, and reachable from here?")),
        _ => None,
    }
}

fn layout_kind(error: &LayoutError) -> ErrorKind {
    match error {
        LayoutError::UnsupportedVersion { .. } => ErrorKind::Unsupported,
        LayoutError::Name(_) => ErrorKind::Usage,
        _ => ErrorKind::Damage,
    }
}

/// Gives a layout error the path it is about.
pub(crate) fn at_path(path: &str) -> impl FnOnce(LayoutError) -> EngineError {
    let path = path.to_owned();
    move |error| match layout_kind(&error) {
        ErrorKind::Unsupported => EngineError::Unsupported { message: format!("{path}: {error}"), hint: None },
        _ => EngineError::Damage { path, message: error.to_string() },
    }
}

fn catalog_kind(error: &CatalogError) -> ErrorKind {
    match error {
        CatalogError::UnknownVersion { .. } | CatalogError::UnknownKey { .. } => ErrorKind::Unsupported,
        _ => ErrorKind::Damage,
    }
}
