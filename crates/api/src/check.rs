//! Check: every step to a working backup and restore, proved one by one.

use serde::{Deserialize, Serialize};

use crate::{Finding, Severity};

/// Version of [`CheckReport`] as JSON.
pub const CHECK_SCHEMA_VERSION: u32 = 1;

/// Result of `check`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// [`CHECK_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Cluster that was checked.
    pub cluster: Option<String>,
    /// Repository that was checked.
    pub repository: Option<String>,
    /// Findings in the order of work, the ones that are in order included.
    pub findings: Vec<Finding>,
}

impl CheckReport {
    /// The heaviest finding.
    pub fn worst(&self) -> Severity {
        self.findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Unknown)
    }
}
