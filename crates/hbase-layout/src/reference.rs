//! Reference files: half of a parent's store file, split at a key.
//!
//! File: `PBUF` and `FSProtos.Reference`. Before HBase 0.96: one byte (1 = top half), then a Hadoop variable-length integer and
//! that many bytes of key. The split key is a whole KeyValue key (`KeyValueUtil.createFirstOnRow`): 2 bytes row length, row,
//! 1 byte family length 0, 8 bytes time stamp (all ones but the sign), 1 byte type 255 (maximum). In a snapshot manifest the same message stands in the store file's field 2.

use bytes::Bytes;
use hbase_proto as proto;
use hbase_proto::{Message, PROTOBUF_MAGIC};

use crate::LayoutError;
use crate::magic::{decode, with_magic};
use crate::wire;

/// Which half of the file belongs to the region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// Cells at or after the split key.
    Top,
    /// Cells before the split key.
    Bottom,
}

/// What a reference file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub half: Half,
    /// A KeyValue key, see the head of this file.
    pub split_key: Bytes,
}

const WHAT: &str = "reference file";

impl Reference {
    /// Reads a reference file, either form.
    pub fn from_file(file: &Bytes) -> Result<Self, LayoutError> {
        if file.starts_with(PROTOBUF_MAGIC) {
            return Self::from_message(&file.slice(PROTOBUF_MAGIC.len()..));
        }
        let truncated = |offset| LayoutError::Truncated { what: WHAT, offset, length: file.len() };
        let half = match file.first() {
            Some(0) => Half::Bottom,
            Some(1) => Half::Top,
            Some(other) => return Err(LayoutError::Malformed { what: WHAT, offset: 0, detail: format!("first byte is {other}") }),
            None => return Err(truncated(0)),
        };
        let (length, start) = read_hadoop_varint(file, 1).ok_or_else(|| truncated(1))?;
        let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length)).filter(|end| *end == file.len());
        let end = end.ok_or_else(|| truncated(start))?;
        Ok(Self { half, split_key: file.slice(start..end) })
    }

    /// Reads the message, as it stands in a manifest.
    pub fn from_message(message: &Bytes) -> Result<Self, LayoutError> {
        // prost takes an absent required field for an empty one.
        for (number, field) in [(1, "split key"), (2, "range")] {
            wire::last(message, number)?.ok_or(LayoutError::MissingField { what: WHAT, field })?;
        }
        let message: proto::Reference = decode(WHAT, message)?;
        let half = match message.range() {
            proto::reference::Range::Top => Half::Top,
            proto::reference::Range::Bottom => Half::Bottom,
        };
        Ok(Self { half, split_key: message.splitkey })
    }

    /// The message, as it stands in a manifest.
    pub fn to_message(&self) -> Bytes {
        let range = match self.half {
            Half::Top => proto::reference::Range::Top,
            Half::Bottom => proto::reference::Range::Bottom,
        };
        proto::Reference { splitkey: self.split_key.clone(), range: range.into() }.encode_to_vec().into()
    }

    /// The file.
    pub fn to_file(&self) -> Bytes {
        with_magic(&self.to_message())
    }

    /// The row the parent was split at, without the rest of the key.
    pub fn split_row(&self) -> Option<Bytes> {
        let length = self.split_key.first_chunk::<2>().map(|length| usize::from(u16::from_be_bytes(*length)))?;
        (self.split_key.len() >= length + 2).then(|| self.split_key.slice(2..2 + length))
    }
}

/// `WritableUtils.readVLong`: one byte from -112 to 127 is the value; below, the byte says sign and number of big-endian bytes.
fn read_hadoop_varint(bytes: &[u8], offset: usize) -> Option<(u64, usize)> {
    let first = bytes.get(offset)?.cast_signed();
    if first >= 0 {
        return Some((u64::from(first.unsigned_abs()), offset + 1));
    }
    // Negative numbers (-112..0 and the codes below -120) are no lengths.
    let count = usize::from((-112_i8).checked_sub(first)?.unsigned_abs());
    if first >= -112 || count > 8 {
        return None;
    }
    let digits = bytes.get(offset + 1..offset + 1 + count)?;
    Some((digits.iter().fold(0, |value, digit| value << 8 | u64::from(*digit)), offset + 1 + count))
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};

    use super::*;

    /// The split key HBase makes of a row.
    fn first_key_on_row(row: &[u8]) -> Bytes {
        let mut key = BytesMut::with_capacity(row.len() + 12);
        key.put_u16(u16::try_from(row.len()).unwrap_or(u16::MAX));
        key.put_slice(row);
        key.put_u8(0);
        key.put_i64(i64::MAX);
        key.put_u8(255);
        key.freeze()
    }

    #[test]
    fn both_forms_read_and_a_cut_one_does_not() {
        let reference = Reference { half: Half::Bottom, split_key: first_key_on_row(b"row-7") };
        let file = reference.to_file();
        assert_eq!(Reference::from_file(&file), Ok(reference.clone()));
        assert_eq!(Reference::from_message(&reference.to_message()), Ok(reference.clone()));
        assert_eq!(reference.split_row().unwrap(), "row-7");
        for length in 0..file.len() {
            assert!(Reference::from_file(&file.slice(..length)).is_err(), "cut at {length}");
        }
        let old = |length: &[u8], key: &[u8]| Bytes::from([&[1], length, key].concat());
        let long_key = vec![7_u8; 200];
        assert_eq!(Reference::from_file(&old(&[3], b"abc")).unwrap(), Reference { half: Half::Top, split_key: Bytes::from_static(b"abc") });
        assert_eq!(Reference::from_file(&old(&[0x8f, 200], &long_key)).unwrap().split_key, long_key);
        assert!(Reference::from_file(&old(&[4], b"abc")).is_err());
        assert!(Reference::from_file(&old(&[0x88, 255, 255, 255, 255, 255, 255, 255, 255], b"abc")).is_err());
        assert!(Reference::from_file(&Bytes::from_static(b"\x02\x01a")).is_err());
    }
}
