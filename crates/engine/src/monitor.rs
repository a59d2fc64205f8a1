//! Progress goes out through a [`Monitor`], as data. Whoever implements it decides what is shown.

use std::fmt::Debug;

use api::{Finding, Phase, Work};

/// Told about progress. Calls are short and may come from several tasks at once.
pub trait Monitor: Send + Sync + Debug {
    /// A phase begins; `expected` is what lies ahead, zero when it is not known.
    fn begin(&self, phase: Phase, expected: Work) {
        let _ = (phase, expected);
    }

    /// More was done of a phase.
    fn advance(&self, phase: Phase, done: Work) {
        let _ = (phase, done);
    }

    /// A phase is over, well or not.
    fn end(&self, phase: Phase) {
        let _ = phase;
    }

    /// Something that is known now and that the report will repeat.
    fn finding(&self, finding: &Finding) {
        let _ = finding;
    }
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Monitor for Silent {}
