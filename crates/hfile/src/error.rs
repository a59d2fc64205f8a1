//! What can be wrong with an HFile. Every variant says where.

/// A file that is not a sound HFile, or one this code does not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HFileError {
    /// The bytes end inside a block or the trailer.
    #[error("the file ends at {length}, inside the {part} that starts at {offset}")]
    Truncated { part: &'static str, offset: u64, length: u64 },
    /// A checksum does not fit its bytes.
    #[error("checksum of block {block_offset} at {offset}: {actual:#010x}, expected {expected:#010x}")]
    Checksum { block_offset: u64, offset: u64, expected: u32, actual: u32 },
    /// No block starts where one must.
    #[error("no block at {offset}: found {found:02x?}")]
    BlockMagic { offset: u64, found: [u8; 8] },
    /// A header whose numbers contradict each other.
    #[error("block header at {offset}: {detail}")]
    BlockHeader { offset: u64, detail: String },
    /// A block in a section where its type cannot be.
    #[error("block at {offset}: {block_type} block {detail}")]
    BlockOrder { offset: u64, block_type: &'static str, detail: String },
    /// The trailer contradicts itself or the blocks.
    #[error("trailer at {offset}: {detail}")]
    Trailer { offset: u64, detail: String },
    /// The file info is malformed.
    #[error("file info at {offset}: {detail}")]
    FileInfo { offset: u64, detail: String },
    /// A format this code does not read.
    #[error("unsupported at {offset}: {detail}")]
    Unsupported { offset: u64, detail: String },
    /// The bytes could not be read at all.
    #[error("reading at {offset}: {detail}")]
    Read { offset: u64, detail: String },
}
