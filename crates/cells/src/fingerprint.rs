//! Order-independent fingerprints of cells: one table's content as 256 bits, a cell count and a byte count.
//!
//! **Definition** (it may never change silently, since it is computed from live scans, from store files and from WALs):
//!
//! `cell hash = BLAKE3( "seawall cell 1\n" ‖ field(row) ‖ field(family) ‖ field(qualifier) ‖ time stamp ‖ type ‖ field(value) ‖ field(tags) )`
//! - `field(x)` = length of x as 4 bytes big-endian, then x;
//! - time stamp = 8 bytes big-endian, two's complement; type = the one byte of `KeyValue.Type`;
//! - value = what a client gets: of a MOB cell the value in the MOB file, never the reference;
//! - tags = the tags as HBase serializes them (per tag 2 bytes length, 1 byte type, content), empty without tags. Any client
//!   that asks for `KeyValueCodecWithTags` gets them, whatever its rights, so they belong to the content;
//! - the sequence id does not count: clones, compactions and scans change it.
//!
//! The sum of a set of cells is the sum of their hashes, each read as a 256-bit little-endian number, modulo 2²⁵⁶. A cell that
//! occurs twice counts twice (a sum, not an exclusive or). `cells` counts pushes; `bytes` sums the lengths of row, family,
//! qualifier, value and tags, modulo 2⁶⁴.
//!
//! What it does not do: it finds accidents, not forgeries. Someone who can choose cells freely can search for two sets with one
//! sum in far fewer than 2¹²⁸ steps.

use std::fmt;
use std::str::FromStr;

use hbase_types::Cell;

const DOMAIN: &[u8] = b"seawall cell 1\n";

/// The fingerprint of a multiset of cells; see the module's head for its definition. `Default` is that of no cells.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    /// The 256-bit sum, least significant limb first.
    sum: [u64; 4],
    cells: u64,
    bytes: u64,
}

/// A text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no fingerprint (64 hexadecimal digits, cells and bytes, as <sum>-<cells>-<bytes>)")]
pub struct FingerprintError {
    pub text: String,
}

impl Fingerprint {
    /// The fingerprint of no cells.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one cell.
    pub fn push(&mut self, cell: &Cell) {
        self.add_sum(limbs(cell_hash(cell).as_bytes()));
        self.cells = self.cells.wrapping_add(1);
        for part in [&cell.row, &cell.family, &cell.qualifier, &cell.value, &cell.tags] {
            self.bytes = self.bytes.wrapping_add(part.len() as u64);
        }
    }

    /// Adds all cells of `other`: parts may be computed apart (by region, by thread) and combined in any order.
    pub fn combine(&mut self, other: &Self) {
        self.add_sum(other.sum);
        self.cells = self.cells.wrapping_add(other.cells);
        self.bytes = self.bytes.wrapping_add(other.bytes);
    }

    /// How many cells were added.
    pub fn cells(&self) -> u64 {
        self.cells
    }

    /// The summed length of rows, families, qualifiers, values and tags, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The sum alone, as 64 hexadecimal digits, most significant first.
    pub fn sum_hex(&self) -> String {
        self.sum.iter().rev().map(|limb| format!("{limb:016x}")).collect()
    }

    fn add_sum(&mut self, other: [u64; 4]) {
        let mut carry = false;
        for (limb, added) in self.sum.iter_mut().zip(other) {
            let (partial, overflow_add) = limb.overflowing_add(added);
            let (total, overflow_carry) = partial.overflowing_add(u64::from(carry));
            *limb = total;
            carry = overflow_add || overflow_carry;
        }
    }
}

/// `<sum>-<cells>-<bytes>`: the sum as 64 hexadecimal digits, the counts in decimal.
impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}-{}", self.sum_hex(), self.cells, self.bytes)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        parse(text).ok_or_else(|| FingerprintError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Fingerprint> {
    let mut parts = text.split('-');
    let (sum_text, cells, bytes) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = |text: &str, radix: u32| text.chars().all(|character| character.is_digit(radix));
    if parts.next().is_some() || sum_text.len() != 64 || !digits(sum_text, 16) || !digits(cells, 10) || !digits(bytes, 10) {
        return None;
    }
    let mut sum = [0; 4];
    for (index, limb) in sum.iter_mut().rev().enumerate() {
        *limb = u64::from_str_radix(sum_text.get(index * 16..index * 16 + 16)?, 16).ok()?;
    }
    Some(Fingerprint { sum, cells: cells.parse().ok()?, bytes: bytes.parse().ok()? })
}

fn cell_hash(cell: &Cell) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(DOMAIN);
    let mut field = |content: &[u8]| {
        // A cell is at most 2 GiB in HBase (lengths are Java ints), so the length fits.
        hasher.update(&(content.len() as u32).to_be_bytes());
        hasher.update(content);
    };
    field(&cell.row);
    field(&cell.family);
    field(&cell.qualifier);
    hasher.update(&cell.timestamp.to_be_bytes());
    hasher.update(&[cell.key_type]);
    for content in [&cell.value, &cell.tags] {
        hasher.update(&(content.len() as u32).to_be_bytes());
        hasher.update(content);
    }
    hasher.finalize()
}

fn limbs(hash: &[u8; 32]) -> [u64; 4] {
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(hash.chunks_exact(8)) {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(chunk);
        *limb = u64::from_le_bytes(bytes);
    }
    limbs
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn cell(row: &str, value: &str) -> Cell {
        let copy = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        Cell {
            row: copy(row),
            family: copy("f"),
            qualifier: copy("q"),
            timestamp: 7,
            key_type: 4,
            value: copy(value),
            tags: Bytes::new(),
            sequence_id: 1,
        }
    }

    fn of(cells: &[Cell]) -> Fingerprint {
        let mut fingerprint = Fingerprint::new();
        cells.iter().for_each(|cell| fingerprint.push(cell));
        fingerprint
    }

    /// The definition in the module's head, written down a second time from its words.
    #[test]
    fn the_definition_is_kept() {
        let mut input = b"seawall cell 1\n".to_vec();
        input.extend_from_slice(b"\0\0\0\x03row\0\0\0\x01f\0\0\0\x01q\0\0\0\0\0\0\0\x07\x04\0\0\0\x05value\0\0\0\0");
        let mut hash = *blake3::hash(&input).as_bytes();
        hash.reverse();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let fingerprint = of(&[cell("row", "value")]);
        assert_eq!(fingerprint.to_string(), format!("{hex}-1-10"));
    }

    #[test]
    fn every_field_but_the_sequence_id_counts() {
        let original = cell("row", "value");
        let base = of(std::slice::from_ref(&original));
        let changes: [fn(&mut Cell); 7] = [
            |cell| cell.row = Bytes::from_static(b"rox"),
            |cell| cell.family = Bytes::from_static(b"g"),
            |cell| cell.qualifier = Bytes::new(),
            |cell| cell.timestamp = -7,
            |cell| cell.key_type = 8,
            |cell| cell.value = Bytes::from_static(b"valuf"),
            |cell| cell.tags = Bytes::from_static(b"\0\x02\x08x"),
        ];
        for change in changes {
            let mut changed = original.clone();
            change(&mut changed);
            assert_ne!(of(&[changed.clone()]).sum_hex(), base.sum_hex(), "{changed:?}");
        }
        let renumbered = Cell { sequence_id: 99, ..original };
        assert_eq!(of(&[renumbered]), base);
    }

    #[test]
    fn bytes_cannot_wander_between_fields() {
        assert_ne!(of(&[cell("ab", "c")]).sum_hex(), of(&[cell("a", "bc")]).sum_hex());
    }

    #[test]
    fn a_cell_twice_is_not_no_cell() {
        let twice = of(&[cell("a", "b"), cell("a", "b")]);
        assert_ne!(twice.sum_hex(), Fingerprint::new().sum_hex());
        assert_eq!(twice.cells(), 2);
    }

    #[test]
    fn carries_go_through_all_limbs() {
        let mut sum = Fingerprint { sum: [u64::MAX; 4], cells: 0, bytes: 0 };
        sum.add_sum([1, 0, 0, 0]);
        assert_eq!(sum.sum, [0; 4]);
        let mut middle = Fingerprint { sum: [u64::MAX, u64::MAX, 5, 0], cells: 0, bytes: 0 };
        middle.add_sum([u64::MAX, 0, 0, 0]);
        assert_eq!(middle.sum, [u64::MAX - 1, 0, 6, 0]);
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        let good = of(&[cell("a", "b")]).to_string();
        assert_eq!(good.parse(), Ok(of(&[cell("a", "b")])));
        for bad in ["", "00-1-1", &good[1..], &format!("{good}-1"), &format!("+{}", &good[1..]), &good.replace('-', " ")] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn order_and_grouping_do_not_matter(rows in proptest::collection::vec("[a-d]{0,3}", 0..40), cut in 0_usize..40) {
            let cells: Vec<Cell> = rows.iter().map(|row| cell(row, "v")).collect();
            let forward = of(&cells);
            let mut reversed = cells.clone();
            reversed.reverse();
            prop_assert_eq!(forward, of(&reversed));
            let (left, right) = cells.split_at(cut.min(cells.len()));
            let mut combined = of(right);
            combined.combine(&of(left));
            prop_assert_eq!(combined, forward);
            prop_assert_eq!(forward.to_string().parse::<Fingerprint>(), Ok(forward));
        }
    }
}
