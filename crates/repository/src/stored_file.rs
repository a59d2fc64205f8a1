//! How a [`StoredFile`] is written into pages and journals.
//!
//! Index page: key = identity 32; value = content id 32 | fingerprint 32 | u64 plaintext length | object (upload 16, random 16) |
//! u64 offset | u64 length | u32 first frame | u32 frames | u64 object length | ciphertext hash 32 | writer 16 | version (u32 length ≤ 1024).
//! Refs page: key = upload 16 ‖ random 16 ‖ u64 offset ‖ u32 first frame (both big-endian); value = u64 length | content id 32 | u64 object length |
//! ciphertext hash 32 | writer 16 | version (u32 length ≤ 1024) | i64 lock until, milliseconds (0 = none).

use bytes::Bytes;

use crate::error::Result;
use crate::file::{ObjectId, ObjectReference, StoredFile};
use crate::wire::{Reader, Writer};

const VERSION_LIMIT: usize = 1024;

/// Key and value in an index page.
pub(crate) fn index_entry(file: &StoredFile) -> (Bytes, Bytes) {
    let mut writer = Writer::default();
    let object = &file.object;
    writer.raw(&file.content_id).raw(&file.fingerprint).u64(file.plaintext_length).raw(&object.object.upload).raw(&object.object.random);
    writer.u64(object.offset).u64(object.length).u32(object.first_frame).u32(object.frames).u64(object.object_length);
    writer.raw(&object.ciphertext_hash).raw(&file.writer).bytes(object.version.as_deref().unwrap_or_default().as_bytes());
    (Bytes::copy_from_slice(&file.identity), Bytes::from(writer.finish()))
}

/// The inverse of [`index_entry`].
pub(crate) fn read_index_entry(object: &str, key: &[u8], value: &[u8]) -> Result<StoredFile> {
    let mut reader = Reader::new(object, 0, key);
    let identity = reader.array()?;
    reader.finish()?;
    let mut reader = Reader::new(object, 0, value);
    let (content_id, fingerprint, plaintext_length) = (reader.array()?, reader.array()?, reader.u64()?);
    let reference = ObjectReference {
        object: ObjectId { upload: reader.array()?, random: reader.array()? },
        offset: reader.u64()?,
        length: reader.u64()?,
        first_frame: reader.u32()?,
        frames: reader.u32()?,
        object_length: reader.u64()?,
        ciphertext_hash: reader.array()?,
        version: None,
    };
    let writer = reader.array()?;
    let version = read_version(&mut reader)?;
    if reference.offset.checked_add(reference.length).is_none_or(|end| end > reference.object_length)
        || reference.first_frame.checked_add(reference.frames).is_none()
    {
        return Err(reader.damage("file reference out of bounds"));
    }
    reader.finish()?;
    Ok(StoredFile { identity, plaintext_length, content_id, fingerprint, object: ObjectReference { version, ..reference }, writer })
}

fn read_version(reader: &mut Reader<'_>) -> Result<Option<String>> {
    let bytes = reader.bytes(VERSION_LIMIT)?;
    let version = String::from_utf8(bytes.to_vec()).map_err(|_| reader.damage("version id is not UTF-8"))?;
    Ok((!version.is_empty()).then_some(version))
}

/// Key and value in a refs page.
pub(crate) fn refs_entry(file: &StoredFile) -> (Bytes, Bytes) {
    let object = &file.object;
    let mut key = Writer::default();
    key.raw(&object.object.upload).raw(&object.object.random).raw(&object.offset.to_be_bytes()).raw(&object.first_frame.to_be_bytes());
    let mut value = Writer::default();
    value.u64(object.length).raw(&file.content_id).u64(object.object_length).raw(&object.ciphertext_hash).raw(&file.writer);
    value.bytes(object.version.as_deref().unwrap_or_default().as_bytes()).i64(0);
    (Bytes::from(key.finish()), Bytes::from(value.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_entry_round_trip_and_truncation() {
        let file = StoredFile {
            identity: [1; 32],
            plaintext_length: 5,
            content_id: [2; 32],
            fingerprint: [3; 32],
            object: ObjectReference {
                object: ObjectId { upload: [4; 16], random: [5; 16] },
                offset: 256,
                length: 21,
                first_frame: 0,
                frames: 1,
                object_length: 500,
                ciphertext_hash: [6; 32],
                version: Some("v1".to_owned()),
            },
            writer: [7; 16],
        };
        let (key, value) = index_entry(&file);
        assert_eq!(read_index_entry("t", &key, &value).expect("reads"), file);
        for length in 0..value.len() {
            assert!(read_index_entry("t", &key, &value[..length]).is_err());
        }
    }
}
