//! Classes of errors. The number is the exit code of the command line and the `code` of JSON errors; it never changes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// 1: a defect of this program.
    Bug,
    /// 2: the command or the configuration is wrong.
    Usage,
    /// 3: some of it was done, some was not; the report says which.
    Partial,
    /// 4: no such table, backup, snapshot, or a time outside the window.
    NotFound,
    /// 5: stored or source bytes are not what they were, or something is missing from a log.
    Damage,
    /// 6: an objective was missed.
    ObjectiveMissed,
    /// 7: something else is at it; later it may work.
    Busy,
    /// 8: not allowed.
    Auth,
    /// 9: the repository does not answer.
    RepositoryUnreachable,
    /// 10: the key does not open this repository.
    WrongKey,
    /// 11: no space, or a quota.
    NoSpace,
    /// 12: the cluster, its master or its file system does not answer.
    ClusterUnavailable,
    /// 13: a guard refused.
    Refused,
    /// 14: a version or format that this program, or the cluster, cannot do.
    Unsupported,
    /// 130: stopped by the user.
    Cancelled,
}

impl ErrorKind {
    /// Exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Bug => 1,
            Self::Usage => 2,
            Self::Partial => 3,
            Self::NotFound => 4,
            Self::Damage => 5,
            Self::ObjectiveMissed => 6,
            Self::Busy => 7,
            Self::Auth => 8,
            Self::RepositoryUnreachable => 9,
            Self::WrongKey => 10,
            Self::NoSpace => 11,
            Self::ClusterUnavailable => 12,
            Self::Refused => 13,
            Self::Unsupported => 14,
            Self::Cancelled => 130,
        }
    }

    /// The word in `error[WORD 5]`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bug => "BUG",
            Self::Usage => "USAGE",
            Self::Partial => "PARTIAL",
            Self::NotFound => "NOT FOUND",
            Self::Damage => "DAMAGE",
            Self::ObjectiveMissed => "OBJECTIVE MISSED",
            Self::Busy => "BUSY",
            Self::Auth => "AUTH",
            Self::RepositoryUnreachable => "REPOSITORY UNREACHABLE",
            Self::WrongKey => "WRONG KEY",
            Self::NoSpace => "NO SPACE",
            Self::ClusterUnavailable => "CLUSTER UNAVAILABLE",
            Self::Refused => "REFUSED",
            Self::Unsupported => "UNSUPPORTED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Whether the same command may succeed later with nothing changed by its user.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Busy | Self::RepositoryUnreachable | Self::ClusterUnavailable | Self::Cancelled)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// An error as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// Exit code.
    pub code: u8,
    /// [`ErrorKind::name`].
    pub name: String,
    /// What was found.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// [`ErrorKind::is_retryable`].
    pub retryable: bool,
}

impl ErrorReport {
    /// An error of class `kind`.
    pub fn new(kind: ErrorKind, message: impl Into<String>, hint: Option<String>) -> Self {
        Self { code: kind.code(), name: kind.name().to_owned(), message: message.into(), hint, retryable: kind.is_retryable() }
    }
}
