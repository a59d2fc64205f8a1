//! The signed envelope of every record, stored as `commit/<hi>/<seq>` and never re-encoded.
//!
//! magic `SEAWALLR` | u16 version 1 | u16 type | u32 flags (bit 0 write-critical, bit 1 read-critical) | u64 sequence | repository id 16 |
//! previous hash 32 | skip hash 32 | version id of the previous record (u32 length ≤ 1024) | i64 time, milliseconds | signer id 16 |
//! body (u32 length ≤ 1 MiB) | Ed25519 signature 64 over all bytes before it.
//!
//! Hash of a record: BLAKE3 derive-key, context `seawall 1 record hash`, over all stored bytes, signature included. Record 0 stands for
//! `cfg/0000000001`. The skip hash is the hash of record `sequence − lowest set bit of sequence`.

use crate::crypto::public_hash;
use crate::error::{RepositoryError, Result};
use crate::wire::{Reader, Writer};

pub(crate) const RECORD_LIMIT_BYTES: u64 = (1 << 20) + 4096;
const MAGIC: &[u8; 8] = b"SEAWALLR";
const BODY_LIMIT: usize = 1 << 20;
const SIGNATURE_BYTES: usize = 64;
/// An older program that does not know the type must stop writing.
pub(crate) const WRITE_CRITICAL: u32 = 1;
/// An older program that does not know the type must refuse to read.
pub(crate) const READ_CRITICAL: u32 = 2;

/// A record's envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) record_type: u16,
    pub(crate) flags: u32,
    pub(crate) sequence: u64,
    pub(crate) repository_id: [u8; 16],
    pub(crate) previous: [u8; 32],
    pub(crate) skip: [u8; 32],
    pub(crate) previous_version: Vec<u8>,
    pub(crate) time_millis: i64,
    pub(crate) signer: [u8; 16],
    pub(crate) body: Vec<u8>,
}

/// Hash of a record's, or the config's, stored bytes.
pub(crate) fn record_hash(stored: &[u8]) -> [u8; 32] {
    public_hash("seawall 1 record hash", &[stored])
}

/// Which record the skip hash of `sequence` names.
pub(crate) fn skip_target(sequence: u64) -> u64 {
    sequence & sequence.wrapping_sub(1)
}

impl Envelope {
    /// All bytes before the signature.
    pub(crate) fn signed_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.raw(MAGIC).u16(1).u16(self.record_type).u32(self.flags).u64(self.sequence).raw(&self.repository_id);
        writer.raw(&self.previous).raw(&self.skip).bytes(&self.previous_version).i64(self.time_millis).raw(&self.signer).bytes(&self.body);
        writer.finish()
    }

    /// Splits stored bytes into envelope, signed part and signature. The signature is not checked here.
    pub(crate) fn decode<'a>(object: &str, stored: &'a [u8]) -> Result<(Self, &'a [u8], &'a [u8])> {
        let signed_length = stored.len().saturating_sub(SIGNATURE_BYTES);
        let (signed, signature) = stored.split_at(signed_length);
        let mut reader = Reader::new(object, 0, signed);
        reader.magic(MAGIC)?;
        reader.version()?;
        let envelope = Self {
            record_type: reader.u16()?,
            flags: reader.u32()?,
            sequence: reader.u64()?,
            repository_id: reader.array()?,
            previous: reader.array()?,
            skip: reader.array()?,
            previous_version: reader.bytes(1024)?.to_vec(),
            time_millis: reader.i64()?,
            signer: reader.array()?,
            body: reader.bytes(BODY_LIMIT)?.to_vec(),
        };
        reader.finish()?;
        Ok((envelope, signed, signature))
    }

    /// Signs and encodes.
    pub(crate) fn seal(&self, signer: &crate::keys::keyring::Signer) -> Result<Vec<u8>> {
        if self.body.len() > BODY_LIMIT {
            return Err(RepositoryError::refused(format!("a record of {} bytes is beyond the format's limit", self.body.len())));
        }
        let mut bytes = self.signed_bytes();
        let signature = signer.sign(&bytes);
        bytes.extend_from_slice(&signature);
        Ok(bytes)
    }
}

/// Whether `signature` over `signed` is by the key `public`.
pub(crate) fn verify_signature(public: &[u8; 32], signed: &[u8], signature: &[u8]) -> bool {
    aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, public).verify(signed, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_flip_and_truncation() {
        let signer = crate::keys::keyring::Signer::new(&zeroize::Zeroizing::new([3; 32])).expect("signer");
        let envelope = Envelope {
            record_type: 1,
            flags: 3,
            sequence: 12,
            repository_id: [1; 16],
            previous: [2; 32],
            skip: [3; 32],
            previous_version: b"v".to_vec(),
            time_millis: -5,
            signer: signer.id(),
            body: vec![9; 40],
        };
        let stored = envelope.seal(&signer).expect("seals");
        let good = |bytes: &[u8]| {
            Envelope::decode("r", bytes).is_ok_and(|(_, signed, signature)| verify_signature(&signer.public(), signed, signature))
        };
        assert!(good(&stored));
        assert_eq!(Envelope::decode("r", &stored).expect("decodes").0, envelope);
        for index in 0..stored.len() {
            let mut flipped = stored.clone();
            flipped[index] ^= 4;
            assert!(!good(&flipped), "flip at {index}");
            assert!(!good(&stored[..index]), "truncation at {index}");
        }
    }

    #[test]
    fn skip_targets() {
        assert_eq!([1, 2, 3, 4, 6, 12].map(skip_target), [0, 0, 2, 0, 4, 8]);
    }
}
