//! Every way to unlock, slots that come and go, and that a removed one opens nothing any more.

#![allow(clippy::disallowed_methods, reason = "measures time")]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Fixture, Source, back_up, check_backup};
use repository::{Environment, InitOptions, Kdf, NewSlot, OpenOptions, Repository, RepositoryError, SlotKind, Unlock, suggest_passphrase};
use storage::{MemoryStore, ObjectStore};
use zeroize::Zeroizing;

const PASSPHRASE: &str = "correct horse battery staple";

fn passphrase(text: &str) -> Unlock {
    Unlock::Passphrase(Zeroizing::new(text.to_owned()))
}

fn recovery(text: &str) -> Unlock {
    Unlock::Recovery(Zeroizing::new(text.to_owned()))
}

fn key_file(text: &str) -> Unlock {
    Unlock::KeyFile(Zeroizing::new(text.as_bytes().to_vec()))
}

async fn open(store: &Arc<MemoryStore>, unlock: &Unlock) -> repository::Result<Repository> {
    Repository::open(store.clone(), Environment::system(), unlock.clone(), OpenOptions::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn three_ways_in_and_each_proved() {
    let store = Arc::new(MemoryStore::default());
    let options =
        InitOptions { label: "prod".to_owned(), passphrase: Some(Zeroizing::new(PASSPHRASE.to_owned())), kdf: Kdf::Small, recovery: true };
    let report = Repository::init(store.clone(), Environment::system(), options).await.expect("init");
    let printed = report.recovery.expect("recovery key");
    let ways = [Unlock::KeyFile(report.key_file), passphrase(PASSPHRASE), recovery(&printed)];
    let kinds = [SlotKind::KeyFile, SlotKind::Passphrase, SlotKind::Recovery];
    let sources = [Source::new("a", 1, 1000)];
    for (round, (way, kind)) in ways.iter().zip(kinds).enumerate() {
        let repository = open(&store, way).await.unwrap_or_else(|error| panic!("{way:?}: {error:?}"));
        assert_eq!(repository.id(), report.repository_id);
        // What one way wrote the next one reads.
        back_up(&repository, &sources).await.expect("backup");
        for backup in 1..=round as u64 + 1 {
            check_backup(&repository, backup, &sources).await;
        }
        let slots = repository.key_list().await.expect("list");
        assert_eq!(slots.len(), 3);
        let current: Vec<SlotKind> = slots.iter().filter(|slot| slot.current).map(|slot| slot.kind).collect();
        assert_eq!(current, [kind]);
        for (way, kind) in ways.iter().zip(kinds) {
            assert_eq!(repository.key_prove(way).await.expect("proved").kind, kind);
        }
    }
    // As people type a recovery key: small letters, other groups.
    let (prefix, groups) = printed.split_at("seawall-recovery-1-".len());
    let typed = format!(" {prefix}{}\n", groups.to_lowercase().replace('-', " "));
    open(&store, &recovery(&typed)).await.expect("typed by hand");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_and_mistyped_keys_are_told_apart() {
    let store = Arc::new(MemoryStore::default());
    let options =
        InitOptions { passphrase: Some(Zeroizing::new(PASSPHRASE.to_owned())), kdf: Kdf::Small, recovery: true, ..InitOptions::default() };
    let report = Repository::init(store.clone(), Environment::system(), options).await.expect("init");
    let wrong = open(&store, &passphrase("correct horse battery stable")).await;
    let Err(RepositoryError::WrongKey { needs, .. }) = wrong else { panic!("{wrong:?}") };
    assert!(needs.contains("slot passphrase "), "{needs}");
    let printed = report.recovery.expect("recovery key");
    let digits = "seawall-recovery-1-".len()..printed.len();
    for place in digits.filter(|place| printed.as_bytes()[*place] != b'-') {
        let other = if printed.as_bytes()[place] == b'A' { "B" } else { "A" };
        let mut typed = printed.to_string();
        typed.replace_range(place..=place, other);
        let opened = open(&store, &recovery(&typed)).await;
        assert!(matches!(opened, Err(RepositoryError::KeyUnreadable { .. })), "character {place}: {opened:?}");
    }
    let text = String::from_utf8(report.key_file.to_vec()).expect("text");
    for cut in [0, 1, 20, text.len() / 2, text.len() - 2] {
        let opened = open(&store, &key_file(&text[..cut])).await;
        assert!(matches!(opened, Err(RepositoryError::KeyUnreadable { .. })), "cut to {cut}: {opened:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_slot_opens_nothing_and_the_last_one_stays() {
    let store = Arc::new(MemoryStore::default());
    let fixture = Fixture::over(store.clone()).await;
    let repository = fixture.open().await;
    let sources = [Source::new("a", 1, 1000)];
    back_up(&repository, &sources).await.expect("backup");
    let added = [
        NewSlot::KeyFile { label: "second".to_owned() },
        NewSlot::Recovery { label: "safe".to_owned() },
        NewSlot::Passphrase { label: "words".to_owned(), passphrase: Zeroizing::new(PASSPHRASE.to_owned()), kdf: Kdf::Small },
    ];
    for slot in added {
        let added = repository.key_add(slot.clone()).await.expect("add");
        let unlock = match (&slot, &added.secret) {
            (NewSlot::KeyFile { .. }, Some(text)) => key_file(text),
            (NewSlot::Recovery { .. }, Some(text)) => recovery(text),
            (NewSlot::Passphrase { .. }, None) => passphrase(PASSPHRASE),
            other => panic!("{other:?}"),
        };
        assert_eq!(repository.key_prove(&unlock).await.expect("proved").id, added.info.id);
        let by_new = open(&store, &unlock).await.expect("opens");
        check_backup(&by_new, 1, &sources).await;
        // The new key's holder can remove it himself, and who has it open goes on.
        by_new.key_remove(&added.info.id).await.expect("remove");
        let opened = open(&store, &unlock).await;
        assert!(matches!(opened, Err(RepositoryError::WrongKey { .. })), "{slot:?}: {opened:?}");
        assert!(repository.key_prove(&unlock).await.is_err(), "{slot:?}");
        assert_eq!(repository.key_list().await.expect("list").len(), 1);
    }
    let [last] = &repository.key_list().await.expect("list")[..] else { panic!("one slot") };
    assert!(matches!(repository.key_remove(&last.id).await, Err(RepositoryError::Refused { .. })));
    assert!(matches!(repository.key_remove(&[7; 16]).await, Err(RepositoryError::Refused { .. })));
    check_backup(&fixture.open().await, 1, &sources).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_another_repository_prove_nothing() {
    let (one, other) = (Fixture::new().await, Fixture::new().await);
    let repository = one.open().await;
    assert!(matches!(repository.key_prove(&other.unlock()).await, Err(RepositoryError::WrongKey { .. })));
    // Its slot object copied over does not help either.
    for slot in other.store.list("keys/", None, 10).await.expect("list") {
        let bytes = other.store.get(&slot.key, 10_000).await.expect("slot");
        one.store.put_new(&slot.key, bytes).await.expect("put");
    }
    let proved = repository.key_prove(&other.unlock()).await;
    assert!(proved.as_ref().is_err_and(RepositoryError::is_damage), "{proved:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_repository_keeps_its_slots() {
    let fixture = Fixture::new().await;
    let options = OpenOptions { read_only: true, ..OpenOptions::default() };
    let repository = Repository::open(fixture.store.clone(), Environment::system(), fixture.unlock(), options).await.expect("open");
    let [slot] = &repository.key_list().await.expect("list")[..] else { panic!("one slot") };
    let added = repository.key_add(NewSlot::KeyFile { label: "x".to_owned() }).await;
    assert!(matches!(added, Err(RepositoryError::ReadOnly { .. })), "{added:?}");
    assert!(matches!(repository.key_remove(&slot.id).await, Err(RepositoryError::ReadOnly { .. })));
}

/// Numbers in a stored slot must not decide how much memory and time this process spends.
#[tokio::test(flavor = "multi_thread")]
async fn an_expensive_slot_is_refused_before_it_is_tried() {
    let store = Arc::new(MemoryStore::default());
    let options = InitOptions { passphrase: Some(Zeroizing::new(PASSPHRASE.to_owned())), kdf: Kdf::Small, ..InitOptions::default() };
    Repository::init(store.clone(), Environment::system(), options).await.expect("init");
    for object in store.list("keys/", None, 10).await.expect("list") {
        let slot = store.get(&object.key, 10_000).await.expect("slot");
        // Magic, version, kind.
        if slot[10] != 2 {
            continue;
        }
        let label = u32::from_le_bytes(slot[47..51].try_into().expect("four bytes")) as usize;
        let cost = 51 + label;
        for (place, value) in [(cost, (2u32 << 20) + 1), (cost + 4, 17), (cost + 8, 17), (cost, u32::MAX)] {
            let mut changed = slot[..slot.len() - 32].to_vec();
            changed[place..place + 4].copy_from_slice(&value.to_le_bytes());
            let mut hasher = blake3::Hasher::new_derive_key("seawall 1 slot checksum");
            changed.extend_from_slice(hasher.update(&changed.clone()).finalize().as_bytes());
            store.overwrite(&object.key, changed);
            let begun = Instant::now();
            let opened = open(&store, &passphrase(PASSPHRASE)).await;
            assert!(matches!(opened, Err(RepositoryError::Refused { .. })), "{value} at {place}: {opened:?}");
            assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
        }
        return;
    }
    panic!("no passphrase slot");
}

#[test]
fn suggested_passphrases_are_seven_words_and_differ() {
    let environment = Environment::system();
    let words: Vec<String> = (0..20).map(|_| suggest_passphrase(&environment).expect("words").to_string()).collect();
    assert!(words.iter().all(|words| words.split(' ').count() == 7), "{words:?}");
    assert_eq!(words.iter().collect::<std::collections::BTreeSet<_>>().len(), 20);
}
