//! One thing that preflight or `check` found: what it is, whether it stops the work, and what to do about it.

use serde::{Deserialize, Serialize};

/// How much a [`Finding`] weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Looked at, and in order.
    Ok,
    /// Not looked at, or not provable from here. Never counted as in order.
    Unknown,
    /// Works, with a consequence that somebody should know.
    Warning,
    /// Does not work: a plan with one of these is refused, a check with one of these fails.
    Failure,
}

/// One finding, in words for people and with a stable code for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable, in `kebab-case`: `table-exists`, `missing-right`.
    pub code: String,
    /// Weight.
    pub severity: Severity,
    /// The table, file, key or address it is about.
    pub subject: Option<String>,
    /// What was found, with the figures.
    pub message: String,
    /// What to do, ready to paste where possible.
    pub hint: Option<String>,
}

impl Finding {
    /// A finding without subject and hint.
    pub fn new(code: &str, severity: Severity, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), severity, subject: None, message: message.into(), hint: None }
    }

    /// The same, about `subject`.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The same, with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
