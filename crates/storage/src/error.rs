//! What a store can answer besides success. Variants are outcomes a caller acts on; the backend's own error is the source.

use thiserror::Error;

/// A failed storage call. `path` is the key or path as the caller named it, with the store's address in front where it helps.
#[derive(Debug, Error)]
pub enum StorageError {
    /// Nothing is there.
    #[error("{path}: not found")]
    NotFound { path: String },
    /// Create-if-absent met an existing object, or rename met an existing target.
    #[error("{path}: exists already")]
    AlreadyExists { path: String },
    /// The store refused. `right` is the missing right in the store's own words (for example `WRITE on /hbase/archive`).
    #[error("{path}: permission denied: {right}")]
    PermissionDenied { path: String, right: String },
    /// No space or quota left.
    #[error("{path}: no space left ({detail})")]
    NoSpace { path: String, detail: String },
    /// The store is mounted or opened read-only.
    #[error("{path}: read-only")]
    ReadOnly { path: String },
    /// The endpoint does not answer, or not in time. Worth another try.
    #[error("{endpoint}: unreachable: {detail}")]
    Unreachable { endpoint: String, detail: String },
    /// A call passed its deadline; whether it took effect is unknown.
    #[error("{path}: no answer within {seconds} s")]
    TimedOut { path: String, seconds: u64 },
    /// Fewer bytes than the range asked for, or bytes that fail the store's own checksum.
    #[error("{path} at {offset}: expected {expected} bytes, got {actual}")]
    Short { path: String, offset: u64, expected: u64, actual: u64 },
    /// A key, path or address that cannot be used.
    #[error("{path}: {detail}")]
    Invalid { path: String, detail: String },
    /// The backend cannot do this at all.
    #[error("{path}: not supported: {detail}")]
    Unsupported { path: String, detail: String },
    /// Anything else, with the backend's words.
    #[error("{path}: {operation}: {source}")]
    Other { path: String, operation: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
}

impl StorageError {
    /// Whether the same call may succeed when repeated. An ambiguous write ([`StorageError::TimedOut`]) is *not* blindly retryable.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Short { .. })
    }

    /// Whether the outcome of a write is unknown and must be read back.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::TimedOut { .. })
    }

    /// Whether nothing is there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether something is there already.
    pub fn is_already_exists(&self) -> bool {
        matches!(self, Self::AlreadyExists { .. })
    }
}
