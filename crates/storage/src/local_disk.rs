//! System calls of the two local backends: errors in words, reads and writes without copies, and what makes a name durable.
//!
//! A file is durable after fsync of the file, fsync of its directory, and fsync of the parent of every directory on the way that
//! nobody is known to have synced. [`DirectorySync`] keeps what this process has synced, by inode and birth, so that a directory that was
//! removed and made again is synced again.

use std::collections::HashMap;
use std::io::IoSlice;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rustix::fs::{Advice, AtFlags, CWD, Mode, OFlags, Stat, StatxFlags};
use rustix::io::Errno;

use crate::{Buffer, Result, StorageError};

/// What a failed call says, in the words of [`StorageError`]. `right` is what the caller would have to be allowed to do.
pub(crate) fn failure(path: &str, operation: &'static str, right: &str, errno: Errno) -> StorageError {
    let path = path.to_owned();
    let invalid = |detail: &str| StorageError::Invalid { path: path.clone(), detail: detail.to_owned() };
    match errno {
        Errno::NOENT => StorageError::NotFound { path },
        Errno::EXIST => StorageError::AlreadyExists { path },
        Errno::ACCESS | Errno::PERM => StorageError::PermissionDenied { path, right: right.to_owned() },
        Errno::NOSPC => StorageError::NoSpace { path, detail: "the file system is full".to_owned() },
        Errno::DQUOT => StorageError::NoSpace { path, detail: "the disk quota is used up".to_owned() },
        Errno::FBIG => StorageError::NoSpace { path, detail: "larger than the file system or the process limit allows".to_owned() },
        Errno::ROFS => StorageError::ReadOnly { path },
        Errno::NOTDIR => invalid("a part of the path is not a directory"),
        Errno::ISDIR => invalid("is a directory"),
        Errno::NOTEMPTY => invalid("the directory is not empty"),
        Errno::NAMETOOLONG => invalid("the name is too long for this file system"),
        Errno::LOOP => invalid("a part of the path is a symbolic link, which is not followed here"),
        Errno::XDEV => invalid("source and target are on different file systems"),
        Errno::OPNOTSUPP | Errno::NOSYS => StorageError::Unsupported { path, detail: format!("this file system does not {operation}") },
        Errno::STALE | Errno::TIMEDOUT | Errno::HOSTDOWN | Errno::HOSTUNREACH | Errno::NOTCONN => {
            StorageError::Unreachable { endpoint: path, detail: errno.to_string() }
        }
        _ => StorageError::Other { path, operation, source: Box::new(std::io::Error::from(errno)) },
    }
}

/// Modification time in milliseconds since the epoch.
pub(crate) fn modified_millis(stat: &Stat) -> i64 {
    stat.st_mtime.saturating_mul(1000).saturating_add(i64::try_from(stat.st_mtime_nsec / 1_000_000).unwrap_or(0))
}

/// Length in bytes; a negative length, which no file has, counts as nothing.
pub(crate) fn length_bytes(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

/// Reads exactly `length` bytes; the caller has checked them against the file's length. A file that shrank is `Short`.
pub(crate) fn read_exactly(file: impl AsFd, path: &str, offset: u64, length: usize) -> Result<Bytes> {
    let mut buffer = Buffer::with_capacity(length);
    while buffer.len() < length {
        let at = offset + buffer.len() as u64;
        // The buffer may have a little more room than was asked for: what the file has there is cut off below.
        match rustix::io::pread(&file, rustix::buffer::spare_capacity(&mut buffer), at) {
            Ok(0) => {
                let (expected, actual) = (length as u64, buffer.len() as u64);
                return Err(StorageError::Short { path: path.to_owned(), offset, expected, actual });
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(failure(path, "read", "read", errno)),
        }
    }
    buffer.truncate(length);
    Ok(buffer.freeze())
}

/// Largest single write. Measured on ext4 of Linux 6.18: the page cache takes as large a piece of memory as the write has bytes, and writes
/// of 512 KiB and more were three to ten times slower than these.
const WRITE_BYTES: usize = 256 << 10;

/// Writes all `parts` at `offset`.
pub(crate) fn write_all(file: impl AsFd, path: &str, offset: u64, parts: &[Bytes]) -> Result<u64> {
    let mut written = 0u64;
    let mut batch: Vec<&[u8]> = Vec::new();
    let mut batch_bytes = 0usize;
    for piece in parts.iter().flat_map(|part| part.chunks(WRITE_BYTES)) {
        // The kernel takes at most 1024 slices in one call.
        if batch_bytes + piece.len() > WRITE_BYTES || batch.len() == 1024 {
            written += write_batch(&file, path, offset + written, &batch)?;
            batch.clear();
            batch_bytes = 0;
        }
        batch.push(piece);
        batch_bytes += piece.len();
    }
    Ok(written + write_batch(&file, path, offset + written, &batch)?)
}

fn write_batch(file: impl AsFd, path: &str, offset: u64, batch: &[&[u8]]) -> Result<u64> {
    let mut slices: Vec<IoSlice<'_>> = batch.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut rest = slices.as_mut_slice();
    let mut written = 0u64;
    while !rest.is_empty() {
        match rustix::io::pwritev(&file, rest, offset + written) {
            Ok(0) => return Err(failure(path, "write", "write", Errno::IO)),
            Ok(count) => {
                written += count as u64;
                IoSlice::advance_slices(&mut rest, count);
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(failure(path, "write", "write", errno)),
        }
    }
    Ok(written)
}

/// Asks the kernel to start writing the dirty pages of this range to disk, and to drop the clean ones. `DONTNEED` does both on Linux.
pub(crate) fn write_back(file: impl AsFd, offset: u64, length: u64) {
    // Advice only: a file system that does not know it loses nothing but speed.
    let _ = rustix::fs::fadvise(file, offset, NonZeroU64::new(length), Advice::DontNeed);
}

/// One step on the way to durability, in the order it was taken. Recorded for tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    SyncFile(PathBuf),
    MakeDirectory(PathBuf),
    Link(PathBuf),
    Unlink(PathBuf),
    SyncDirectory(PathBuf),
}

/// Which directory a name means: inode number and birth, since numbers are reused at once.
type Identity = (u64, i64, u32);

/// `None` where the file system keeps no time of birth: such a directory is synced every time.
fn identity(directory: &Path) -> std::result::Result<Option<Identity>, Errno> {
    let wanted = StatxFlags::INO | StatxFlags::BTIME;
    match rustix::fs::statx(CWD, directory, AtFlags::empty(), wanted) {
        Ok(found) if found.stx_mask & wanted.bits() == wanted.bits() => {
            Ok(Some((found.stx_ino, found.stx_btime.tv_sec, found.stx_btime.tv_nsec)))
        }
        Ok(_) | Err(Errno::NOSYS) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Makes names durable, and remembers for which directories that is done.
#[derive(Debug, Default)]
pub(crate) struct DirectorySync {
    /// Directories whose own name is durable.
    durable: Mutex<HashMap<PathBuf, Identity>>,
    trace: Option<Arc<Mutex<Vec<Step>>>>,
}

impl DirectorySync {
    #[cfg(test)]
    pub(crate) fn traced(trace: Arc<Mutex<Vec<Step>>>) -> Self {
        Self { durable: Mutex::default(), trace: Some(trace) }
    }

    /// Records a step, in tests.
    pub(crate) fn note(&self, step: impl FnOnce() -> Step) {
        if let Some(trace) = &self.trace {
            trace.lock().unwrap_or_else(PoisonError::into_inner).push(step());
        }
    }

    /// Makes `directory` and its missing parents. Their names are not durable before [`DirectorySync::settle`].
    pub(crate) fn make(&self, directory: &Path, mode: u32) -> std::result::Result<(), Errno> {
        match rustix::fs::mkdir(directory, Mode::from_raw_mode(mode)) {
            Ok(()) => self.note(|| Step::MakeDirectory(directory.to_owned())),
            Err(Errno::EXIST) => return if directory.is_dir() { Ok(()) } else { Err(Errno::NOTDIR) },
            Err(Errno::NOENT) => {
                self.make(directory.parent().ok_or(Errno::NOENT)?, mode)?;
                return self.make(directory, mode);
            }
            // Parents that exist may be unwritable or read-only: that is no reason to fail.
            Err(errno) => return if directory.is_dir() { Ok(()) } else { Err(errno) },
        }
        Ok(())
    }

    /// Makes every entry of `directory` durable, and the directory's own name up to `top`, the last ancestor that is ours to sync.
    pub(crate) fn settle(&self, directory: &Path, top: &Path) -> std::result::Result<(), Errno> {
        self.sync(directory)?;
        let mut child = directory;
        while child != top {
            let Some(parent) = child.parent() else { break };
            let identity = identity(child)?;
            if identity.is_none() || self.known(child) != identity {
                self.sync(parent)?;
                if let Some(identity) = identity {
                    self.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(child.to_owned(), identity);
                }
            }
            child = parent;
        }
        Ok(())
    }

    fn known(&self, directory: &Path) -> Option<Identity> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).get(directory).copied()
    }

    fn sync(&self, directory: &Path) -> std::result::Result<(), Errno> {
        let opened = open(directory, OFlags::RDONLY | OFlags::DIRECTORY)?;
        rustix::fs::fsync(&opened)?;
        self.note(|| Step::SyncDirectory(directory.to_owned()));
        Ok(())
    }
}

/// Opens something that exists.
pub(crate) fn open(path: &Path, flags: OFlags) -> std::result::Result<OwnedFd, Errno> {
    retry_interrupted(|| rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty()))
}

/// Repeats a call that a signal interrupted.
pub(crate) fn retry_interrupted<T>(mut call: impl FnMut() -> std::result::Result<T, Errno>) -> std::result::Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}
