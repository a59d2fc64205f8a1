//! What a client of HBase sees of its cells, as values that can be compared. Now: the [`Fingerprint`] of a table.

mod fingerprint;

pub use fingerprint::{Fingerprint, FingerprintError};
