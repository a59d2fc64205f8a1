//! What can be wrong with a layout file.

use hbase_types::NameError;

/// A file or name that is not what HBase writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The bytes end inside a field or message.
    #[error("{what} is cut off at byte {offset} of {length}")]
    Truncated { what: &'static str, offset: usize, length: usize },
    /// The bytes are no protobuf of the expected kind.
    #[error("{what} is malformed at byte {offset}: {detail}")]
    Malformed { what: &'static str, offset: usize, detail: String },
    /// A field that HBase always writes is absent.
    #[error("{what} lacks its {field}")]
    MissingField { what: &'static str, field: &'static str },
    /// The file does not start with `PBUF`.
    #[error("{what} does not start with the magic PBUF: {found:02x?}")]
    NoMagic { what: &'static str, found: Vec<u8> },
    /// A table name that HBase would not accept.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A name that is no store file, link or reference, or would leave its directory.
    #[error("`{name}` is no store file name")]
    StoreFileName { name: String },
    /// A checksum inside the file does not fit its bytes.
    #[error("{what} has checksum {actual:08x}, expected {expected:08x}")]
    Checksum { what: &'static str, expected: u32, actual: u32 },
    /// A format version this code does not read.
    #[error("{what} has version {found}, at most {supported} is supported")]
    UnsupportedVersion { what: &'static str, found: u64, supported: u64 },
    /// Two parts of one snapshot do not belong together.
    #[error("the snapshot contradicts itself: {detail}")]
    Inconsistent { detail: String },
}
