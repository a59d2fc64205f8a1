//! `.filelist`: the store-file list of the FILE tracker (2.5 and later). With that tracker a directory listing is wrong in both
//! directions: files not yet or no longer in the store lie beside the live ones.
//!
//! File: 4 bytes big-endian length, `StoreFileList` message, 4 bytes big-endian CRC-32 of the message. Two files take turns, `f1` and
//! `f2`, with `.<stamp>` behind (2.6; in 2.5 without). The valid one with the highest stamp in the name, then with the highest
//! time stamp inside, counts; a cut one is normal, since it is the one being written. Source: `StoreFileListFile`.

use bytes::Bytes;
use hbase_proto as proto;

use crate::LayoutError;
use crate::magic::decode;

const WHAT: &str = ".filelist";
/// `StoreFileListFile.MAX_FILE_SIZE`
const MAXIMUM_BYTES: usize = 16 << 20;
const SUPPORTED_VERSION: u64 = 1;

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedFile {
    pub name: String,
    pub file_size_bytes: u64,
}

/// The store files of one family of one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFileList {
    /// Grows with every change of the store.
    pub timestamp: u64,
    pub files: Vec<TrackedFile>,
}

impl StoreFileList {
    /// Reads one track file and checks its CRC.
    pub fn from_file(file: &Bytes) -> Result<Self, LayoutError> {
        let truncated = |offset| LayoutError::Truncated { what: WHAT, offset, length: file.len() };
        let length = file.first_chunk::<4>().map(|length| u32::from_be_bytes(*length)).ok_or_else(|| truncated(0))?;
        let length = usize::try_from(length).ok().filter(|length| (1..=MAXIMUM_BYTES).contains(length));
        let length = length.ok_or_else(|| LayoutError::Malformed { what: WHAT, offset: 0, detail: "impossible length".to_owned() })?;
        if file.len() < length + 8 {
            return Err(truncated(4));
        }
        let message = file.slice(4..4 + length);
        let expected = file.get(4 + length..).and_then(|rest| rest.first_chunk::<4>()).map(|crc| u32::from_be_bytes(*crc));
        let expected = expected.ok_or_else(|| truncated(4 + length))?;
        let actual = crc32(&message);
        if actual != expected {
            return Err(LayoutError::Checksum { what: WHAT, expected, actual });
        }
        let list: proto::StoreFileList = decode(WHAT, &message)?;
        if list.version() > SUPPORTED_VERSION {
            return Err(LayoutError::UnsupportedVersion { what: WHAT, found: list.version(), supported: SUPPORTED_VERSION });
        }
        let files = list.store_file.into_iter().map(|entry| TrackedFile { name: entry.name, file_size_bytes: entry.size }).collect();
        Ok(Self { timestamp: list.timestamp, files })
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    u32::try_from(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, bytes)).unwrap_or_default()
}

/// The track files to read, newest generation first, out of the names in a `.filelist` directory: read the files of a
/// generation, take the valid one with the highest [`StoreFileList::timestamp`]; go on to the next only if none is valid.
pub fn newest_track_files<'name>(names: impl IntoIterator<Item = &'name str>) -> Vec<(u64, Vec<&'name str>)> {
    let mut generations = std::collections::BTreeMap::<u64, Vec<&str>>::new();
    for name in names {
        let (prefix, stamp) = name.split_once('.').unwrap_or((name, "0"));
        if let ("f1" | "f2", Ok(stamp)) = (prefix, stamp.parse()) {
            generations.entry(stamp).or_default().push(name);
        }
    }
    generations.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use hbase_proto::Message;

    use super::*;

    fn file(version: u64) -> Bytes {
        let entry = proto::StoreFileEntry { name: "abc".to_owned(), size: 7 };
        let message = proto::StoreFileList { timestamp: 5, store_file: vec![entry], version: Some(version) }.encode_to_vec();
        let length = u32::try_from(message.len()).unwrap();
        Bytes::from([&length.to_be_bytes()[..], &message, &crc32(&message).to_be_bytes()].concat())
    }

    #[test]
    fn a_list_reads_back_and_every_damage_is_seen() {
        let file = file(1);
        let list = StoreFileList::from_file(&file).unwrap();
        assert_eq!((list.timestamp, list.files), (5, vec![TrackedFile { name: "abc".to_owned(), file_size_bytes: 7 }]));
        for position in 0..file.len() {
            let mut flipped = file.to_vec();
            flipped[position] ^= 0x40;
            assert!(StoreFileList::from_file(&flipped.into()).is_err(), "flip at {position}");
            assert!(StoreFileList::from_file(&file.slice(..position)).is_err(), "cut at {position}");
        }
    }

    #[test]
    fn a_newer_version_is_refused() {
        assert!(matches!(StoreFileList::from_file(&file(2)), Err(LayoutError::UnsupportedVersion { found: 2, .. })));
    }

    #[test]
    fn the_newest_generation_comes_first() {
        let names = ["f1.7", "f2.30", "f1", "x.99", "f1.30", "f2.zz"];
        assert_eq!(newest_track_files(names), vec![(30, vec!["f2.30", "f1.30"]), (7, vec!["f1.7"]), (0, vec!["f1"])]);
    }
}
