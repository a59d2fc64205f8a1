//! The contract of [`ObjectStore`].

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::Barrier;

use super::pattern;
use crate::{ObjectStore, StorageError};

/// Runs every check. `open` opens the same store anew; the store is empty at the start and holds the checks' objects at the end.
pub async fn check_object_store(open: impl Fn() -> Arc<dyn ObjectStore>) {
    puts_and_reads(&*open()).await;
    one_of_sixteen_creators_wins(&open).await;
    one_of_sixteen_uploads_wins(&open).await;
    lists_in_key_order_by_pages(&*open()).await;
    ranges_end_inside(&*open()).await;
    unfinished_uploads_are_invisible(&open).await;
    many_parts_make_one_object(&*open()).await;
    keys_are_portable(&*open()).await;
    deletes_leave_no_trace(&*open()).await;
    the_clock_goes_forward(&*open()).await;
}

/// The clock moves forward and is of this century.
async fn the_clock_goes_forward(store: &dyn ObjectStore) {
    let first = store.now_millis().await.expect("now");
    let second = store.now_millis().await.expect("now");
    assert!(first > 1_600_000_000_000 && second >= first, "clock: {first} then {second}");
}

async fn puts_and_reads(store: &dyn ObjectStore) {
    for (key, length) in [("basic/empty", 0usize), ("basic/one", 1), ("basic/some", 70_001)] {
        let body = pattern(length, 1);
        let info = store.put_new(key, body.clone()).await.expect(key);
        assert_eq!((info.key.as_str(), info.length_bytes), (key, length as u64));
        assert_eq!(store.get(key, length as u64).await.expect(key), body);
        let head = store.head(key).await.expect(key);
        assert_eq!((head.key.as_str(), head.length_bytes), (key, length as u64));
        assert!(head.modified_millis > 1_600_000_000_000, "{key} has no date: {}", head.modified_millis);
        store.settle(key).await.expect("settle");
        let again = store.put_new(key, pattern(length + 1, 2)).await;
        assert!(matches!(again, Err(StorageError::AlreadyExists { .. })), "second put of {key}: {again:?}");
        assert_eq!(store.get(key, u64::MAX).await.expect(key), body, "the second put changed {key}");
    }
    let too_long = store.get("basic/some", 70_000).await;
    assert!(matches!(too_long, Err(StorageError::Invalid { .. })), "get beyond the limit: {too_long:?}");
    for missing in ["basic/none", "none/none", "basic", "basic/one/below"] {
        assert!(not_found(store.get(missing, 10).await), "get {missing}");
        assert!(not_found(store.get_range(missing, 0..1).await), "get_range {missing}");
        assert!(not_found(store.head(missing).await), "head {missing}");
        assert!(not_found(store.settle(missing).await), "settle {missing}");
    }
}

fn not_found<T: std::fmt::Debug>(result: crate::Result<T>) -> bool {
    matches!(result, Err(StorageError::NotFound { .. })) || panic!("expected NotFound, got {result:?}")
}

/// Sixteen handles put different bytes under one key at one moment: one succeeds, the others are told, and its bytes stay.
async fn one_of_sixteen_creators_wins(open: &impl Fn() -> Arc<dyn ObjectStore>) {
    for round in 0..5u64 {
        let key = format!("race/put/{round}");
        let start = Arc::new(Barrier::new(16));
        let racers = (0..16u64).map(|racer| {
            let (store, key, start) = (open(), key.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                (racer, store.put_new(&key, pattern(10_000, racer + 1)).await)
            })
        });
        check_race(open, &key, futures::future::join_all(racers.collect::<Vec<_>>()).await).await;
    }
}

async fn one_of_sixteen_uploads_wins(open: &impl Fn() -> Arc<dyn ObjectStore>) {
    for round in 0..3u64 {
        let key = format!("race/upload/{round}");
        let start = Arc::new(Barrier::new(16));
        let racers = (0..16u64).map(|racer| {
            let (store, key, start) = (open(), key.clone(), start.clone());
            tokio::spawn(async move {
                let mut upload = store.begin(&key).await.expect("begin");
                upload.write(pattern(10_000, racer + 1)).await.expect("write");
                start.wait().await;
                (racer, upload.complete().await)
            })
        });
        check_race(open, &key, futures::future::join_all(racers.collect::<Vec<_>>()).await).await;
    }
}

type Raced = Result<(u64, crate::Result<crate::ObjectInfo>), tokio::task::JoinError>;

async fn check_race(open: &impl Fn() -> Arc<dyn ObjectStore>, key: &str, results: Vec<Raced>) {
    let mut winners = Vec::new();
    for result in results {
        match result.expect("racer") {
            (racer, Ok(_)) => winners.push(racer),
            (_, Err(StorageError::AlreadyExists { .. })) => {}
            (racer, Err(error)) => panic!("racer {racer} for {key}: {error}"),
        }
    }
    let [winner] = winners[..] else { panic!("winners of {key}: {winners:?}") };
    let stored = open().get(key, 10_000).await.expect("winner's object");
    assert_eq!(stored, pattern(10_000, winner + 1), "{key} does not hold the winner's bytes");
}

async fn lists_in_key_order_by_pages(store: &dyn ObjectStore) {
    // `-` `.` < `/` < `0`: a directory sorts as its name with the slash.
    let mut keys: Vec<String> =
        ["list/a/b", "list/a-b", "list/a.b", "list/a0", "list/a/a/a", "list/a/a-a", "list/b", "list/ab/c", "list/B", "listen"]
            .map(str::to_owned)
            .to_vec();
    keys.extend((0..40).map(|n| format!("list/many/{:02}/{n}", n % 7)));
    for key in &keys {
        store.put_new(key, Bytes::from(key.clone())).await.expect(key);
    }
    keys.sort();
    for prefix in ["list", "list/", "list/a", "list/a/", "list/a/a", "list/many/0", "list/many/03/", "list/none", "listen", "list/b/"] {
        let expected: Vec<&String> = keys.iter().filter(|key| key.starts_with(prefix)).collect();
        let found = store.list(prefix, None, usize::MAX).await.expect(prefix);
        assert_eq!(found.iter().map(|info| &info.key).collect::<Vec<_>>(), expected, "prefix {prefix}");
        assert!(found.iter().all(|info| info.length_bytes == info.key.len() as u64), "lengths under {prefix}");
        for page in [1, 3, 7] {
            let mut paged = Vec::new();
            let mut after: Option<String> = None;
            loop {
                let found = store.list(prefix, after.as_deref(), page).await.expect(prefix);
                assert!(found.len() <= page, "{} entries in a page of {page}", found.len());
                let Some(last) = found.last() else { break };
                after = Some(last.key.clone());
                paged.extend(found.into_iter().map(|info| info.key));
            }
            assert_eq!(paged.iter().collect::<Vec<_>>(), expected, "prefix {prefix} in pages of {page}");
        }
    }
    // `after` need not be a key, nor start with the prefix.
    for after in ["", "list/a/", "list/a0zzz", "list/many/03", "zzz", "a"] {
        let expected: Vec<&String> = keys.iter().filter(|key| key.starts_with("list/") && key.as_str() > after).collect();
        let found = store.list("list/", Some(after), usize::MAX).await.expect(after);
        assert_eq!(found.iter().map(|info| &info.key).collect::<Vec<_>>(), expected, "after {after:?}");
    }
    assert!(store.list("list/", None, 0).await.expect("limit 0").is_empty());
}

async fn ranges_end_inside(store: &dyn ObjectStore) {
    let body = pattern(100_000, 3);
    store.put_new("range/object", body.clone()).await.expect("put");
    store.put_new("range/empty", Bytes::new()).await.expect("put");
    for (start, end) in [(0usize, 100_000usize), (0, 0), (0, 1), (99_999, 100_000), (100_000, 100_000), (1, 65_537), (4095, 4097)] {
        let found = store.get_range("range/object", start as u64..end as u64).await.expect("range");
        assert_eq!(found, body.slice(start..end), "range {start}..{end}");
    }
    assert!(store.get_range("range/empty", 0..0).await.expect("nothing of nothing").is_empty());
    for (key, range) in
        [("range/object", 0..100_001u64), ("range/object", 100_000..100_001), ("range/object", 200_000..200_000), ("range/empty", 0..1)]
    {
        let found = store.get_range(key, range.clone()).await;
        assert!(matches!(found, Err(StorageError::Short { .. })), "{key} {range:?}: {found:?}");
    }
    let far = store.get_range("range/object", u64::MAX - 5..u64::MAX).await;
    assert!(matches!(far, Err(StorageError::Short { .. } | StorageError::Invalid { .. })), "far range: {far:?}");
    let backwards = store.get_range("range/object", std::ops::Range { start: 5, end: 4 }).await;
    assert!(matches!(backwards, Err(StorageError::Invalid { .. })), "backwards range: {backwards:?}");
}

/// Neither the maker nor another handle sees an upload before it is complete; dropped and aborted ones leave nothing, and what a
/// handle forgot (as a crash does) is not seen either.
async fn unfinished_uploads_are_invisible(open: &impl Fn() -> Arc<dyn ObjectStore>) {
    let store = open();
    let mut running = store.begin("unfinished/running").await.expect("begin");
    running.write(pattern(9 << 20, 4)).await.expect("write");
    let mut dropped = store.begin("unfinished/dropped").await.expect("begin");
    dropped.write(pattern(100, 4)).await.expect("write");
    drop(dropped);
    let mut aborted = store.begin("unfinished/aborted").await.expect("begin");
    aborted.write(pattern(100, 4)).await.expect("write");
    aborted.abort().await.expect("abort");
    let mut forgotten = store.begin("unfinished/forgotten").await.expect("begin");
    forgotten.write(pattern(100, 4)).await.expect("write");
    std::mem::forget(forgotten);
    for seen_by in [open(), store.clone()] {
        let listed = seen_by.list("", None, usize::MAX).await.expect("list");
        assert!(!listed.iter().any(|info| info.key.contains("unfinished") || info.key.starts_with("tmp")), "{listed:?}");
        for key in ["unfinished/running", "unfinished/dropped", "unfinished/aborted", "unfinished/forgotten"] {
            assert!(not_found(seen_by.head(key).await), "{key}");
        }
    }
    // A new handle has swept what it may; the running upload is not its business.
    open().put_new("unfinished-other", Bytes::new()).await.expect("put by another handle");
    running.write(pattern(1, 5)).await.expect("write after another handle came");
    let info = running.complete().await.expect("complete");
    assert_eq!(info.length_bytes, (9 << 20) + 1);
    assert_eq!(open().head("unfinished/running").await.expect("head").length_bytes, (9 << 20) + 1);
    // An empty upload is an empty object.
    let empty = store.begin("unfinished/empty").await.expect("begin").complete().await.expect("complete");
    assert_eq!(empty.length_bytes, 0);
    assert!(store.get("unfinished/empty", 0).await.expect("get").is_empty());
    // An upload over an existing key is refused, at the latest when it is completed.
    let refused = match store.begin("unfinished/empty").await {
        Ok(upload) => upload.complete().await.map(drop),
        Err(error) => Err(error),
    };
    assert!(matches!(refused, Err(StorageError::AlreadyExists { .. })), "{refused:?}");
}

async fn many_parts_make_one_object(store: &dyn ObjectStore) {
    let mut upload = store.begin("parts/object").await.expect("begin");
    let mut expected = BytesMut::new();
    let lengths = [0usize, 1, 7, 64 << 10, (1 << 20) + 3, 0, 5 << 20, 3, (4 << 20) - 1, 1];
    for (part, length) in lengths.into_iter().enumerate() {
        let bytes = pattern(length, part as u64 + 10);
        expected.extend_from_slice(&bytes);
        upload.write(bytes).await.expect("write");
    }
    for part in 0..3000u64 {
        let bytes = pattern(37, part + 100);
        expected.extend_from_slice(&bytes);
        upload.write(bytes).await.expect("write");
    }
    let info = upload.complete().await.expect("complete");
    assert_eq!(info.length_bytes, expected.len() as u64);
    assert!(store.get("parts/object", info.length_bytes).await.expect("get") == expected.freeze(), "the parts came out differently");
}

async fn keys_are_portable(store: &dyn ObjectStore) {
    let long = format!("keys/{}/{}", "d".repeat(255), "f".repeat(255));
    for key in ["keys/a%2Cb", "keys/with=,+@~!._-", "keys/UPPER", "keys/upper", "keys/d/e/e/p/e/r/still", "keys/0", "keys/x..y", &long] {
        store.put_new(key, Bytes::from_static(b"here")).await.expect(key);
        assert_eq!(store.get(key, 4).await.expect(key).as_ref(), b"here");
        assert!(store.list(key, None, 10).await.expect(key).iter().any(|info| info.key == key), "{key} is not listed");
    }
    for bad in ["", "/", "/a", "a/", "a//b", "../a", "a/../b", ".a", "a/.b", "tmp", "tmp/a", "a b", "a:b", "a\\b", "a\0b", "\u{e4}"] {
        let refusals = [
            store.put_new(bad, Bytes::new()).await.map(drop),
            store.begin(bad).await.map(drop),
            store.get(bad, 1).await.map(drop),
            store.get_range(bad, 0..0).await.map(drop),
            store.head(bad).await.map(drop),
            store.delete(bad).await,
        ];
        for (call, refusal) in refusals.into_iter().enumerate() {
            assert!(matches!(refusal, Err(StorageError::Invalid { .. })), "call {call} took {bad:?}: {refusal:?}");
        }
    }
}

async fn deletes_leave_no_trace(store: &dyn ObjectStore) {
    store.put_new("delete/a/object", pattern(100, 6)).await.expect("put");
    store.put_new("delete/a/other", pattern(100, 7)).await.expect("put");
    store.delete("delete/a/object").await.expect("delete");
    store.delete("delete/a/object").await.expect("delete again");
    store.delete("delete/none/none").await.expect("delete of what never was");
    assert!(not_found(store.head("delete/a/object").await));
    let left = store.list("delete/", None, 10).await.expect("list");
    assert_eq!(left.iter().map(|info| info.key.as_str()).collect::<Vec<_>>(), ["delete/a/other"]);
    store.delete("delete/a").await.expect("delete of what is a directory at most");
    assert_eq!(store.get("delete/a/other", 100).await.expect("get"), pattern(100, 7), "a directory was deleted as an object");
    store.put_new("delete/a/object", pattern(50, 8)).await.expect("the key is free again");
    assert_eq!(store.get("delete/a/object", 50).await.expect("get"), pattern(50, 8));
}
