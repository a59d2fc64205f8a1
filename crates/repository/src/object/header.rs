//! The 256-byte header of a data object. With the repository key it opens the object alone, without any page.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic `SEAWALLD` |
//! | 8 | 2 | version 1 |
//! | 10 | 2 | flags, zero |
//! | 12 | 4 | generation of the repository key |
//! | 16 | 16 | repository id |
//! | 32 | 16 | writer: id of the signing key of the process |
//! | 48 | 2 | wrap kind: 1 = AES-256-GCM under the upload wrap key |
//! | 50 | 2 | wrapped length ≤ 120 |
//! | 52 | 120 | wrapped upload key, zero-padded |
//! | 172 | 32 | salt |
//! | 204 | 32 | commitment of the object key |
//! | 236 | 20 | zero |
//!
//! The whole header is associated data of the frame table, so that every byte of it is authenticated.

use zeroize::Zeroizing;

use crate::crypto::{Purpose, SealingKey, Secret};
use crate::error::{RepositoryError, Result};
use crate::file::ObjectId;
use crate::keys::keyring::{Keyring, data_key};
use crate::names;
use crate::wire::{Reader, Writer};

/// Length of a header.
pub(crate) const HEADER_BYTES: usize = 256;
const MAGIC: &[u8; 8] = b"SEAWALLD";
const WRAP_LIMIT: usize = 120;
const WRAP_AES: u16 = 1;

/// A decoded header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) generation: u32,
    pub(crate) repository_id: [u8; 16],
    pub(crate) writer: [u8; 16],
    pub(crate) wrapped: Vec<u8>,
    pub(crate) salt: [u8; 32],
    pub(crate) commitment: [u8; 32],
}

/// The key of one upload, wrapped as each of its headers carries it.
pub(crate) struct UploadKey {
    pub(crate) secret: Secret,
    pub(crate) wrapped: Vec<u8>,
    pub(crate) generation: u32,
}

impl UploadKey {
    /// Wraps a fresh upload key. The wrap key is unique to the upload and wraps this one value, so position 0 is used once.
    pub(crate) fn new(keyring: &Keyring, upload: &[u8; 16], secret: Secret) -> Result<Self> {
        let generation = keyring.generation();
        let mut wrapped = secret.to_vec();
        keyring
            .wrap_key(generation, upload)?
            .seal(Purpose::Wrap, 0, upload, &mut wrapped)
            .ok_or_else(|| RepositoryError::KeyUnreadable { detail: "upload key could not be wrapped".to_owned() })?;
        Ok(Self { secret, wrapped, generation })
    }
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.raw(MAGIC).u16(1).u16(0).u32(self.generation).raw(&self.repository_id).raw(&self.writer).u16(WRAP_AES);
        writer.u16(u16::try_from(self.wrapped.len()).unwrap_or(u16::MAX)).raw(&self.wrapped);
        writer.raw(&vec![0; WRAP_LIMIT.saturating_sub(self.wrapped.len())]).raw(&self.salt).raw(&self.commitment).raw(&[0; 20]);
        writer.finish()
    }

    pub(crate) fn decode(object: &str, bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(object, 0, bytes);
        reader.magic(MAGIC)?;
        reader.referenced_version()?;
        if reader.u16()? != 0 {
            return Err(reader.damage("unknown header flags"));
        }
        let (generation, repository_id, writer) = (reader.u32()?, reader.array()?, reader.array()?);
        let wrap = reader.u16()?;
        if wrap != WRAP_AES {
            // Another kind comes with a read-incompatible feature bit in the config, so here it is damage.
            return Err(reader.damage(format!("wrap kind {wrap}")));
        }
        let length = usize::from(reader.u16()?);
        let field = reader.raw(WRAP_LIMIT)?;
        let (wrapped, padding) = field.split_at_checked(length).ok_or_else(|| reader.damage("wrapped key too long"))?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(reader.damage("padding of the wrapped key is not zero"));
        }
        let header =
            Self { generation, repository_id, writer, wrapped: wrapped.to_vec(), salt: reader.array()?, commitment: reader.array()? };
        if reader.raw(20)?.iter().any(|byte| *byte != 0) {
            return Err(reader.damage("reserved bytes of the header are not zero"));
        }
        reader.finish()?;
        Ok(header)
    }

    /// Unwraps the upload key and derives the object key; checks that this object belongs to this repository, name and key.
    pub(crate) fn open(&self, keyring: &Keyring, id: &ObjectId) -> Result<SealingKey> {
        let object = names::data_key(id);
        if &self.repository_id != keyring.repository_id() {
            return Err(RepositoryError::damaged(object, 16, "belongs to another repository"));
        }
        let mut buffer = Zeroizing::new(self.wrapped.clone());
        let secret = keyring
            .wrap_key(self.generation, &id.upload)
            .map_err(|error| RepositoryError::damaged(object.as_str(), 12, error.to_string()))?
            .open(Purpose::Wrap, 0, &id.upload, &mut buffer)
            .and_then(|plain| <[u8; 32]>::try_from(&*plain).ok())
            .map(Zeroizing::new)
            .ok_or_else(|| RepositoryError::damaged(object.as_str(), 52, "the wrapped key does not authenticate"))?;
        let key = data_key(&secret, &self.repository_id, &self.salt, &object)
            .ok_or_else(|| RepositoryError::damaged(object.as_str(), 172, "object key derivation"))?;
        if key.commitment() != &self.commitment {
            return Err(RepositoryError::damaged(
                object,
                204,
                "key commitment differs: another object under this name, or a damaged header",
            ));
        }
        Ok(key)
    }
}
