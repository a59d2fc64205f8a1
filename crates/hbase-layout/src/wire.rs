//! A protobuf editor on the wire level: fields are looked at, replaced, removed or added without decoding the rest, so that
//! every field this code does not know is given back **byte for byte and in its place**.
//!
//! Wire format: a field is a varint tag `number << 3 | type`, then a varint (type 0), 8 bytes (1), a varint length and that
//! many bytes (2), or 4 bytes (5). Groups (types 3, 4) do not occur in HBase's files and are refused.

use bytes::{Bytes, BytesMut};

use crate::LayoutError;

/// How the value of a field is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireType {
    Varint,
    Fixed64,
    LengthDelimited,
    Fixed32,
}

/// One field of a message, as it stands in the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The field number, 1 or above.
    pub number: u32,
    pub wire_type: WireType,
    /// The whole field: tag, length and value.
    pub raw: Bytes,
    /// The value alone; for [`WireType::LengthDelimited`] without its length.
    pub value: Bytes,
}

impl Field {
    /// The value of a varint field.
    pub fn varint(&self) -> Option<u64> {
        if self.wire_type != WireType::Varint {
            return None;
        }
        read_varint(&self.value, 0).map(|(value, _)| value)
    }
}

/// The fields of `message` in their order. Stops with the first error.
pub fn fields(message: &Bytes) -> Fields {
    Fields { message: message.clone(), offset: 0, failed: false }
}

/// Iterator of [`fields`].
#[derive(Debug, Clone)]
pub struct Fields {
    message: Bytes,
    offset: usize,
    failed: bool,
}

impl Iterator for Fields {
    type Item = Result<Field, LayoutError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.offset == self.message.len() {
            return None;
        }
        let field = self.read();
        self.failed = field.is_err();
        Some(field)
    }
}

impl Fields {
    fn read(&mut self) -> Result<Field, LayoutError> {
        let start = self.offset;
        let truncated = |offset| LayoutError::Truncated { what: "protobuf message", offset, length: self.message.len() };
        let malformed = |detail: String| LayoutError::Malformed { what: "protobuf message", offset: start, detail };
        let (tag, after_tag) = read_varint(&self.message, start).ok_or_else(|| truncated(start))?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number));
        let number = number.ok_or_else(|| malformed(format!("field number {}", tag >> 3)))?;
        let (wire_type, value_start, value_length) = match tag & 7 {
            0 => {
                let (_, end) = read_varint(&self.message, after_tag).ok_or_else(|| truncated(after_tag))?;
                (WireType::Varint, after_tag, end - after_tag)
            }
            1 => (WireType::Fixed64, after_tag, 8),
            2 => {
                let (length, value_start) = read_varint(&self.message, after_tag).ok_or_else(|| truncated(after_tag))?;
                let length = usize::try_from(length).map_err(|_| truncated(after_tag))?;
                (WireType::LengthDelimited, value_start, length)
            }
            5 => (WireType::Fixed32, after_tag, 4),
            other => return Err(malformed(format!("wire type {other}"))),
        };
        let end = value_start.checked_add(value_length).filter(|end| *end <= self.message.len()).ok_or_else(|| truncated(value_start))?;
        self.offset = end;
        Ok(Field { number, wire_type, raw: self.message.slice(start..end), value: self.message.slice(value_start..end) })
    }
}

/// The last field with this number, as protobuf reads a field that is not repeated.
pub fn last(message: &Bytes, number: u32) -> Result<Option<Field>, LayoutError> {
    let mut found = None;
    for field in fields(message) {
        let field = field?;
        if field.number == number {
            found = Some(field);
        }
    }
    Ok(found)
}

/// A field as [`Field::raw`] has it, length-delimited.
pub fn bytes_field(number: u32, value: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(value.len() + 10);
    write_varint(&mut out, u64::from(number) << 3 | 2);
    write_varint(&mut out, value.len() as u64);
    out.extend_from_slice(value);
    out.freeze()
}

/// A field as [`Field::raw`] has it, varint. A negative `int32`/`int64` is passed as its two's complement in 64 bits.
pub fn varint_field(number: u32, value: u64) -> Bytes {
    let mut out = BytesMut::with_capacity(20);
    write_varint(&mut out, u64::from(number) << 3);
    write_varint(&mut out, value);
    out.freeze()
}

/// Sets the fields of the numbers in `replacements` (each a whole field made by [`bytes_field`] or [`varint_field`], or `None`
/// to remove it) and keeps everything else. A replaced field stays where its first occurrence stood, further occurrences go;
/// a field that was absent is added at the end.
pub fn set(message: &Bytes, replacements: &[(u32, Option<Bytes>)]) -> Result<Bytes, LayoutError> {
    let mut out = BytesMut::with_capacity(message.len() + 64);
    let mut written = vec![false; replacements.len()];
    for field in fields(message) {
        let field = field?;
        let Some(place) = replacements.iter().position(|(number, _)| *number == field.number) else {
            out.extend_from_slice(&field.raw);
            continue;
        };
        write_once(&mut out, replacements, &mut written, place);
    }
    for place in 0..replacements.len() {
        write_once(&mut out, replacements, &mut written, place);
    }
    Ok(out.freeze())
}

fn write_once(out: &mut BytesMut, replacements: &[(u32, Option<Bytes>)], written: &mut [bool], place: usize) {
    if let (Some((_, replacement)), Some(written)) = (replacements.get(place), written.get_mut(place)) {
        if let (Some(replacement), false) = (replacement, *written) {
            out.extend_from_slice(replacement);
        }
        *written = true;
    }
}

/// Reads a varint of at most 10 bytes at `offset`: the value and the offset behind it.
pub(crate) fn read_varint(bytes: &[u8], offset: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (index, byte) in bytes.get(offset..)?.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(index).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, offset + index + 1));
        }
    }
    None
}

pub(crate) fn write_varint(out: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        out.extend_from_slice(&[(value & 0x7f) as u8 | 0x80]);
        value >>= 7;
    }
    out.extend_from_slice(&[value as u8]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_field() -> impl Strategy<Value = Bytes> {
        let number = 1_u32..2000;
        prop_oneof![
            (number.clone(), any::<u64>()).prop_map(|(number, value)| varint_field(number, value)),
            (number.clone(), proptest::collection::vec(any::<u8>(), 0..300)).prop_map(|(number, value)| bytes_field(number, &value)),
            (number.clone(), any::<[u8; 8]>()).prop_map(|(number, value)| fixed(number, 1, &value)),
            (number, any::<[u8; 4]>()).prop_map(|(number, value)| fixed(number, 5, &value)),
        ]
    }

    fn fixed(number: u32, wire_type: u64, value: &[u8]) -> Bytes {
        let mut out = BytesMut::new();
        write_varint(&mut out, u64::from(number) << 3 | wire_type);
        out.extend_from_slice(value);
        out.freeze()
    }

    proptest! {
        #[test]
        fn other_fields_keep_their_bytes_and_order(raw in proptest::collection::vec(any_field(), 0..40), value in proptest::collection::vec(any::<u8>(), 0..50)) {
            let message = Bytes::from(raw.concat());
            let numbers: Vec<u32> = fields(&message).map(|field| field.unwrap().number).collect();
            prop_assert_eq!(numbers.len(), raw.len());
            let target = numbers.first().copied().unwrap_or(1);
            let replacement = bytes_field(target, &value);
            let edited = set(&message, &[(target, Some(replacement.clone()))]).unwrap();
            let kept = |message: &Bytes| fields(message).map(|field| field.unwrap()).filter(|field| field.number != target).map(|field| field.raw).collect::<Vec<_>>();
            prop_assert_eq!(kept(&edited), kept(&message));
            let found: Vec<Bytes> = fields(&edited).map(|field| field.unwrap()).filter(|field| field.number == target).map(|field| field.raw).collect();
            prop_assert_eq!(found, vec![replacement.clone()]);
            // Setting a field to what it is changes nothing; removing it leaves the others.
            prop_assert_eq!(set(&edited, &[(target, Some(replacement))]).unwrap(), edited.clone());
            prop_assert_eq!(set(&message, &[]).unwrap(), message.clone());
            prop_assert_eq!(set(&edited, &[(target, None)]).unwrap(), Bytes::from(kept(&message).concat()));
        }

        #[test]
        fn arbitrary_bytes_never_panic_and_split_exactly(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let message = Bytes::from(bytes);
            let read: Vec<Bytes> = fields(&message).map_while(|field| field.ok().map(|field| field.raw)).collect();
            let joined = read.concat();
            prop_assert_eq!(&message[..joined.len()], &joined[..]);
        }
    }

    #[test]
    fn a_cut_message_is_an_error() {
        let message = Bytes::from([varint_field(3, 1 << 40), bytes_field(4, b"abcdef")].concat());
        for length in 1..message.len() {
            let cut = message.slice(..length);
            let whole = length == varint_field(3, 1 << 40).len();
            assert_eq!(fields(&cut).all(|field| field.is_ok()), whole, "cut at {length}");
        }
    }

    #[test]
    fn the_last_of_a_single_field_counts() {
        let message = Bytes::from([varint_field(3, 1), varint_field(3, 2)].concat());
        assert_eq!(last(&message, 3).unwrap().unwrap().varint(), Some(2));
        assert_eq!(last(&message, 4).unwrap(), None);
    }
}
