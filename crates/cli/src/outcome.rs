//! How a command ends: the one place where errors of every crate become an exit code, words and a hint.
//!
//! Exit codes are [`api::ErrorKind`]'s: 0 ok · 1 bug · 2 usage · 3 partial · 4 not found · 5 damage · 6 objective missed · 7 busy · 8 auth ·
//! 9 repository unreachable · 10 wrong key · 11 no space · 12 cluster unavailable · 13 refused · 14 unsupported · 130/143 signals.
//! A failed storage call is the repository's (9) or the cluster's (12) by who made it; that is why [`Failure::repository_storage`] exists apart.

use api::{ErrorKind, ErrorReport, Finding, Severity};
use config::ConfigError;
use engine::EngineError;
use repository::RepositoryError;
use serde_json::{Value, json};
use storage::StorageError;

use crate::signals::Signals;

/// What a verb answers when it ran to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    /// For people.
    pub(crate) text: String,
    /// For programs: an object with `schema_version`.
    pub(crate) json: Value,
    /// Why the exit code is not 0 although there is a report: partial, damage found, objective missed.
    pub(crate) failure: Option<Failure>,
    /// The report says it all: no error line after it.
    pub(crate) is_silent: bool,
}

impl Answer {
    /// An answer that ends with 0.
    pub(crate) fn new(text: String, json: Value) -> Self {
        Self { text, json, failure: None, is_silent: false }
    }

    /// From a value of `api`.
    pub(crate) fn of(text: String, value: &impl serde::Serialize) -> Result<Self, Failure> {
        let json = serde_json::to_value(value).map_err(|error| Failure::bug(format!("a report cannot be written as JSON: {error}")))?;
        Ok(Self::new(text, json))
    }

    /// The same, ending with a failure.
    pub(crate) fn failing(mut self, failure: Option<Failure>) -> Self {
        self.failure = failure;
        self
    }

    /// The same without an error line: plug-ins of monitoring systems print one line only.
    pub(crate) fn without_words(mut self) -> Self {
        self.is_silent = true;
        self
    }
}

/// Why a command did not do what was asked.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    retryable: bool,
    /// In place of the kind's code: signals, Nagios.
    exit: Option<u8>,
}

impl Failure {
    /// Any class.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, retryable: kind.is_retryable(), exit: None }
    }

    /// A wrong command.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// A defect.
    pub(crate) fn bug(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Bug, message)
    }

    /// A part of the stable command tree that this version does not have.
    pub(crate) fn not_built(what: &str, purpose: &str) -> Self {
        Self::usage(format!("{what} ({purpose}) is not in this version"))
            .with_hint("the name is reserved; see CHANGELOG.md for what is built")
    }

    /// A plan that is refused, by the code of its first blocker.
    pub(crate) fn blocked(code: &str, message: String) -> Self {
        let kind = match code {
            "missing-right" | "foreign-owner" => ErrorKind::Auth,
            "no-space" | "namespace-quota" => ErrorKind::NoSpace,
            "no-namespace" => ErrorKind::NotFound,
            "unsupported-feature" => ErrorKind::Unsupported,
            _ => ErrorKind::Refused,
        };
        Self::new(kind, message)
    }

    /// The same with advice.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with another exit code.
    pub(crate) fn with_exit(mut self, exit: u8) -> Self {
        self.exit = Some(exit);
        self
    }

    /// A storage call on the repository that failed before there was a repository.
    pub(crate) fn repository_storage(error: StorageError) -> Self {
        RepositoryError::Storage(error).into()
    }

    /// After a signal, a stopped run ends with that signal's code.
    pub(crate) fn after_signal(self, signals: &Signals) -> Self {
        match signals.received() {
            Some(signal) if self.kind == ErrorKind::Cancelled => self.with_exit(signal.exit_code()),
            _ => self,
        }
    }

    /// The same as a finding of `check`.
    pub(crate) fn finding(&self, code: &str, subject: &str) -> Finding {
        let finding = Finding::new(code, Severity::Failure, self.message.clone()).about(subject);
        match &self.hint {
            Some(hint) => finding.hint(hint.clone()),
            None => finding,
        }
    }

    /// Class.
    #[cfg(test)]
    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        self.exit.unwrap_or(self.kind.code())
    }

    /// `error[DAMAGE 5]: …` and `hint: …`, each on its own line.
    pub(crate) fn render(&self) -> String {
        let mut text = format!("error[{} {}]: {}\n", self.kind.name(), self.exit_code(), self.message);
        if let Some(hint) = self.advice() {
            text += &format!("hint: {hint}\n");
        }
        text
    }

    /// The error's own hint, else what always helps for its class.
    fn advice(&self) -> Option<&str> {
        let of_class = match self.kind {
            ErrorKind::Bug => "this is a defect of seawall: please report it with the command and this message",
            ErrorKind::Usage => "seawall --help, or seawall VERB --help",
            ErrorKind::Partial => "run it again: it does the rest",
            ErrorKind::NotFound => "seawall look shows what a cluster has, seawall list and show what the repository has",
            ErrorKind::Damage => "seawall verify --level data names every backup, table and region that is concerned",
            ErrorKind::ObjectiveMissed => "the reasons stand above; seawall status --json has them for programs",
            ErrorKind::Busy => "run it again later",
            ErrorKind::Auth => "seawall check prints the missing right, ready to paste",
            ErrorKind::RepositoryUnreachable | ErrorKind::ClusterUnavailable => {
                "seawall check tries every step and names the one that fails"
            }
            ErrorKind::WrongKey => "give the key file that `seawall init` wrote for this repository (--key-file)",
            ErrorKind::NoSpace => "free space, then run it again: what was stored is reused",
            ErrorKind::Refused => "nothing was changed",
            ErrorKind::Unsupported => "seawall version says what this one reads and writes",
            ErrorKind::Cancelled => return self.hint.as_deref(),
        };
        Some(self.hint.as_deref().unwrap_or(of_class))
    }

    /// `{code, name, message, hint, retryable}`.
    pub(crate) fn json(&self) -> Value {
        json!({
            "code": self.exit_code(), "name": self.kind.name(), "message": self.message, "hint": self.advice(), "retryable": self.retryable,
        })
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let kind = match &error {
            ConfigError::NewerVersion { .. } => ErrorKind::Unsupported,
            ConfigError::Exists { .. } => ErrorKind::Refused,
            ConfigError::Unreadable { source, .. } | ConfigError::Unwritable { source, .. } => io_kind(source),
            ConfigError::SecretUnavailable { .. } => ErrorKind::Auth,
            _ => ErrorKind::Usage,
        };
        let hint = error.hint();
        Self { hint, ..Self::new(kind, error.to_string()) }
    }
}

fn io_kind(error: &std::io::Error) -> ErrorKind {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Auth,
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
        _ => ErrorKind::Usage,
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        if let EngineError::Repository(inner) = error {
            return inner.into();
        }
        let retryable = error.is_retryable();
        Self { hint: error.hint(), retryable, ..Self::new(error.kind(), error.to_string()) }
    }
}

impl From<ErrorReport> for Failure {
    fn from(report: ErrorReport) -> Self {
        let kinds = [
            ErrorKind::Bug,
            ErrorKind::Usage,
            ErrorKind::Partial,
            ErrorKind::NotFound,
            ErrorKind::Damage,
            ErrorKind::ObjectiveMissed,
            ErrorKind::Busy,
            ErrorKind::Auth,
            ErrorKind::RepositoryUnreachable,
            ErrorKind::WrongKey,
            ErrorKind::NoSpace,
            ErrorKind::ClusterUnavailable,
            ErrorKind::Refused,
            ErrorKind::Unsupported,
            ErrorKind::Cancelled,
        ];
        let kind = kinds.into_iter().find(|kind| kind.code() == report.code).unwrap_or(ErrorKind::Bug);
        Self { kind, message: report.message, hint: report.hint, retryable: report.retryable, exit: None }
    }
}

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
        let kind = repository_kind(&error);
        let hint = repository_hint(&error);
        let retryable = match &error {
            RepositoryError::Storage(error) => error.is_retryable(),
            _ => kind.is_retryable(),
        };
        Self { hint, retryable, ..Self::new(kind, error.to_string()) }
    }
}

fn repository_kind(error: &RepositoryError) -> ErrorKind {
    match error {
        RepositoryError::WrongKey { .. } | RepositoryError::KeyUnreadable { .. } => ErrorKind::WrongKey,
        RepositoryError::NotARepository { .. } | RepositoryError::BackupNotFound { .. } => ErrorKind::NotFound,
        RepositoryError::RepositoryExists { .. } | RepositoryError::Refused { .. } => ErrorKind::Refused,
        RepositoryError::FormatTooNew { .. } => ErrorKind::Unsupported,
        RepositoryError::Damaged { .. }
        | RepositoryError::LogTailMissing { .. }
        | RepositoryError::Rollback { .. }
        | RepositoryError::Fork { .. }
        | RepositoryError::ContentChanged { .. } => ErrorKind::Damage,
        RepositoryError::Conflict { .. } => ErrorKind::Busy,
        RepositoryError::Void { .. } | RepositoryError::ReadOnly { .. } => ErrorKind::Refused,
        RepositoryError::Entropy { .. } | RepositoryError::Task { .. } => ErrorKind::Bug,
        RepositoryError::Local { source, .. } => io_kind(source),
        RepositoryError::Storage(error) => storage_kind(error),
    }
}

/// A storage error of the repository.
fn storage_kind(error: &StorageError) -> ErrorKind {
    match error {
        // Inside an open repository a missing or short object is lost data.
        StorageError::NotFound { .. } | StorageError::Short { .. } => ErrorKind::Damage,
        StorageError::AlreadyExists { .. } => ErrorKind::Busy,
        StorageError::PermissionDenied { .. } | StorageError::ReadOnly { .. } => ErrorKind::Auth,
        StorageError::NoSpace { .. } => ErrorKind::NoSpace,
        StorageError::Unreachable { .. } | StorageError::TimedOut { .. } | StorageError::Other { .. } => ErrorKind::RepositoryUnreachable,
        StorageError::Invalid { .. } => ErrorKind::Usage,
        StorageError::Unsupported { .. } => ErrorKind::Unsupported,
    }
}

fn repository_hint(error: &RepositoryError) -> Option<String> {
    let hint = match error {
        RepositoryError::WrongKey { .. } => {
            "give the key file that `seawall init` wrote for this repository (--key-file), or its recovery key (--recovery-file)"
        }
        RepositoryError::KeyUnreadable { .. } => "a key file begins with its own header line; was the right file given, and is it whole?",
        RepositoryError::NotARepository { .. } => "check the address, or make a repository there: seawall init --repo-url URL",
        RepositoryError::RepositoryExists { .. } => "use it as it is, or choose an empty place for a new one",
        RepositoryError::FormatTooNew { .. } => "use a newer seawall; this one leaves the repository alone",
        RepositoryError::BackupNotFound { .. } => "seawall list shows what there is",
        RepositoryError::Damaged { .. } | RepositoryError::LogTailMissing { .. } => {
            "seawall verify --level data names every backup, table and region that is concerned"
        }
        RepositoryError::ContentChanged { .. } => {
            "the file in the cluster or the stored copy is damaged: seawall verify --level data tells which"
        }
        RepositoryError::Rollback { .. } => {
            "somebody restored an old copy of the repository, or its newest commits were lost; compare with the pin in the state directory before writing anything"
        }
        RepositoryError::Fork { .. } => "the store holds another history than this machine has seen: stop, and find out who replaced it",
        RepositoryError::Conflict { .. } => "other backups commit at the same time; run it again, what was stored is reused",
        RepositoryError::ReadOnly { .. } => "restore, list, show and verify work with read-only access; this verb writes",
        RepositoryError::Storage(StorageError::PermissionDenied { right, .. }) => return Some(format!("give this user: {right}")),
        RepositoryError::Storage(StorageError::ReadOnly { .. }) => {
            "restore, list, show and verify work with read-only access; this verb writes"
        }
        RepositoryError::Storage(StorageError::NoSpace { .. }) => {
            "free space or raise the quota of the repository, then run it again: what was stored is reused"
        }
        RepositoryError::Storage(StorageError::Unreachable { endpoint, .. }) => {
            return Some(format!("is {endpoint} up, and reachable from here?"));
        }
        RepositoryError::Storage(StorageError::NotFound { .. } | StorageError::Short { .. }) => {
            "seawall verify --level data names every backup, table and region that is concerned"
        }
        _ => return None,
    };
    Some(hint.to_string())
}

#[cfg(test)]
#[path = "outcome_tests.rs"]
mod tests;
