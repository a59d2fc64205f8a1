//! Unfinished objects of a local store: `ROOT/tmp/<pid>-<n>/<m>`, one directory per open store, and how the leftovers of dead
//! processes are told from the work of living ones.
//!
//! Each directory holds a file `lock` on which its owner keeps `flock(LOCK_EX)` for as long as the store is open. The kernel drops
//! that lock when the process dies, however it dies, also over NFS. So: a directory whose lock can be taken has no owner. A process
//! id proves nothing (it is reused, and means nothing on another host) and only keeps names apart; `mkdir` decides who has a name.
//!
//! Race: between `mkdir` and `flock` a directory looks dead and may be swept by another process. Its maker therefore locks first,
//! then checks that the lock file still has its name, and otherwise starts again with the next name.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, RawDir};
use rustix::io::Errno;

use crate::local_disk::{DirectorySync, open};

const LOCK: &str = "lock";
/// Names tried before giving up; each one taken is a directory of another store of a process with the same id.
const ATTEMPTS: u64 = 10_000;

/// This store's own directory of unfinished objects. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct TemporaryDirectory {
    path: PathBuf,
    next: AtomicU64,
    _lock: OwnedFd,
}

impl TemporaryDirectory {
    /// Makes a directory below `area` after sweeping those of the dead.
    pub(crate) fn create(area: &Path, directories: &DirectorySync) -> Result<Self, Errno> {
        directories.make(area, 0o777)?;
        sweep(area)?;
        let process = rustix::process::getpid().as_raw_nonzero();
        for attempt in 0..ATTEMPTS {
            let path = area.join(format!("{process}-{attempt}"));
            match rustix::fs::mkdir(&path, Mode::from_raw_mode(0o777)) {
                Ok(()) => {}
                Err(Errno::EXIST) => continue,
                Err(errno) => return Err(errno),
            }
            if let Some(lock) = take_lock(&path)? {
                return Ok(Self { path, next: AtomicU64::new(0), _lock: lock });
            }
        }
        Err(Errno::EXIST)
    }

    /// A new, empty file.
    pub(crate) fn file(&self) -> Result<(PathBuf, OwnedFd), Errno> {
        let path = self.path.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::open(&path, flags, Mode::from_raw_mode(0o666))?;
        Ok((path, file))
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        // What stays behind (an unfinished upload outlives the store only in a bug) is swept later: its lock is gone.
        let _ = rustix::fs::unlink(self.path.join(LOCK));
        let _ = rustix::fs::rmdir(&self.path);
    }
}

/// Creates and locks `directory/lock`; `None` when a sweeper was faster.
fn take_lock(directory: &Path) -> Result<Option<OwnedFd>, Errno> {
    let path = directory.join(LOCK);
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
    let lock = match rustix::fs::open(&path, flags, Mode::from_raw_mode(0o666)) {
        Err(Errno::NOENT) => return Ok(None),
        opened => opened?,
    };
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(None),
        Err(errno) => return Err(errno),
    }
    let ours = rustix::fs::fstat(&lock)?;
    match rustix::fs::stat(&path) {
        Ok(named) if named.st_ino == ours.st_ino => Ok(Some(lock)),
        Ok(_) | Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Removes the directories below `area` that have no living owner.
fn sweep(area: &Path) -> Result<(), Errno> {
    for name in names(area)? {
        let directory = area.join(name);
        let lock = match open(&directory.join(LOCK), OFlags::RDWR) {
            Ok(lock) => Some(lock),
            // No lock file: its owner died, or is just now, between `mkdir` and creating it. `rmdir` takes only an empty one, and
            // the owner starts again with another name.
            Err(Errno::NOENT) => None,
            // Another user's: theirs to sweep.
            Err(Errno::ACCESS | Errno::PERM | Errno::NOTDIR) => continue,
            Err(errno) => return Err(errno),
        };
        if let Some(lock) = &lock {
            match rustix::fs::flock(lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => continue,
                Err(errno) => return Err(errno),
            }
            for name in names(&directory)? {
                if name != LOCK {
                    ignore_missing(rustix::fs::unlink(directory.join(name)))?;
                }
            }
            ignore_missing(rustix::fs::unlink(directory.join(LOCK)))?;
        }
        match rustix::fs::rmdir(&directory) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn ignore_missing(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

/// Names in a directory; none when it is gone. Names that are not UTF-8 are not ours.
fn names(directory: &Path) -> Result<Vec<String>, Errno> {
    let opened = match open(directory, OFlags::RDONLY | OFlags::DIRECTORY) {
        Err(Errno::NOENT) => return Ok(Vec::new()),
        opened => opened?,
    };
    directory_names(&opened)
}

/// Names in an open directory, without `.` and `..`; a name that is not UTF-8 is left out.
pub(crate) fn directory_names(directory: &OwnedFd) -> Result<Vec<String>, Errno> {
    let mut names = Vec::new();
    let mut buffer: Vec<u8> = Vec::with_capacity(32 << 10);
    let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        if let Ok(name) = entry?.file_name().to_str()
            && name != "."
            && name != ".."
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// Publishes `temporary` as `target`, which must not exist.
pub(crate) fn link(temporary: &Path, target: &Path) -> Result<(), Errno> {
    rustix::fs::linkat(CWD, temporary, CWD, target, AtFlags::empty())
}
