//! Bytes per second, calls per second, calls at a time: one limiter for as many stores as share it.
//!
//! Each rate is a reservation line in time: a call reserves the time its bytes take at the rate and waits until its turn. Time that
//! nobody used is kept for [`BURST`] at most, so over 30 s the rate is held within 2 %. A call whose length is known only afterwards
//! ([`CallKind::Get`]) is charged afterwards: it waits for what is reserved already, those behind it
//! wait for its bytes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::call::{Call, CallKind, Decision, Hook};
use super::file_system::HookedFileSystem;
use super::object_store::HookedStore;
use crate::{FileSystem, ObjectStore};

/// Unused time a rate keeps.
const BURST: Duration = Duration::from_millis(500);

/// What a limiter allows; `None` = no limit. A zero means the smallest limit there is, 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes read per second.
    pub read_bytes_per_second: Option<u64>,
    /// Bytes written per second.
    pub write_bytes_per_second: Option<u64>,
    /// Calls of any kind per second.
    pub calls_per_second: Option<u64>,
    /// Calls under way at one time.
    pub concurrent_calls: Option<usize>,
}

/// Holds the calls of all stores and file systems it wraps to common limits. Clones are the same limiter.
#[derive(Debug, Clone)]
pub struct Limiter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    read: Option<Rate>,
    write: Option<Rate>,
    calls: Option<Rate>,
    concurrent: Option<Arc<Semaphore>>,
    made: AtomicU64,
}

impl Limiter {
    /// A limiter of its own.
    pub fn new(limits: Limits) -> Self {
        let shared = Shared {
            read: limits.read_bytes_per_second.map(Rate::new),
            write: limits.write_bytes_per_second.map(Rate::new),
            calls: limits.calls_per_second.map(Rate::new),
            concurrent: limits.concurrent_calls.map(|calls| Arc::new(Semaphore::new(calls.clamp(1, Semaphore::MAX_PERMITS)))),
            made: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// `inner`, held to these limits.
    pub fn store(&self, inner: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        Arc::new(HookedStore { inner, hook: self.shared.clone() })
    }

    /// `inner`, held to these limits.
    pub fn file_system(&self, inner: Arc<dyn FileSystem>) -> Arc<dyn FileSystem> {
        Arc::new(HookedFileSystem { inner, hook: self.shared.clone() })
    }

    /// Calls let through so far.
    pub fn calls(&self) -> u64 {
        self.shared.made.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Hook for Shared {
    async fn before(&self, call: &Call<'_>) -> Decision {
        if let Some(calls) = &self.calls {
            calls.pass(1).await;
        }
        let rate = match call.kind {
            kind if kind.reads_bytes() => &self.read,
            kind if kind.writes_bytes() => &self.write,
            _ => &None,
        };
        if let Some(rate) = rate {
            // For a call of unknown length these are no bytes: it waits until those charged so far are paid for.
            rate.pass(call.bytes).await;
        }
        // After the waiting, so that nobody waits for bytes while holding a place.
        let permit = match &self.concurrent {
            Some(places) => places.clone().acquire_owned().await.ok(),
            None => None,
        };
        self.made.fetch_add(1, Ordering::Relaxed);
        Decision { permit, ..Decision::default() }
    }

    fn after(&self, call: &Call<'_>, bytes: u64, _failed: bool) {
        if let (CallKind::Get, Some(rate)) = (call.kind, &self.read) {
            rate.reserve(bytes);
        }
    }
}

/// A number of units per second.
#[derive(Debug)]
struct Rate {
    per_second: u64,
    /// Until when time is reserved.
    reserved: Mutex<Option<Instant>>,
}

impl Rate {
    fn new(per_second: u64) -> Self {
        Self { per_second: per_second.max(1), reserved: Mutex::default() }
    }

    /// Reserves time for `units`, and says when they may pass.
    fn reserve(&self, units: u64) -> Instant {
        let now = Instant::now();
        let mut reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = now.checked_sub(BURST).unwrap_or(now);
        let start = reserved.map_or(now, |until| until.max(kept));
        let nanoseconds = u128::from(units) * 1_000_000_000 / u128::from(self.per_second);
        let end = start + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX / 2));
        *reserved = Some(end);
        // A call passes when its time is over, so that even the first one does not exceed the rate.
        end
    }

    async fn pass(&self, units: u64) {
        tokio::time::sleep_until(self.reserve(units)).await;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::MemoryStore;

    async fn store(limits: Limits) -> (Limiter, Arc<dyn ObjectStore>) {
        let store = MemoryStore::default();
        store.put_new("object", Bytes::from(vec![0u8; 1 << 20])).await.expect("put");
        let limiter = Limiter::new(limits);
        let limited = limiter.store(Arc::new(store));
        (limiter, limited)
    }

    /// Thirty seconds of eight readers of two stores, on a clock that jumps over the waiting.
    #[tokio::test(start_paused = true)]
    async fn a_rate_is_held_within_a_tenth_over_thirty_seconds() {
        let (limiter, first) = store(Limits { read_bytes_per_second: Some(20_000_000), ..Limits::default() }).await;
        let second = limiter.store(Arc::new(MemoryStore::default()));
        second.put_new("object", Bytes::from(vec![0u8; 1 << 20])).await.expect("put: writes are not limited");
        let start = Instant::now();
        let readers = (0..8u64).map(|reader| {
            let store = if reader % 2 == 0 { first.clone() } else { second.clone() };
            tokio::spawn(async move {
                let mut read = 0u64;
                while start.elapsed() < Duration::from_secs(30) {
                    let range = 0..[64u64 << 10, 1 << 20, 4097][usize::try_from(read % 3).expect("small")];
                    read += if reader == 3 { store.get("object", 1 << 20).await } else { store.get_range("object", range).await }
                        .expect("read")
                        .len() as u64;
                }
                read
            })
        });
        let read: u64 =
            futures::future::join_all(readers.collect::<Vec<_>>()).await.into_iter().map(|result| result.expect("reader")).sum();
        let rate = read as f64 / start.elapsed().as_secs_f64();
        assert!((18e6..22e6).contains(&rate), "{rate} bytes per second");
    }

    #[tokio::test(start_paused = true)]
    async fn unused_time_is_not_saved_up() {
        let (_, store) = store(Limits { read_bytes_per_second: Some(1 << 20), ..Limits::default() }).await;
        store.get_range("object", 0..1).await.expect("read");
        tokio::time::sleep(Duration::from_secs(100)).await;
        let start = Instant::now();
        for _ in 0..5 {
            store.get_range("object", 0..1 << 20).await.expect("read");
        }
        assert!(start.elapsed() > Duration::from_secs(4), "5 s of bytes passed in {:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn calls_at_a_time_and_per_second_are_bounded() {
        let limits = Limits { concurrent_calls: Some(2), calls_per_second: Some(10), ..Limits::default() };
        let limiter = Limiter::new(limits);
        let slow = Arc::new(Slow::default());
        let tree = limiter.file_system(slow.clone());
        let start = Instant::now();
        futures::future::join_all((0..20).map(|_| tree.status("/"))).await;
        assert_eq!(limiter.calls(), 20);
        assert_eq!(slow.most.load(Ordering::SeqCst), 2, "calls at one time");
        assert!(start.elapsed() >= Duration::from_secs(2), "20 calls in {:?}", start.elapsed());
    }

    /// A file system whose status takes a second.
    #[derive(Debug, Default)]
    struct Slow {
        inner: crate::MemoryFileSystem,
        now: AtomicU64,
        most: AtomicU64,
    }

    #[async_trait]
    impl FileSystem for Slow {
        fn url(&self) -> String {
            self.inner.url()
        }
        async fn status(&self, path: &str) -> crate::Result<crate::FileStatus> {
            self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.now.fetch_sub(1, Ordering::SeqCst);
            self.inner.status(path).await
        }
        async fn list(&self, path: &str) -> crate::Result<Vec<crate::FileStatus>> {
            self.inner.list(path).await
        }
        async fn open(&self, path: &str) -> crate::Result<Box<dyn crate::FileReader>> {
            self.inner.open(path).await
        }
        async fn create_new(&self, path: &str, options: crate::CreateOptions) -> crate::Result<Box<dyn crate::FileWriter>> {
            self.inner.create_new(path, options).await
        }
        async fn rename_new(&self, from: &str, to: &str) -> crate::Result<()> {
            self.inner.rename_new(from, to).await
        }
        async fn make_directories(&self, path: &str) -> crate::Result<()> {
            self.inner.make_directories(path).await
        }
        async fn delete(&self, path: &str, recursive: bool) -> crate::Result<()> {
            self.inner.delete(path, recursive).await
        }
        async fn set_owner(&self, path: &str, owner: Option<&str>, group: Option<&str>) -> crate::Result<()> {
            self.inner.set_owner(path, owner, group).await
        }
        async fn set_mode(&self, path: &str, mode: u32) -> crate::Result<()> {
            self.inner.set_mode(path, mode).await
        }
        async fn space(&self) -> crate::Result<Option<crate::Space>> {
            self.inner.space().await
        }
    }
}
