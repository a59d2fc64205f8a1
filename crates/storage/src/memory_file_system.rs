//! A file system in memory, with HBase's needs: the test double of local disk and HDFS.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::key::{check_path, check_range, split_path};
use crate::{Clock, CreateOptions, FileReader, FileStatus, FileSystem, FileWriter, Result, Space, StorageError, SystemClock};

#[derive(Debug, Clone)]
struct Node {
    /// `None` for a directory.
    body: Option<Bytes>,
    modified_millis: i64,
    owner: String,
    group: String,
    mode: u32,
}

/// Absolute path to node; `/` is always there.
type Nodes = BTreeMap<String, Node>;

/// A tree in memory. Clones share it.
#[derive(Debug, Clone)]
pub struct MemoryFileSystem {
    nodes: Arc<Mutex<Nodes>>,
    clock: Arc<dyn Clock>,
}

impl Default for MemoryFileSystem {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

impl MemoryFileSystem {
    /// A tree with nothing but `/`, whose dates come from `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let root = directory(clock.now_millis());
        Self { nodes: Arc::new(Mutex::new(BTreeMap::from([("/".to_owned(), root)]))), clock }
    }

    /// Every file and its bytes.
    pub fn contents(&self) -> BTreeMap<String, Bytes> {
        self.lock().iter().filter_map(|(path, node)| Some((path.clone(), node.body.clone()?))).collect()
    }

    /// Writes a file whatever was there, with its parents: for tests that build or damage a tree.
    pub fn overwrite(&self, path: &str, body: impl Into<Bytes>) -> Result<()> {
        check_path(path)?;
        let mut nodes = self.lock();
        if let Some((parent, _)) = split_path(path) {
            make_directories(&mut nodes, parent, self.clock.now_millis())?;
        }
        nodes.insert(path.to_owned(), file(body.into(), None, self.clock.now_millis()));
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, path: &str, change: impl FnOnce(&mut Node)) -> Result<()> {
        check_path(path)?;
        self.lock().get_mut(path).map(change).ok_or_else(|| not_found(path))
    }
}

fn directory(now_millis: i64) -> Node {
    Node { body: None, modified_millis: now_millis, owner: "memory".to_owned(), group: "memory".to_owned(), mode: 0o755 }
}

fn file(body: Bytes, mode: Option<u32>, now_millis: i64) -> Node {
    Node { body: Some(body), mode: mode.unwrap_or(0o644), ..directory(now_millis) }
}

fn not_found(path: &str) -> StorageError {
    StorageError::NotFound { path: path.to_owned() }
}

fn already_exists(path: &str) -> StorageError {
    StorageError::AlreadyExists { path: path.to_owned() }
}

fn invalid(path: &str, detail: &str) -> StorageError {
    StorageError::Invalid { path: path.to_owned(), detail: detail.to_owned() }
}

fn status(path: &str, node: &Node) -> FileStatus {
    FileStatus {
        path: path.to_owned(),
        length_bytes: node.body.as_ref().map_or(0, |body| body.len() as u64),
        is_directory: node.body.is_none(),
        modified_millis: node.modified_millis,
        owner: Some(node.owner.clone()),
        group: Some(node.group.clone()),
        mode: Some(node.mode),
    }
}

/// What every path below directory `path` starts with.
fn below(path: &str) -> String {
    if path == "/" { "/".to_owned() } else { format!("{path}/") }
}

fn make_directories(nodes: &mut Nodes, path: &str, now_millis: i64) -> Result<()> {
    match nodes.get(path) {
        Some(Node { body: None, .. }) => return Ok(()),
        Some(_) => return Err(already_exists(path)),
        None => {}
    }
    if let Some((parent, _)) = split_path(path) {
        make_directories(nodes, parent, now_millis).map_err(|error| match error {
            StorageError::AlreadyExists { path: parent } => invalid(path, &format!("{parent} is not a directory")),
            other => other,
        })?;
    }
    nodes.insert(path.to_owned(), directory(now_millis));
    Ok(())
}

/// The direct entries of `path`, or everything below it.
fn descendants<'nodes>(nodes: &'nodes Nodes, path: &str) -> impl Iterator<Item = (&'nodes String, &'nodes Node)> {
    let below = below(path);
    nodes.range(below.clone()..).take_while(move |(name, _)| name.starts_with(&below)).filter(|(name, _)| name.as_str() != "/")
}

#[async_trait]
impl FileSystem for MemoryFileSystem {
    fn url(&self) -> String {
        "memory:".to_owned()
    }

    async fn status(&self, path: &str) -> Result<FileStatus> {
        check_path(path)?;
        self.lock().get(path).map(|node| status(path, node)).ok_or_else(|| not_found(path))
    }

    async fn list(&self, path: &str) -> Result<Vec<FileStatus>> {
        check_path(path)?;
        let nodes = self.lock();
        match nodes.get(path) {
            Some(Node { body: None, .. }) => {}
            _ => return Err(not_found(path)),
        }
        let skipped = below(path).len();
        let direct = descendants(&nodes, path).filter(|(name, _)| !name.get(skipped..).unwrap_or("").contains('/'));
        Ok(direct.map(|(name, node)| status(name, node)).collect())
    }

    async fn open(&self, path: &str) -> Result<Box<dyn FileReader>> {
        check_path(path)?;
        match self.lock().get(path) {
            Some(Node { body: Some(body), .. }) => Ok(Box::new(MemoryReader { path: path.to_owned(), body: body.clone() })),
            Some(_) => Err(invalid(path, "is a directory")),
            None => Err(not_found(path)),
        }
    }

    async fn create_new(&self, path: &str, options: CreateOptions) -> Result<Box<dyn FileWriter>> {
        check_path(path)?;
        let now_millis = self.clock.now_millis();
        let mut nodes = self.lock();
        if nodes.contains_key(path) {
            return Err(already_exists(path));
        }
        if let Some((parent, _)) = split_path(path) {
            make_directories(&mut nodes, parent, now_millis).map_err(|error| match error {
                StorageError::AlreadyExists { path: parent } => invalid(path, &format!("{parent} is not a directory")),
                other => other,
            })?;
        }
        nodes.insert(path.to_owned(), file(Bytes::new(), options.mode, now_millis));
        Ok(Box::new(MemoryWriter { file_system: self.clone(), path: path.to_owned(), body: BytesMut::new() }))
    }

    async fn rename_new(&self, from: &str, to: &str) -> Result<()> {
        check_path(from)?;
        check_path(to)?;
        let mut nodes = self.lock();
        if !nodes.contains_key(from) {
            return Err(not_found(from));
        }
        if nodes.contains_key(to) {
            return Err(already_exists(to));
        }
        if to.starts_with(&below(from)) {
            return Err(invalid(to, "lies below what is renamed"));
        }
        match split_path(to).and_then(|(parent, _)| nodes.get(parent)) {
            Some(Node { body: None, .. }) => {}
            Some(_) => return Err(invalid(to, "its parent is not a directory")),
            None => return Err(not_found(split_path(to).map_or(to, |(parent, _)| parent))),
        }
        let mut moved: Vec<String> = descendants(&nodes, from).map(|(name, _)| name.clone()).collect();
        moved.push(from.to_owned());
        for name in moved {
            if let (Some(node), Some(rest)) = (nodes.remove(&name), name.strip_prefix(from)) {
                nodes.insert(format!("{to}{rest}"), node);
            }
        }
        Ok(())
    }

    async fn make_directories(&self, path: &str) -> Result<()> {
        check_path(path)?;
        make_directories(&mut self.lock(), path, self.clock.now_millis())
    }

    async fn delete(&self, path: &str, recursive: bool) -> Result<()> {
        check_path(path)?;
        if path == "/" {
            return Err(invalid(path, "the root is never deleted"));
        }
        let mut nodes = self.lock();
        let inside: Vec<String> = descendants(&nodes, path).map(|(name, _)| name.clone()).collect();
        if !inside.is_empty() && !recursive {
            return Err(invalid(path, "the directory is not empty"));
        }
        nodes.remove(path);
        for name in inside {
            nodes.remove(&name);
        }
        Ok(())
    }

    async fn set_owner(&self, path: &str, owner: Option<&str>, group: Option<&str>) -> Result<()> {
        self.change(path, |node| {
            if let Some(owner) = owner {
                owner.clone_into(&mut node.owner);
            }
            if let Some(group) = group {
                group.clone_into(&mut node.group);
            }
        })
    }

    async fn set_mode(&self, path: &str, mode: u32) -> Result<()> {
        self.change(path, |node| node.mode = mode)
    }

    async fn space(&self) -> Result<Option<Space>> {
        Ok(None)
    }
}

#[derive(Debug)]
struct MemoryReader {
    path: String,
    body: Bytes,
}

#[async_trait]
impl FileReader for MemoryReader {
    fn length_bytes(&self) -> u64 {
        self.body.len() as u64
    }

    async fn read_range(&self, offset: u64, length: usize) -> Result<Bytes> {
        check_range(&self.path, offset, length as u64, self.length_bytes())?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(self.body.slice(start..start + length))
    }
}

#[derive(Debug)]
struct MemoryWriter {
    file_system: MemoryFileSystem,
    path: String,
    body: BytesMut,
}

impl MemoryWriter {
    /// Shows what is written so far, unless the file was deleted meanwhile.
    fn show(&self) -> Result<FileStatus> {
        let now_millis = self.file_system.clock.now_millis();
        let mut nodes = self.file_system.lock();
        let node = nodes.get_mut(&self.path).ok_or_else(|| not_found(&self.path))?;
        node.body = Some(Bytes::copy_from_slice(&self.body));
        node.modified_millis = now_millis;
        Ok(status(&self.path, node))
    }
}

#[async_trait]
impl FileWriter for MemoryWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.body.extend_from_slice(&bytes);
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<FileStatus> {
        self.show()
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        // A writer that dies leaves what it wrote, as on disk; a deleted file has nowhere to leave it.
        drop(self.show());
    }
}
