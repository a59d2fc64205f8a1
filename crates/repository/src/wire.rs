//! Little-endian, length-prefixed, bounded: how every stored structure is written and read.

use crate::error::{RepositoryError, Result};

/// Builds a structure.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }
    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }
    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }
    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }
    pub(crate) fn i64(&mut self, value: i64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }
    /// A count or length as u32. Callers check their limit before; a longer value would be cut off here and refused by every reader.
    pub(crate) fn count(&mut self, count: usize) -> &mut Self {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX))
    }
    /// u32 length, then the bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.count(bytes.len()).raw(bytes)
    }
    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Takes a structure apart. Errors name the object and the offset.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    object: &'a str,
    bytes: &'a [u8],
    offset: u64,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, which lie at `offset` of `object`.
    pub(crate) fn new(object: &'a str, offset: u64, bytes: &'a [u8]) -> Self {
        Self { object, bytes, offset }
    }
    pub(crate) fn damage(&self, detail: impl Into<String>) -> RepositoryError {
        RepositoryError::damaged(self.object, self.offset, detail)
    }
    pub(crate) fn raw(&mut self, length: usize) -> Result<&'a [u8]> {
        let Some((head, tail)) = self.bytes.split_at_checked(length) else {
            return Err(self.damage(format!("ends after {} of {length} bytes", self.bytes.len())));
        };
        self.bytes = tail;
        self.offset += length as u64;
        Ok(head)
    }
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0u8; N];
        array.copy_from_slice(self.raw(N)?);
        Ok(array)
    }
    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }
    pub(crate) fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }
    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }
    pub(crate) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }
    pub(crate) fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_le_bytes(self.array()?))
    }
    /// A count of elements of at least `element_bytes` each, at most `limit`; never more than the remaining bytes can hold.
    pub(crate) fn count(&mut self, limit: usize, element_bytes: usize) -> Result<usize> {
        let count = self.u32()? as usize;
        if count > limit || count.saturating_mul(element_bytes) > self.bytes.len() {
            return Err(self.damage(format!("count {count} is out of bounds")));
        }
        Ok(count)
    }
    /// u32 length ≤ `limit`, then the bytes.
    pub(crate) fn bytes(&mut self, limit: usize) -> Result<&'a [u8]> {
        let length = self.count(limit, 1)?;
        self.raw(length)
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
    /// Nothing may follow.
    pub(crate) fn finish(self) -> Result<()> {
        if self.bytes.is_empty() { Ok(()) } else { Err(self.damage(format!("{} bytes too many", self.bytes.len()))) }
    }
    pub(crate) fn magic(&mut self, magic: &[u8; 8]) -> Result<()> {
        let found: [u8; 8] = self.array()?;
        if &found == magic { Ok(()) } else { Err(self.damage("wrong magic")) }
    }
    /// The version of an object that a record of version 1 refers to: it must be 1, so another number is damage.
    pub(crate) fn referenced_version(&mut self) -> Result<()> {
        match self.u16()? {
            1 => Ok(()),
            found => Err(self.damage(format!("version {found} in an object that a record of version 1 refers to"))),
        }
    }
    /// The format version, always 1 here.
    pub(crate) fn version(&mut self) -> Result<()> {
        match self.u16()? {
            1 => Ok(()),
            0 => Err(self.damage("format version 0")),
            found => {
                Err(RepositoryError::FormatTooNew { what: self.object.to_owned(), found: found.to_string(), supported: "1".to_owned() })
            }
        }
    }
}
