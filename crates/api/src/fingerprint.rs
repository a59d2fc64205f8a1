//! Fingerprints: order-independent digests of what a client sees.

use serde::{Deserialize, Serialize};

/// Version of [`FingerprintReport`] as JSON.
pub const FINGERPRINT_SCHEMA_VERSION: u32 = 1;

/// Result of `fingerprint`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FingerprintReport {
    /// [`FINGERPRINT_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Cluster that was scanned.
    pub cluster: String,
    /// One entry per table.
    pub tables: Vec<TableFingerprint>,
}

/// Digest of one table: raw scan, all versions, delete markers included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableFingerprint {
    /// Table.
    pub table: String,
    /// Hexadecimal digest.
    pub digest: String,
    /// Cells.
    pub cells: u64,
    /// Rows.
    pub rows: u64,
    /// Regions scanned.
    pub regions: u64,
    /// When the scan began, RFC 3339 UTC: time to live depends on it.
    pub scanned: String,
    /// Wall time, seconds.
    pub seconds: f64,
}
