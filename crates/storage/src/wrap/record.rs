//! Counts calls and bytes and remembers who was called, for tests and for what a run reports about itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::call::{Call, CallKind, Decision, Hook};
use super::file_system::HookedFileSystem;
use super::object_store::HookedStore;
use crate::{FileSystem, ObjectStore};

/// Calls of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Calls made, failed ones included.
    pub calls: u64,
    /// Calls that failed.
    pub failures: u64,
    /// Bytes sent or received by calls that succeeded.
    pub bytes: u64,
}

/// One call that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCall {
    /// What was called.
    pub kind: CallKind,
    /// Key, prefix or path.
    pub path: String,
    /// Bytes sent or received; 0 if it failed.
    pub bytes: u64,
    /// Whether it failed.
    pub failed: bool,
}

/// What a recorder has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    /// By kind; kinds never called are not in it.
    pub counts: BTreeMap<CallKind, Count>,
    /// Every call in the order they ended; empty for [`Recorder::counts_only`].
    pub calls: Vec<RecordedCall>,
}

impl Recording {
    /// Calls of one kind.
    pub fn count(&self, kind: CallKind) -> Count {
        self.counts.get(&kind).copied().unwrap_or_default()
    }

    /// Calls of all kinds.
    pub fn total_calls(&self) -> u64 {
        self.counts.values().map(|count| count.calls).sum()
    }

    /// Bytes received from files and objects.
    pub fn bytes_read(&self) -> u64 {
        self.counts.iter().filter(|(kind, _)| kind.reads_bytes()).map(|(_, count)| count.bytes).sum()
    }

    /// Bytes sent to files and objects.
    pub fn bytes_written(&self) -> u64 {
        self.counts.iter().filter(|(kind, _)| kind.writes_bytes()).map(|(_, count)| count.bytes).sum()
    }

    /// Calls that could change something.
    pub fn changes(&self) -> u64 {
        self.counts.iter().filter(|(kind, _)| kind.changes()).map(|(_, count)| count.calls).sum()
    }

    /// Keys or paths of the calls of one kind, in order.
    pub fn paths(&self, kind: CallKind) -> Vec<&str> {
        self.calls.iter().filter(|call| call.kind == kind).map(|call| call.path.as_str()).collect()
    }
}

/// Records the calls of every store and file system it wraps. Clones share one recording.
#[derive(Debug, Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    keeps_calls: bool,
    recording: Mutex<Recording>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// Keeps counts and every call.
    pub fn new() -> Self {
        Self { shared: Arc::new(Shared { keeps_calls: true, recording: Mutex::default() }) }
    }

    /// Keeps counts only: constant memory, for production runs.
    pub fn counts_only() -> Self {
        Self { shared: Arc::new(Shared { keeps_calls: false, recording: Mutex::default() }) }
    }

    /// `inner`, recorded here.
    pub fn store(&self, inner: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        Arc::new(HookedStore { inner, hook: self.shared.clone() })
    }

    /// `inner`, recorded here.
    pub fn file_system(&self, inner: Arc<dyn FileSystem>) -> Arc<dyn FileSystem> {
        Arc::new(HookedFileSystem { inner, hook: self.shared.clone() })
    }

    /// What was seen so far.
    pub fn snapshot(&self) -> Recording {
        self.shared.lock().clone()
    }

    /// What was seen so far; the recording starts anew.
    pub fn reset(&self) -> Recording {
        std::mem::take(&mut *self.shared.lock())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Recording> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Hook for Shared {
    async fn before(&self, _call: &Call<'_>) -> Decision {
        Decision::default()
    }

    fn after(&self, call: &Call<'_>, bytes: u64, failed: bool) {
        let mut recording = self.lock();
        let count = recording.counts.entry(call.kind).or_default();
        count.calls += 1;
        count.failures += u64::from(failed);
        count.bytes += bytes;
        if self.keeps_calls {
            recording.calls.push(RecordedCall { kind: call.kind, path: call.path.to_owned(), bytes, failed });
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{CreateOptions, MemoryFileSystem, MemoryStore};

    #[tokio::test]
    async fn calls_bytes_and_keys_are_counted_over_all_that_share_a_recorder() {
        let recorder = Recorder::new();
        let store = recorder.store(Arc::new(MemoryStore::default()));
        let tree = recorder.file_system(Arc::new(MemoryFileSystem::default()));
        store.put_new("a", Bytes::from_static(b"12345")).await.expect("put");
        store.put_new("a", Bytes::from_static(b"12345")).await.expect_err("exists");
        let mut upload = store.begin("b").await.expect("begin");
        upload.write(Bytes::from_static(b"123")).await.expect("write");
        upload.write(Bytes::from_static(b"4")).await.expect("write");
        upload.complete().await.expect("complete");
        store.get("b", 10).await.expect("get");
        store.get_range("a", 1..3).await.expect("range");
        let mut writer = tree.create_new("/f", CreateOptions::default()).await.expect("create");
        writer.write(Bytes::from_static(b"xyz")).await.expect("write");
        writer.close().await.expect("close");
        tree.open("/f").await.expect("open").read_range(0, 2).await.expect("read");

        let seen = recorder.snapshot();
        assert_eq!(seen.count(CallKind::PutNew), Count { calls: 2, failures: 1, bytes: 5 });
        assert_eq!(seen.count(CallKind::UploadWrite), Count { calls: 2, failures: 0, bytes: 4 });
        assert_eq!((seen.bytes_read(), seen.bytes_written()), (4 + 2 + 2, 5 + 4 + 3));
        assert_eq!(seen.paths(CallKind::Complete), ["b"]);
        assert_eq!(seen.paths(CallKind::Read), ["/f"]);
        assert_eq!((seen.total_calls(), seen.changes()), (13, 9));
        assert_eq!(recorder.reset(), seen);
        assert_eq!(recorder.snapshot(), Recording::default());
    }
}
