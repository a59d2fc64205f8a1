//! What can be wrong with a stored record.

use thiserror::Error;

/// A manifest entry or list row that cannot be used. `record` names its kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CatalogError {
    /// A key of no known shape.
    #[error("manifest key {key} has no known form")]
    UnknownKey { key: String },
    /// The value's first byte names another kind of record than its key.
    #[error("{record}: expected kind {expected:#04x}, found {actual:#04x}")]
    WrongKind { record: &'static str, expected: u8, actual: u8 },
    /// A version that this program does not know.
    #[error("{record}: version {version} is newer than this program (it knows {known})")]
    UnknownVersion { record: &'static str, version: u8, known: u8 },
    /// Bytes that are no record: cut, or no protobuf.
    #[error("{record}: {detail}")]
    Malformed { record: &'static str, detail: String },
    /// A list or text beyond its bound.
    #[error("{record}: {field} has {actual}, at most {limit} are allowed")]
    TooLarge { record: &'static str, field: &'static str, actual: u64, limit: u64 },
    /// A field without which the record means nothing.
    #[error("{record}: {field} is missing")]
    Missing { record: &'static str, field: &'static str },
}
