//! Proves a file sound while its bytes pass by, once, in order, in pieces of any size.
//!
//! Checked: every block header against itself, every checksum, that block follows block without a byte between, that each block
//! stands in the section of its type, one checksum type for all blocks, the trailer, and that its offsets lead to the right
//! blocks. Not checked: anything that needs the data decompressed (cells, their order, their number), and the trailer's counts.
//!
//! What is kept in memory: one header, the sums of one block, the file info block and the trailer.
//!
//! **Fingerprint** (`repository.md` §2): BLAKE3 of the load-on-open section and everything behind it. Only the trailer knows
//! where the section starts, but it starts with the first block of a load-on-open type, so hashing begins there and the trailer
//! confirms the offset afterwards.

use bytes::Bytes;
use read_at::ReadAt;

use crate::block::BlockHeader;
use crate::checksum::ChunkSums;
use crate::codec::decompress;
use crate::trailer::{MAXIMUM_BYTES, TRAILER_MAGIC};
use crate::{ChecksumType, Compression, FileInfo, HFileError, Trailer};

/// More sums than this in one block are refused: 64 GiB of data at HBase's 16 KiB per sum.
const MAXIMUM_SUMS: u64 = 4 << 20;
/// A longer file info block is checked, but not kept.
const MAXIMUM_FILE_INFO_BYTES: u64 = 16 << 20;

/// What is known of a file that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Bytes.
    pub length: u64,
    /// Cells.
    pub entries: u64,
    pub compression: Compression,
    pub checksum_type: ChecksumType,
    /// All blocks, of every type.
    pub blocks: u64,
    pub data_blocks: u64,
    /// Where the fingerprinted part starts.
    pub fingerprint_offset: u64,
    /// BLAKE3 of the file from `fingerprint_offset` to its end.
    pub fingerprint: [u8; 32],
    pub trailer: Trailer,
    /// `None` when it cannot be read without a key, or the codec is not at hand.
    pub file_info: Option<FileInfo>,
    /// From the file info; `None` without one, and for bulk-loaded files, which have it in their name.
    pub max_sequence_id: Option<u64>,
}

/// See the head of this file. After an error the checker is of no further use.
#[derive(Debug)]
pub struct Checker {
    offset: u64,
    state: State,
    header: [u8; BlockHeader::BYTES],
    header_filled: usize,
    /// Set with the first block; [`Checker::guess`] says when that was only a guess.
    form: Option<Form>,
    /// The error of the first header, if its checksum fields made no sense and it was taken for one without them.
    guess: Option<HFileError>,
    sums: ChunkSums,
    block_start: u64,
    block: Option<BlockHeader>,
    sum_bytes: [u8; 4],
    sum_bytes_filled: usize,
    next_sum: usize,
    blocks: u64,
    data_blocks: u64,
    first_data_block: Option<u64>,
    last_data_block: Option<u64>,
    fingerprint: Option<(u64, blake3::Hasher)>,
    file_info_block: Option<(u64, BlockHeader)>,
    file_info_data: Vec<u8>,
    trailer: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Data { left: u64 },
    Sums { left: u64 },
    Trailer,
}

/// What all blocks of a file have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    header_bytes: usize,
    checksum_type: ChecksumType,
    chunk_bytes: u64,
}

impl Form {
    fn of(block: &BlockHeader) -> Self {
        let header_bytes = usize::try_from(block.header_bytes).unwrap_or(BlockHeader::BYTES);
        Self { header_bytes, checksum_type: block.checksum_type, chunk_bytes: block.chunk_bytes }
    }
}

impl Default for Checker {
    fn default() -> Self {
        Self::new()
    }
}

impl Checker {
    pub fn new() -> Self {
        Self {
            offset: 0,
            state: State::Header,
            header: [0; BlockHeader::BYTES],
            header_filled: 0,
            form: None,
            guess: None,
            sums: ChunkSums::new(ChecksumType::Crc32c, 1),
            block_start: 0,
            block: None,
            sum_bytes: [0; 4],
            sum_bytes_filled: 0,
            next_sum: 0,
            blocks: 0,
            data_blocks: 0,
            first_data_block: None,
            last_data_block: None,
            fingerprint: None,
            file_info_block: None,
            file_info_data: Vec::new(),
            trailer: Vec::new(),
        }
    }

    /// Takes the next bytes of the file.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), HFileError> {
        while !bytes.is_empty() {
            let wanted = match self.state {
                State::Header => (self.header_bytes() - self.header_filled) as u64,
                State::Data { left } | State::Sums { left } => left,
                State::Trailer => u64::MAX,
            };
            let (now, rest) = bytes.split_at(usize::try_from(wanted).unwrap_or(usize::MAX).min(bytes.len()));
            match self.state {
                State::Header => self.push_header(now)?,
                State::Data { left } => self.push_data(now, left),
                State::Sums { left } => self.push_sums(now, left)?,
                State::Trailer => self.push_trailer(now)?,
            }
            self.offset += now.len() as u64;
            bytes = rest;
        }
        Ok(())
    }

    /// Takes the end of the file.
    pub fn finish(mut self) -> Result<Summary, HFileError> {
        let length = self.offset;
        if self.state == State::Header && self.header_filled >= TRAILER_MAGIC.len() && self.header.starts_with(TRAILER_MAGIC) {
            // A trailer shorter than a block header: certainly cut.
            self.start_trailer();
        }
        let part = match self.state {
            State::Trailer => None,
            State::Header => Some("block header"),
            State::Data { .. } | State::Sums { .. } => Some("block"),
        };
        if let Some(part) = part {
            return Err(self.guess.take().unwrap_or(HFileError::Truncated { part, offset: self.block_start, length }));
        }
        let trailer = Trailer::parse(&Bytes::from(std::mem::take(&mut self.trailer)), length)?;
        let trailer_offset = length.saturating_sub(trailer.bytes() as u64);
        self.check_trailer(&trailer, trailer_offset)?;
        let wrong = |detail: &str| HFileError::Trailer { offset: trailer_offset, detail: detail.to_owned() };
        let (fingerprint_offset, hasher) = self.fingerprint.take().ok_or_else(|| wrong("there is no load-on-open section"))?;
        let form = self.form.ok_or_else(|| wrong("there is no block"))?;
        let file_info = self.read_file_info(&trailer)?;
        Ok(Summary {
            length,
            entries: trailer.entries,
            compression: trailer.compression,
            checksum_type: form.checksum_type,
            blocks: self.blocks,
            data_blocks: self.data_blocks,
            fingerprint_offset,
            fingerprint: hasher.finalize().into(),
            max_sequence_id: file_info.as_ref().and_then(FileInfo::max_sequence_id),
            trailer,
            file_info,
        })
    }

    fn header_bytes(&self) -> usize {
        self.form.map_or(BlockHeader::BYTES, |form| form.header_bytes)
    }

    fn push_header(&mut self, now: &[u8]) -> Result<(), HFileError> {
        if self.header_filled == 0 {
            self.block_start = self.offset;
        }
        let filled = self.header_filled + now.len();
        if let Some(free) = self.header.get_mut(self.header_filled..filled) {
            free.copy_from_slice(now);
        }
        self.header_filled = filled;
        if filled < self.header_bytes() {
            return Ok(());
        }
        if self.header.starts_with(TRAILER_MAGIC) {
            self.start_trailer();
            return Ok(());
        }
        self.header_filled = 0;
        self.start_block()
    }

    fn start_trailer(&mut self) {
        let so_far = self.header.iter().copied().take(self.header_filled).collect::<Vec<u8>>();
        if let Some((_, hasher)) = &mut self.fingerprint {
            hasher.update(&so_far);
        }
        self.trailer = so_far;
        self.state = State::Trailer;
    }

    fn start_block(&mut self) -> Result<(), HFileError> {
        let (block, extra_data) = self.parse_header()?;
        self.check_order(&block)?;
        let form = Form::of(&block);
        if *self.form.get_or_insert(form) != form {
            let detail = format!("{:?} with {} bytes per checksum, unlike the blocks before", block.checksum_type, block.chunk_bytes);
            return Err(HFileError::BlockHeader { offset: self.block_start, detail });
        }
        if block.checksum_bytes / 4 > MAXIMUM_SUMS {
            let detail = format!("a block with {} checksums", block.checksum_bytes / 4);
            return Err(HFileError::Unsupported { offset: self.block_start, detail });
        }
        if block.block_type.is_load_on_open() && self.fingerprint.is_none() {
            self.fingerprint = Some((self.block_start, blake3::Hasher::new()));
        }
        self.blocks += 1;
        if block.block_type.is_data() {
            self.data_blocks += 1;
            self.first_data_block.get_or_insert(self.block_start);
            self.last_data_block = Some(self.block_start);
        }
        self.sums.restart(block.checksum_type, usize::try_from(block.chunk_bytes).unwrap_or(usize::MAX).max(1));
        let header = self.header;
        let (own, data) = header.split_at(form.header_bytes);
        self.sums.update(own);
        if let Some((_, hasher)) = &mut self.fingerprint {
            hasher.update(own);
        }
        if block.block_type == crate::BlockType::FileInfo {
            self.file_info_block = Some((self.block_start, block));
        }
        self.block = Some(block);
        self.next_sum = 0;
        self.state = State::Data { left: block.data_bytes() };
        self.go_on();
        // The first block of a file without checksums was read with a header too long: what is too much is data.
        if extra_data { self.push_split(data) } else { Ok(()) }
    }

    /// Feeds bytes that were read as part of a header, but lie behind it. [`Checker::offset`] already counts them at its next step,
    /// so only the states move here.
    fn push_split(&mut self, data: &[u8]) -> Result<(), HFileError> {
        let State::Data { left } = self.state else {
            return Err(HFileError::BlockHeader { offset: self.block_start, detail: "a block without data at the start".to_owned() });
        };
        if left < data.len() as u64 {
            return Err(self.guess.take().unwrap_or(HFileError::BlockMagic { offset: self.block_start, found: [0; 8] }));
        }
        self.push_data(data, left);
        Ok(())
    }

    /// The header, and whether it was read longer than it is.
    fn parse_header(&mut self) -> Result<(BlockHeader, bool), HFileError> {
        match self.form {
            Some(form) if form.header_bytes == BlockHeader::BYTES_WITHOUT_CHECKSUM => {
                // The second block that starts where it should confirms the guess made at the first.
                let parsed = BlockHeader::parse_without_checksum(&self.header, self.block_start);
                match (parsed, self.guess.take()) {
                    (Err(_), Some(first)) => Err(first),
                    (parsed, _) => Ok((parsed?, false)),
                }
            }
            Some(_) => Ok((BlockHeader::parse(&self.header, self.block_start)?, false)),
            None => match BlockHeader::parse(&self.header, self.block_start) {
                Ok(block) => Ok((block, false)),
                Err(error @ HFileError::BlockHeader { .. }) => {
                    let block = BlockHeader::parse_without_checksum(&self.header, self.block_start).map_err(|_| error.clone())?;
                    self.guess = Some(error);
                    Ok((block, true))
                }
                Err(error) => Err(error),
            },
        }
    }

    fn check_order(&self, block: &BlockHeader) -> Result<(), HFileError> {
        let wrong = |detail: String| HFileError::BlockOrder { offset: self.block_start, block_type: block.block_type.name(), detail };
        match (self.fingerprint.as_ref().map(|(start, _)| *start), block.block_type) {
            (Some(start), block_type) if !block_type.is_load_on_open() => {
                Err(wrong(format!("behind the load-on-open section, which starts at {start}")))
            }
            (None, block_type) if block_type.is_load_on_open() && block_type != crate::BlockType::RootIndex => {
                Err(wrong("before the root index".to_owned()))
            }
            _ if block.previous_offset.is_some() && self.blocks == 0 => Err(wrong("names a block before the first".to_owned())),
            _ => Ok(()),
        }
    }

    fn push_data(&mut self, now: &[u8], left: u64) {
        self.sums.update(now);
        if let Some((_, hasher)) = &mut self.fingerprint {
            hasher.update(now);
        }
        if let Some((start, block)) = &self.file_info_block
            && *start == self.block_start
            && block.on_disk_bytes <= MAXIMUM_FILE_INFO_BYTES
        {
            self.file_info_data.extend_from_slice(now);
        }
        self.state = State::Data { left: left - now.len() as u64 };
        self.go_on();
    }

    /// Leaves states in which nothing is left.
    fn go_on(&mut self) {
        if self.state == (State::Data { left: 0 }) {
            self.sums.finish();
            self.state = State::Sums { left: self.block.map_or(0, |block| block.checksum_bytes) };
        }
        if self.state == (State::Sums { left: 0 }) {
            self.state = State::Header;
        }
    }

    fn push_sums(&mut self, now: &[u8], left: u64) -> Result<(), HFileError> {
        if let Some((_, hasher)) = &mut self.fingerprint {
            hasher.update(now);
        }
        for byte in now {
            if let Some(free) = self.sum_bytes.get_mut(self.sum_bytes_filled) {
                *free = *byte;
            }
            self.sum_bytes_filled += 1;
            if self.sum_bytes_filled == self.sum_bytes.len() {
                self.sum_bytes_filled = 0;
                self.check_sum(u32::from_be_bytes(self.sum_bytes))?;
            }
        }
        self.state = State::Sums { left: left - now.len() as u64 };
        self.go_on();
        Ok(())
    }

    fn check_sum(&mut self, expected: u32) -> Result<(), HFileError> {
        let index = self.next_sum;
        self.next_sum += 1;
        let (Some(actual), Some(block)) = (self.sums.finish().get(index).copied(), self.block) else {
            return Ok(());
        };
        if actual == expected {
            return Ok(());
        }
        let offset = self.block_start + index as u64 * block.chunk_bytes;
        Err(HFileError::Checksum { block_offset: self.block_start, offset, expected, actual })
    }

    fn push_trailer(&mut self, now: &[u8]) -> Result<(), HFileError> {
        if let Some((_, hasher)) = &mut self.fingerprint {
            hasher.update(now);
        }
        if self.trailer.len() + now.len() > MAXIMUM_BYTES {
            let detail = format!("more than {MAXIMUM_BYTES} bytes");
            return Err(HFileError::Trailer { offset: self.block_start, detail });
        }
        self.trailer.extend_from_slice(now);
        Ok(())
    }

    fn check_trailer(&mut self, trailer: &Trailer, trailer_offset: u64) -> Result<(), HFileError> {
        let wrong = |detail: String| Err(HFileError::Trailer { offset: trailer_offset, detail });
        if trailer_offset != self.block_start {
            return wrong(format!("the last block ends at {}", self.block_start));
        }
        let with_checksums = trailer.major_version > 2 || trailer.minor_version > 0;
        if with_checksums == (self.header_bytes() == BlockHeader::BYTES_WITHOUT_CHECKSUM) {
            let detail =
                format!("version {}.{} with block headers of {} bytes", trailer.major_version, trailer.minor_version, self.header_bytes());
            return self.guess.take().map_or_else(|| wrong(detail), Err);
        }
        let load_on_open = self.fingerprint.as_ref().map(|(start, _)| *start);
        if load_on_open != Some(trailer.load_on_open_offset) {
            return wrong(format!("load-on-open section at {}, expected {load_on_open:?}", trailer.load_on_open_offset));
        }
        let file_info = self.file_info_block.map(|(start, _)| start);
        if file_info != Some(trailer.file_info_offset) {
            return wrong(format!("file info at {}, expected {file_info:?}", trailer.file_info_offset));
        }
        // A file without data blocks says -1 or 0, by version.
        let said = (trailer.first_data_block_offset, trailer.last_data_block_offset);
        if self.data_blocks > 0 && said != (self.first_data_block, self.last_data_block) {
            return wrong(format!(
                "data blocks from {:?} to {:?}, expected {:?} to {:?}",
                said.0, said.1, self.first_data_block, self.last_data_block
            ));
        }
        Ok(())
    }

    fn read_file_info(&mut self, trailer: &Trailer) -> Result<Option<FileInfo>, HFileError> {
        let Some((offset, block)) = self.file_info_block else {
            return Ok(None);
        };
        let data = Bytes::from(std::mem::take(&mut self.file_info_data));
        if trailer.encryption_key.is_some() || data.len() as u64 != block.data_bytes() {
            return Ok(None);
        }
        match decompress(trailer.compression, &data, block.uncompressed_bytes, offset)? {
            Some(plain) => FileInfo::parse(&plain.into(), offset).map(Some),
            None => Ok(None),
        }
    }
}

/// Checks a whole file.
pub fn check<F: ReadAt + ?Sized>(file: &F) -> Result<Summary, HFileError> {
    let mut checker = Checker::new();
    let mut buffer = vec![0; 1 << 20];
    let mut offset = 0;
    while offset < file.len() {
        let now = usize::try_from(file.len() - offset).unwrap_or(usize::MAX).min(buffer.len());
        let (now, _) = buffer.split_at_mut(now);
        file.read_at(offset, now).map_err(|error| HFileError::Read { offset, detail: error.to_string() })?;
        checker.push(now)?;
        offset += now.len() as u64;
    }
    checker.finish()
}
