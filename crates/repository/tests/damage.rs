//! Every byte that is not file data, every 97th that is, truncation, swap, deletion: found, with object and backups named; no wrong byte
//! is ever returned.

mod common;

use std::sync::Arc;

use bytes::Bytes;
use common::{Fixture, Source, back_up, read_whole};
use repository::{Environment, OpenOptions, Repository, RepositoryError, VerifyLevel, VerifyOptions, VerifyReport};
use storage::{MemoryStore, ObjectStore};

struct Damaged {
    memory: Arc<MemoryStore>,
    fixture: Fixture,
    sources: Vec<Source>,
    repository: Repository,
}

impl Damaged {
    async fn new() -> Self {
        let memory = Arc::new(MemoryStore::new(Arc::new(storage::SystemClock)));
        let fixture = Fixture::over(memory.clone()).await;
        let mut sources = vec![Source::new("large", 5, 1_100_000)];
        sources.extend((0..3).map(|n| Source::new(&format!("small-{n}"), 9 + 6 * n, 500)));
        let repository = fixture.open().await;
        back_up(&repository, &sources[..2]).await.expect("first");
        back_up(&repository, &sources).await.expect("second");
        Self { memory, fixture, sources, repository }
    }

    async fn verify(&self, level: VerifyLevel) -> VerifyReport {
        self.repository.verify(VerifyOptions { level, backups: Vec::new(), workers: 2 }, &|_| {}).await.expect("verify itself goes on")
    }

    /// Replaces an object for the time of the check.
    async fn expect_found(&self, key: &str, original: &Bytes, damaged: Vec<u8>, what: &str, level: VerifyLevel) {
        self.memory.overwrite(key, damaged);
        let report = self.verify(level).await;
        let damage = report.damages.iter().find(|damage| damage.object == key);
        assert!(damage.is_some(), "{key} {what}: not found; {:?}", report.damages);
        if key.starts_with("d/") || key.starts_with("m/") && !key.contains("commit") {
            assert!(damage.is_some_and(|damage| !damage.backups.is_empty()), "{key} {what}: no backup named");
        }
        if key.starts_with("d/") {
            assert!(damage.is_some_and(|damage| !damage.files.is_empty()), "{key} {what}: no file named");
        }
        self.fresh_open_is_honest(key, what).await;
        self.memory.overwrite(key, original.clone());
    }

    /// A fresh open fails with damage, or gives files that are right or refused.
    async fn fresh_open_is_honest(&self, key: &str, what: &str) {
        let opened =
            Repository::open(self.fixture.store.clone(), Environment::system(), self.fixture.unlock(), OpenOptions::default()).await;
        let repository = match opened {
            Ok(repository) => repository,
            Err(error) => {
                assert!(error.is_damage(), "{key} {what}: {error:?}");
                return;
            }
        };
        if key.starts_with("commit/") {
            assert!(!repository.log_damage().is_empty(), "{key} {what}: a damaged record went unnoticed");
            let refused = repository.begin_upload(Default::default()).await;
            assert!(matches!(refused, Err(RepositoryError::ReadOnly { .. })), "{key} {what}: written after damage");
        }
        let Ok(reader) = repository.open_backup(2).await else { return };
        for source in &self.sources {
            let read = match reader.file(&source.identity()).await {
                Ok(Some(file)) => read_whole(&repository, &file).await,
                Ok(None) => panic!("{key} {what}: a file vanished"),
                Err(error) => Err(error),
            };
            match read {
                Ok(bytes) => assert!(bytes == source.bytes, "{key} {what}: wrong bytes of {}", source.name),
                Err(error) => assert!(error.is_damage(), "{key} {what}: {error:?}"),
            }
        }
    }
}

fn flips(key: &str, length: usize) -> Vec<usize> {
    if key.starts_with("d/") && length > 2000 {
        // Header, frame table and footer whole; every 97th byte of the frames.
        (0..256).chain((256..length - 300).step_by(97 * 41)).chain(length - 300..length).collect()
    } else {
        (0..length).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flipped_byte_is_found() {
    let damaged = Damaged::new().await;
    assert_eq!(damaged.verify(VerifyLevel::Data).await.damages, []);
    for (key, original) in damaged.memory.contents() {
        for index in flips(&key, original.len()) {
            let mut bytes = original.to_vec();
            bytes[index] ^= 1 << (index % 8);
            damaged.expect_found(&key, &original, bytes, &format!("byte {index}"), VerifyLevel::Data).await;
        }
    }
}

/// Every 97th data byte, checked by verify alone.
#[tokio::test(flavor = "multi_thread")]
async fn every_97th_data_byte_is_found_and_placed() {
    let damaged = Damaged::new().await;
    let (key, original) =
        damaged.memory.contents().into_iter().filter(|(key, _)| key.starts_with("d/")).max_by_key(|(_, bytes)| bytes.len()).expect("data");
    for index in (256..original.len() - 300).step_by(97 * 7) {
        let mut bytes = original.to_vec();
        bytes[index] ^= 0x80;
        damaged.memory.overwrite(&key, bytes);
        let file = damaged
            .repository
            .open_backup(2)
            .await
            .expect("open")
            .file(&damaged.sources[0].identity())
            .await
            .expect("index")
            .expect("file");
        let read = read_whole(&damaged.repository, &file).await;
        let Err(RepositoryError::Damaged { object, offset, .. }) = read else {
            panic!("byte {index}: {:?}", read.map(|bytes| bytes.len()))
        };
        assert_eq!(object, key);
        assert!(offset <= index as u64 && (index as u64) < offset + (1 << 20) + 16, "byte {index} is reported in another frame: {offset}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn truncation_deletion_and_swap() {
    let damaged = Damaged::new().await;
    let contents = damaged.memory.contents();
    for (key, original) in &contents {
        let length = original.len();
        let level = if key.contains("commit") { VerifyLevel::Data } else { VerifyLevel::Quick };
        for cut in [0, 1, 8, 127, 128, 255, 256, 257, length / 2, length.saturating_sub(33), length.saturating_sub(32), length - 1] {
            if cut < length {
                damaged.expect_found(key, original, original[..cut].to_vec(), &format!("cut to {cut}"), level).await;
            }
        }
        damaged.memory.delete(key).await.expect("delete");
        let report = damaged.verify(level).await;
        let named = report.damages.iter().any(|damage| damage.object == *key || damage.object == "keys/");
        assert!(named, "deleted {key}: {:?}", report.damages);
        damaged.memory.overwrite(key, original.clone());
    }
    let data: Vec<_> = contents.iter().filter(|(key, _)| key.starts_with("d/")).collect();
    for (key, original) in &data {
        for (other, bytes) in &data {
            if key != other {
                damaged.expect_found(key, original, bytes.to_vec(), &format!("replaced by {other}"), VerifyLevel::Data).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_read_is_not_damage() {
    let damaged = Damaged::new().await;
    let report = damaged.verify(VerifyLevel::Data).await;
    assert_eq!((report.damages.len(), report.transient, report.backups, report.records), (0, 0, 2, 2));
}
