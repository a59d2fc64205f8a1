//! Turns plaintext frames into the bytes of a data object. CPU only: the caller runs it on a blocking thread and does the I/O.
//!
//! The *last* frame flag is part of the nonce, so a frame is sealed only when it is known whether another follows; the sealer keeps
//! one frame back for that. Each sealed frame is opened again and compared before it is handed out (verify before upload).

use bytes::Bytes;
use storage::Buffer;

use crate::crypto::{Purpose, SealingKey, TAG_BYTES};
use crate::error::{RepositoryError, Result};
use crate::file::{Compression, ObjectId};
use crate::keys::keyring::data_key;
use crate::names;
use crate::object::header::{Header, UploadKey};
use crate::object::table::{Codec, Entry, FOOTER_BYTES, Footer, Frame, Table, ciphertext_hash};

/// A frame must shrink by this part (1/20 = 5 %) or it is stored raw.
const MINIMUM_GAIN_DIVISOR: usize = 20;
/// So many frames that did not shrink end the trying, until [`RETRY_FRAMES`] more have passed.
const SAMPLE_FRAMES: u32 = 2;
const RETRY_FRAMES: u32 = 64;

/// What a finished object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) length: u64,
    pub(crate) ciphertext_hash: [u8; 32],
    pub(crate) table: Table,
}

/// One data object being built.
pub(crate) struct Sealer {
    object: String,
    key: SealingKey,
    header: Vec<u8>,
    body: blake3::Hasher,
    table: Table,
    offset: u64,
    held: Option<(Bytes, Compression)>,
    futile: u32,
    skip: u32,
    /// Where sealed frames are opened again; kept, since fresh memory of this size costs as much as the cipher.
    scratch: Buffer,
}

impl Sealer {
    /// Starts an object; returns its header.
    pub(crate) fn new(
        id: &ObjectId,
        repository_id: [u8; 16],
        writer: [u8; 16],
        upload: &UploadKey,
        salt: [u8; 32],
    ) -> Result<(Self, Bytes)> {
        let object = names::data_key(id);
        let key = data_key(&upload.secret, &repository_id, &salt, &object)
            .ok_or_else(|| RepositoryError::KeyUnreadable { detail: "object key derivation failed".to_owned() })?;
        let header = Header {
            generation: upload.generation,
            repository_id,
            writer,
            wrapped: upload.wrapped.clone(),
            salt,
            commitment: *key.commitment(),
        }
        .encode();
        let mut body = blake3::Hasher::new();
        body.update(&header);
        let offset = header.len() as u64;
        let first = Bytes::from(header.clone());
        Ok((
            Self { object, key, header, body, table: Table::default(), offset, held: None, futile: 0, skip: 0, scratch: Buffer::default() },
            first,
        ))
    }

    /// Number of the frame that the next [`Self::push`] makes.
    pub(crate) fn next_frame(&self) -> u32 {
        self.table.frames.len() as u32 + u32::from(self.held.is_some())
    }

    /// Takes a frame of at most 1 MiB; returns the sealed bytes of the frame before it.
    pub(crate) fn push(&mut self, plaintext: Bytes, compression: Compression) -> Result<Option<Bytes>> {
        match self.held.replace((plaintext, compression)) {
            Some((held, compression)) => self.seal(&held, compression, false).map(Some),
            None => Ok(None),
        }
    }

    /// Seals the last frame, the table and the footer.
    pub(crate) fn finish(mut self, entries: Vec<Entry>) -> Result<(Bytes, Sealed)> {
        let mut tail = match self.held.take() {
            Some((held, compression)) => self.seal(&held, compression, true)?.to_vec(),
            None => Vec::new(),
        };
        self.table.body_hash = *self.body.finalize().as_bytes();
        self.table.entries = entries;
        let mut sealed = self.table.encode();
        let table_bytes = sealed.len() + TAG_BYTES;
        let object_length = self.offset + (table_bytes + FOOTER_BYTES) as u64;
        let table_bytes = u32::try_from(table_bytes).map_err(|_| RepositoryError::refused("frame table too long"))?;
        let footer = Footer { table_offset: self.offset, table_bytes, object_length }.encode();
        let aad = [self.header.as_slice(), &footer].concat();
        self.key.seal(Purpose::Table, 0, &aad, &mut sealed).ok_or_else(|| self.failed())?;
        sealed.extend_from_slice(&footer);
        let ciphertext_hash = ciphertext_hash(&self.table.body_hash, &sealed);
        // A table that cannot be read back must never reach the store.
        Table::decode(&self.object, self.offset, &self.table.encode())?;
        tail.extend_from_slice(&sealed);
        Ok((Bytes::from(tail), Sealed { length: object_length, ciphertext_hash, table: self.table }))
    }

    fn seal(&mut self, plaintext: &[u8], compression: Compression, last: bool) -> Result<Bytes> {
        let (codec, mut buffer) = self.compress(plaintext, compression)?;
        let frame = Frame { stored_bytes: (buffer.len() + TAG_BYTES) as u32, plaintext_bytes: plaintext.len() as u32, codec };
        let purpose = if last { Purpose::LastFrame } else { Purpose::Frame };
        let position = self.table.frames.len() as u64;
        self.key.seal(purpose, position, &frame.aad(), &mut buffer).ok_or_else(|| self.failed())?;
        self.check(&frame, purpose, position, &buffer, plaintext)?;
        self.body.update(&buffer);
        self.offset += buffer.len() as u64;
        self.table.frames.push(frame);
        Ok(buffer.freeze())
    }

    /// Opens what was just sealed and compares: a fault in memory, codec or cipher is found before anything is stored.
    fn check(&mut self, frame: &Frame, purpose: Purpose, position: u64, sealed: &[u8], plaintext: &[u8]) -> Result<()> {
        let length = sealed.len().saturating_sub(TAG_BYTES);
        if self.scratch.capacity() < length {
            self.scratch = Buffer::with_capacity(sealed.len());
        }
        self.scratch.resize(length, 0);
        if self.key.open_into(purpose, position, &frame.aad(), sealed, &mut self.scratch).is_none() {
            return Err(self.failed());
        }
        let opened = self.scratch.as_slice();
        let same = match frame.codec {
            Codec::Raw | Codec::Padding => opened == plaintext,
            Codec::Zstd => zstd::bulk::decompress(opened, plaintext.len()).is_ok_and(|decompressed| decompressed == plaintext),
        };
        if same { Ok(()) } else { Err(self.failed()) }
    }

    fn compress(&mut self, plaintext: &[u8], compression: Compression) -> Result<(Codec, Buffer)> {
        let raw = || (Codec::Raw, Buffer::copy_of(plaintext, TAG_BYTES));
        if compression == Compression::None || plaintext.is_empty() {
            return Ok(raw());
        }
        if compression == Compression::Auto && self.futile >= SAMPLE_FRAMES {
            self.skip += 1;
            if self.skip < RETRY_FRAMES {
                return Ok(raw());
            }
            (self.skip, self.futile) = (0, SAMPLE_FRAMES - 1);
        }
        let mut compressed =
            zstd::bulk::compress(plaintext, 1).map_err(|error| RepositoryError::Task { detail: format!("zstd: {error}") })?;
        if compressed.len() + plaintext.len() / MINIMUM_GAIN_DIVISOR > plaintext.len() {
            self.futile = self.futile.saturating_add(1);
            return Ok(raw());
        }
        self.futile = 0;
        compressed.reserve_exact(TAG_BYTES);
        Ok((Codec::Zstd, Buffer::from(compressed)))
    }

    fn failed(&self) -> RepositoryError {
        RepositoryError::Task {
            detail: format!("{}: a sealed frame did not open again; nothing of it was stored (check this machine's memory)", self.object),
        }
    }
}
