//! Proving that what is stored can be restored.

mod log;
mod objects;
mod pages;

use crate::error::{RepositoryError, Result};
use crate::record::body::Commit;
use crate::repository::Repository;
use crate::validity::BackupState;

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyLevel {
    /// Log, signatures, every page; existence and length of every object from a listing.
    Quick,
    /// Also every byte of every object: tags, content ids, ciphertext hashes.
    Data,
}

/// What to verify.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// How much is read.
    pub level: VerifyLevel,
    /// Only these backups; empty = all live ones.
    pub backups: Vec<u64>,
    /// Objects read at the same time.
    pub workers: usize,
}

/// How far a verify has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Bytes read so far.
    pub done_bytes: u64,
    /// Bytes to read.
    pub total_bytes: u64,
    /// Objects finished.
    pub done_objects: u64,
    /// Objects in all.
    pub total_objects: u64,
}

/// One place where the repository is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Key of the object.
    pub object: String,
    /// Where in the object.
    pub offset: u64,
    /// What is wrong there.
    pub detail: String,
    /// Live backups that need it.
    pub backups: Vec<u64>,
    /// Identity hashes of the files that lie there (for data objects).
    pub files: Vec<[u8; 32]>,
}

/// What a verify found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Backups looked at.
    pub backups: u64,
    /// Log records checked.
    pub records: u64,
    /// Pages decoded.
    pub pages: u64,
    /// Data objects checked.
    pub objects: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Reads that failed once and were good when repeated.
    pub transient: u64,
    /// All damage, in order of object and offset.
    pub damages: Vec<Damage>,
}

impl Repository {
    /// Verifies backups. Damage is in the report, not an error; an error means that verifying itself could not go on.
    pub async fn verify(&self, options: VerifyOptions, progress: &(dyn Fn(VerifyProgress) + Send + Sync)) -> Result<VerifyReport> {
        self.refresh().await?;
        self.inner.pages.forget();
        let mut report = VerifyReport::default();
        log::check(self, options.level, &mut report).await?;
        let backups = self.selected(&options.backups)?;
        report.backups = backups.len() as u64;
        let before = self.inner.pages.transient();
        let walked = pages::check(self, &backups, &mut report).await?;
        report.transient += self.inner.pages.transient() - before;
        let found = objects::check(self, &walked, &options, progress, &mut report).await?;
        pages::attribute(self, &backups, found, &mut report).await?;
        report.damages.sort_by(|a, b| (&a.object, a.offset).cmp(&(&b.object, b.offset)));
        Ok(report)
    }

    fn selected(&self, wanted: &[u64]) -> Result<Vec<(u64, Commit)>> {
        let log = self.inner.log();
        let live = |sequence: &u64| log.state.backups.get(sequence).filter(|backup| backup.state == BackupState::Live);
        if let Some(missing) = wanted.iter().find(|sequence| live(sequence).is_none()) {
            return Err(RepositoryError::BackupNotFound { sequence: *missing, state: "not a live backup".to_owned() });
        }
        let chosen = log.state.backups.keys().filter(|sequence| wanted.is_empty() || wanted.contains(sequence));
        Ok(chosen.filter_map(|sequence| live(sequence).map(|backup| (*sequence, backup.commit.clone()))).collect())
    }
}
