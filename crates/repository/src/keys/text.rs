//! Key files and recovery keys as text: slot id and checksum are readable without the repository, so that a wrong key can be named.
//!
//! ```text
//! seawall-key-1 <repository id> <slot id> <label>
//! <secret, 64 hexadecimal digits> <checksum, 8 digits>
//! ```
//! A recovery key is `seawall-recovery-1-` + slot id + secret + checksum in base32 groups of five. The checksum is the start of a
//! BLAKE3 hash of all before it: it tells a typing error from a wrong key, nothing more.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use zeroize::Zeroizing;

use crate::crypto::{Secret, public_hash, short_hex};
use crate::error::{RepositoryError, Result};
use crate::names::parse_id;

const CONTEXT: &str = "seawall 1 key text checksum";
const RECOVERY_PREFIX: &str = "seawall-recovery-1-";

/// What a key text says.
#[derive(Debug)]
pub(crate) struct KeyText {
    pub(crate) slot: [u8; 16],
    pub(crate) label: String,
    pub(crate) secret: Secret,
}

fn checksum(parts: &[&[u8]]) -> String {
    short_hex(&public_hash(CONTEXT, parts))
}

fn unreadable(detail: &str) -> RepositoryError {
    RepositoryError::KeyUnreadable { detail: detail.to_owned() }
}

pub(crate) fn write_key_file(repository: &[u8; 16], slot: &[u8; 16], label: &str, secret: &Secret) -> Zeroizing<String> {
    let first = format!("seawall-key-1 {} {} {label}", HEXLOWER.encode(repository), HEXLOWER.encode(slot));
    let secret_text = Zeroizing::new(HEXLOWER.encode(secret.as_slice()));
    let sum = checksum(&[first.as_bytes(), secret_text.as_bytes()]);
    Zeroizing::new(format!("{first}\n{} {sum}\n", *secret_text))
}

pub(crate) fn read_key_file(text: &[u8]) -> Result<KeyText> {
    let text = std::str::from_utf8(text).map_err(|_| unreadable("not a key file"))?;
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default().trim_end();
    let mut head = first.splitn(4, ' ');
    if head.next() != Some("seawall-key-1") {
        return Err(unreadable("not a key file (the first word must be seawall-key-1)"));
    }
    let _repository = head.next();
    let slot = head.next().and_then(parse_id).ok_or_else(|| unreadable("key file without a slot id"))?;
    let label = head.next().unwrap_or_default().to_owned();
    let mut second = lines.next().unwrap_or_default().split_whitespace();
    let secret_text = second.next().unwrap_or_default();
    if second.next() != Some(checksum(&[first.as_bytes(), secret_text.as_bytes()]).as_str()) {
        return Err(unreadable("key file with a wrong checksum: it was changed or cut"));
    }
    let secret =
        decode_secret(&Zeroizing::new(HEXLOWER.decode(secret_text.as_bytes()).map_err(|_| unreadable("key file without a secret"))?))?;
    Ok(KeyText { slot, label, secret })
}

pub(crate) fn write_recovery(slot: &[u8; 16], secret: &Secret) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(52));
    bytes.extend_from_slice(slot);
    bytes.extend_from_slice(secret.as_slice());
    let sum = public_hash(CONTEXT, &[&bytes]);
    bytes.extend_from_slice(sum.split_at(4).0);
    let encoded = Zeroizing::new(BASE32_NOPAD.encode(&bytes));
    let mut text = Zeroizing::new(RECOVERY_PREFIX.to_owned());
    for (index, character) in encoded.chars().enumerate() {
        if index > 0 && index % 5 == 0 {
            text.push('-');
        }
        text.push(character);
    }
    text
}

pub(crate) fn read_recovery(text: &str) -> Result<KeyText> {
    let rest = text.trim().strip_prefix(RECOVERY_PREFIX).ok_or_else(|| unreadable("a recovery key starts with seawall-recovery-1-"))?;
    let compact: Zeroizing<String> =
        Zeroizing::new(rest.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect());
    let bytes = Zeroizing::new(BASE32_NOPAD.decode(compact.as_bytes()).map_err(|_| unreadable("recovery key with a typing error"))?);
    let (body, sum) = bytes.split_at_checked(48).ok_or_else(|| unreadable("recovery key too short"))?;
    if sum != public_hash(CONTEXT, &[body]).split_at(4).0 {
        return Err(unreadable("recovery key with a typing error (checksum)"));
    }
    let (slot_bytes, secret) = body.split_at(16);
    let mut slot = [0u8; 16];
    slot.copy_from_slice(slot_bytes);
    Ok(KeyText { slot, label: "recovery".to_owned(), secret: decode_secret(secret)? })
}

fn decode_secret(bytes: &[u8]) -> Result<Secret> {
    let mut secret = Zeroizing::new([0u8; 32]);
    if bytes.len() != 32 {
        return Err(unreadable("the secret must have 32 bytes"));
    }
    secret.copy_from_slice(bytes);
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_file_round_trip_and_every_changed_character() {
        let secret = Zeroizing::new([9u8; 32]);
        let text = write_key_file(&[1; 16], &[2; 16], "prod file", &secret);
        let read = read_key_file(text.as_bytes()).expect("reads");
        assert_eq!((read.slot, read.label.as_str(), *read.secret), ([2; 16], "prod file", [9; 32]));
        for index in 0..text.trim_end().len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[index] ^= 1;
            assert!(read_key_file(&bytes).is_err(), "change at {index}");
        }
    }

    #[test]
    fn recovery_round_trip_lower_case_and_typing_errors() {
        let secret = Zeroizing::new([5u8; 32]);
        let text = write_recovery(&[3; 16], &secret);
        assert_eq!(read_recovery(&text.replacen('-', " ", 0)).expect("reads").slot, [3; 16]);
        let tail = text.strip_prefix(RECOVERY_PREFIX).expect("prefix").to_lowercase();
        assert_eq!(*read_recovery(&format!("{RECOVERY_PREFIX}{tail}")).expect("lower case").secret, [5; 32]);
        let mut wrong = text.to_string();
        wrong.pop();
        assert!(read_recovery(&wrong).is_err());
    }
}
