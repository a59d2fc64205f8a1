//! The table of `docs/format.md` §11, row by row: every byte of config, key slots, records, pages, headers, frame tables and footers, every
//! 97th byte of file data, truncation, deletion, swap of any two objects. Each is found where the table says, with the object and the
//! backups and files behind it; no wrong byte is ever returned.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use common::damage_table::{Expectation, Table};
use common::{Fixture, Source, back_up, content, read_whole};
use repository::{
    Damage, Environment, InitOptions, OpenOptions, Repository, RepositoryError, StoredFile, Unlock, VerifyLevel, VerifyOptions,
    VerifyReport,
};
use storage::wrap::{CallKind, Fault, FaultAction, FaultRule};
use storage::{MemoryStore, ObjectStore};

/// Damage is tried by so many at once, each on a copy of the store.
const TRIERS: usize = 4;

/// A repository of two backups, what is in it, and where it lies.
#[derive(Clone)]
struct Subject {
    memory: Arc<MemoryStore>,
    unlock: Unlock,
    recovery: Unlock,
    /// The slot that `unlock` opens; `recovery` opens the other one.
    slot: String,
    sources: Arc<Vec<Source>>,
    /// Files in the first backup; the second has all.
    first: usize,
    /// Stored files by backup.
    files: Arc<BTreeMap<u64, Vec<StoredFile>>>,
    repository: Repository,
    table: Arc<Table>,
    used: Arc<Mutex<BTreeSet<(String, String)>>>,
}

impl Subject {
    async fn new(sources: Vec<Source>, first: usize) -> Self {
        let memory = Arc::new(MemoryStore::default());
        let options = InitOptions { recovery: true, ..InitOptions::default() };
        let report = Repository::init(memory.clone(), Environment::system(), options).await.expect("init");
        let text = String::from_utf8(report.key_file.to_vec()).expect("a key file is text");
        let slot = format!("keys/{}", text.split(' ').nth(2).expect("the slot's id"));
        let unlock = Unlock::KeyFile(report.key_file);
        let recovery = Unlock::Recovery(report.recovery.expect("recovery key"));
        let repository = open(memory.clone(), &unlock).await.expect("open");
        back_up(&repository, &sources[..first]).await.expect("first");
        back_up(&repository, &sources).await.expect("second");
        let mut files = BTreeMap::new();
        for backup in [1, 2] {
            let mut stream = repository.open_backup(backup).await.expect("open backup").files();
            let mut stored = Vec::new();
            while let Some(file) = stream.next().await.expect("files") {
                stored.push(file);
            }
            files.insert(backup, stored);
        }
        let (sources, files) = (Arc::new(sources), Arc::new(files));
        Self { memory, unlock, recovery, slot, sources, first, files, repository, table: Arc::new(Table::read()), used: Arc::default() }
    }

    /// The same repository in a store of its own.
    async fn copy(&self) -> Self {
        let memory = Arc::new(self.memory.copy());
        let repository = open(memory.clone(), &self.unlock).await.expect("open");
        Self { memory, repository, ..self.clone() }
    }

    async fn verify(&self, level: VerifyLevel) -> VerifyReport {
        self.repository.verify(VerifyOptions { level, backups: Vec::new(), workers: 2 }, &|_| {}).await.expect("verify itself goes on")
    }

    /// Does damage to one object, checks the row of the table, and repairs it.
    async fn row(&self, key: &str, original: &Bytes, damaged: Option<Vec<u8>>, class: &str, kind: &str, place: Option<usize>) {
        let expected = self.table.row(class, kind);
        self.used.lock().expect("used").insert((class.to_owned(), kind.to_owned()));
        match damaged {
            Some(bytes) => self.memory.overwrite(key, bytes),
            None => self.memory.delete(key).await.expect("delete"),
        }
        let what = format!("{key} ({class}) {kind} {place:?}");
        for (level, seen) in [(VerifyLevel::Quick, expected.quick), (VerifyLevel::Data, expected.data)] {
            let report = self.verify(level).await;
            let found = report.damages.iter().find(|damage| damage.object == key || class == "last key slot" && damage.object == "keys/");
            assert_eq!(found.is_some(), seen, "{what}: {level:?}: {:?}", report.damages);
            assert_eq!(report.transient, 0, "{what}");
            if let Some(found) = found {
                self.check_named(found, expected, key, place, &what);
            } else {
                assert_eq!(report.damages, [], "{what}: {level:?}: something else was found");
            }
        }
        self.fresh_machine(key, expected, place, &what).await;
        self.memory.overwrite(key, original.clone());
    }

    fn check_named(&self, found: &Damage, expected: &Expectation, key: &str, place: Option<usize>, what: &str) {
        let backups: BTreeSet<u64> = found.backups.iter().copied().collect();
        match expected.named.as_str() {
            "–" => assert!(backups.is_empty() && found.files.is_empty(), "{what}: {found:?}"),
            "all" => assert_eq!(backups, BTreeSet::from([1, 2]), "{what}"),
            "its backup" => {
                let number: u64 = key.rsplit('/').next().expect("name").parse().expect("number");
                assert_eq!(backups, BTreeSet::from([number]), "{what}");
            }
            "backups" => assert!(!backups.is_empty() && found.files.is_empty(), "{what}: {found:?}"),
            "backups, files" => {
                let (by_backup, files) = self.behind(key, expected, place);
                assert_eq!(backups, by_backup, "{what}: {found:?}");
                assert_eq!(found.files.iter().copied().collect::<BTreeSet<_>>(), files, "{what}: {found:?}");
            }
            other => panic!("docs/format.md names {other:?}, which this test does not know"),
        }
    }

    /// Backups and files behind a place in a data object, as the backups' own indexes say.
    fn behind(&self, key: &str, expected: &Expectation, place: Option<usize>) -> (BTreeSet<u64>, BTreeSet<[u8; 32]>) {
        let (mut backups, mut files) = (BTreeSet::new(), BTreeSet::new());
        for (backup, stored) in self.files.iter() {
            for file in stored.iter().filter(|file| file.object.key() == key) {
                let range = file.object.offset..file.object.offset + file.object.length;
                if expected.object != "data frames" || place.is_some_and(|place| range.contains(&(place as u64))) {
                    backups.insert(*backup);
                    files.insert(file.identity);
                }
            }
        }
        (backups, files)
    }

    /// What a machine that has seen nothing yet meets: opening, the list, reading, writing.
    async fn fresh_machine(&self, key: &str, expected: &Expectation, place: Option<usize>, what: &str) {
        let (unlock, other) =
            if key.starts_with("keys/") && key != self.slot { (&self.recovery, &self.unlock) } else { (&self.unlock, &self.recovery) };
        let opened = open(self.memory.clone(), unlock).await;
        let repository = match (opened, expected.opens) {
            (Ok(repository), true) => repository,
            (Err(error), false) => {
                let right = match expected.exit {
                    4 => matches!(error, RepositoryError::NotARepository { .. }),
                    10 => matches!(error, RepositoryError::WrongKey { .. }),
                    _ => error.is_damage(),
                };
                assert!(right, "{what}: {error:?}");
                if expected.object == "key slot" && place.is_none() {
                    open(self.memory.clone(), other).await.unwrap_or_else(|error| panic!("{what}: the other slot: {error:?}"));
                }
                return;
            }
            (opened, _) => panic!("{what}: opening gave {opened:?}"),
        };
        if expected.object == "record" {
            return self.fresh_machine_without_record(&repository, key, what).await;
        }
        assert_eq!(repository.backups().expect("list").len(), 2, "{what}");
        let (_, affected) = self.behind(key, expected, place);
        for backup in [1u64, 2] {
            let reader = repository.open_backup(backup).await.expect("open backup");
            for source in self.sources.iter().take(if backup == 1 { self.first } else { usize::MAX }) {
                let read = match reader.file(&source.identity()).await {
                    Ok(Some(file)) => read_whole(&repository, &file).await,
                    Ok(None) => panic!("{what}: a file vanished"),
                    Err(error) => Err(error),
                };
                let needs_it = affected.contains(&reader.identity_hash(&source.identity()));
                match read {
                    Ok(bytes) => {
                        assert!(bytes == source.bytes, "{what}: wrong bytes of {}", source.name);
                        assert!(!needs_it, "{what}: {} was read through damage", source.name);
                    }
                    Err(error) => {
                        assert!(error.is_damage(), "{what}: {error:?}");
                        assert!(
                            expected.reading == "refused" && (needs_it || expected.object == "page"),
                            "{what}: {}: {error:?}",
                            source.name
                        );
                    }
                }
            }
        }
    }

    async fn fresh_machine_without_record(&self, repository: &Repository, key: &str, what: &str) {
        let number: u64 = key.rsplit('/').next().expect("name").parse().expect("number");
        let backups = repository.backups().expect("list");
        assert!(backups.iter().all(|backup| backup.sequence != number), "{what}: the backup is in the list");
        let there = self.memory.head(key).await.is_ok();
        assert_eq!(!repository.log_damage().is_empty(), there, "{what}");
        let written = repository.begin_upload(repository::UploadOptions::default()).await.err();
        let report = repository.verify(quick(), &|_| {}).await.expect("verify");
        let found = report.damages.iter().any(|damage| damage.object == key);
        match (there, number) {
            (true, _) => assert!(matches!(written, Some(RepositoryError::ReadOnly { .. })) && found, "{what}: {written:?}"),
            (false, 1) => assert!(matches!(written, Some(RepositoryError::LogTailMissing { .. })) && found, "{what}: {written:?}"),
            // The newest one: only a pin tells.
            (false, _) => assert!(written.is_none() && !found, "{what}: {written:?}"),
        }
        let pinned = OpenOptions { pin: Some(self.repository.head()), ..OpenOptions::default() };
        if !there {
            let opened = Repository::open(self.memory.clone(), Environment::system(), self.unlock.clone(), pinned).await;
            assert!(matches!(opened, Err(RepositoryError::Rollback { .. })), "{what}: {opened:?}");
        }
    }

    /// Flips one bit of each of `bytes` (key and index).
    async fn flip_all(&self, bytes: Vec<(String, usize)>) {
        let share = bytes.len().div_ceil(TRIERS).max(1);
        let mut tasks = Vec::new();
        for share in bytes.chunks(share) {
            let (subject, share) = (self.copy().await, share.to_vec());
            tasks.push(tokio::spawn(async move {
                let contents = subject.memory.contents();
                for (key, index) in share {
                    let original = &contents[&key];
                    let mut damaged = original.to_vec();
                    damaged[index] ^= 1 << (index % 8);
                    subject.row(&key, original, Some(damaged), byte_class(&key, original, index), "byte", Some(index)).await;
                }
            }));
        }
        for task in tasks {
            task.await.expect("a row of the table is not kept");
        }
    }

    fn assert_used(&self, rows: &[(&str, &str)]) {
        let used = self.used.lock().expect("used");
        for (class, kind) in rows {
            assert!(used.contains(&((*class).to_owned(), (*kind).to_owned())), "{class} {kind} was not tried");
        }
    }
}

fn quick() -> VerifyOptions {
    VerifyOptions { level: VerifyLevel::Quick, backups: Vec::new(), workers: 2 }
}

async fn open(store: Arc<dyn ObjectStore>, unlock: &Unlock) -> repository::Result<Repository> {
    Repository::open(store, Environment::system(), unlock.clone(), OpenOptions::default()).await
}

fn object_class(key: &str) -> &'static str {
    match key.split('/').next().expect("key") {
        "cfg" => "config",
        "keys" => "key slot",
        "commit" => "record",
        "m" if key.ends_with("/commit") => "prepared record",
        "m" => "page",
        "d" => "data object",
        other => panic!("unknown objects {other}"),
    }
}

/// The parts of an object whose bytes have rows of their own.
fn byte_class(key: &str, bytes: &[u8], index: usize) -> &'static str {
    match object_class(key) {
        "page" if index < 128 => "page header",
        "data object" => {
            let footer = bytes.len() - 32;
            let table = u64::from_le_bytes(bytes[footer..footer + 8].try_into().expect("eight bytes"));
            match index as u64 {
                0..256 => "data header",
                place if place < table => "data frames",
                _ if index < footer => "data table",
                _ => "data footer",
            }
        }
        class => class,
    }
}

fn small() -> (Vec<Source>, usize) {
    let mut sources: Vec<Source> = (0..3).map(|n| Source::new(&format!("a-{n}"), 9 + 6 * n, 300)).collect();
    sources.push(Source::new("b", 5, 300));
    (sources, 2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_byte_that_is_not_file_data() {
    let (sources, first) = small();
    let subject = Subject::new(sources, first).await;
    assert_eq!(subject.verify(VerifyLevel::Data).await.damages, []);
    let mut bytes = Vec::new();
    for (key, body) in subject.memory.contents() {
        bytes.extend((0..body.len()).filter(|index| byte_class(&key, &body, *index) != "data frames").map(|index| (key.clone(), index)));
    }
    subject.flip_all(bytes).await;
    let classes = ["config", "key slot", "record", "prepared record", "page", "page header", "data header", "data table", "data footer"];
    subject.assert_used(&classes.map(|class| (class, "byte")));
}

/// Frames of one file, frames of a bundle, compressed ones and raw ones; each place is reported in its own frame.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_97th_byte_of_file_data() {
    let mut large = vec![b'x'; (1 << 20) - 1000];
    large.extend_from_slice(&content(77, 60_000, false));
    let mut sources = vec![Source { name: "large".to_owned(), bytes: large.into(), group: "a" }];
    sources.extend((0..3).map(|n| Source::new(&format!("bundled-{n}"), 9 + 6 * n, 20_000)));
    let subject = Subject::new(sources, 2).await;
    let mut bytes = Vec::new();
    for (key, body) in subject.memory.contents() {
        let frames =
            (0..body.len()).filter(|index| object_class(&key) == "data object" && byte_class(&key, &body, *index) == "data frames");
        bytes.extend(frames.step_by(97).map(|index| (key.clone(), index)));
    }
    assert!(bytes.len() > 1000, "{}", bytes.len());
    subject.flip_all(bytes).await;
    subject.assert_used(&[("data frames", "byte")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn truncation_and_deletion() {
    let (sources, first) = small();
    let subject = Subject::new(sources, first).await;
    let contents = subject.memory.contents();
    for (key, original) in &contents {
        let (class, length) = (object_class(key), original.len());
        for cut in [0, 1, 8, 127, 128, 255, 256, 257, length / 2, length - 33, length - 32, length - 1] {
            if cut < length {
                subject.row(key, original, Some(original[..cut].to_vec()), class, "cut", None).await;
            }
        }
        subject.row(key, original, None, class, "gone", None).await;
    }
    subject.assert_used(&[
        ("record", "gone"),
        ("prepared record", "gone"),
        ("page", "gone"),
        ("data object", "gone"),
        ("key slot", "gone"),
    ]);
    let recovery = contents.keys().find(|key| key.starts_with("keys/") && **key != subject.slot).expect("the other slot");
    subject.memory.delete(recovery).await.expect("delete");
    subject.row(&subject.slot, &contents[&subject.slot], None, "last key slot", "gone", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swap_of_any_two_objects() {
    let (mut sources, _) = small();
    // Two bundles of the same length: only their content tells them apart.
    sources = vec![sources.remove(0), Source { group: "b", ..sources.remove(0) }];
    let subject = Subject::new(sources, 1).await;
    let contents = subject.memory.contents();
    for (one, first) in &contents {
        for (other, second) in contents.iter().filter(|(other, _)| *other != one) {
            // A record and its prepared copy are the same bytes.
            if first == second {
                continue;
            }
            let class = object_class(one);
            let same_length = class == "data object" && first.len() == second.len();
            let kind = if same_length { "swapped, same length" } else { "swapped" };
            subject.row(one, first, Some(second.to_vec()), class, kind, None).await;
            // Both at once: each is found, unless the page that leads to it is the other one.
            subject.memory.overwrite(one, second.clone());
            subject.memory.overwrite(other, first.clone());
            let damages = subject.verify(VerifyLevel::Data).await.damages;
            let found = |key: &String| damages.iter().any(|damage| damage.object == *key);
            let leads = |page: &str, to: &str| object_class(page) == "page" && object_class(to) == "data object";
            assert!(found(one) || leads(other, one), "{one} and {other} swapped: {damages:?}");
            assert!(found(other) || leads(one, other), "{one} and {other} swapped: {damages:?}");
            subject.memory.overwrite(one, first.clone());
            subject.memory.overwrite(other, second.clone());
        }
    }
    let classes = ["config", "key slot", "record", "prepared record", "page", "data object"];
    subject.assert_used(&classes.map(|class| (class, "swapped")));
    subject.assert_used(&[("data object", "swapped, same length")]);
}

/// No row of the table is beyond the tests above.
#[test]
fn every_row_of_the_table_is_tried() {
    let bytes = ["config", "key slot", "record", "prepared record", "page", "page header", "data header", "data frames", "data table"];
    let objects = ["config", "key slot", "record", "prepared record", "page", "data object"];
    let mut tried: BTreeSet<(String, String)> = BTreeSet::new();
    tried.extend(bytes.iter().chain(&["data footer"]).map(|class| ((*class).to_owned(), "byte".to_owned())));
    for kind in ["cut", "gone", "swapped"] {
        tried.extend(objects.iter().map(|class| ((*class).to_owned(), kind.to_owned())));
    }
    tried.extend(
        [("last key slot", "gone"), ("data object", "swapped, same length")].map(|(class, kind)| (class.to_owned(), kind.to_owned())),
    );
    assert_eq!(Table::read().rows(), tried);
}

/// A read that is wrong once and right when repeated is counted, and nobody calls it damage.
#[tokio::test(flavor = "multi_thread")]
async fn one_bad_read_is_transient_two_are_damage() {
    let memory = Arc::new(MemoryStore::default());
    let fixture = Fixture::over(memory.clone()).await;
    let sources: Vec<Source> = (0..3).map(|n| Source::new(&format!("{n}"), 5 + 6 * n, 100)).collect();
    back_up(&fixture.open().await, &sources).await.expect("backup");
    // The reads of one object by a verify: header, table, header again for the hash, frames. Each of them wrong once, in its middle byte.
    for read in 1..=4 {
        let faults = Fault::new(vec![FaultRule::nth(CallKind::GetRange, read, FaultAction::FlippedBit).on("d/")]);
        let repository = open(faults.store(memory.clone()), &fixture.unlock()).await.expect("open");
        let options = VerifyOptions { level: VerifyLevel::Data, backups: Vec::new(), workers: 1 };
        let report = repository.verify(options.clone(), &|_| {}).await.expect("verify");
        assert_eq!((report.damages.len(), report.transient), (0, 1), "read {read}: {:?}", report.damages);
        let again = repository.verify(options.clone(), &|_| {}).await.expect("verify");
        assert_eq!((again.damages.len(), again.transient), (0, 0), "read {read}");

        let twice =
            Fault::new(vec![FaultRule { times: u64::MAX, ..FaultRule::nth(CallKind::GetRange, read, FaultAction::FlippedBit).on("d/") }]);
        let repository = open(twice.store(memory.clone()), &fixture.unlock()).await.expect("open");
        let report = repository.verify(options, &|_| {}).await.expect("verify");
        assert!(!report.damages.is_empty() && report.transient == 0, "read {read}: wrong twice is damage");
    }
    // The same for a restore: one wrong frame is read again, one that stays wrong ends the stream.
    let faults = Fault::new(vec![FaultRule::nth(CallKind::GetRange, 3, FaultAction::FlippedBit).on("d/")]);
    let repository = open(faults.store(memory.clone()), &fixture.unlock()).await.expect("open");
    let file = repository.open_backup(1).await.expect("open").file(&sources[0].identity()).await.expect("index").expect("file");
    let mut stream = repository.read_file(&file).await.expect("stream");
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await.expect("goes on") {
        bytes.extend_from_slice(&chunk);
    }
    assert!(bytes == sources[0].bytes);
    assert_eq!(stream.transient(), 1);
}

/// The same for pages, their headers, and whatever else a verify reads.
#[tokio::test(flavor = "multi_thread")]
async fn one_bad_read_of_anything_else_is_transient() {
    let memory = Arc::new(MemoryStore::default());
    let fixture = Fixture::over(memory.clone()).await;
    back_up(&fixture.open().await, &[Source::new("a", 1, 1000)]).await.expect("backup");
    let mut tried = 0;
    for (kind, prefix, reads) in [
        (CallKind::GetRange, "m/", 6),
        (CallKind::Get, "/commit", 1),
        (CallKind::Get, "000000000001", 1),
        (CallKind::Get, "cfg/", 1),
        (CallKind::Get, "keys/", 1),
    ] {
        for read in 1..=reads {
            let faults = Fault::counting();
            let repository = open(faults.store(memory.clone()), &fixture.unlock()).await.expect("open");
            faults.add(FaultRule::nth(kind, read, FaultAction::FlippedBit).on(prefix));
            let options = VerifyOptions { level: VerifyLevel::Data, backups: Vec::new(), workers: 1 };
            let report = repository.verify(options, &|_| {}).await.expect("verify");
            assert_eq!((report.damages.len(), report.transient), (0, 1), "{prefix} read {read}: {:?}", report.damages);
            tried += 1;
        }
    }
    assert_eq!(tried, 10);
}

/// A record that was read wrongly once does not make the repository read-only.
#[tokio::test(flavor = "multi_thread")]
async fn one_bad_read_of_a_record_when_opening() {
    let memory = Arc::new(MemoryStore::default());
    let fixture = Fixture::over(memory.clone()).await;
    let repository = fixture.open().await;
    for _ in 0..3 {
        back_up(&repository, &[Source::new("a", 1, 1000)]).await.expect("backup");
    }
    for record in 1..=3 {
        let faults = Fault::new(vec![FaultRule::nth(CallKind::Get, record, FaultAction::FlippedBit).on("commit/0")]);
        let repository = open(faults.store(memory.clone()), &fixture.unlock()).await.expect("open");
        assert_eq!((repository.log_damage(), repository.backups().expect("list").len()), (Vec::new(), 3), "record {record}");
    }
    let faults = Fault::new(vec![FaultRule { times: 2, ..FaultRule::nth(CallKind::Get, 1, FaultAction::FlippedBit).on("000000000002") }]);
    let repository = open(faults.store(memory.clone()), &fixture.unlock()).await.expect("open");
    assert_eq!(repository.log_damage().len(), 1, "wrong twice is damage");
}
