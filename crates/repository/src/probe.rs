//! Does the store keep its promises? Tried with throw-away objects under `probe/`.

use std::sync::Arc;

use serde::Serialize;
use storage::ObjectStore;

use crate::environment::Environment;
use crate::error::Result;

/// What the store did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeReport {
    /// Of 16 racing creates exactly one won, and its bytes stayed.
    pub create_if_absent: bool,
    /// A finished multi-part object did not replace an existing one.
    pub multipart_create_if_absent: bool,
    /// A new object is in the listing at once.
    pub list_after_write: bool,
    /// Ranges return the right bytes; a range outside fails.
    pub ranged_reads: bool,
    /// These credentials could delete the probe's object.
    pub can_destroy: bool,
    /// Difference between the store's clock and ours, milliseconds.
    pub clock_difference_millis: i64,
}

impl ProbeReport {
    /// Whether a repository may be written here.
    pub fn is_usable(&self) -> bool {
        self.create_if_absent && self.multipart_create_if_absent && self.list_after_write && self.ranged_reads
    }
}

/// Tries the store.
pub async fn probe(_store: &Arc<dyn ObjectStore>, _environment: &Environment) -> Result<ProbeReport> {
    todo!()
}
