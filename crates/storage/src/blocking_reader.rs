//! From asynchronous readers to [`ReadAt`], for formats that do no I/O of their own.
//!
//! Format code runs on a blocking thread of a [`BlockingPool`] and reads through a [`BlockingReader`], which waits there for the
//! asynchronous read. Reads are served from windows; a reader that goes forward finds the next window on its way already.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use read_at::ReadAt;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::key::check_range;
use crate::{FileReader, ObjectStore, Result, StorageError};

/// Bytes of one window.
pub const WINDOW_BYTES: usize = 1 << 20;
/// Windows kept: trailer, index, the block being read and the one before it.
const WINDOWS: usize = 4;

/// A bounded number of blocking threads for format code.
#[derive(Debug, Clone)]
pub struct BlockingPool {
    places: Arc<Semaphore>,
}

impl BlockingPool {
    /// A pool of `threads`, at least one.
    pub fn new(threads: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(threads.clamp(1, Semaphore::MAX_PERMITS))) }
    }

    /// Runs `work` on a blocking thread when there is a place. A panic in it goes on here.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let place = self.places.clone().acquire_owned().await.ok();
        let work = move || {
            let result = work();
            drop(place);
            Ok(result)
        };
        crate::blocking::finished("blocking pool", tokio::task::spawn_blocking(work).await)
    }
}

/// A [`ReadAt`] over an asynchronous reader. Use it only on blocking threads; on a thread that runs tasks it panics.
///
/// Memory: [`WINDOWS`] windows and the one on its way. Calls from several threads take turns.
#[derive(Debug)]
pub struct BlockingReader {
    reader: Arc<dyn FileReader>,
    runtime: Handle,
    windows: Mutex<Windows>,
}

#[derive(Debug, Default)]
struct Windows {
    /// Oldest first.
    kept: VecDeque<(u64, Bytes)>,
    ahead: Option<(u64, JoinHandle<Result<Bytes>>)>,
    last: Option<u64>,
}

impl BlockingReader {
    /// Reads `reader` with the help of the current runtime; call it on a task or a blocking thread.
    pub fn new(reader: Arc<dyn FileReader>) -> Self {
        Self { reader, runtime: Handle::current(), windows: Mutex::default() }
    }

    /// Bytes of window `number`.
    fn window(&self, windows: &mut Windows, number: u64) -> Result<Bytes> {
        let forward = windows.last.map_or(number == 0, |last| number == last + 1);
        windows.last = Some(number);
        if let Some((_, bytes)) = windows.kept.iter().find(|(kept, _)| *kept == number) {
            return Ok(bytes.clone());
        }
        let bytes = match windows.ahead.take() {
            Some((ahead, reading)) if ahead == number => crate::blocking::finished("read-ahead", self.runtime.block_on(reading))?,
            other => {
                if let Some((_, reading)) = other {
                    reading.abort();
                }
                let (offset, length) = self.place(number);
                self.runtime.block_on(self.reader.read_range(offset, length))?
            }
        };
        if forward {
            let (offset, length) = self.place(number + 1);
            if length > 0 {
                let reader = self.reader.clone();
                windows.ahead = Some((number + 1, self.runtime.spawn(async move { reader.read_range(offset, length).await })));
            }
        }
        if windows.kept.len() == WINDOWS {
            windows.kept.pop_front();
        }
        windows.kept.push_back((number, bytes.clone()));
        Ok(bytes)
    }

    /// Offset and length of window `number`; length 0 behind the end.
    fn place(&self, number: u64) -> (u64, usize) {
        let offset = number.saturating_mul(WINDOW_BYTES as u64);
        let left = self.reader.length_bytes().saturating_sub(offset);
        (offset, usize::try_from(left).unwrap_or(usize::MAX).min(WINDOW_BYTES))
    }
}

impl Drop for BlockingReader {
    fn drop(&mut self) {
        let windows = self.windows.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, reading)) = windows.ahead.take() {
            reading.abort();
        }
    }
}

impl ReadAt for BlockingReader {
    fn len(&self) -> u64 {
        self.reader.length_bytes()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(buffer.len() as u64).is_none_or(|end| end > self.len()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut offset, mut rest) = (offset, buffer);
        while !rest.is_empty() {
            let number = offset / WINDOW_BYTES as u64;
            let window = self.window(&mut windows, number).map_err(into_io)?;
            let start = usize::try_from(offset % WINDOW_BYTES as u64).unwrap_or(usize::MAX);
            let source = window.get(start..).filter(|source| !source.is_empty()).ok_or(io::ErrorKind::UnexpectedEof)?;
            let (now, later) = rest.split_at_mut(source.len().min(rest.len()));
            now.copy_from_slice(source.get(..now.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
            offset += now.len() as u64;
            rest = later;
        }
        Ok(())
    }
}

/// The error a format sees; the storage error stays its source.
fn into_io(error: StorageError) -> io::Error {
    let kind = match &error {
        StorageError::NotFound { .. } => io::ErrorKind::NotFound,
        StorageError::PermissionDenied { .. } => io::ErrorKind::PermissionDenied,
        StorageError::Short { .. } => io::ErrorKind::UnexpectedEof,
        StorageError::TimedOut { .. } => io::ErrorKind::TimedOut,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// An object, or a section of one, as a reader.
#[derive(Debug, Clone)]
pub struct ObjectReader {
    store: Arc<dyn ObjectStore>,
    key: String,
    offset: u64,
    length_bytes: u64,
}

impl ObjectReader {
    /// The whole object, with the length it has now.
    pub async fn open(store: Arc<dyn ObjectStore>, key: &str) -> Result<Self> {
        let length_bytes = store.head(key).await?.length_bytes;
        Ok(Self::section(store, key, 0, length_bytes))
    }

    /// `length_bytes` from `offset`; asks nobody whether they are there.
    pub fn section(store: Arc<dyn ObjectStore>, key: &str, offset: u64, length_bytes: u64) -> Self {
        Self { store, key: key.to_owned(), offset, length_bytes }
    }
}

#[async_trait]
impl FileReader for ObjectReader {
    fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    async fn read_range(&self, offset: u64, length: usize) -> Result<Bytes> {
        check_range(&self.key, offset, length as u64, self.length_bytes)?;
        let start = self.offset.saturating_add(offset);
        self.store.get_range(&self.key, start..start.saturating_add(length as u64)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;
    use crate::wrap::{CallKind, Fault, FaultAction, FaultRule, Recorder};

    fn body() -> Bytes {
        (0..(WINDOW_BYTES * 5 / 2)).map(|place| (place * 7 / 3) as u8).collect::<Vec<u8>>().into()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn reads_across_windows_and_ahead() {
        let memory = MemoryStore::default();
        memory.overwrite("object", body());
        let recorder = Recorder::new();
        let store = recorder.store(Arc::new(memory));
        let reader = BlockingReader::new(Arc::new(ObjectReader::open(store, "object").await.expect("open")));
        let expected = body();
        BlockingPool::new(2)
            .run(move || {
                assert_eq!(reader.len(), expected.len() as u64);
                let mut whole = vec![0u8; expected.len()];
                for (part, chunk) in whole.chunks_mut(100_003).enumerate() {
                    reader.read_at(part as u64 * 100_003, chunk).expect("read");
                }
                assert!(whole == expected, "reads differ");
                let mut across = vec![0u8; WINDOW_BYTES + 2];
                reader.read_at(WINDOW_BYTES as u64 - 1, &mut across).expect("across three windows");
                assert!(across == expected.slice(WINDOW_BYTES - 1..2 * WINDOW_BYTES + 1));
                let end = reader.read_at(expected.len() as u64 - 1, &mut [0, 0]).expect_err("past the end");
                assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
                assert!(reader.read_at(u64::MAX, &mut [0]).is_err());
            })
            .await
            .expect("run");
        let seen = recorder.snapshot();
        assert_eq!(seen.count(CallKind::GetRange).calls, 3, "each window once: {:?}", seen.calls);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_failed_read_fails_the_format_and_can_be_tried_again() {
        let memory = MemoryStore::default();
        memory.overwrite("object", body());
        let fault = Fault::new(vec![FaultRule::nth(CallKind::GetRange, 2, FaultAction::Unreachable)]);
        let section = ObjectReader::section(fault.store(Arc::new(memory)), "object", 10, 2 * WINDOW_BYTES as u64);
        let reader = BlockingReader::new(Arc::new(section));
        let expected = body();
        BlockingPool::new(1)
            .run(move || {
                let mut buffer = vec![0u8; 100];
                reader.read_at(0, &mut buffer).expect("first window");
                assert!(buffer == expected.slice(10..110));
                let error = reader.read_at(WINDOW_BYTES as u64, &mut buffer).expect_err("second window");
                assert!(error.to_string().contains("unreachable"), "{error}");
                reader.read_at(WINDOW_BYTES as u64, &mut buffer).expect("second try");
                assert!(buffer == expected.slice(WINDOW_BYTES + 10..WINDOW_BYTES + 110));
            })
            .await
            .expect("run");
    }
}
