//! `status`: one verdict per cluster, from freshness and proof; never from "the last call returned".

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Finding;
use crate::backup::RepositoryState;

/// Version of [`StatusReport`] as JSON.
pub const STATUS_SCHEMA_VERSION: u32 = 1;

/// Status word. Ordered: the worst is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything that was promised is proved.
    Ok,
    /// Not known. Never green.
    Unknown,
    /// It can be restored today, and something is wrong that will cost it.
    AtRisk,
    /// There is nothing to restore from.
    NotRestorable,
}

impl Verdict {
    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Unknown => "UNKNOWN",
            Self::AtRisk => "AT RISK",
            Self::NotRestorable => "NOT RESTORABLE",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.words())
    }
}

/// Result of `status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// [`STATUS_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The worst of all.
    pub verdict: Verdict,
    pub repository: RepositoryState,
    pub keys: KeyStatus,
    /// One entry per cluster or set, sorted by name.
    pub subjects: Vec<SubjectStatus>,
    /// About the repository as a whole.
    pub findings: Vec<Finding>,
}

/// Ways into the repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStatus {
    /// Slots that exist.
    pub slots: u64,
    /// Of those, shown to work by `repo key prove`.
    pub proved: u64,
}

/// A cluster or a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubjectStatus {
    /// Name in the configuration.
    pub name: String,
    pub verdict: Verdict,
    /// Newest backup that is complete.
    pub newest: Option<String>,
    /// RFC 3339 UTC: begin of its snapshot interval. What was written before is in it.
    pub restorable_to: Option<String>,
    /// Since then, seconds.
    pub age_seconds: Option<u64>,
    /// Objective for `age_seconds`, where one is configured.
    pub rpo_seconds: Option<u64>,
    pub backups: u64,
    pub tables: u64,
    /// Why the verdict is not OK, worst first.
    pub reasons: Vec<Finding>,
}
