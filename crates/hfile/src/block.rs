//! Block headers.
//!
//! ```text
//! offset  bytes
//!  0      8   magic, which is the type
//!  8      4   on-disk size without header: data and checksums
//! 12      4   uncompressed size without header
//! 16      8   offset of the previous block of the same type, -1 for the first
//! 24      1   checksum type            ┐
//! 25      4   bytes per checksum chunk │ from minor version 1 on (HBase 0.94)
//! 29      4   header and data on disk, without checksums ┘
//! ```
//! All big-endian. The checksums cover header and data. Header and checksums are clear in encrypted files, and cover what is on
//! disk. Source: `HFileBlock`, `BlockType`.

use crate::{ChecksumType, HFileError};

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockType {
    Data,
    EncodedData,
    LeafIndex,
    BloomChunk,
    Meta,
    IntermediateIndex,
    RootIndex,
    FileInfo,
    GeneralBloomMeta,
    DeleteFamilyBloomMeta,
}

impl BlockType {
    const ALL: [(Self, &'static [u8; 8], &'static str); 10] = [
        (Self::Data, b"DATABLK*", "DATA"),
        (Self::EncodedData, b"DATABLKE", "ENCODED_DATA"),
        (Self::LeafIndex, b"IDXLEAF2", "LEAF_INDEX"),
        (Self::BloomChunk, b"BLMFBLK2", "BLOOM_CHUNK"),
        (Self::Meta, b"METABLKc", "META"),
        (Self::IntermediateIndex, b"IDXINTE2", "INTERMEDIATE_INDEX"),
        (Self::RootIndex, b"IDXROOT2", "ROOT_INDEX"),
        (Self::FileInfo, b"FILEINF2", "FILE_INFO"),
        (Self::GeneralBloomMeta, b"BLMFMET2", "GENERAL_BLOOM_META"),
        (Self::DeleteFamilyBloomMeta, b"DFBLMET2", "DELETE_FAMILY_BLOOM_META"),
    ];

    pub(crate) fn from_magic(magic: &[u8; 8]) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == magic).map(|(block_type, ..)| *block_type)
    }

    /// The name HBase gives it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(block_type, ..)| *block_type == self).map_or("", |(.., name)| name)
    }

    /// Whether it lies in the part that a reader loads when it opens the file, from `load_on_open_offset` on.
    pub fn is_load_on_open(self) -> bool {
        matches!(self, Self::RootIndex | Self::FileInfo | Self::GeneralBloomMeta | Self::DeleteFamilyBloomMeta)
    }

    pub(crate) fn is_data(self) -> bool {
        matches!(self, Self::Data | Self::EncodedData)
    }
}

/// A block's header, checked against itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHeader {
    pub block_type: BlockType,
    /// Header, data and checksums.
    pub on_disk_bytes: u64,
    /// The data after decryption and decompression, without header.
    pub uncompressed_bytes: u64,
    /// `None` for the first block of its type.
    pub previous_offset: Option<u64>,
    /// The header itself: 33, or 24 in files of minor version 0, which have no checksums.
    pub header_bytes: u64,
    pub checksum_type: ChecksumType,
    /// 0 without checksums.
    pub chunk_bytes: u64,
    /// The space of the checksums behind the data.
    pub checksum_bytes: u64,
}

impl BlockHeader {
    /// The header from minor version 1 on.
    pub const BYTES: usize = 33;
    /// The header of minor version 0.
    pub const BYTES_WITHOUT_CHECKSUM: usize = 24;

    /// Data on disk: compressed and encrypted as it may be.
    pub fn data_bytes(&self) -> u64 {
        self.on_disk_bytes - self.header_bytes - self.checksum_bytes
    }

    /// Reads the header of a block at `offset` of a file.
    pub fn parse(header: &[u8; Self::BYTES], offset: u64) -> Result<Self, HFileError> {
        let start = Self::parse_start(header, offset)?;
        let wrong = |detail: String| HFileError::BlockHeader { offset, detail };
        let code = byte_at::<24>(header);
        let checksum_type = ChecksumType::from_code(code).ok_or_else(|| wrong(format!("checksum type {code}")))?;
        let chunk_bytes = int_at::<25>(header);
        let covered_bytes = int_at::<29>(header);
        if chunk_bytes < 1 || covered_bytes < Self::BYTES as i64 {
            return Err(wrong(format!("{chunk_bytes} bytes per checksum, {covered_bytes} bytes of header and data")));
        }
        let (chunk_bytes, covered_bytes) = (chunk_bytes.unsigned_abs(), covered_bytes.unsigned_abs());
        let on_disk_bytes = start.on_disk_without_header + Self::BYTES as u64;
        let checksum_bytes = covered_bytes.div_ceil(chunk_bytes) * 4;
        if on_disk_bytes != covered_bytes + checksum_bytes {
            return Err(wrong(format!("{on_disk_bytes} bytes on disk, expected {covered_bytes} and {checksum_bytes} of checksums")));
        }
        Ok(Self {
            block_type: start.block_type,
            on_disk_bytes,
            uncompressed_bytes: start.uncompressed_bytes,
            previous_offset: start.previous_offset,
            header_bytes: Self::BYTES as u64,
            checksum_type,
            chunk_bytes,
            checksum_bytes,
        })
    }

    /// Reads the header of a block of a file of minor version 0.
    pub fn parse_without_checksum(header: &[u8; Self::BYTES], offset: u64) -> Result<Self, HFileError> {
        let start = Self::parse_start(header, offset)?;
        Ok(Self {
            block_type: start.block_type,
            on_disk_bytes: start.on_disk_without_header + Self::BYTES_WITHOUT_CHECKSUM as u64,
            uncompressed_bytes: start.uncompressed_bytes,
            previous_offset: start.previous_offset,
            header_bytes: Self::BYTES_WITHOUT_CHECKSUM as u64,
            checksum_type: ChecksumType::Null,
            chunk_bytes: 0,
            checksum_bytes: 0,
        })
    }

    fn parse_start(header: &[u8; Self::BYTES], offset: u64) -> Result<HeaderStart, HFileError> {
        let wrong = |detail: String| HFileError::BlockHeader { offset, detail };
        let magic = array_at::<0, 8>(header);
        let block_type = BlockType::from_magic(&magic).ok_or(HFileError::BlockMagic { offset, found: magic })?;
        let (on_disk, uncompressed) = (int_at::<8>(header), int_at::<12>(header));
        let previous = i64::from_be_bytes(array_at::<16, 8>(header));
        if on_disk < 0 || uncompressed < 0 {
            return Err(wrong(format!("{on_disk} bytes on disk, {uncompressed} uncompressed")));
        }
        let previous_offset = match previous {
            -1 => None,
            previous => match u64::try_from(previous) {
                Ok(previous) if previous < offset => Some(previous),
                _ => return Err(wrong(format!("previous block at {previous}"))),
            },
        };
        Ok(HeaderStart {
            block_type,
            on_disk_without_header: on_disk.unsigned_abs(),
            uncompressed_bytes: uncompressed.unsigned_abs(),
            previous_offset,
        })
    }
}

struct HeaderStart {
    block_type: BlockType,
    on_disk_without_header: u64,
    uncompressed_bytes: u64,
    previous_offset: Option<u64>,
}

fn array_at<const OFFSET: usize, const LENGTH: usize>(header: &[u8; BlockHeader::BYTES]) -> [u8; LENGTH] {
    const { assert!(OFFSET + LENGTH <= BlockHeader::BYTES) };
    std::array::from_fn(|index| header[OFFSET + index])
}

fn byte_at<const OFFSET: usize>(header: &[u8; BlockHeader::BYTES]) -> u8 {
    array_at::<OFFSET, 1>(header)[0]
}

fn int_at<const OFFSET: usize>(header: &[u8; BlockHeader::BYTES]) -> i64 {
    i64::from(i32::from_be_bytes(array_at::<OFFSET, 4>(header)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(covered: i32, chunk: i32, on_disk: i32) -> [u8; 33] {
        let mut header = [0; 33];
        header[..8].copy_from_slice(b"DATABLK*");
        header[8..12].copy_from_slice(&on_disk.to_be_bytes());
        header[12..16].copy_from_slice(&7_i32.to_be_bytes());
        header[16..24].copy_from_slice(&(-1_i64).to_be_bytes());
        header[24] = 2;
        header[25..29].copy_from_slice(&chunk.to_be_bytes());
        header[29..33].copy_from_slice(&covered.to_be_bytes());
        header
    }

    #[test]
    fn a_header_says_what_it_holds() {
        let parsed = BlockHeader::parse(&header(100, 64, 100 - 33 + 8), 0).unwrap();
        assert_eq!((parsed.on_disk_bytes, parsed.data_bytes(), parsed.checksum_bytes), (108, 67, 8));
        assert_eq!((parsed.block_type, parsed.previous_offset, parsed.checksum_type), (BlockType::Data, None, ChecksumType::Crc32c));
    }

    #[test]
    fn numbers_that_contradict_each_other_are_refused() {
        for header in [header(100, 64, 76), header(100, 0, 75), header(20, 64, 75), header(-1, 64, 75), header(100, 64, -5)] {
            assert!(matches!(BlockHeader::parse(&header, 0), Err(HFileError::BlockHeader { .. })));
        }
        let mut later = header(100, 64, 75);
        later[16..24].copy_from_slice(&500_i64.to_be_bytes());
        assert!(BlockHeader::parse(&later, 400).is_err());
        assert!(BlockHeader::parse(&later, 501).is_ok());
        later[0] = b'X';
        assert!(matches!(BlockHeader::parse(&later, 501), Err(HFileError::BlockMagic { offset: 501, .. })));
    }
}
