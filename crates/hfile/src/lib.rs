//! HFiles, HBase's immutable store files, versions 2 and 3. Bytes in, verdicts out: no I/O but [`read_at::ReadAt`].
//!
//! So far: the trailer, the file info, and [`Checker`], which proves a file sound while it streams by.
//!
//! ## A file
//! ```text
//! data blocks, with leaf index, bloom chunk and inline blocks between them   (scanned section)
//! meta blocks                                                               (non-scanned section)
//! intermediate index blocks
//! ── load_on_open_data_offset ──
//! root data index, meta index, file info, bloom meta                         (load-on-open section)
//! trailer                                                                    (212 bytes in version 2, 4096 in version 3)
//! ```
//! A block is a header, data (compressed and perhaps encrypted), and the checksums of header and data.

mod block;
mod checker;
mod checksum;
mod codec;
mod error;
mod file_info;
mod trailer;

pub use block::{BlockHeader, BlockType};
pub use checker::{Checker, Summary, check};
pub use checksum::ChecksumType;
pub use error::HFileError;
pub use file_info::FileInfo;
pub use trailer::{Compression, Trailer};
