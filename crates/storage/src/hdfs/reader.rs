//! Reading a file of HDFS: bounds first, memory from the budget, and a second and third try with a fresh reader.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;

use super::client::{HdfsClient, STREAM_BYTES};
use super::error::{Asked, translate};
use crate::key::check_range;
use crate::{Buffer, FileReader, Result, StorageError};

/// Readers tried for one range: a reader keeps the DataNodes it gave up and block tokens that have expired.
const READERS: usize = 3;

pub(super) struct HdfsReader {
    client: HdfsClient,
    path: String,
    length_bytes: u64,
    reader: Mutex<Arc<hdfs_native::file::FileReader>>,
}

impl std::fmt::Debug for HdfsReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HdfsReader").field("path", &self.path).field("length_bytes", &self.length_bytes).finish_non_exhaustive()
    }
}

impl HdfsReader {
    pub(super) async fn open(client: &HdfsClient, path: &str) -> Result<Self> {
        let reader = open(client, path).await?;
        Ok(Self {
            client: client.clone(),
            path: path.to_owned(),
            length_bytes: reader.file_length() as u64,
            reader: Mutex::new(Arc::new(reader)),
        })
    }

    fn current(&self) -> Arc<hdfs_native::file::FileReader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Appends to `buffer` what is missing of the range. Whatever arrived before an error stays.
    async fn fill(&self, reader: &hdfs_native::file::FileReader, offset: u64, length: usize, buffer: &mut Buffer) -> Result<()> {
        let start = offset + buffer.len() as u64;
        let left = length - buffer.len();
        check_range(&self.path, start, left as u64, reader.file_length() as u64)?;
        let start = usize::try_from(start).map_err(|_| short(&self.path, offset, length, buffer.len()))?;
        let mut stream = Box::pin(reader.read_range_stream(start, left));
        while buffer.len() < length {
            match stream.next().await {
                Some(Ok(bytes)) => {
                    let missing = length - buffer.len();
                    buffer.extend_from_slice(bytes.get(..missing).unwrap_or(&bytes));
                }
                Some(Err(error)) => return Err(translate(self.client.url(), asked(&self.path), error)),
                None => return Err(short(&self.path, offset, length, buffer.len())),
            }
        }
        Ok(())
    }

    async fn read(&self, offset: u64, length: usize) -> Result<Bytes> {
        let mut buffer = Buffer::with_capacity(length);
        for attempt in 1.. {
            let reader = self.current();
            let error = match self.fill(&reader, offset, length, &mut buffer).await {
                Ok(()) => break,
                Err(error) => error,
            };
            if attempt == READERS || !error.is_retryable() {
                return Err(error);
            }
            let fresh = Arc::new(open(&self.client, &self.path).await?);
            let mut kept = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
            // Another read of this file may have been faster.
            if Arc::ptr_eq(&kept, &reader) {
                *kept = fresh;
            }
        }
        Ok(buffer.freeze())
    }
}

fn asked(path: &str) -> Asked<'_> {
    Asked { path, operation: "read", right: "read" }
}

fn short(path: &str, offset: u64, expected: usize, actual: usize) -> StorageError {
    StorageError::Short { path: path.to_owned(), offset, expected: expected as u64, actual: actual as u64 }
}

async fn open(client: &HdfsClient, path: &str) -> Result<hdfs_native::file::FileReader> {
    client.ask(asked(path), client.client.read(path)).await.map_err(super::client::missing_below_file)
}

#[async_trait]
impl FileReader for HdfsReader {
    fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    async fn read_range(&self, offset: u64, length: usize) -> Result<Bytes> {
        check_range(&self.path, offset, length as u64, self.length_bytes)?;
        if length == 0 {
            return Ok(Bytes::new());
        }
        let reading = async {
            let _memory = self.client.readers.acquire(STREAM_BYTES.min(length as u64)).await;
            self.read(offset, length).await
        };
        match tokio::time::timeout(self.client.deadline, reading).await {
            Ok(result) => result,
            Err(_) => Err(self.client.silent()),
        }
    }
}
