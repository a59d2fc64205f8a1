//! A directory of the local machine as HBase's file system (`hbase.rootdir = file:///…`).
//!
//! Paths are the machine's own absolute paths; only those at or below the root are served, all others are `Invalid`. The root itself
//! may be or pass through symbolic links. **Below the root symbolic links are never followed**: a restore runs with more rights than
//! HBase, and a link planted in HBase's tree must not lead it out. A link is listed (as a file) and cannot be opened. With the root `/`
//! there is no outside, and links are followed.
//!
//! Write order of a file: create under its final name (as HBase does: visible while written), bytes, fsync(file), fsync of its
//! directory and of every parent whose name may not be durable. A crash leaves a short file, as HBase's own writer would.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rustix::fs::{Advice, AtFlags, FallocateFlags, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

use crate::blocking::blocking;
use crate::key::{check_path, check_range, split_path};
use crate::local_disk::{DirectorySync, failure, length_bytes, modified_millis, read_exactly, retry_interrupted};
use crate::local_owner::Accounts;
use crate::local_pump::Pump;
use crate::local_temporary::directory_names;
use crate::{CreateOptions, FileReader, FileStatus, FileSystem, FileWriter, Result, Space, StorageError};

/// A local directory tree.
#[derive(Debug, Clone)]
pub struct LocalFileSystem {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    /// Whether links are followed below the root: only if the root is `/`.
    follows: bool,
    deadline: Duration,
    directories: DirectorySync,
    accounts: Accounts,
}

impl LocalFileSystem {
    /// The tree at and below `root`, an absolute path. `deadline` bounds each call.
    pub fn new(root: impl Into<PathBuf>, deadline: Duration) -> Self {
        let root = root.into();
        let follows = root == Path::new("/");
        let (directories, accounts) = (DirectorySync::default(), Accounts::default());
        Self { inner: Arc::new(Inner { root, follows, deadline, directories, accounts }) }
    }

    async fn run<T: Send + 'static>(&self, path: &str, work: impl FnOnce(&Inner, &str) -> Result<T> + Send + 'static) -> Result<T> {
        check_path(path)?;
        if !Path::new(path).starts_with(&self.inner.root) {
            let detail = format!("is outside of {}", self.inner.root.display());
            return Err(StorageError::Invalid { path: path.to_owned(), detail });
        }
        let (inner, owned) = (self.inner.clone(), path.to_owned());
        blocking(path, self.inner.deadline, move || work(&inner, &owned)).await
    }
}

impl Inner {
    /// The open parent of `path`, and the last name. The root's own parent is not ours: for the root this is the root and `.`.
    fn parent<'path>(&self, path: &'path str) -> std::result::Result<(OwnedFd, &'path str), Errno> {
        if Path::new(path) == self.root {
            return Ok((self.open_root()?, "."));
        }
        let (parent, name) = split_path(path).ok_or(Errno::INVAL)?;
        Ok((self.walk(parent)?, name))
    }

    fn open_root(&self) -> std::result::Result<OwnedFd, Errno> {
        rustix::fs::open(&self.root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    }

    /// Opens a directory part by part, so that no part is a link.
    fn walk(&self, directory: &str) -> std::result::Result<OwnedFd, Errno> {
        let mut opened = self.open_root()?;
        let below = Path::new(directory).strip_prefix(&self.root).map_err(|_| Errno::INVAL)?;
        for part in below.components() {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | if self.follows { OFlags::empty() } else { OFlags::NOFOLLOW };
            opened = match rustix::fs::openat(&opened, part.as_os_str(), flags, Mode::empty()) {
                Err(Errno::NOTDIR) if self.is_link(&opened, part.as_os_str()) => return Err(Errno::LOOP),
                next => next?,
            };
        }
        Ok(opened)
    }

    fn is_link(&self, directory: &OwnedFd, name: &std::ffi::OsStr) -> bool {
        !self.follows
            && rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
    }

    fn no_follow(&self) -> OFlags {
        if self.follows { OFlags::empty() } else { OFlags::NOFOLLOW }
    }

    fn stat_flags(&self) -> AtFlags {
        if self.follows { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW }
    }

    fn stat(&self, path: &str) -> std::result::Result<Stat, Errno> {
        let (parent, name) = self.parent(path)?;
        rustix::fs::statat(parent, name, self.stat_flags())
    }

    fn status(&self, path: String, stat: &Stat) -> FileStatus {
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        FileStatus {
            path,
            length_bytes: if is_directory { 0 } else { length_bytes(stat) },
            is_directory,
            modified_millis: modified_millis(stat),
            owner: Some(self.accounts.user_name(stat.st_uid)),
            group: Some(self.accounts.group_name(stat.st_gid)),
            mode: Some(stat.st_mode & 0o7777),
        }
    }

    /// Makes the entries of `directory` and all names up to the root durable.
    fn settle(&self, directory: &str, path: &str) -> Result<()> {
        let directory = Path::new(directory);
        let directory = if directory.starts_with(&self.root) { directory } else { &self.root };
        self.directories
            .settle(directory, self.root.parent().unwrap_or(&self.root))
            .map_err(|errno| failure(path, "fsync", &format!("read on directory {}", directory.display()), errno))
    }

    fn make_directories(&self, directory: &str) -> std::result::Result<(), Errno> {
        match self.walk(directory) {
            Err(Errno::NOENT) => {}
            found => return found.map(drop),
        }
        if Path::new(directory) == self.root {
            return self.directories.make(&self.root, 0o777);
        }
        let (parent, name) = split_path(directory).ok_or(Errno::INVAL)?;
        self.make_directories(parent)?;
        match rustix::fs::mkdirat(self.walk(parent)?, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => self.walk(directory).map(drop),
            Err(errno) => Err(errno),
        }
    }
}

/// Reading below a file finds nothing.
fn missing(errno: Errno) -> Errno {
    if errno == Errno::NOTDIR { Errno::NOENT } else { errno }
}

fn parent_right(path: &str) -> String {
    format!("write on directory {}", split_path(path).map_or("/", |(parent, _)| parent))
}

#[async_trait]
impl FileSystem for LocalFileSystem {
    fn url(&self) -> String {
        "file://".to_owned()
    }

    async fn status(&self, path: &str) -> Result<FileStatus> {
        self.run(path, |inner, path| {
            let stat = inner.stat(path).map_err(|errno| failure(path, "stat", "search the directory", missing(errno)))?;
            Ok(inner.status(path.to_owned(), &stat))
        })
        .await
    }

    async fn list(&self, path: &str) -> Result<Vec<FileStatus>> {
        self.run(path, |inner, path| {
            let fail = |errno| failure(path, "list", "read", missing(errno));
            let (parent, name) = inner.parent(path).map_err(fail)?;
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | inner.no_follow();
            let directory = rustix::fs::openat(parent, name, flags, Mode::empty()).map_err(fail)?;
            let mut names = directory_names(&directory).map_err(fail)?;
            names.sort();
            let base = path.trim_end_matches('/');
            let mut entries = Vec::with_capacity(names.len());
            for name in names {
                match rustix::fs::statat(&directory, &name, inner.stat_flags()) {
                    Ok(stat) => entries.push(inner.status(format!("{base}/{name}"), &stat)),
                    // Deleted, or a dangling link.
                    Err(Errno::NOENT) => {}
                    Err(errno) => return Err(fail(errno)),
                }
            }
            Ok(entries)
        })
        .await
    }

    async fn open(&self, path: &str) -> Result<Box<dyn FileReader>> {
        let deadline = self.inner.deadline;
        self.run(path, move |inner, path| {
            let fail = |errno| failure(path, "open", "read", missing(errno));
            let (parent, name) = inner.parent(path).map_err(fail)?;
            // NONBLOCK: a pipe in the tree must not hang us.
            let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | inner.no_follow();
            let file = rustix::fs::openat(parent, name, flags, Mode::empty()).map_err(fail)?;
            let stat = rustix::fs::fstat(&file).map_err(fail)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => {}
                FileType::Directory => return Err(failure(path, "open", "read", Errno::ISDIR)),
                _ => return Err(StorageError::Invalid { path: path.to_owned(), detail: "is neither a file nor a directory".to_owned() }),
            }
            // Advice: doubles the kernel's read-ahead. Files are read front to back.
            let _ = rustix::fs::fadvise(&file, 0, None, Advice::Sequential);
            let reader = LocalReader { path: path.to_owned(), file: Arc::new(file), length_bytes: length_bytes(&stat), deadline };
            Ok(Box::new(reader) as Box<dyn FileReader>)
        })
        .await
    }

    async fn create_new(&self, path: &str, options: CreateOptions) -> Result<Box<dyn FileWriter>> {
        let file_system = self.clone();
        self.run(path, move |inner, path| {
            let right = parent_right(path);
            let fail = |errno| failure(path, "create", &right, errno);
            let (parent, name) = match inner.parent(path) {
                Err(Errno::NOENT) => {
                    inner.make_directories(split_path(path).map_or("/", |(parent, _)| parent)).map_err(fail)?;
                    inner.parent(path).map_err(fail)?
                }
                found => found.map_err(fail)?,
            };
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let file = rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(0o666)).map_err(fail)?;
            if let Some(mode) = options.mode {
                rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)).map_err(fail)?;
            }
            if let Some(length) = options.expected_length_bytes.filter(|&length| length > 0) {
                // KEEP_SIZE: whoever watches the file sees only what is written.
                match retry_interrupted(|| rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, 0, length)) {
                    // A file system that cannot reserve reports a full disk when it is full.
                    Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
                    Err(errno) => {
                        let (parent, name) = inner.parent(path).map_err(fail)?;
                        let _ = rustix::fs::unlinkat(parent, name, AtFlags::empty());
                        return Err(failure(path, "reserve space", &right, errno));
                    }
                }
            }
            let pump = Pump::new(file, path.to_owned(), inner.deadline);
            Ok(Box::new(LocalWriter { file_system, path: path.to_owned(), pump, expected: options.expected_length_bytes }) as _)
        })
        .await
    }

    async fn rename_new(&self, from: &str, to: &str) -> Result<()> {
        let target = to.to_owned();
        check_path(to)?;
        if !Path::new(to).starts_with(&self.inner.root) {
            return Err(StorageError::Invalid { path: target, detail: format!("is outside of {}", self.inner.root.display()) });
        }
        self.run(from, move |inner, from| {
            let to = target.as_str();
            let right = format!("{} and {}", parent_right(from), parent_right(to));
            let (from_parent, from_name) = inner.parent(from).map_err(|errno| failure(from, "rename", &right, missing(errno)))?;
            rustix::fs::statat(&from_parent, from_name, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|errno| failure(from, "rename", &right, errno))?;
            let (to_parent, to_name) = inner.parent(to).map_err(|errno| failure(to, "rename", &right, errno))?;
            rustix::fs::renameat_with(&from_parent, from_name, &to_parent, to_name, RenameFlags::NOREPLACE).map_err(
                |errno| match errno {
                    // The kernel says so for a directory that would move below itself, and where NOREPLACE is unknown.
                    Errno::INVAL if to.starts_with(&format!("{from}/")) => {
                        StorageError::Invalid { path: to.to_owned(), detail: "lies below what is renamed".to_owned() }
                    }
                    Errno::INVAL => StorageError::Unsupported {
                        path: to.to_owned(),
                        detail: "this file system cannot rename without overwriting".to_owned(),
                    },
                    errno => failure(to, "rename", &right, errno),
                },
            )?;
            let parents = (split_path(from).map_or("/", |(parent, _)| parent), split_path(to).map_or("/", |(parent, _)| parent));
            inner.settle(parents.1, to)?;
            if parents.0 != parents.1 { inner.settle(parents.0, from) } else { Ok(()) }
        })
        .await
    }

    async fn make_directories(&self, path: &str) -> Result<()> {
        self.run(path, |inner, path| {
            match inner.make_directories(path) {
                // The last part is a file, or one before it.
                Err(Errno::NOTDIR) if inner.stat(path).is_ok() => return Err(StorageError::AlreadyExists { path: path.to_owned() }),
                made => made.map_err(|errno| failure(path, "make", &parent_right(path), errno))?,
            }
            inner.settle(path, path)
        })
        .await
    }

    async fn delete(&self, path: &str, recursive: bool) -> Result<()> {
        self.run(path, move |inner, path| {
            if Path::new(path) == inner.root {
                return Err(StorageError::Invalid { path: path.to_owned(), detail: "the root is never deleted".to_owned() });
            }
            let right = parent_right(path);
            let (parent, name) = match inner.parent(path) {
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
                found => found.map_err(|errno| failure(path, "delete", &right, errno))?,
            };
            match remove(&parent, name, recursive) {
                Ok(()) => inner.settle(split_path(path).map_or("/", |(parent, _)| parent), path),
                Err(Errno::NOENT) => Ok(()),
                Err(Errno::EXIST) => Err(failure(path, "delete", &right, Errno::NOTEMPTY)),
                Err(errno) => Err(failure(path, "delete", &right, errno)),
            }
        })
        .await
    }

    async fn set_owner(&self, path: &str, owner: Option<&str>, group: Option<&str>) -> Result<()> {
        let (owner, group) = (owner.map(str::to_owned), group.map(str::to_owned));
        self.run(path, move |inner, path| {
            let owner = owner.map(|name| inner.accounts.user(path, &name)).transpose()?;
            let group = group.map(|name| inner.accounts.group(path, &name)).transpose()?;
            let fail = |errno| failure(path, "set owner of", "change the owner (CAP_CHOWN)", errno);
            let (parent, name) = inner.parent(path).map_err(|errno| fail(missing(errno)))?;
            rustix::fs::chownat(parent, name, owner, group, inner.stat_flags()).map_err(fail)
        })
        .await
    }

    async fn set_mode(&self, path: &str, mode: u32) -> Result<()> {
        self.run(path, move |inner, path| {
            let fail = |errno| failure(path, "set mode of", "be the owner", errno);
            let (parent, name) = inner.parent(path).map_err(|errno| fail(missing(errno)))?;
            if inner.is_link(&parent, name.as_ref()) {
                return Err(fail(Errno::LOOP));
            }
            rustix::fs::chmodat(parent, name, Mode::from_raw_mode(mode), AtFlags::empty()).map_err(fail)
        })
        .await
    }

    async fn space(&self) -> Result<Option<Space>> {
        let root = self.inner.root.display().to_string();
        self.run(&root, |inner, path| {
            // The root may have to be made yet: what counts is the file system it will be on.
            let existing = inner.root.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
            let found = rustix::fs::statvfs(existing).map_err(|errno| failure(path, "statvfs", "search", errno))?;
            let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
            Ok(Some(Space { free_bytes: bytes(found.f_bavail), total_bytes: bytes(found.f_blocks) }))
        })
        .await
    }
}

/// Removes a name, and with `recursive` what is below it. Links are removed, not followed.
fn remove(parent: &OwnedFd, name: &str, recursive: bool) -> std::result::Result<(), Errno> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Err(Errno::ISDIR | Errno::PERM) => {}
        done => return done,
    }
    match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOTEMPTY | Errno::EXIST) if recursive => {}
        done => return done,
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    for entry in directory_names(&directory)? {
        match remove(&directory, &entry, true) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
}

#[derive(Debug)]
struct LocalReader {
    path: String,
    file: Arc<OwnedFd>,
    length_bytes: u64,
    deadline: Duration,
}

#[async_trait]
impl FileReader for LocalReader {
    fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    async fn read_range(&self, offset: u64, length: usize) -> Result<Bytes> {
        check_range(&self.path, offset, length as u64, self.length_bytes)?;
        let (file, path) = (self.file.clone(), self.path.clone());
        blocking(&self.path, self.deadline, move || read_exactly(&file, &path, offset, length)).await
    }
}

#[derive(Debug)]
struct LocalWriter {
    file_system: LocalFileSystem,
    path: String,
    pump: Pump,
    expected: Option<u64>,
}

#[async_trait]
impl FileWriter for LocalWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.pump.push(bytes).await
    }

    async fn close(mut self: Box<Self>) -> Result<FileStatus> {
        let length = self.pump.finish().await?;
        let (file, expected) = (self.pump.file().clone(), self.expected);
        let closed = self.file_system.run(&self.path, move |inner, path| {
            let fail = |errno| failure(path, "close", "write", errno);
            if expected.is_some_and(|expected| expected > length) {
                // Gives back what was reserved beyond the end.
                rustix::fs::ftruncate(&file, length).map_err(fail)?;
                retry_interrupted(|| rustix::fs::fsync(&file)).map_err(fail)?;
            }
            inner.settle(split_path(path).map_or("/", |(parent, _)| parent), path)?;
            Ok(inner.status(path.to_owned(), &rustix::fs::fstat(&file).map_err(fail)?))
        });
        closed.await
    }
}
