//! A key slot: the repository key and the signing seed, sealed under what a person or machine holds. Stored as `keys/<slot id>`.
//!
//! Layout: magic `SEAWALLK` | u16 version | u8 kind | repository id 16 | slot id 16 | u32 generation | label (u32 length ≤ 64) |
//! Argon2 memory KiB u32, passes u32, lanes u32 (zero unless kind 2) | salt 32 | commitment 32 | sealed payload (u32 length ≤ 4096).
//! BLAKE3 hash 32 over all before it (context `seawall 1 slot checksum`), so that rot is found without the slot's secret.
//! All bytes before the payload's length are associated data. Payload: u32 count ≤ 64 of (u32 generation, 32 bytes R) | signing seed 32.
//! The sealing key is HKDF(secret, salt, "seawall 1 slot" ‖ repository id ‖ slot id ‖ generation); salt is random, so position 0 is unique.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::crypto::{Purpose, SealingKey, Secret, public_hash};
use crate::error::{RepositoryError, Result};
use crate::keys::passphrase::Cost;
use crate::wire::{Reader, Writer};

const MAGIC: &[u8; 8] = b"SEAWALLK";
const CHECKSUM_CONTEXT: &str = "seawall 1 slot checksum";
pub(crate) const SLOT_LIMIT_BYTES: u64 = 8192;
pub(crate) const KIND_KEY_FILE: u8 = 1;
pub(crate) const KIND_PASSPHRASE: u8 = 2;
pub(crate) const KIND_RECOVERY: u8 = 3;

/// A slot as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) kind: u8,
    pub(crate) repository_id: [u8; 16],
    pub(crate) id: [u8; 16],
    pub(crate) generation: u32,
    pub(crate) label: String,
    pub(crate) cost: Cost,
    pub(crate) salt: [u8; 32],
    pub(crate) commitment: [u8; 32],
    pub(crate) sealed: Vec<u8>,
}

/// What a slot protects.
pub(crate) struct Payload {
    pub(crate) generations: BTreeMap<u32, Secret>,
    pub(crate) seed: Secret,
}

impl Slot {
    fn sealing_key(&self, secret: &Secret) -> Option<SealingKey> {
        let info: [&[u8]; 4] = [b"seawall 1 slot", &self.repository_id, &self.id, &self.generation.to_le_bytes()];
        SealingKey::derive(secret.as_slice(), &self.salt, &info)
    }

    /// Seals `payload` into a slot whose other fields are set.
    pub(crate) fn seal(mut self, secret: &Secret, payload: &Payload) -> Result<Self> {
        if self.label.is_empty() || self.label.len() > 64 || self.label.chars().any(char::is_control) {
            return Err(RepositoryError::refused("a slot label has 1 to 64 bytes and no control characters"));
        }
        let failed = || RepositoryError::KeyUnreadable { detail: "slot could not be sealed".to_owned() };
        let key = self.sealing_key(secret).ok_or_else(failed)?;
        self.commitment = *key.commitment();
        let mut writer = Writer::default();
        writer.count(payload.generations.len());
        for (generation, value) in &payload.generations {
            writer.u32(*generation).raw(value.as_slice());
        }
        writer.raw(payload.seed.as_slice());
        let mut body = writer.finish();
        key.seal(Purpose::Wrap, 0, &self.head(), &mut body).ok_or_else(failed)?;
        self.sealed = body;
        Ok(self)
    }

    /// Opens the slot; `None` = this secret is not the one (the commitment differs).
    pub(crate) fn open(&self, object: &str, secret: &Secret) -> Result<Option<Payload>> {
        let key = self.sealing_key(secret).ok_or_else(|| RepositoryError::damaged(object, 0, "slot key derivation"))?;
        if aws_lc_rs::constant_time::verify_slices_are_equal(key.commitment(), &self.commitment).is_err() {
            return Ok(None);
        }
        let mut buffer = Zeroizing::new(self.sealed.clone());
        let plain = key
            .open(Purpose::Wrap, 0, &self.head(), &mut buffer)
            .ok_or_else(|| RepositoryError::damaged(object, 0, "the slot does not authenticate although the key fits"))?;
        let mut reader = Reader::new(object, 0, plain);
        let mut generations = BTreeMap::new();
        for _ in 0..reader.count(64, 36)? {
            let generation = reader.u32()?;
            generations.insert(generation, Zeroizing::new(reader.array()?));
        }
        let seed = Zeroizing::new(reader.array()?);
        reader.finish()?;
        Ok(Some(Payload { generations, seed }))
    }

    fn head(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.raw(MAGIC).u16(1).u8(self.kind).raw(&self.repository_id).raw(&self.id).u32(self.generation).bytes(self.label.as_bytes());
        writer.u32(self.cost.memory_kib).u32(self.cost.passes).u32(self.cost.lanes).raw(&self.salt).raw(&self.commitment);
        writer.finish()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.raw(&self.head()).bytes(&self.sealed);
        let mut bytes = writer.finish();
        let checksum = public_hash(CHECKSUM_CONTEXT, &[&bytes]);
        bytes.extend_from_slice(&checksum);
        bytes
    }

    pub(crate) fn decode(object: &str, bytes: &[u8]) -> Result<Self> {
        let (body, checksum) = bytes.split_at(bytes.len().saturating_sub(32));
        if public_hash(CHECKSUM_CONTEXT, &[body]) != checksum {
            return Err(RepositoryError::damaged(object, 0, "key slot with a wrong checksum"));
        }
        let mut reader = Reader::new(object, 0, body);
        reader.magic(MAGIC)?;
        reader.version()?;
        let kind = reader.u8()?;
        let (repository_id, id, generation) = (reader.array()?, reader.array()?, reader.u32()?);
        let label = String::from_utf8(reader.bytes(64)?.to_vec()).map_err(|_| reader.damage("slot label is not UTF-8"))?;
        let cost = Cost { memory_kib: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? };
        let slot = Self {
            kind,
            repository_id,
            id,
            generation,
            label,
            cost,
            salt: reader.array()?,
            commitment: reader.array()?,
            sealed: reader.bytes(4096)?.to_vec(),
        };
        reader.finish()?;
        if object != crate::names::slot_key(&slot.id) {
            return Err(RepositoryError::damaged(object, 27, "slot stored under another slot's name"));
        }
        Ok(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_wrong_secret_and_every_flipped_byte() {
        let secret = Zeroizing::new([1u8; 32]);
        let payload = Payload { generations: BTreeMap::from([(1, Zeroizing::new([7u8; 32]))]), seed: Zeroizing::new([8u8; 32]) };
        let slot = Slot {
            kind: KIND_KEY_FILE,
            repository_id: [3; 16],
            id: [4; 16],
            generation: 1,
            label: "prod".to_owned(),
            cost: Cost { memory_kib: 0, passes: 0, lanes: 0 },
            salt: [5; 32],
            commitment: [0; 32],
            sealed: Vec::new(),
        }
        .seal(&secret, &payload)
        .expect("seals");
        let (name, bytes) = (crate::names::slot_key(&slot.id), slot.encode());
        let decoded = Slot::decode(&name, &bytes).expect("decodes");
        assert_eq!(*decoded.open(&name, &secret).expect("opens").expect("fits").seed, [8; 32]);
        assert!(decoded.open(&name, &Zeroizing::new([2u8; 32])).expect("no damage").is_none());
        for index in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[index] ^= 0x10;
            let opened = Slot::decode(&name, &flipped).and_then(|slot| slot.open(&name, &secret));
            assert!(!matches!(opened, Ok(Some(_))), "flip at {index} went unnoticed");
            assert!(Slot::decode(&name, &bytes[..index]).is_err(), "truncation at {index} went unnoticed");
        }
    }
}
