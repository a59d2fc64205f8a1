//! Names in the store. No name is derived from content; each is a dense slot or holds 128 random bits.

use data_encoding::HEXLOWER;

use crate::file::ObjectId;

/// `d/<ss>/<upload>/<random>`; `ss` spreads load over 256 prefixes.
pub(crate) fn data_key(object: &ObjectId) -> String {
    let random = HEXLOWER.encode(&object.random);
    format!("d/{}/{}/{random}", random.get(..2).unwrap_or("00"), HEXLOWER.encode(&object.upload))
}

/// The inverse of [`data_key`].
pub(crate) fn parse_data_key(key: &str) -> Option<ObjectId> {
    let mut parts = key.strip_prefix("d/")?.split('/');
    let (spread, upload, random) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || random.get(..2) != Some(spread) {
        return None;
    }
    Some(ObjectId { upload: parse_id(upload)?, random: parse_id(random)? })
}

/// 32 lower-case hexadecimal digits.
pub(crate) fn parse_id(text: &str) -> Option<[u8; 16]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// `commit/<sequence / 10 000>/<sequence>`, zero-padded so that the store's order is the log's order.
pub(crate) fn commit_key(sequence: u64) -> String {
    format!("commit/{:08}/{sequence:012}", sequence / 10_000)
}

/// The inverse of [`commit_key`].
pub(crate) fn parse_commit_key(key: &str) -> Option<u64> {
    let sequence = key.rsplit('/').next()?.parse().ok()?;
    (commit_key(sequence) == key).then_some(sequence)
}

/// `cfg/<generation>`.
pub(crate) fn config_key(generation: u32) -> String {
    format!("cfg/{generation:010}")
}

/// `keys/<slot>`.
pub(crate) fn slot_key(slot: &[u8; 16]) -> String {
    format!("keys/{}", HEXLOWER.encode(slot))
}

/// `m/<upload>/<number>`: pages.
pub(crate) fn page_key(upload: &[u8; 16], number: u32) -> String {
    format!("m/{}/{number:08}", HEXLOWER.encode(upload))
}

/// `m/<upload>/commit` (first try) or `m/<upload>/commit-<try>`: the signed record, stored before the put into the log.
pub(crate) fn prepared_key(upload: &[u8; 16], attempt: u32) -> String {
    let upload = HEXLOWER.encode(upload);
    if attempt <= 1 { format!("m/{upload}/commit") } else { format!("m/{upload}/commit-{attempt}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_their_inverses() {
        let object = ObjectId { upload: [0xab; 16], random: [0x0c; 16] };
        let key = data_key(&object);
        assert_eq!(key, format!("d/0c/{}/{}", "ab".repeat(16), "0c".repeat(16)));
        assert_eq!(parse_data_key(&key), Some(object));
        assert_eq!(parse_data_key(&key.replacen("d/0c", "d/0d", 1)), None);
        assert_eq!(commit_key(10_001), "commit/00000001/000000010001");
        assert_eq!(parse_commit_key("commit/00000001/000000010001"), Some(10_001));
        assert_eq!(parse_commit_key("commit/00000002/000000010001"), None);
        assert_eq!(prepared_key(&[0; 16], 2), format!("m/{}/commit-2", "00".repeat(16)));
    }
}
