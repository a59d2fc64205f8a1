//! Verify: what was read, and for each damage which backups, tables, regions and rows it costs.

use serde::{Deserialize, Serialize};

/// Version of [`VerifyReport`] as JSON.
pub const VERIFY_SCHEMA_VERSION: u32 = 1;

/// How deep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyLevel {
    /// The commit log, every page, the presence and length of every object.
    #[default]
    Quick,
    /// Also every stored byte.
    Data,
}

/// Result of `verify`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// [`VERIFY_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Level.
    pub level: VerifyLevel,
    /// `sequence:hash8` of the head that was verified.
    pub head: String,
    /// Whether the head was checked against a pin.
    pub pinned: bool,
    /// Backups whose pages and objects were looked at.
    pub backups: u64,
    /// Objects looked at.
    pub objects: u64,
    /// Bytes read.
    pub bytes: u64,
    /// What is broken.
    pub damages: Vec<Damage>,
    /// Wall time, seconds.
    pub seconds: f64,
}

/// One damage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// Repository object.
    pub object: String,
    /// Offset in it, where known.
    pub offset: Option<u64>,
    /// What was found.
    pub detail: String,
    /// Ids of the backups that use it.
    pub backups: Vec<String>,
    /// What those backups lose.
    pub affected: Vec<AffectedRegion>,
    /// Metadata records it costs (descriptors, grants), by name.
    pub records: Vec<String>,
}

/// A store that misses a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AffectedRegion {
    /// Table.
    pub table: String,
    /// Encoded region name.
    pub region: String,
    /// First row, printable form; empty = from the table's first.
    pub start_row: String,
    /// First row after the region; empty = to the table's last.
    pub end_row: String,
    /// Column family.
    pub family: String,
    /// Store file.
    pub file: String,
}
