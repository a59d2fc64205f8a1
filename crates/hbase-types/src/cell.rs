//! Cells and their order.
//!
//! KeyValue order (`CellComparatorImpl`): row, family, qualifier ascending as unsigned bytes; then time stamp, type and sequence
//! id **descending**, so that newer comes first and a delete stands before the put it covers. One exception: a cell of type
//! `MINIMUM` without family and qualifier is the last of its row, whatever its time stamp.

use std::cmp::Ordering;

use bytes::Bytes;

/// The codes of `KeyValue.Type` that reach disk and wire.
pub mod key_type {
    pub const MINIMUM: u8 = 0;
    pub const PUT: u8 = 4;
    /// Deletes one version.
    pub const DELETE: u8 = 8;
    /// Deletes all cells of a family with exactly this time stamp.
    pub const DELETE_FAMILY_VERSION: u8 = 10;
    /// Deletes all versions of a column up to the time stamp.
    pub const DELETE_COLUMN: u8 = 12;
    /// Deletes all columns of a family up to the time stamp.
    pub const DELETE_FAMILY: u8 = 14;
    pub const MAXIMUM: u8 = 255;
}

/// One cell, put or delete marker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cell {
    pub row: Bytes,
    pub family: Bytes,
    pub qualifier: Bytes,
    /// Milliseconds since the epoch by convention; any signed number by right.
    pub timestamp: i64,
    /// One of [`key_type`].
    pub key_type: u8,
    pub value: Bytes,
    /// The tags as HBase serializes them (2 bytes length, 1 byte type, content, each), empty without.
    pub tags: Bytes,
    /// The order of writing within the region; 0 where it is not known (scans, old compacted files).
    pub sequence_id: u64,
}

impl Cell {
    /// Compares in KeyValue order; value and tags do not count.
    pub fn compare(&self, other: &Self) -> Ordering {
        self.row
            .cmp(&other.row)
            .then_with(|| self.is_last_on_row().cmp(&other.is_last_on_row()))
            .then_with(|| self.family.cmp(&other.family))
            .then_with(|| self.qualifier.cmp(&other.qualifier))
            .then_with(|| other.timestamp.cmp(&self.timestamp))
            .then_with(|| other.key_type.cmp(&self.key_type))
            .then_with(|| other.sequence_id.cmp(&self.sequence_id))
    }

    fn is_last_on_row(&self) -> bool {
        self.key_type == key_type::MINIMUM && self.family.is_empty() && self.qualifier.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(row: &'static str, family: &'static str, qualifier: &'static str, timestamp: i64, key_type: u8, sequence_id: u64) -> Cell {
        let (row, family, qualifier) = (Bytes::from(row), Bytes::from(family), Bytes::from(qualifier));
        Cell { row, family, qualifier, timestamp, key_type, value: Bytes::new(), tags: Bytes::new(), sequence_id }
    }

    #[test]
    fn cells_sort_as_hbase_sorts_them() {
        let sorted = [
            cell("a", "", "", i64::MAX, key_type::MAXIMUM, 0),
            cell("a", "f", "", 5, key_type::DELETE_FAMILY, 0),
            cell("a", "f", "q", 9, key_type::PUT, 0),
            cell("a", "f", "q", 5, key_type::DELETE, 0),
            cell("a", "f", "q", 5, key_type::PUT, 7),
            cell("a", "f", "q", 5, key_type::PUT, 6),
            cell("a", "f", "qq", 99, key_type::PUT, 0),
            cell("a", "g", "", 99, key_type::PUT, 0),
            cell("a", "", "", 1, key_type::MINIMUM, 0),
            cell("ab", "f", "q", 5, key_type::PUT, 0),
        ];
        for (left_index, left) in sorted.iter().enumerate() {
            for (right_index, right) in sorted.iter().enumerate() {
                assert_eq!(left.compare(right), left_index.cmp(&right_index), "{left:?} against {right:?}");
            }
        }
    }
}
