//! Every record we keep about a backup: its row in the list, and the entries of its manifest.
//!
//! A manifest is a sorted sequence of (key, value). [`key`] has the keys, [`record`] the values. A value is two bytes (the record's
//! kind and its version) and a protobuf message; [`Record`] encodes and decodes them within the bounds of [`limits`]. HBase's own
//! messages (`TableSchema`, `RegionInfo`, `SnapshotDescription`, `StoreFile`, …) are kept as the bytes they came in and never
//! re-encoded: protobuf libraries drop fields they do not know, and a restore must give back all of them.
//!
//! No I/O. What the store sees of all this is ciphertext.

mod entry;
mod error;
#[cfg(test)]
mod golden_tests;
pub mod key;
pub mod limits;
pub mod record;

pub use entry::{Entry, Record, decode_entry};
pub use error::CatalogError;
pub use record::{
    AclRecord, BackupKind, BackupRow, ClusterRecord, FailedTable, FamilyRecord, GroupRecord, Growth, LabelRecord, NamespaceRecord,
    Omission, Pair, PeerRecord, PermissionRecord, QuotaRecord, RegionRecord, SourceKind, StoreFileKind, StoreFileRecord, TableRecord,
    TableRow, TableState, Totals,
};
