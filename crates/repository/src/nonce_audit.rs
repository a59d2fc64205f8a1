//! In unit tests every sealing is noted: sealing two different messages under one key and one nonce ends the test.
//!
//! The key is known by its commitment, which is derived together with it. The same message twice gives the same bytes and tells nobody
//! anything, so it counts once; that lets tests use fixed keys.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

type Sealed = HashMap<([u8; 32], [u8; 12]), [u8; 32]>;

static SEALED: Mutex<Option<Sealed>> = Mutex::new(None);

/// Notes one sealing, before it happens.
pub(crate) fn note(commitment: &[u8; 32], nonce: &[u8], aad: &[u8], plaintext: &[u8]) {
    let nonce: [u8; 12] = nonce.try_into().expect("a nonce has twelve bytes");
    let message = *blake3::Hasher::new().update(&(aad.len() as u64).to_le_bytes()).update(aad).update(plaintext).finalize().as_bytes();
    let mut sealed = SEALED.lock().unwrap_or_else(PoisonError::into_inner);
    let earlier = sealed.get_or_insert_with(HashMap::new).insert((*commitment, nonce), message);
    drop(sealed);
    assert!(earlier.is_none_or(|earlier| earlier == message), "nonce {nonce:02x?} was used twice under key {commitment:02x?}");
}

fn keys_and_pairs() -> (usize, usize) {
    let sealed = SEALED.lock().unwrap_or_else(PoisonError::into_inner);
    let pairs = sealed.as_ref().map(|sealed| sealed.keys().copied().collect::<Vec<_>>()).unwrap_or_default();
    let keys: std::collections::HashSet<[u8; 32]> = pairs.iter().map(|(commitment, _)| *commitment).collect();
    (keys.len(), pairs.len())
}

mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use storage::wrap::{CallKind, Fault, FaultAction, FaultRule};
    use storage::{MemoryStore, ObjectStore};

    use super::*;
    use crate::crypto::{Purpose, SealingKey};
    use crate::{
        CommitRequest, Environment, FileIdentity, FileOptions, InitOptions, NewSlot, OpenOptions, Repository, Result, Unlock, UploadOptions,
    };

    #[test]
    #[should_panic(expected = "was used twice under key")]
    fn two_messages_under_one_nonce_are_caught() {
        let key = SealingKey::derive(&[9; 32], &[9; 32], &[b"audit"]).expect("derives");
        for message in [b"one", b"two"] {
            key.seal(Purpose::Frame, 0, b"", &mut message.to_vec()).expect("seals");
        }
    }

    #[test]
    fn one_message_twice_is_not() {
        let key = SealingKey::derive(&[8; 32], &[8; 32], &[b"audit"]).expect("derives");
        for _ in 0..2 {
            key.seal(Purpose::Frame, 0, b"", &mut b"same".to_vec()).expect("seals");
        }
    }

    /// Content that differs from call to call, so that a reused nonce could not hide behind equal messages.
    fn content(length: usize) -> Bytes {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let seed = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut bytes = vec![0; length];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        Bytes::from(bytes)
    }

    async fn backup(repository: &Repository, options: UploadOptions, name: &str, lengths: &[usize]) -> Result<u64> {
        let upload = repository.begin_upload(options).await?;
        let mut request = CommitRequest { row: content(100), ..CommitRequest::default() };
        for (number, length) in lengths.iter().enumerate() {
            let identity = FileIdentity { name: format!("{name}-{number}"), length: *length as u64 };
            let stored = match upload.known(&identity) {
                Some(known) => known,
                None => {
                    let mut sink = upload.file(&identity, FileOptions::default()).await?;
                    sink.write(content(*length)).await?;
                    sink.finish([0; 32]).await?
                }
            };
            request.files.push(stored);
            request.manifest.push((Bytes::from(format!("{name}-{number:04}")), content(50)));
        }
        Ok(upload.commit(request).await?.sequence)
    }

    async fn open(store: Arc<dyn ObjectStore>, unlock: &Unlock) -> Repository {
        Repository::open(store, Environment::system(), unlock.clone(), OpenOptions::default()).await.expect("open")
    }

    /// Uploads of every kind: alone, racing for a slot in the log, dying at any call, adopting by headers and by journal.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_nonce_is_used_twice_over_many_uploads() {
        let memory = Arc::new(MemoryStore::default());
        let report =
            Repository::init(memory.clone(), Environment::system(), InitOptions { recovery: true, ..InitOptions::default() }).await;
        let unlock = Unlock::KeyFile(report.expect("init").key_file);
        let before = keys_and_pairs();
        let lengths = [0, 1, 500, 70_000, (1 << 20) - 1, 1 << 20, (2 << 20) + 17];

        for round in 0..3 {
            let repository = open(memory.clone(), &unlock).await;
            backup(&repository, UploadOptions::default(), &format!("alone-{round}"), &lengths).await.expect("alone");
            repository.key_add(NewSlot::KeyFile { label: format!("slot {round}") }).await.expect("slot");
        }
        let mut racers = Vec::new();
        for racer in 0..6 {
            let (memory, unlock) = (memory.clone(), unlock.clone());
            racers.push(tokio::spawn(async move {
                let repository = open(memory, &unlock).await;
                for round in 0..4 {
                    backup(&repository, UploadOptions::default(), &format!("racer-{racer}-{round}"), &[10, 3000]).await.expect("racer");
                }
            }));
        }
        for racer in racers {
            racer.await.expect("racer");
        }
        // A run dies at any call, and the next one adopts what it stored: by journal, by headers.
        let (mut died, mut adopted) = (0, 0);
        for run in 0..60 {
            let (call, by_journal) = (1 + run / 2, run % 2 == 0);
            let journals = tempfile::tempdir().expect("directory");
            let options = UploadOptions {
                journal_directory: by_journal.then(|| journals.path().to_owned()),
                adopt_idle_millis: (!by_journal).then_some(0),
                ..UploadOptions::default()
            };
            let name = format!("dying-{run}");
            let lengths = [500, 900, 1_100_000];
            let repository = open(memory.clone(), &unlock).await;
            let faults = Fault::counting();
            let dying = open(faults.store(memory.clone()), &unlock).await;
            faults.add(FaultRule { times: u64::MAX, ..FaultRule::at(call, FaultAction::AppliedWithoutAnswer) });
            died += u64::from(backup(&dying, options.clone(), &name, &lengths).await.is_err());
            adopted += repository.begin_upload(options.clone()).await.expect("begin").adopted().files;
            backup(&repository, options, &name, &lengths).await.expect("the run after");
        }
        assert!(died > 10 && adopted > 10, "{died} runs died, {adopted} files were adopted");
        // Lost answers to every kind of put, and the process lives on.
        for kind in [CallKind::PutNew, CallKind::Complete] {
            for number in 1..=5 {
                let fault = FaultRule::nth(kind, number, FaultAction::LostWithoutAnswer);
                let repository = open(Fault::new(vec![fault]).store(memory.clone()), &unlock).await;
                let _may_fail = backup(&repository, UploadOptions::default(), &format!("lost-{kind:?}-{number}"), &[100, 1_100_000]).await;
            }
        }
        let after = keys_and_pairs();
        assert!(after.0 > before.0 + 150 && after.1 > before.1 + 250, "{before:?} {after:?}");
    }
}
