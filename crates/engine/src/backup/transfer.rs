//! Store files into the repository: each distinct file at most once per run, however many tables list it.
//!
//! A file the repository knows is not read. Any other is read once, front to back: every chunk is checked by `hfile::Checker`,
//! then given to the repository, while the next one is on its way. A file that is not sound is given up before the repository has
//! finished it, with the offset.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use api::{Phase, Work};
use bytes::Bytes;
use hfile::{Checker, HFileError};
use repository::{Compression, FileIdentity, FileOptions, StoredFile, Upload};
use tokio::sync::{OnceCell, Semaphore};

use crate::source::{PhysicalFile, Source, SourceReader};
use crate::{CancellationToken, EngineError, Monitor, Result};

/// A file in the repository, and what was learned when it was read.
#[derive(Debug, Clone)]
pub(super) struct TransferredFile {
    pub stored: StoredFile,
    /// What reading it told; `None` when the repository had it.
    pub read: Option<Arc<Reading>>,
}

/// What reading a file told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub entries: u64,
    pub codec: String,
    pub max_sequence_id: Option<u64>,
    /// Table and name.
    pub mob_references: Vec<(hbase_types::TableName, String)>,
    /// Whether the file info could be read.
    pub inspected: bool,
}

type Slot = Arc<OnceCell<TransferredFile>>;

/// Reads and stores files for all tables of a run.
pub(super) struct Transfer {
    pub source: Arc<dyn Source>,
    pub upload: Upload,
    pub monitor: Arc<dyn Monitor>,
    pub cancel: CancellationToken,
    workers: Semaphore,
    chunk_bytes: usize,
    slots: Mutex<HashMap<FileIdentity, Slot>>,
}

/// One file to store.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub physical: PhysicalFile,
    pub identity: FileIdentity,
    /// Table and family, the unit of compression and bundling.
    pub group: Bytes,
    /// Codec of the family.
    pub codec: String,
}

impl Transfer {
    /// `memory_bytes` is shared by the chunks of all workers (two per worker).
    pub(super) fn new(
        source: Arc<dyn Source>,
        upload: Upload,
        monitor: Arc<dyn Monitor>,
        cancel: CancellationToken,
        workers: usize,
        memory_bytes: u64,
    ) -> Self {
        let workers = workers.max(1);
        let share = usize::try_from(memory_bytes).unwrap_or(usize::MAX) / (workers * 4);
        // Whole frames of the repository, so that it need not copy.
        let chunk_bytes = (share.clamp(1 << 20, 2 << 20) >> 20) << 20;
        Self { source, upload, monitor, cancel, workers: Semaphore::new(workers), chunk_bytes, slots: Mutex::default() }
    }

    /// Stores a file, unless the repository or this run has it. The flag says whether this very call read it.
    pub(super) async fn store(&self, job: &Job) -> Result<(TransferredFile, bool)> {
        let slot = self.slots.lock().unwrap_or_else(PoisonError::into_inner).entry(job.identity.clone()).or_default().clone();
        let mut read_here = false;
        let file = slot
            .get_or_try_init(|| async {
                if let Some(stored) = self.upload.known(&job.identity) {
                    return Ok(TransferredFile { stored, read: None });
                }
                read_here = true;
                self.read(job).await
            })
            .await?;
        Ok((file.clone(), read_here))
    }

    async fn read(&self, job: &Job) -> Result<TransferredFile> {
        let _permit = self.workers.acquire().await.map_err(|_| EngineError::Cancelled)?;
        if self.cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let mut reader = self.source.files().open(&job.physical, job.identity.length).await?;
        let compression = if job.codec == "NONE" { Compression::Auto } else { Compression::None };
        let mut sink = self.upload.file(&job.identity, FileOptions { group: job.group.clone(), compression }).await?;
        let checked = async {
            let mut checker = Checker::new();
            let mut next = self.chunk(&mut reader, 0).await?;
            let mut offset = 0;
            while let Some(chunk) = next {
                offset += chunk.len() as u64;
                let (ahead, written) = tokio::join!(self.chunk(&mut reader, offset), async {
                    checker.push(&chunk).map_err(|error| unsound(job, &error))?;
                    let done = Work { files: 0, bytes: chunk.len() as u64 };
                    sink.write(chunk).await?;
                    self.monitor.advance(Phase::Read, done);
                    Ok::<(), EngineError>(())
                });
                written?;
                next = ahead?;
            }
            checker.finish().map_err(|error| unsound(job, &error))
        };
        let summary = match checked.await {
            Ok(summary) => summary,
            Err(error) => {
                sink.abort().await?;
                return Err(error);
            }
        };
        let stored = sink.finish(summary.fingerprint).await?;
        self.monitor.advance(Phase::Read, Work { files: 1, bytes: 0 });
        let mob_references = match &summary.file_info {
            Some(info) => info.mob_file_references().map_err(|error| unsound(job, &error))?.unwrap_or_default(),
            None => Vec::new(),
        };
        let reading = Reading {
            entries: summary.entries,
            codec: summary.compression.name().to_owned(),
            max_sequence_id: summary.max_sequence_id,
            mob_references,
            inspected: summary.file_info.is_some(),
        };
        Ok(TransferredFile { stored, read: Some(Arc::new(reading)) })
    }

    async fn chunk(&self, reader: &mut SourceReader, offset: u64) -> Result<Option<Bytes>> {
        let left = usize::try_from(reader.length().saturating_sub(offset)).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(None);
        }
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(EngineError::Cancelled),
            bytes = reader.read(offset, left.min(self.chunk_bytes)) => bytes.map(Some),
        }
    }
}

fn unsound(job: &Job, error: &HFileError) -> EngineError {
    let path = job.physical.path().to_owned();
    match error {
        HFileError::Unsupported { .. } => EngineError::Unsupported { message: format!("{path}: {error}"), hint: None },
        _ => EngineError::Damage { path, message: format!("the source file is damaged: {error}") },
    }
}
