//! A source tree, a repository in memory, and recorders on both.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use api::BackupReport;
use bytes::Bytes;
use catalog::Record;
use catalog::key::Key;
use engine::backup::{BackupOptions, TableSelection};
use engine::{CancellationToken, Cluster, EngineError, Silent};
use hbase_proto::{FileInfoProto, FileTrailerProto, Message, PROTOBUF_MAGIC};
use repository::{Environment, FileIdentity, InitOptions, OpenOptions, Repository, Unlock};
use storage::wrap::Recorder;
use storage::{Clock, FileSystem, LocalFileSystem, MemoryFileSystem, MemoryStore, ObjectStore};
use testkit::fixtures;

/// A clock that stands still, so that two runs write the same times.
#[derive(Debug)]
pub(crate) struct Still;

impl Clock for Still {
    fn now_millis(&self) -> i64 {
        1_700_000_000_000
    }
}

/// See the head of this file.
pub(crate) struct World {
    pub(crate) file_system: Arc<dyn FileSystem>,
    pub(crate) root: String,
    pub(crate) memory: Arc<MemoryStore>,
    pub(crate) unlock: Unlock,
    /// Calls to the source.
    pub(crate) source_calls: Recorder,
    /// Calls to the repository's store.
    pub(crate) store_calls: Recorder,
}

impl World {
    /// Over the root directory of a fixture, or a copy of one.
    pub(crate) async fn over(root: PathBuf) -> Self {
        let path = root.to_str().unwrap().to_owned();
        Self::with(Arc::new(LocalFileSystem::new(root, Duration::from_secs(60))), path).await
    }

    pub(crate) async fn with(file_system: Arc<dyn FileSystem>, root: String) -> Self {
        let memory = Arc::new(MemoryStore::default());
        let report = Repository::init(memory.clone(), Environment::system(), InitOptions::default()).await.unwrap();
        let unlock = Unlock::KeyFile(report.key_file);
        Self { file_system, root, memory, unlock, source_calls: Recorder::new(), store_calls: Recorder::new() }
    }

    pub(crate) fn cluster(&self) -> Cluster {
        Cluster::new("fixture", None, self.source_calls.file_system(self.file_system.clone()), self.root.clone())
    }

    pub(crate) async fn open(&self) -> Repository {
        self.open_over(self.memory.clone(), OpenOptions::default()).await
    }

    pub(crate) async fn open_over(&self, store: Arc<dyn ObjectStore>, options: OpenOptions) -> Repository {
        Repository::open(self.store_calls.store(store), Environment::system(), self.unlock.clone(), options).await.unwrap()
    }

    pub(crate) async fn backup(&self, options: BackupOptions) -> Result<BackupReport, EngineError> {
        let repository = self.open().await;
        self.backup_into(&repository, options).await
    }

    pub(crate) async fn backup_into(&self, repository: &Repository, options: BackupOptions) -> Result<BackupReport, EngineError> {
        let planned = engine::backup::plan(&self.cluster(), repository, options, Arc::new(Still), &Silent).await?;
        engine::backup::run(planned, Arc::new(Silent), CancellationToken::new()).await
    }

    /// Content of every physical file of a backup as the repository gives it back, by name.
    pub(crate) async fn restored(&self, sequence: u64) -> BTreeMap<String, Vec<u8>> {
        let repository = self.open().await;
        let reader = repository.open_backup(sequence).await.unwrap();
        let mut restored = BTreeMap::new();
        for (key, value) in self.entries(sequence).await {
            if !matches!(Key::decode(&key).unwrap(), Key::StoreFile { .. }) {
                continue;
            }
            let record = catalog::StoreFileRecord::from_bytes(value).unwrap();
            let identity = FileIdentity { name: record.physical_name.clone(), length: record.physical_length };
            let file = reader.file(&identity).await.unwrap().expect("a file of the manifest is in the index");
            let mut stream = repository.read_file(&file).await.unwrap();
            let mut bytes = Vec::new();
            while let Some(chunk) = stream.next().await.unwrap() {
                bytes.extend_from_slice(&chunk);
            }
            restored.insert(record.physical_name, bytes);
        }
        restored
    }

    /// The manifest of a backup.
    pub(crate) async fn entries(&self, sequence: u64) -> Vec<(Bytes, Bytes)> {
        let repository = self.open().await;
        let mut stream = repository.open_backup(sequence).await.unwrap().entries(b"");
        let mut entries = Vec::new();
        while let Some(entry) = stream.next().await.unwrap() {
            entries.push(entry);
        }
        entries
    }
}

/// Every user table.
pub(crate) fn all() -> BackupOptions {
    BackupOptions { selection: TableSelection { all: true, ..TableSelection::default() }, ..BackupOptions::default() }
}

pub(crate) fn only(table: &str) -> BackupOptions {
    BackupOptions { selection: TableSelection { tables: vec![table.to_owned()], ..TableSelection::default() }, ..BackupOptions::default() }
}

/// Every file below a directory.
pub(crate) fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_below(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

/// Whether a path is that of a store file: `…/<region, 32 digits>/<family>/<file>`.
pub(crate) fn is_store_file(path: &str) -> bool {
    let parts: Vec<&str> = path.rsplit('/').collect();
    let [file, family, region, ..] = parts[..] else { return false };
    let is_hexadecimal = |text: &str| text.len() >= 32 && text.bytes().take(32).all(|byte| byte.is_ascii_hexdigit());
    is_hexadecimal(region) && region.len() == 32 && is_hexadecimal(file) && !family.starts_with('.') && family != "recovered.edits"
}

/// The table `users` of a fixture with its regions, and no store file yet; and the directories of its families.
pub(crate) fn empty_users() -> (MemoryFileSystem, Vec<String>) {
    let root = fixtures::root("2.6.4").unwrap();
    let tree = MemoryFileSystem::default();
    let mut families = Vec::new();
    for file in files_below(&root.join("data/default/users")).into_iter().chain(["hbase.id", "hbase.version"].map(|name| root.join(name))) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let path = format!("/hbase/{}", file.strip_prefix(&root).unwrap().to_str().unwrap());
        if name.starts_with('.') || name.starts_with("hbase.") {
            tree.overwrite(&path, std::fs::read(&file).unwrap()).unwrap();
        }
        if name == ".regioninfo" {
            families.extend(["a", "b"].map(|family| path.replace(".regioninfo", family)));
        }
    }
    assert_eq!(families.len(), 8);
    families.sort();
    (tree, families)
}

/// An HFile of `length` bytes that is sound to the last checksum-less block; its cells are noise.
pub(crate) fn hfile(seed: u64, length: usize) -> Vec<u8> {
    const TRAILER_BYTES: usize = 4096;
    let info = [PROTOBUF_MAGIC.as_slice(), &FileInfoProto::default().encode_length_delimited_to_vec()].concat();
    let around = block(b"DATABLK*", &[]).len() + block(b"IDXROOT2", &[0; 8]).len() + block(b"FILEINF2", &info).len() + TRAILER_BYTES;
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = Vec::with_capacity(length);
    while noise.len() < length - around {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    noise.truncate(length - around);
    let mut file = block(b"DATABLK*", &noise);
    let load_on_open = file.len() as u64;
    file.extend(block(b"IDXROOT2", &[0; 8]));
    let file_info = file.len() as u64;
    file.extend(block(b"FILEINF2", &info));
    let trailer = FileTrailerProto {
        load_on_open_data_offset: Some(load_on_open),
        file_info_offset: Some(file_info),
        entry_count: Some(seed),
        first_data_block_offset: Some(0),
        last_data_block_offset: Some(0),
        ..FileTrailerProto::default()
    };
    let end = file.len() + TRAILER_BYTES - 4;
    file.extend_from_slice(b"TRABLK\"$");
    file.extend(trailer.encode_length_delimited_to_vec());
    file.resize(end, 0);
    file.extend_from_slice(&(3u32 << 24 | 3).to_be_bytes());
    assert_eq!(file.len(), length);
    file
}

/// One sum for a whole block, which a block without checksums leaves unused.
fn block(magic: &[u8; 8], data: &[u8]) -> Vec<u8> {
    let length = data.len() as u32;
    let mut block = magic.to_vec();
    block.extend_from_slice(&(length + 4).to_be_bytes());
    block.extend_from_slice(&length.to_be_bytes());
    block.extend_from_slice(&u64::MAX.to_be_bytes());
    block.push(0);
    block.extend_from_slice(&(i32::MAX as u32).to_be_bytes());
    block.extend_from_slice(&(length + 33).to_be_bytes());
    block.extend_from_slice(data);
    block.extend_from_slice(&[0; 4]);
    block
}
