//! `cfg/<generation>`: which repository this is, which algorithms it uses, who may sign first.
//!
//! magic `SEAWALLC` | u16 version 1 | u32 generation | repository id 16 | u64 compatible features | u64 write-incompatible features |
//! u64 read-incompatible features | u8 aead (1 = AES-256-GCM) | u8 hash (1 = BLAKE3) | u8 signature (1 = Ed25519) | u8 compression
//! (1 = zstd) | i64 created, milliseconds | public key of the first admin 32 | sealed previous repository key (u32 length ≤ 128;
//! empty in generation 1) | signature 64 by the first admin over all before it.

use crate::error::{RepositoryError, Result};
use crate::keys::keyring::Signer;
use crate::record::envelope::verify_signature;
use crate::wire::{Reader, Writer};

pub(crate) const CONFIG_LIMIT_BYTES: u64 = 4096;
const MAGIC: &[u8; 8] = b"SEAWALLC";
/// The first admin's key has this place, and the signature is the last 64 bytes over all before, in every version.
const ADMIN_OFFSET: usize = 66;
const ALGORITHMS: [u8; 4] = [1, 1, 1, 1];

/// A decoded config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) generation: u32,
    pub(crate) repository_id: [u8; 16],
    pub(crate) compatible: u64,
    pub(crate) write_incompatible: u64,
    pub(crate) read_incompatible: u64,
    pub(crate) created_millis: i64,
    pub(crate) admin: [u8; 32],
    pub(crate) previous_key: Vec<u8>,
}

impl Config {
    pub(crate) fn seal(&self, signer: &Signer) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.raw(MAGIC).u16(1).u32(self.generation).raw(&self.repository_id);
        writer.u64(self.compatible).u64(self.write_incompatible).u64(self.read_incompatible).raw(&ALGORITHMS);
        writer.i64(self.created_millis).raw(&self.admin).bytes(&self.previous_key);
        let mut bytes = writer.finish();
        let signature = signer.sign(&bytes);
        bytes.extend_from_slice(&signature);
        bytes
    }

    /// Decodes, checks the signature and refuses what this version cannot read.
    pub(crate) fn decode(object: &str, stored: &[u8]) -> Result<Self> {
        let (signed, signature) = stored.split_at(stored.len().saturating_sub(64));
        let mut reader = Reader::new(object, 0, signed);
        reader.magic(MAGIC)?;
        // Whatever the version: the signature tells a newer config from a damaged one.
        let admin = signed.get(ADMIN_OFFSET..ADMIN_OFFSET + 32).and_then(|admin| <[u8; 32]>::try_from(admin).ok());
        if !admin.is_some_and(|admin| verify_signature(&admin, signed, signature)) {
            return Err(RepositoryError::damaged(object, 0, "the config's signature is wrong"));
        }
        reader.version()?;
        let (generation, repository_id) = (reader.u32()?, reader.array()?);
        let (compatible, write_incompatible, read_incompatible) = (reader.u64()?, reader.u64()?, reader.u64()?);
        let algorithms: [u8; 4] = reader.array()?;
        let config = Self {
            generation,
            repository_id,
            compatible,
            write_incompatible,
            read_incompatible,
            created_millis: reader.i64()?,
            admin: reader.array()?,
            previous_key: reader.bytes(128)?.to_vec(),
        };
        reader.finish()?;
        let too_new = |found: String| RepositoryError::FormatTooNew { what: object.to_owned(), found, supported: "1".to_owned() };
        if algorithms != ALGORITHMS {
            return Err(too_new(format!("algorithms {algorithms:?}")));
        }
        if config.read_incompatible != 0 {
            return Err(too_new(format!("features {:#x}", config.read_incompatible)));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_flips_and_new_features() {
        let signer = Signer::new(&zeroize::Zeroizing::new([1; 32])).expect("signer");
        let mut config = Config {
            generation: 1,
            repository_id: [2; 16],
            compatible: 0,
            write_incompatible: 0,
            read_incompatible: 0,
            created_millis: 5,
            admin: signer.public(),
            previous_key: Vec::new(),
        };
        let stored = config.seal(&signer);
        assert_eq!(Config::decode("cfg", &stored).expect("decodes"), config);
        for index in 0..stored.len() {
            let mut flipped = stored.clone();
            flipped[index] ^= 1;
            assert!(Config::decode("cfg", &flipped).is_err(), "flip at {index}");
            assert!(Config::decode("cfg", &stored[..index]).is_err(), "truncation at {index}");
        }
        config.read_incompatible = 1;
        assert!(matches!(Config::decode("cfg", &config.seal(&signer)), Err(RepositoryError::FormatTooNew { .. })));
    }
}
