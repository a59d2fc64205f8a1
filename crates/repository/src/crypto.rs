//! The primitives of format version 1, each in one place: HKDF-SHA-256 for keys, AES-256-GCM for sealing, BLAKE3 for ids.
//!
//! Every AES key is used for one object only (its salt is random and its name is in the derivation), so nonces are plain positions:
//! one byte of purpose, three zero bytes, eight bytes big-endian position. Nothing is ever sealed under a random nonce.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

/// Bytes that AES-256-GCM adds.
pub(crate) const TAG_BYTES: usize = 16;

/// 32 secret bytes.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// What a nonce is for; the first byte of the nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A frame that is not the last; position = frame number.
    Frame = 0,
    /// The last frame of an object; position = frame number.
    LastFrame = 1,
    /// A frame table; position 0.
    Table = 2,
    /// A page; position = its offset in the page object.
    Page = 3,
    /// A wrapped key; position 0.
    Wrap = 4,
    /// A list row or another encrypted record field; position 0.
    Field = 5,
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA-256 (extract with `salt`, expand with the concatenation of `info`). `N` ≤ 64.
pub(crate) fn derive<const N: usize>(secret: &[u8], salt: &[u8], info: &[&[u8]]) -> Zeroizing<[u8; N]> {
    const { assert!(N <= 64, "HKDF-SHA-256 gives at most 255 blocks; we need two") };
    let mut output = Zeroizing::new([0u8; N]);
    let key = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let filled = key.expand(info, Length(N)).and_then(|okm| okm.fill(output.as_mut_slice()));
    // Both calls fail only for lengths above 255 blocks, which the assertion above excludes.
    debug_assert!(filled.is_ok());
    output
}

/// An AES-256-GCM key with its commitment, derived together so that a ciphertext opens under one key only.
pub(crate) struct SealingKey {
    key: LessSafeKey,
    commitment: [u8; 32],
}

impl SealingKey {
    /// Derives key and commitment (64 bytes of HKDF output: key, then commitment).
    pub(crate) fn derive(secret: &[u8], salt: &[u8], info: &[&[u8]]) -> Option<Self> {
        let output = derive::<64>(secret, salt, info);
        let (key, commitment) = output.split_at(32);
        let unbound = UnboundKey::new(&AES_256_GCM, key).ok()?;
        Some(Self { key: LessSafeKey::new(unbound), commitment: commitment.try_into().ok()? })
    }

    /// Public proof of which key this is.
    pub(crate) fn commitment(&self) -> &[u8; 32] {
        &self.commitment
    }

    /// Encrypts `buffer` in place and appends the tag.
    pub(crate) fn seal(&self, purpose: Purpose, position: u64, aad: &[u8], buffer: &mut Vec<u8>) -> Option<()> {
        #[cfg(test)]
        crate::nonce_audit::note(&self.commitment, nonce(purpose, position).as_ref(), aad, buffer);
        self.key.seal_in_place_append_tag(nonce(purpose, position), Aad::from(aad), buffer).ok()
    }

    /// Decrypts `buffer` (ciphertext and tag) in place and returns the plaintext part.
    pub(crate) fn open<'b>(&self, purpose: Purpose, position: u64, aad: &[u8], buffer: &'b mut [u8]) -> Option<&'b mut [u8]> {
        self.key.open_in_place(nonce(purpose, position), Aad::from(aad), buffer).ok()
    }

    /// Like [`Self::open`], into `plaintext`, which must have the plaintext's length; `sealed` stays as it is.
    pub(crate) fn open_into(&self, purpose: Purpose, position: u64, aad: &[u8], sealed: &[u8], plaintext: &mut [u8]) -> Option<()> {
        let (ciphertext, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG_BYTES)?)?;
        if ciphertext.len() != plaintext.len() {
            return None;
        }
        self.key.open_separate_gather(nonce(purpose, position), Aad::from(aad), ciphertext, tag, plaintext).ok()
    }
}

fn nonce(purpose: Purpose, position: u64) -> Nonce {
    let mut bytes = [0u8; 12];
    let (head, tail) = bytes.split_at_mut(4);
    if let Some(first) = head.first_mut() {
        *first = purpose as u8;
    }
    tail.copy_from_slice(&position.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// BLAKE3 in derive-key mode: a hash for public data, separated by its context string.
pub(crate) fn public_hash(context: &'static str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// Keyed BLAKE3.
pub(crate) fn keyed_hash(key: &Secret, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// Lower-case hexadecimal of the first four bytes: how hashes and ids are shown to people.
pub(crate) fn short_hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes.get(..4).unwrap_or(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seal_open_and_every_flipped_bit_of_input_is_refused() {
        let key = SealingKey::derive(&[1; 32], &[2; 32], &[b"test"]).expect("derives");
        let mut sealed = b"plaintext".to_vec();
        key.seal(Purpose::Frame, 7, b"aad", &mut sealed).expect("seals");
        assert!(key.open(Purpose::Frame, 7, b"aad", &mut sealed.clone()).is_some_and(|plain| plain == b"plaintext"));
        assert!(key.open(Purpose::LastFrame, 7, b"aad", &mut sealed.clone()).is_none(), "purpose is bound");
        assert!(key.open(Purpose::Frame, 8, b"aad", &mut sealed.clone()).is_none(), "position is bound");
        assert!(key.open(Purpose::Frame, 7, b"aae", &mut sealed.clone()).is_none(), "associated data is bound");
        for index in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[index] ^= 1;
            assert!(key.open(Purpose::Frame, 7, b"aad", &mut flipped).is_none());
        }
    }

    #[test]
    fn golden_derivation() {
        // RFC 5869 test case 1, first 32 bytes of OKM.
        let salt: Vec<u8> = (0u8..=0x0c).collect();
        let info: Vec<u8> = (0xf0u8..=0xf9).collect();
        let okm = derive::<32>(&[0x0b; 22], &salt, &[&info]);
        assert_eq!(data_encoding::HEXLOWER.encode(okm.as_slice()), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    }
}
