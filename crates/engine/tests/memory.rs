//! What a backup takes of memory: 64 MiB and two parts of 8 MiB per worker, however much there is to back up.
//!
//! A program of its own, since every allocation of the process is counted. (Resident memory also depends on the allocator: glibc keeps
//! an arena per thread, which added up to 50 MiB here; `MALLOC_ARENA_MAX=2` takes that away.)

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stderr)] // A test, with files on this machine.

#[path = "it/world.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod world;

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::backup::BackupOptions;
use repository::{Environment, InitOptions, OpenOptions, Repository, Unlock};
use storage::{LocalFileSystem, LocalStore, ObjectStore};
use world::{World, all, empty_users, hfile};

const WORKERS: usize = 4;
const MEBIBYTE: u64 = 1 << 20;
const LARGE_BYTES: usize = 48 << 20;

/// Bytes allocated now, and at most since [`forget_peak`].
static NOW: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(added: usize, removed: usize) {
    let now = NOW.fetch_add(added as u64, Ordering::Relaxed) + added as u64;
    PEAK.fetch_max(now, Ordering::Relaxed);
    NOW.fetch_sub(removed as u64, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came; counting touches none of the memory.
#[allow(unsafe_code, reason = "an allocator that counts has no safe form")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(place, layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are there while it is copied.
        count(size, layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(place, layout, size) }
    }
}

fn forget_peak() -> u64 {
    let now = NOW.load(Ordering::Relaxed);
    PEAK.store(now, Ordering::Relaxed);
    now
}

/// Writes the tree of table `users` with `large` files of 48 MiB (one file under many names) and 400 small ones.
fn write_tree(directory: &Path, large: usize) {
    let (tree, families) = empty_users();
    for (path, bytes) in tree.contents() {
        let path = directory.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let place = |number: usize| directory.join(format!("{}/{number:032x}", families[number % families.len()].trim_start_matches('/')));
    for family in &families {
        std::fs::create_dir_all(directory.join(family.trim_start_matches('/'))).unwrap();
    }
    std::fs::write(place(0), hfile(1, LARGE_BYTES)).unwrap();
    for number in 1..large {
        std::fs::hard_link(place(0), place(number)).unwrap();
    }
    for number in 0..400 {
        std::fs::write(place(1000 + number), hfile(number as u64 + 2, 100_000)).unwrap();
    }
}

/// The peak of one backup, above what was allocated before.
async fn peak(large: usize) -> u64 {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("source");
    write_tree(&source, large);
    let store: Arc<dyn ObjectStore> = Arc::new(LocalStore::new(directory.path().join("repository"), Duration::from_secs(60)));
    let report = Repository::init(store.clone(), Environment::system(), InitOptions::default()).await.unwrap();
    let unlock = Unlock::KeyFile(report.key_file);
    let root = source.join("hbase").to_str().unwrap().to_owned();
    let world = World::with(Arc::new(LocalFileSystem::new(source, Duration::from_secs(60))), root).await;
    let repository = Repository::open(store, Environment::system(), unlock, OpenOptions::default()).await.unwrap();
    let before = forget_peak();
    let options = BackupOptions { workers: WORKERS, memory_bytes: 64 * MEBIBYTE, ..all() };
    let report = world.backup_into(&repository, options).await.unwrap();
    assert_eq!(report.totals.files, large as u64 + 400);
    assert!(report.totals.stored_bytes > (large * LARGE_BYTES) as u64);
    PEAK.load(Ordering::Relaxed).saturating_sub(before)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_within_its_budget_and_does_not_grow_with_the_data() {
    let budget = 64 * MEBIBYTE + WORKERS as u64 * 2 * 8 * MEBIBYTE;
    for large in [8, 24] {
        let before = NOW.load(Ordering::Relaxed);
        let peak = peak(large).await;
        let left = NOW.load(Ordering::Relaxed).saturating_sub(before);
        eprintln!("{large} files of 48 MiB: peak {} MiB of {}, {left} bytes left", peak / MEBIBYTE, budget / MEBIBYTE);
        assert!(peak > MEBIBYTE, "the measure does not work: {peak}");
        assert!(peak <= budget, "{large} files of 48 MiB: {peak} bytes, the budget is {budget}");
        assert!(left <= 8 * MEBIBYTE, "{left} bytes are still there when the run is over");
    }
}
