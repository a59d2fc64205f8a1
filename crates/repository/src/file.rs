//! What a backup says about one stored file.

use bytes::Bytes;

/// What makes a source file the same file in every backup: its physical name and its length in bytes. The name must be unique by
/// itself (HBase's are 128 random bits). The repository stores only a keyed hash of both.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileIdentity {
    /// Physical file name, links resolved.
    pub name: String,
    /// Length in bytes.
    pub length: u64,
}

/// How frames of a file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// zstd-1 unless samples of the first frames gain less than 5 %.
    #[default]
    Auto,
    /// Stored as they are. For content that is compressed already.
    None,
    /// Always zstd-1 (a frame that does not shrink is stored raw).
    Zstd1,
}

/// How one file is stored.
#[derive(Debug, Clone, Default)]
pub struct FileOptions {
    /// Files of different groups (table and family) never share a compression unit or a bundle.
    pub group: Bytes,
    /// Compression of the frames.
    pub compression: Compression,
}

/// Names one data object: `d/<ss>/<upload>/<rand>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    /// The upload that wrote it.
    pub upload: [u8; 16],
    /// 128 random bits.
    pub random: [u8; 16],
}

/// Where a file's frames lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectReference {
    /// The object.
    pub object: ObjectId,
    /// Offset of the file's first frame in the object.
    pub offset: u64,
    /// Bytes of the file's frames, tags included.
    pub length: u64,
    /// Number of the first frame in the object.
    pub first_frame: u32,
    /// Number of frames.
    pub frames: u32,
    /// Length of the whole object; 0 while a bundle is still being filled (commit fills it in).
    pub object_length: u64,
    /// Hash over the whole object (`docs/format.md`, "ciphertext hash"); zero while a bundle is still being filled.
    pub ciphertext_hash: [u8; 32],
    /// Version id on versioned stores.
    pub version: Option<String>,
}

/// A file in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Keyed hash of the [`FileIdentity`].
    pub identity: [u8; 32],
    /// Length of the content in bytes.
    pub plaintext_length: u64,
    /// Keyed BLAKE3 of the content.
    pub content_id: [u8; 32],
    /// What the caller gave to `finish`: for HFiles the hash of the load-on-open section.
    pub fingerprint: [u8; 32],
    /// Where it lies.
    pub object: ObjectReference,
    /// Id of the signing key that committed the object first.
    pub writer: [u8; 16],
}

impl ObjectReference {
    /// The object's key in the store.
    pub fn key(&self) -> String {
        crate::names::data_key(&self.object)
    }
}
