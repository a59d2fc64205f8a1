//! Progress as data.

use serde::{Deserialize, Serialize};

/// A stretch of work with a progress of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Looking at what there is; nothing is changed.
    Plan,
    /// HBase takes snapshots (files = tables).
    Snapshot,
    /// Store files are read and stored.
    Read,
    /// Grants, quotas, namespaces, … are read.
    Metadata,
    /// Pages and the commit are written.
    Commit,
    /// Snapshots of ours are removed.
    Cleanup,
    /// Store files are written to the target.
    Copy,
    /// HBase clones (files = tables).
    Clone,
    /// Restored and stored state are compared.
    Compare,
    /// The repository is verified.
    Verify,
    /// Tables are scanned.
    Scan,
}

impl Phase {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Snapshot => "snapshot",
            Self::Read => "read",
            Self::Metadata => "metadata",
            Self::Commit => "commit",
            Self::Cleanup => "clean up",
            Self::Copy => "copy",
            Self::Clone => "clone",
            Self::Compare => "compare",
            Self::Verify => "verify",
            Self::Scan => "scan",
        }
    }
}

/// An amount of work: expected, or done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Files, or what the phase counts instead.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}
