//! The `PBUF` prefix and the length-delimited form of messages in HBase's files.

use bytes::{Bytes, BytesMut};
use hbase_proto::{Message, PROTOBUF_MAGIC};

use crate::LayoutError;
use crate::wire::{read_varint, write_varint};

/// The bytes behind the magic.
pub(crate) fn strip_magic(what: &'static str, file: &Bytes) -> Result<Bytes, LayoutError> {
    if file.starts_with(PROTOBUF_MAGIC) {
        Ok(file.slice(PROTOBUF_MAGIC.len()..))
    } else {
        Err(LayoutError::NoMagic { what, found: file.iter().take(PROTOBUF_MAGIC.len()).copied().collect() })
    }
}

pub(crate) fn with_magic(message: &[u8]) -> Bytes {
    Bytes::from([PROTOBUF_MAGIC.as_slice(), message].concat())
}

/// The first message of a length-delimited sequence.
pub(crate) fn strip_length(what: &'static str, bytes: &Bytes) -> Result<Bytes, LayoutError> {
    let truncated = || LayoutError::Truncated { what, offset: 0, length: bytes.len() };
    let (length, start) = read_varint(bytes, 0).ok_or_else(truncated)?;
    let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length)).filter(|end| *end <= bytes.len());
    Ok(bytes.slice(start..end.ok_or_else(truncated)?))
}

pub(crate) fn with_length(message: &[u8]) -> BytesMut {
    let mut out = BytesMut::with_capacity(message.len() + 5);
    write_varint(&mut out, message.len() as u64);
    out.extend_from_slice(message);
    out
}

/// Decodes a message for reading only.
pub(crate) fn decode<M: Message + Default>(what: &'static str, bytes: &Bytes) -> Result<M, LayoutError> {
    M::decode(bytes.clone()).map_err(|error| LayoutError::Malformed { what, offset: 0, detail: error.to_string() })
}
