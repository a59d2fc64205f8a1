//! Opens data objects: header, footer and table first, then any run of frames.

use std::sync::Arc;

use bytes::Bytes;
use storage::{Buffer, ObjectStore};

use crate::crypto::{Purpose, SealingKey};
use crate::error::{RepositoryError, Result};
use crate::file::ObjectId;
use crate::keys::keyring::Keyring;
use crate::names;
use crate::object::header::{HEADER_BYTES, Header};
use crate::object::table::{Codec, FOOTER_BYTES, Footer, Frame, Table, ciphertext_hash};

/// So many bytes at the end are read at once: they hold footer and table of files up to about 6 GiB.
const TAIL_BYTES: u64 = 64 << 10;

/// An object whose header and table are authenticated.
pub(crate) struct OpenObject {
    pub(crate) id: ObjectId,
    pub(crate) name: String,
    pub(crate) header: Header,
    pub(crate) table: Table,
    pub(crate) ciphertext_hash: [u8; 32],
    key: SealingKey,
}

impl OpenObject {
    /// Reads header, footer and table of an object of `length` bytes.
    pub(crate) async fn load(store: &Arc<dyn ObjectStore>, keyring: &Keyring, id: ObjectId, length: u64) -> Result<Self> {
        let name = names::data_key(&id);
        if length < (HEADER_BYTES + FOOTER_BYTES) as u64 {
            return Err(RepositoryError::damaged(name, length, "too short to be a data object"));
        }
        let head = store.get_range(&name, 0..HEADER_BYTES as u64).await?;
        let mut start = length.saturating_sub(TAIL_BYTES).max(HEADER_BYTES as u64);
        let mut tail = store.get_range(&name, start..length).await?;
        let footer = Footer::decode(&name, length, last_bytes(&tail))?;
        if footer.table_offset < start {
            start = footer.table_offset;
            tail = store.get_range(&name, start..length).await?;
        }
        let skip = usize::try_from(footer.table_offset - start).unwrap_or(usize::MAX);
        let table_and_footer = tail.get(skip..).unwrap_or_default();
        Self::open(keyring, id, length, &head, table_and_footer)
    }

    /// Opens an object from its header and the bytes from its table to its end.
    pub(crate) fn open(keyring: &Keyring, id: ObjectId, length: u64, head: &[u8], table_and_footer: &[u8]) -> Result<Self> {
        let name = names::data_key(&id);
        let header = Header::decode(&name, head)?;
        let key = header.open(keyring, &id)?;
        let footer_bytes = last_bytes(table_and_footer);
        let footer = Footer::decode(&name, length, footer_bytes)?;
        let aad = [head, footer_bytes].concat();
        let sealed = table_and_footer.get(..table_and_footer.len().saturating_sub(FOOTER_BYTES)).unwrap_or_default();
        let mut buffer = sealed.to_vec();
        let plain = key.open(Purpose::Table, 0, &aad, &mut buffer).ok_or_else(|| {
            RepositoryError::damaged(name.as_str(), footer.table_offset, "header, frame table or footer does not authenticate")
        })?;
        let table = Table::decode(&name, footer.table_offset, plain)?;
        let ciphertext_hash = ciphertext_hash(&table.body_hash, table_and_footer);
        Ok(Self { id, name, header, table, ciphertext_hash, key })
    }

    /// Decrypts one frame from its stored bytes; `offset` is where it lies, for messages.
    pub(crate) fn open_frame(&self, number: u32, offset: u64, stored: &[u8]) -> Result<Bytes> {
        let damaged = |detail: &str| RepositoryError::damaged(self.name.as_str(), offset, format!("frame {number}: {detail}"));
        let frame: &Frame = self.table.frames.get(number as usize).ok_or_else(|| damaged("not in the frame table"))?;
        let last = number as usize + 1 == self.table.frames.len();
        let purpose = if last { Purpose::LastFrame } else { Purpose::Frame };
        let mut buffer = Buffer::copy_of(stored, 0);
        let opened =
            self.key.open(purpose, u64::from(number), &frame.aad(), &mut buffer).ok_or_else(|| damaged("does not authenticate"))?.len();
        buffer.truncate(opened);
        let plain = match frame.codec {
            Codec::Raw | Codec::Padding => buffer,
            Codec::Zstd => {
                let plain = zstd::bulk::decompress(&buffer, frame.plaintext_bytes as usize);
                Buffer::from(plain.map_err(|error| damaged(&format!("zstd: {error}")))?)
            }
        };
        if plain.len() != frame.plaintext_bytes as usize {
            return Err(damaged("plaintext has another length than the table says"));
        }
        Ok(plain.freeze())
    }
}

fn last_bytes(bytes: &[u8]) -> &[u8] {
    bytes.get(bytes.len().saturating_sub(FOOTER_BYTES)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use zeroize::Zeroizing;

    use super::*;
    use crate::file::Compression;
    use crate::object::header::UploadKey;
    use crate::object::sealer::Sealer;
    use crate::object::table::{Entry, FRAME_BYTES};

    /// A whole frame that does not compress: the frames that the damage matrix of the public interface is too slow for.
    #[test]
    fn every_97th_byte_of_a_full_frame_is_refused() {
        let keyring = Keyring::new([1; 16], BTreeMap::from([(1, Zeroizing::new([2; 32]))]), &Zeroizing::new([3; 32])).expect("keyring");
        let id = ObjectId { upload: [4; 16], random: [5; 16] };
        let upload = UploadKey::new(&keyring, &id.upload, Zeroizing::new([6; 32])).expect("upload key");
        let (mut sealer, header) = Sealer::new(&id, [1; 16], keyring.signer().id(), &upload, [7; 32]).expect("sealer");
        let mut plaintext = vec![0u8; FRAME_BYTES];
        blake3::Hasher::new().finalize_xof().fill(&mut plaintext);
        let plaintext = Bytes::from(plaintext);
        assert!(sealer.push(plaintext.clone(), Compression::Auto).expect("push").is_none());
        let frames = sealer.next_frame();
        let entry = Entry {
            identity: [0; 32],
            content_id: [0; 32],
            fingerprint: [0; 32],
            plaintext_length: FRAME_BYTES as u64,
            first_frame: 0,
            frames,
        };
        let (tail, sealed) = sealer.finish(vec![entry]).expect("finish");
        let stored = tail.slice(..FRAME_BYTES + crate::crypto::TAG_BYTES);
        let object = OpenObject::open(&keyring, id, sealed.length, &header, &tail[stored.len()..]).expect("open");
        assert_eq!(object.open_frame(0, 256, &stored).expect("whole"), plaintext);
        let mut damaged = stored.to_vec();
        for index in (0..damaged.len()).step_by(97) {
            damaged[index] ^= 1 << (index % 8);
            assert!(object.open_frame(0, 256, &damaged).is_err_and(|error| error.is_damage()), "byte {index}");
            damaged[index] = stored[index];
        }
    }
}
