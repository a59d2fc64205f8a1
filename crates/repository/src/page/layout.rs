//! Bytes of pages and page objects.
//!
//! Page object `m/<upload>/<n>`: header 128 | pages of one kind. Header: magic `SEAWALLM` | u16 version 1 | u8 kind | u8 zero |
//! u32 generation | repository id 16 | upload 16 | u32 n | salt 32 | commitment 32 | 12 zero bytes.
//! Stored page: prefix (u32 sealed bytes, u8 kind, u8 level, u16 zero) | sealed bytes. Sealed with purpose *page*, position = offset of the
//! prefix in the object, associated data = header ‖ prefix; the plaintext is zstd-compressed first.
//! Page: u8 kind | u8 level | u16 zero | u32 count | per entry: key (u32 length ≤ 4096), value (u32 length ≤ 16 MiB).
//! Keys ascend strictly. On level 0 values are the caller's, above they are [`PageRef`]s and the key is the child's first key.

use bytes::Bytes;

use crate::crypto::{Purpose, SealingKey, TAG_BYTES, public_hash};
use crate::error::{RepositoryError, Result};
use crate::keys::keyring::{Keyring, PageKind};
use crate::names;
use crate::wire::{Reader, Writer};

pub(crate) const PAGE_HEADER_BYTES: usize = 128;
pub(crate) const PAGE_PREFIX_BYTES: usize = 8;
pub(crate) const KEY_LIMIT_BYTES: usize = 4096;
pub(crate) const VALUE_LIMIT_BYTES: usize = 16 << 20;
/// Plaintext of one page never exceeds this: a full page plus one largest entry.
pub(crate) const PAGE_LIMIT_BYTES: usize = VALUE_LIMIT_BYTES + (2 << 20);
const MAGIC: &[u8; 8] = b"SEAWALLM";
const ENTRY_COUNT_LIMIT: usize = 1 << 20;
const HEIGHT_LIMIT: u8 = 16;

/// Where a page lies, and what must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageRef {
    pub(crate) upload: [u8; 16],
    pub(crate) number: u32,
    pub(crate) generation: u32,
    pub(crate) salt: [u8; 32],
    pub(crate) offset: u64,
    /// Prefix and sealed bytes.
    pub(crate) stored_bytes: u32,
    /// Keyed BLAKE3 of the page's plaintext.
    pub(crate) content_id: [u8; 32],
    /// Hash of the stored bytes, checkable without a key.
    pub(crate) ciphertext_hash: [u8; 32],
    /// Level of the page: 0 = leaf.
    pub(crate) level: u8,
    /// Leaf entries below it.
    pub(crate) entries: u64,
}

impl PageRef {
    pub(crate) fn object(&self) -> String {
        names::page_key(&self.upload, self.number)
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.raw(&self.upload).u32(self.number).u32(self.generation).raw(&self.salt).u64(self.offset).u32(self.stored_bytes);
        writer.raw(&self.content_id).raw(&self.ciphertext_hash).u8(self.level).u64(self.entries);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        let page = Self {
            upload: reader.array()?,
            number: reader.u32()?,
            generation: reader.u32()?,
            salt: reader.array()?,
            offset: reader.u64()?,
            stored_bytes: reader.u32()?,
            content_id: reader.array()?,
            ciphertext_hash: reader.array()?,
            level: reader.u8()?,
            entries: reader.u64()?,
        };
        let bounds = (PAGE_PREFIX_BYTES + TAG_BYTES)..=(PAGE_LIMIT_BYTES + (1 << 20));
        if !bounds.contains(&(page.stored_bytes as usize)) || page.offset < PAGE_HEADER_BYTES as u64 || page.level > HEIGHT_LIMIT {
            return Err(reader.damage("page reference out of bounds"));
        }
        if page.offset.checked_add(u64::from(page.stored_bytes)).is_none() {
            return Err(reader.damage("page reference out of bounds"));
        }
        Ok(page)
    }
}

/// The header of a page object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageHeader {
    pub(crate) kind: PageKind,
    pub(crate) generation: u32,
    pub(crate) repository_id: [u8; 16],
    pub(crate) upload: [u8; 16],
    pub(crate) number: u32,
    pub(crate) salt: [u8; 32],
    pub(crate) commitment: [u8; 32],
}

impl PageHeader {
    /// The header and key of a page object; readers rebuild both from a [`PageRef`].
    pub(crate) fn derive(
        keyring: &Keyring,
        kind: PageKind,
        generation: u32,
        upload: [u8; 16],
        number: u32,
        salt: [u8; 32],
    ) -> Result<(Self, SealingKey)> {
        let key = keyring.page_key(generation, kind, &salt, &names::page_key(&upload, number))?;
        let commitment = *key.commitment();
        Ok((Self { kind, generation, repository_id: *keyring.repository_id(), upload, number, salt, commitment }, key))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.raw(MAGIC).u16(1).u8(self.kind as u8).u8(0).u32(self.generation).raw(&self.repository_id).raw(&self.upload);
        writer.u32(self.number).raw(&self.salt).raw(&self.commitment).raw(&[0; 12]);
        writer.finish()
    }

    pub(crate) fn decode(object: &str, bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(object, 0, bytes);
        reader.magic(MAGIC)?;
        reader.referenced_version()?;
        let kind = PageKind::from_byte(reader.u8()?).ok_or_else(|| reader.damage("unknown kind of page"))?;
        let zero = reader.u8()?;
        let header = Self {
            kind,
            generation: reader.u32()?,
            repository_id: reader.array()?,
            upload: reader.array()?,
            number: reader.u32()?,
            salt: reader.array()?,
            commitment: reader.array()?,
        };
        if zero != 0 || reader.raw(12)?.iter().any(|byte| *byte != 0) {
            return Err(reader.damage("reserved bytes are not zero"));
        }
        reader.finish()?;
        Ok(header)
    }
}

/// A decoded page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) level: u8,
    pub(crate) entries: Vec<(Bytes, Bytes)>,
}

impl Page {
    /// Encodes entries that ascend by key and stay within the limits.
    pub(crate) fn encode(kind: PageKind, level: u8, entries: &[(Bytes, Bytes)]) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.u8(kind as u8).u8(level).u16(0).count(entries.len());
        for (key, value) in entries {
            writer.bytes(key).bytes(value);
        }
        writer.finish()
    }

    fn decode(object: &str, offset: u64, kind: PageKind, plain: &Bytes) -> Result<Self> {
        let mut reader = Reader::new(object, offset, plain);
        let (found, level, zero) = (reader.u8()?, reader.u8()?, reader.u16()?);
        if found != kind as u8 || zero != 0 || level > HEIGHT_LIMIT {
            return Err(reader.damage("not the page that was asked for"));
        }
        let count = reader.count(ENTRY_COUNT_LIMIT, 8)?;
        let mut entries: Vec<(Bytes, Bytes)> = Vec::with_capacity(count);
        for _ in 0..count {
            let key = plain.slice_ref(reader.bytes(KEY_LIMIT_BYTES)?);
            let value = plain.slice_ref(reader.bytes(VALUE_LIMIT_BYTES)?);
            if entries.last().is_some_and(|(last, _)| *last >= key) {
                return Err(reader.damage("page keys do not ascend"));
            }
            entries.push((key, value));
        }
        reader.finish()?;
        Ok(Self { level, entries })
    }

    /// The children an inner page names.
    pub(crate) fn children(&self, object: &str) -> Result<Vec<(Bytes, PageRef)>> {
        let mut children = Vec::with_capacity(self.entries.len());
        for (key, value) in &self.entries {
            let mut reader = Reader::new(object, 0, value);
            let child = PageRef::decode(&mut reader)?;
            reader.finish()?;
            if child.level.checked_add(1) != Some(self.level) {
                return Err(RepositoryError::damaged(object, 0, "page tree with a wrong level"));
            }
            children.push((key.clone(), child));
        }
        Ok(children)
    }
}

/// Hash of a stored page.
pub(crate) fn page_hash(stored: &[u8]) -> [u8; 32] {
    public_hash("seawall 1 page hash", &[stored])
}

/// Seals one page for `offset` of its object.
pub(crate) fn seal_page(header: &[u8], key: &SealingKey, kind: PageKind, level: u8, offset: u64, plain: &[u8]) -> Result<Vec<u8>> {
    let failed = |detail: String| RepositoryError::Task { detail };
    let mut sealed = zstd::bulk::compress(plain, 3).map_err(|error| failed(format!("zstd: {error}")))?;
    let prefix = prefix(sealed.len() + TAG_BYTES, kind, level);
    key.seal(Purpose::Page, offset, &[header, &prefix].concat(), &mut sealed)
        .ok_or_else(|| failed("page could not be sealed".to_owned()))?;
    Ok([prefix.as_slice(), &sealed].concat())
}

fn prefix(sealed_bytes: usize, kind: PageKind, level: u8) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.count(sealed_bytes).u8(kind as u8).u8(level).u16(0);
    writer.finish()
}

/// Opens the stored bytes of the page at `offset`; returns its plaintext.
pub(crate) fn open_stored(object: &str, header: &PageHeader, key: &SealingKey, level: u8, offset: u64, stored: &[u8]) -> Result<Bytes> {
    let damaged = |detail: &str| RepositoryError::damaged(object, offset, detail);
    let (found, sealed) = stored.split_at_checked(PAGE_PREFIX_BYTES).ok_or_else(|| damaged("page cut off"))?;
    if found != prefix(sealed.len(), header.kind, level) {
        return Err(damaged("page prefix differs"));
    }
    let mut buffer = sealed.to_vec();
    let aad = [header.encode().as_slice(), found].concat();
    let compressed = key.open(Purpose::Page, offset, &aad, &mut buffer).ok_or_else(|| damaged("page does not authenticate"))?;
    let length = zstd::zstd_safe::get_frame_content_size(compressed).ok().flatten().ok_or_else(|| damaged("page without a length"))?;
    let length = usize::try_from(length).ok().filter(|length| *length <= PAGE_LIMIT_BYTES).ok_or_else(|| damaged("page too long"))?;
    zstd::bulk::decompress(compressed, length).map(Bytes::from).map_err(|error| damaged(&format!("zstd: {error}")))
}

/// Opens a referenced page: hash, tag and content id must all fit.
pub(crate) fn open_page(keyring: &Keyring, kind: PageKind, page: &PageRef, stored: &[u8]) -> Result<Page> {
    let object = page.object();
    let damaged = |detail: &str| RepositoryError::damaged(object.as_str(), page.offset, detail);
    if page_hash(stored) != page.ciphertext_hash {
        return Err(damaged("page differs from its reference (ciphertext hash)"));
    }
    let (header, key) = PageHeader::derive(keyring, kind, page.generation, page.upload, page.number, page.salt)?;
    let plain = open_stored(&object, &header, &key, page.level, page.offset, stored)?;
    if keyring.page_id(kind, &plain) != page.content_id {
        return Err(damaged("page differs from its reference (content id)"));
    }
    let decoded = Page::decode(&object, page.offset, kind, &plain)?;
    if decoded.level == page.level { Ok(decoded) } else { Err(damaged("page of another level")) }
}

/// Decodes a page's plaintext without a reference (for `decode`).
pub(crate) fn decode_page(object: &str, offset: u64, kind: PageKind, plain: &Bytes) -> Result<Page> {
    Page::decode(object, offset, kind, plain)
}
