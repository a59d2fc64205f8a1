//! Frame table and footer: what lies where in a data object.
//!
//! Table plaintext: body hash 32 (BLAKE3 of header and frames) | u32 frame count ≤ 2²² | per frame: u32 stored bytes (tag included),
//! u32 plaintext bytes ≤ 1 MiB, u8 codec (0 raw, 1 zstd, 2 padding) | u32 entry count ≤ 65 536 | per entry: identity 32, content id 32,
//! fingerprint 32, u64 plaintext length, u32 first frame, u32 frames. Entries are in frame order and do not overlap.
//! Sealed with purpose *table*, position 0, associated data = header ‖ footer.
//!
//! Footer, the last 32 bytes: u64 table offset | u32 sealed table bytes | u64 object length | u16 version 1 | u16 zero | magic `SEAWALLF`.

use crate::crypto::{TAG_BYTES, public_hash};
use crate::error::{RepositoryError, Result};
use crate::object::header::HEADER_BYTES;
use crate::wire::{Reader, Writer};

/// Length of a footer.
pub(crate) const FOOTER_BYTES: usize = 32;
/// Plaintext of a full frame.
pub(crate) const FRAME_BYTES: usize = 1 << 20;
const FRAME_LIMIT: usize = 1 << 22;
const ENTRY_LIMIT: usize = 1 << 16;
const FRAME_RECORD_BYTES: usize = 9;
const ENTRY_RECORD_BYTES: usize = 112;
/// No table of a valid object is longer.
pub(crate) const TABLE_LIMIT_BYTES: usize = FRAME_LIMIT * FRAME_RECORD_BYTES + ENTRY_LIMIT * ENTRY_RECORD_BYTES + 64 + TAG_BYTES;
const MAGIC: &[u8; 8] = b"SEAWALLF";

/// How a frame's plaintext was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Raw = 0,
    Zstd = 1,
    Padding = 2,
}

/// One frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) stored_bytes: u32,
    pub(crate) plaintext_bytes: u32,
    pub(crate) codec: Codec,
}

impl Frame {
    /// Associated data of the frame: codec and plaintext length.
    pub(crate) fn aad(&self) -> [u8; 5] {
        let [a, b, c, d] = self.plaintext_bytes.to_le_bytes();
        [self.codec as u8, a, b, c, d]
    }
}

/// One file in the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) identity: [u8; 32],
    pub(crate) content_id: [u8; 32],
    pub(crate) fingerprint: [u8; 32],
    pub(crate) plaintext_length: u64,
    pub(crate) first_frame: u32,
    pub(crate) frames: u32,
}

/// The table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) body_hash: [u8; 32],
    pub(crate) frames: Vec<Frame>,
    pub(crate) entries: Vec<Entry>,
}

impl Table {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.raw(&self.body_hash).count(self.frames.len());
        for frame in &self.frames {
            writer.u32(frame.stored_bytes).u32(frame.plaintext_bytes).u8(frame.codec as u8);
        }
        writer.count(self.entries.len());
        for entry in &self.entries {
            writer.raw(&entry.identity).raw(&entry.content_id).raw(&entry.fingerprint).u64(entry.plaintext_length);
            writer.u32(entry.first_frame).u32(entry.frames);
        }
        writer.finish()
    }

    /// Decodes and checks that the frames fill the space between header and table exactly.
    pub(crate) fn decode(object: &str, table_offset: u64, plain: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(object, table_offset, plain);
        let body_hash = reader.array()?;
        let count = reader.count(FRAME_LIMIT, FRAME_RECORD_BYTES)?;
        let mut frames = Vec::with_capacity(count);
        let mut end = HEADER_BYTES as u64;
        for _ in 0..count {
            let (stored_bytes, plaintext_bytes) = (reader.u32()?, reader.u32()?);
            let codec = match reader.u8()? {
                0 => Codec::Raw,
                1 => Codec::Zstd,
                2 => Codec::Padding,
                other => return Err(reader.damage(format!("frame codec {other}"))),
            };
            let limit = (FRAME_BYTES + TAG_BYTES) as u32;
            if plaintext_bytes as usize > FRAME_BYTES || stored_bytes > limit || (stored_bytes as usize) < TAG_BYTES {
                return Err(reader.damage("frame length out of bounds"));
            }
            end += u64::from(stored_bytes);
            frames.push(Frame { stored_bytes, plaintext_bytes, codec });
        }
        if end != table_offset {
            return Err(reader.damage(format!("frames end at {end}, the table is at {table_offset}")));
        }
        let count = reader.count(ENTRY_LIMIT, ENTRY_RECORD_BYTES)?;
        let mut entries: Vec<Entry> = Vec::with_capacity(count);
        let mut next_frame = 0u64;
        for _ in 0..count {
            let entry = Entry {
                identity: reader.array()?,
                content_id: reader.array()?,
                fingerprint: reader.array()?,
                plaintext_length: reader.u64()?,
                first_frame: reader.u32()?,
                frames: reader.u32()?,
            };
            let last = u64::from(entry.first_frame) + u64::from(entry.frames);
            if u64::from(entry.first_frame) < next_frame || last > frames.len() as u64 {
                return Err(reader.damage("entry outside the frames, or out of order"));
            }
            next_frame = last;
            entries.push(entry);
        }
        reader.finish()?;
        Ok(Self { body_hash, frames, entries })
    }

    /// Offset and stored length of a run of frames.
    pub(crate) fn range(&self, first_frame: u32, frames: u32) -> Option<(u64, u64)> {
        let first = first_frame as usize;
        let last = first.checked_add(frames as usize)?;
        let sum = |frames: &[Frame]| frames.iter().map(|frame| u64::from(frame.stored_bytes)).sum::<u64>();
        Some((HEADER_BYTES as u64 + sum(self.frames.get(..first)?), sum(self.frames.get(first..last)?)))
    }
}

/// The footer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) table_offset: u64,
    pub(crate) table_bytes: u32,
    pub(crate) object_length: u64,
}

impl Footer {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.u64(self.table_offset).u32(self.table_bytes).u64(self.object_length).u16(1).u16(0).raw(MAGIC);
        writer.finish()
    }

    /// Decodes the last 32 bytes of an object of `object_length` bytes.
    pub(crate) fn decode(object: &str, object_length: u64, bytes: &[u8]) -> Result<Self> {
        let at = object_length.saturating_sub(FOOTER_BYTES as u64);
        let mut reader = Reader::new(object, at, bytes);
        let footer = Self { table_offset: reader.u64()?, table_bytes: reader.u32()?, object_length: reader.u64()? };
        if !bytes.ends_with(MAGIC) {
            return Err(RepositoryError::damaged(object, at, "no footer: the object was cut off"));
        }
        reader.referenced_version()?;
        if reader.u16()? != 0 {
            return Err(reader.damage("reserved footer bytes are not zero"));
        }
        reader.magic(MAGIC)?;
        let whole = footer.table_offset.checked_add(u64::from(footer.table_bytes)).and_then(|end| end.checked_add(FOOTER_BYTES as u64));
        if footer.object_length != object_length || whole != Some(object_length) {
            return Err(reader.damage(format!("the footer speaks of {} bytes, the object has {object_length}", footer.object_length)));
        }
        if footer.table_offset < HEADER_BYTES as u64 || footer.table_bytes as usize > TABLE_LIMIT_BYTES {
            return Err(reader.damage("table out of bounds"));
        }
        reader.finish()?;
        Ok(footer)
    }
}

/// The hash over a whole object that references carry: a hash of the body's hash and the bytes from the table on. An adopter knows the
/// body hash from the authenticated table and need not read the body.
pub(crate) fn ciphertext_hash(body_hash: &[u8; 32], table_and_footer: &[u8]) -> [u8; 32] {
    public_hash("seawall 1 ciphertext hash", &[body_hash, table_and_footer])
}
