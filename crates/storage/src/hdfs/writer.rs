//! Writing a file of HDFS so that it survives the loss of power: `hsync` before the end of every block, and before `close`.
//!
//! A DataNode does not sync a block when it is finished, only when it is told to. Told after the block was given up, it is too late:
//! so the bytes are cut at block boundaries, and each full block is synced before the next one begins. Erasure-coded files cannot
//! be synced at all; a writer says beforehand whether that is acceptable.

use async_trait::async_trait;
use bytes::Bytes;
use hdfs_native::WriteOptions;

use super::client::{HdfsClient, STREAM_BYTES};
use super::error::Asked;
use crate::budget::BytePermit;
use crate::{CreateOptions, FileStatus, FileWriter, Result, StorageError};

pub(super) struct HdfsWriter {
    client: HdfsClient,
    path: String,
    writer: hdfs_native::file::FileWriter,
    block_bytes: u64,
    /// Bytes in the block now written and not synced since it began.
    in_block: u64,
    /// Whether an erasure-coded file, which cannot be synced, is acceptable.
    unsynced_is_fine: bool,
    synced: bool,
    /// Set by the first failure: what was written is unknown.
    failed: bool,
    _memory: BytePermit,
}

impl std::fmt::Debug for HdfsWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HdfsWriter").field("path", &self.path).field("in_block", &self.in_block).finish_non_exhaustive()
    }
}

impl HdfsWriter {
    /// Creates the file with missing parents; it must not exist.
    pub(super) async fn create(client: &HdfsClient, path: &str, options: &CreateOptions, unsynced_is_fine: bool) -> Result<Self> {
        let memory = tokio::time::timeout(client.deadline, client.writers.acquire(STREAM_BYTES)).await.map_err(|_| {
            StorageError::Invalid { path: path.to_owned(), detail: "too many files are being written at one time".to_owned() }
        })?;
        let mut settings = WriteOptions::default().permission(options.mode.unwrap_or(0o644));
        if let Some(block_bytes) = client.block_bytes.get() {
            settings = settings.block_size(*block_bytes);
        }
        let asked = Asked { path, operation: "create", right: "write on the directory" };
        let writer = client.change(asked, client.client.create(path, settings)).await?;
        // What the server chose for the first file is asked for explicitly from then on.
        let block_bytes = *client
            .block_bytes
            .get_or_try_init(|| async {
                let asked = Asked { path, operation: "status", right: "search" };
                let found = client.ask(asked, client.client.get_file_info(path)).await?;
                found
                    .blocksize
                    .filter(|&bytes| bytes > 0)
                    .ok_or_else(|| StorageError::Invalid { path: path.to_owned(), detail: "the NameNode names no block size".to_owned() })
            })
            .await?;
        let client = client.clone();
        let path = path.to_owned();
        Ok(Self { client, path, writer, block_bytes, in_block: 0, unsynced_is_fine, synced: true, failed: false, _memory: memory })
    }

    /// Runs a step, and remembers its failure.
    fn step<T>(&mut self, result: Result<T>) -> Result<T> {
        result.inspect_err(|_| self.failed = true)
    }

    fn usable(&self) -> Result<()> {
        if self.failed {
            return Err(StorageError::Invalid { path: self.path.clone(), detail: "written to after a failed write".to_owned() });
        }
        Ok(())
    }

    async fn sync(&mut self) -> Result<()> {
        if self.synced {
            return Ok(());
        }
        let asked = Asked { path: &self.path, operation: "hsync", right: "write" };
        let result = match self.client.change(asked, self.writer.hsync()).await {
            Err(StorageError::Unsupported { .. }) if self.unsynced_is_fine => Ok(()),
            other => other,
        };
        self.step(result)?;
        self.synced = true;
        Ok(())
    }
}

#[async_trait]
impl FileWriter for HdfsWriter {
    async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        self.usable()?;
        while !bytes.is_empty() {
            let room = usize::try_from(self.block_bytes - self.in_block).unwrap_or(usize::MAX);
            let part = bytes.split_to(room.min(bytes.len()));
            let length = part.len() as u64;
            let asked = Asked { path: &self.path, operation: "write", right: "write" };
            let written = self.client.change(asked, self.writer.write_bytes(part)).await;
            self.step(written)?;
            self.synced = false;
            self.in_block += length;
            if self.in_block == self.block_bytes {
                self.sync().await?;
                self.in_block = 0;
            }
        }
        Ok(())
    }

    async fn close(mut self: Box<Self>) -> Result<FileStatus> {
        self.usable()?;
        self.sync().await?;
        let asked = Asked { path: &self.path, operation: "close", right: "write" };
        let closed = self.client.change(asked, self.writer.close()).await;
        self.step(closed)?;
        self.client.status(&self.path).await
    }
}
