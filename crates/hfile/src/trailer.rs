//! The trailer: the last 212 bytes (version 2) or 4096 bytes (version 3) of a file. No checksum protects it.
//!
//! ```text
//! 8 bytes  magic TRABLK"$
//!          FileTrailerProto with its length before it (varint); in versions 2.0 and 2.1 fixed big-endian fields instead
//!          zeros up to the fixed size
//! 4 bytes  version: minor << 24 | major
//! ```
//! Source: `FixedFileTrailer`.

use bytes::Bytes;
use hbase_proto::{FileTrailerProto, Message};
use read_at::ReadAt;

use crate::HFileError;

pub(crate) const TRAILER_MAGIC: &[u8; 8] = b"TRABLK\"$";
/// The trailer of version 3, and the longest of all.
pub(crate) const MAXIMUM_BYTES: usize = 4096;
const VERSION_2_BYTES: usize = 212;
/// From this minor version of major version 2 on the trailer is protobuf.
const PROTOBUF_MINOR_VERSION: u8 = 2;

/// The codec of a file's blocks (`Compression.Algorithm`, by its ordinal).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Lzo,
    Gz,
    None,
    Snappy,
    Lz4,
    Bzip2,
    Zstd,
    Lzma,
    Brotli,
}

impl Compression {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Lzo, "LZO"),
        (Self::Gz, "GZ"),
        (Self::None, "NONE"),
        (Self::Snappy, "SNAPPY"),
        (Self::Lz4, "LZ4"),
        (Self::Bzip2, "BZIP2"),
        (Self::Zstd, "ZSTD"),
        (Self::Lzma, "LZMA"),
        (Self::Brotli, "BROTLI"),
    ];

    fn from_ordinal(ordinal: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(ordinal).ok()?).map(|(compression, _)| *compression)
    }

    /// The name HBase gives it in a descriptor.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(compression, _)| *compression == self).map_or("", |(_, name)| name)
    }
}

/// What a trailer says. Offsets and sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trailer {
    pub major_version: u32,
    pub minor_version: u8,
    pub file_info_offset: u64,
    /// Where the load-on-open section starts: always at the root index.
    pub load_on_open_offset: u64,
    pub uncompressed_data_index_bytes: u64,
    /// Data of all blocks with their headers, and the trailer.
    pub total_uncompressed_bytes: u64,
    pub data_index_count: u32,
    pub meta_index_count: u32,
    /// Cells.
    pub entries: u64,
    pub data_index_levels: u32,
    /// `None` when there is no data block (written as -1, by some versions as 0).
    pub first_data_block_offset: Option<u64>,
    pub last_data_block_offset: Option<u64>,
    pub comparator: String,
    pub compression: Compression,
    /// The file's data key, wrapped with the cluster's master key; present exactly for encrypted files.
    pub encryption_key: Option<Bytes>,
}

impl Trailer {
    /// The size of the trailer of a major version.
    pub fn bytes_of_version(major_version: u32) -> Option<usize> {
        match major_version {
            2 => Some(VERSION_2_BYTES),
            3 => Some(MAXIMUM_BYTES),
            _ => None,
        }
    }

    /// Reads the trailer out of the end of a file: `tail` is its last 4096 bytes, or all of a shorter file.
    pub fn parse(tail: &Bytes, file_length: u64) -> Result<Self, HFileError> {
        let truncated = || HFileError::Truncated { part: "trailer", offset: 0, length: file_length };
        let version = tail.last_chunk::<4>().map(|version| u32::from_be_bytes(*version)).ok_or_else(truncated)?;
        let (major_version, minor_version) = (version & 0x00ff_ffff, (version >> 24) as u8);
        let version_offset = file_length.saturating_sub(4);
        let size = Self::bytes_of_version(major_version).ok_or_else(|| HFileError::Unsupported {
            offset: version_offset,
            detail: format!("HFile version {major_version}.{minor_version}, known are 2 and 3"),
        })?;
        let start = tail.len().checked_sub(size).ok_or_else(truncated)?;
        let offset = file_length.saturating_sub(size as u64);
        let wrong = |detail: String| HFileError::Trailer { offset, detail };
        let trailer = tail.slice(start..tail.len() - 4);
        if !trailer.starts_with(TRAILER_MAGIC) {
            return Err(wrong(format!("no trailer magic: {:02x?}", trailer.get(..8).unwrap_or_default())));
        }
        let body = trailer.slice(TRAILER_MAGIC.len()..);
        if major_version == 2 && minor_version < PROTOBUF_MINOR_VERSION {
            return Self::parse_fixed(&body, major_version, minor_version)
                .ok_or_else(|| wrong("impossible fields".to_owned()))?
                .checked(offset);
        }
        let mut rest = body.clone();
        let length = prost_length(&mut rest).filter(|length| *length <= rest.len()).ok_or_else(|| wrong("impossible length".to_owned()))?;
        if rest.iter().skip(length).any(|byte| *byte != 0) {
            return Err(wrong("the padding is not zero".to_owned()));
        }
        let message = FileTrailerProto::decode(rest.slice(..length)).map_err(|error| wrong(error.to_string()))?;
        let ordinal = message.compression_codec.unwrap_or(2);
        let compression = Compression::from_ordinal(ordinal).ok_or_else(|| wrong(format!("compression {ordinal}")))?;
        Self {
            major_version,
            minor_version,
            file_info_offset: message.file_info_offset(),
            load_on_open_offset: message.load_on_open_data_offset(),
            uncompressed_data_index_bytes: message.uncompressed_data_index_size(),
            total_uncompressed_bytes: message.total_uncompressed_bytes(),
            data_index_count: message.data_index_count(),
            meta_index_count: message.meta_index_count(),
            entries: message.entry_count(),
            data_index_levels: message.num_data_index_levels(),
            first_data_block_offset: offset_or_none(message.first_data_block_offset()),
            last_data_block_offset: offset_or_none(message.last_data_block_offset()),
            comparator: message.comparator_class_name().to_owned(),
            compression,
            encryption_key: message.encryption_key,
        }
        .checked(offset)
    }

    /// Reads the trailer of a file.
    pub fn read<F: ReadAt + ?Sized>(file: &F) -> Result<Self, HFileError> {
        let length = file.len();
        let tail_bytes = usize::try_from(length).unwrap_or(usize::MAX).min(MAXIMUM_BYTES);
        let mut tail = vec![0; tail_bytes];
        let offset = length - tail_bytes as u64;
        file.read_at(offset, &mut tail).map_err(|error| HFileError::Read { offset, detail: error.to_string() })?;
        Self::parse(&tail.into(), length)
    }

    /// The size of this trailer.
    pub fn bytes(&self) -> usize {
        Self::bytes_of_version(self.major_version).unwrap_or(MAXIMUM_BYTES)
    }

    fn checked(self, offset: u64) -> Result<Self, HFileError> {
        let ordered = self.load_on_open_offset <= self.file_info_offset
            && self.file_info_offset < offset
            && self.first_data_block_offset <= self.last_data_block_offset
            && self.last_data_block_offset.is_none_or(|last| last <= self.load_on_open_offset);
        if ordered { Ok(self) } else { Err(HFileError::Trailer { offset, detail: "its offsets are out of order".to_owned() }) }
    }

    /// The fields of versions 2.0 and 2.1 in their order.
    fn parse_fixed(body: &Bytes, major_version: u32, minor_version: u8) -> Option<Self> {
        let mut fields = body.as_ref();
        let mut long = |bytes: usize| {
            let (field, rest) = fields.split_at_checked(bytes)?;
            fields = rest;
            Some(field.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte)))
        };
        let (file_info_offset, load_on_open_offset, data_index_count) = (long(8)?, long(8)?, u32::try_from(long(4)?).ok()?);
        let (uncompressed_data_index_bytes, meta_index_count) = (long(8)?, u32::try_from(long(4)?).ok()?);
        let (total_uncompressed_bytes, entries) = (long(8)?, long(8)?);
        let compression = Compression::from_ordinal(u32::try_from(long(4)?).ok()?)?;
        let data_index_levels = u32::try_from(long(4)?).ok()?;
        let (first_data_block_offset, last_data_block_offset) = (offset_or_none(long(8)?), offset_or_none(long(8)?));
        let comparator = String::from_utf8_lossy(fields).trim_end_matches('\0').to_owned();
        Some(Self {
            major_version,
            minor_version,
            file_info_offset,
            load_on_open_offset,
            uncompressed_data_index_bytes,
            total_uncompressed_bytes,
            data_index_count,
            meta_index_count,
            entries,
            data_index_levels,
            first_data_block_offset,
            last_data_block_offset,
            comparator,
            compression,
            encryption_key: None,
        })
    }
}

fn offset_or_none(offset: u64) -> Option<u64> {
    (offset != u64::MAX).then_some(offset)
}

/// The varint before a length-delimited message.
pub(crate) fn prost_length(rest: &mut Bytes) -> Option<usize> {
    hbase_proto::decode_length_delimiter(rest).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trailer(message: &FileTrailerProto, major: u32, minor: u32) -> Bytes {
        let mut out = TRAILER_MAGIC.to_vec();
        out.extend_from_slice(&message.encode_length_delimited_to_vec());
        out.resize(Trailer::bytes_of_version(major).unwrap() - 4, 0);
        out.extend_from_slice(&(minor << 24 | major).to_be_bytes());
        out.into()
    }

    fn message() -> FileTrailerProto {
        FileTrailerProto { load_on_open_data_offset: Some(10), file_info_offset: Some(20), entry_count: Some(3), ..Default::default() }
    }

    #[test]
    fn both_versions_read() {
        for (major, minor) in [(2, 3), (3, 3)] {
            let read = Trailer::parse(&trailer(&message(), major, minor), 10_000).unwrap();
            assert_eq!((read.major_version, read.entries, read.compression), (major, 3, Compression::None));
        }
    }

    #[test]
    fn the_fixed_form_reads() {
        let mut out = TRAILER_MAGIC.to_vec();
        for (value, bytes) in [(20_u64, 8), (10, 8), (1, 4), (5, 8), (0, 4), (99, 8), (3, 8), (1, 4), (1, 4), (0, 8), (4, 8)] {
            out.extend_from_slice(&value.to_be_bytes()[8 - bytes..]);
        }
        out.extend_from_slice(b"org.example.Comparator");
        out.resize(208, 0);
        out.extend_from_slice(&(1_u32 << 24 | 2).to_be_bytes());
        let read = Trailer::parse(&out.into(), 10_000).unwrap();
        assert_eq!((read.entries, read.compression, read.last_data_block_offset), (3, Compression::Gz, Some(4)));
        assert_eq!(read.comparator, "org.example.Comparator");
    }

    #[test]
    fn damage_is_seen() {
        let whole = trailer(&message(), 3, 3);
        let unsupported = trailer(&message(), 3, 3).iter().copied().take(4092).chain([3, 0, 0, 9]).collect::<Vec<u8>>();
        assert!(matches!(Trailer::parse(&unsupported.into(), 10_000), Err(HFileError::Unsupported { offset: 9996, .. })));
        assert!(matches!(Trailer::parse(&whole.slice(1..), 4095), Err(HFileError::Truncated { .. })));
        for position in [0, 7, 8, 100, 4091] {
            let mut flipped = whole.to_vec();
            flipped[position] ^= 0x80;
            assert!(Trailer::parse(&flipped.into(), 10_000).is_err(), "flip at {position}");
        }
        let disordered = FileTrailerProto { load_on_open_data_offset: Some(21), ..message() };
        assert!(Trailer::parse(&trailer(&disordered, 3, 3), 10_000).is_err());
    }
}
