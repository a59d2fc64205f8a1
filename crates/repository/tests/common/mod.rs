//! What the tests of the repository share.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod crash;
pub mod damage_table;

use std::sync::Arc;

use bytes::Bytes;
use repository::{
    BackupReader, CommitReceipt, CommitRequest, Compression, Environment, FileIdentity, FileOptions, InitOptions, OpenOptions, Repository,
    StoredFile, Unlock, Upload, UploadOptions,
};
use storage::{MemoryStore, ObjectStore};
use zeroize::Zeroizing;

/// A repository in memory and the key that opens it.
pub struct Fixture {
    pub store: Arc<dyn ObjectStore>,
    pub key: Zeroizing<Vec<u8>>,
}

impl Fixture {
    pub async fn new() -> Self {
        Self::over(Arc::new(MemoryStore::new(Arc::new(storage::SystemClock)))).await
    }

    pub async fn over(store: Arc<dyn ObjectStore>) -> Self {
        let report = Repository::init(store.clone(), Environment::system(), InitOptions::default()).await.expect("init");
        Self { store, key: report.key_file }
    }

    pub fn unlock(&self) -> Unlock {
        Unlock::KeyFile(self.key.clone())
    }

    pub async fn try_open(&self) -> repository::Result<Repository> {
        Repository::open(self.store.clone(), Environment::system(), self.unlock(), OpenOptions::default()).await
    }

    pub async fn open(&self) -> Repository {
        self.try_open().await.expect("open")
    }
}

/// Content that depends on a seed: `length` bytes, incompressible unless `plain`.
pub fn content(seed: u64, length: usize, plain: bool) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if plain {
            bytes.extend_from_slice(format!("row{:06}/value ", state % 1000).as_bytes());
        } else {
            bytes.extend_from_slice(&state.to_le_bytes());
        }
    }
    bytes.truncate(length);
    Bytes::from(bytes)
}

/// A source file.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub bytes: Bytes,
    pub group: &'static str,
}

impl Source {
    pub fn new(name: &str, seed: u64, length: usize) -> Self {
        Self {
            name: name.to_owned(),
            bytes: content(seed, length, seed.is_multiple_of(2)),
            group: if seed.is_multiple_of(3) { "a" } else { "b" },
        }
    }

    pub fn identity(&self) -> FileIdentity {
        FileIdentity { name: self.name.clone(), length: self.bytes.len() as u64 }
    }
}

pub async fn store_file(upload: &Upload, source: &Source) -> repository::Result<StoredFile> {
    if let Some(known) = upload.known(&source.identity()) {
        return Ok(known);
    }
    let options = FileOptions { group: Bytes::from_static(source.group.as_bytes()), compression: Compression::Auto };
    let mut sink = upload.file(&source.identity(), options).await?;
    for chunk in source.bytes.chunks(300_001) {
        sink.write(source.bytes.slice_ref(chunk)).await?;
    }
    sink.finish([source.bytes.len() as u8; 32]).await
}

/// One backup of `sources`; the manifest lists names and lengths.
pub async fn back_up(repository: &Repository, sources: &[Source]) -> repository::Result<CommitReceipt> {
    back_up_with(repository, sources, UploadOptions::default()).await
}

pub async fn back_up_with(repository: &Repository, sources: &[Source], options: UploadOptions) -> repository::Result<CommitReceipt> {
    let upload = repository.begin_upload(options).await?;
    let mut request = CommitRequest { row: Bytes::from_static(b"row"), ..CommitRequest::default() };
    for source in sources {
        request.files.push(store_file(&upload, source).await?);
        request.manifest.push((Bytes::from(source.name.clone()), Bytes::from(source.bytes.len().to_string())));
    }
    request.manifest.sort();
    upload.commit(request).await
}

/// Reads one file whole.
pub async fn read_whole(repository: &Repository, file: &StoredFile) -> repository::Result<Vec<u8>> {
    let mut stream = repository.read_file(file).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Every file of the backup is there and equal to its source, and the manifest lists exactly these.
pub async fn check_backup(repository: &Repository, sequence: u64, sources: &[Source]) {
    let reader: BackupReader = repository.open_backup(sequence).await.expect("open backup");
    for source in sources {
        let file = reader.file(&source.identity()).await.expect("index").expect("the file is in the backup");
        assert_eq!(read_whole(repository, &file).await.expect("read"), source.bytes, "{}", source.name);
    }
    let mut entries = reader.entries(b"");
    let mut names = Vec::new();
    while let Some((key, _)) = entries.next().await.expect("manifest") {
        names.push(String::from_utf8(key.to_vec()).expect("name"));
    }
    let mut expected: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
    expected.sort();
    assert_eq!(names, expected);
}
