//! The journal of one table's restore: enough on the target itself to go on, or to undo, after any crash.
//!
//! # Layout
//! `<root>/.seawall/restore/<id>/`, where `<id>` is the 16 hex digits of the carrier's name:
//! * `plan`: [`JournalRecord`] as one line of JSON. Written and closed as `<root>/.seawall/new-<id>/plan`, and the directory renamed,
//!   before anything else is made.
//! * `attempt-<n>`: one empty file per run, created by create-if-absent. Only the run with the highest number may go on; no clock decides.
//! * `decided`: [`Decisions`]: which files of the target are used as they are. Before the snapshot is published.
//! * `stage/`: the snapshot's directory until it is renamed into `.hbase-snapshot/`.
//! * `../../restored/<id>`: the record of a finished table of several, until all of them are done: a rerun does the rest.
//! * a marker per step that may not be taken twice without looking: `cloning`, and in mode replace those of `replace.rs`.
//!
//! # Order
//! plan → attempt → decided → stage → publish → files → `cloning` → clone → snapshot removed → journal removed.
//!
//! # Crash cases
//! * `new-<id>` there: nothing else was made; the next run removes it. If its writer is alive, it begins anew.
//! * no published snapshot: nothing outside this directory and `mobdir/` was made; staged again.
//! * snapshot published: files are there, short or missing; each is checked against the repository, the bad ones are written again.
//! * `cloning` without a table: the RPC never took effect; it is repeated with the same nonce.
//! * `cloning` and the table is there: it is ours if its regions are exactly the expected ones, else it is somebody else's and the restore is refused.
//! * the journal is removed by renaming its directory to `trash-<id>` first, so half a journal is never read; the next run removes what is left.
//!
//! It does not guard two runs against each other beyond the attempt number, which each looks at before it publishes, deletes or clones.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use storage::{CreateOptions, FileSystem, StorageError};

use crate::{EngineError, Result};

/// Our directory below the root.
pub const OWN_DIRECTORY: &str = ".seawall";
/// Begins the name of a journal's directory before it is one.
const NEW: &str = "new-";
/// Begins the name of a journal's directory when it is one no more.
const TRASH: &str = "trash-";
/// How often a journal is begun anew because another run swept it away.
const CREATE_TRIES: u32 = 3;
/// Longest record that is read, bytes.
const RECORD_LIMIT_BYTES: u64 = 256 << 20;

/// What a run has to know to be the same restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// 1.
    pub version: u32,
    /// 16 hex digits.
    pub id: String,
    /// Repository, hex.
    pub repository: String,
    /// Sequence of the backup.
    pub backup: u64,
    /// Table in the backup.
    pub source: String,
    /// Table at the target.
    pub target: String,
    /// Mode.
    pub mode: api::RestoreMode,
    /// Whether a live table was there to be replaced when the plan was made.
    pub replaces: bool,
    /// Table inside the snapshot.
    pub carrier: String,
    /// Snapshot.
    pub snapshot: String,
    /// Group and nonce of the clone RPC, the same for all retries.
    pub nonce: (u64, u64),
    /// When the plan was made, milliseconds since the epoch; also the snapshot's creation time.
    pub created_millis: i64,
}

/// What was decided about files that the target had before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decisions {
    /// Physical names of files that the manifest lists as links to where they are: proved equal, not copied.
    pub linked: BTreeSet<String>,
    /// MOB files that were in place and proved equal; an undo leaves them.
    pub mob_present: BTreeSet<String>,
}

/// An open journal.
#[derive(Debug, Clone)]
pub struct Journal {
    file_system: Arc<dyn FileSystem>,
    root: String,
    /// What the plan file holds.
    pub record: JournalRecord,
    attempt: u64,
}

impl Journal {
    /// Journals at `root`. One that cannot be read is nobody's: a plan is whole before it has its place.
    pub async fn list(file_system: &Arc<dyn FileSystem>, root: &str) -> Result<Vec<Self>> {
        let entries = match file_system.list(&format!("{root}/{OWN_DIRECTORY}/restore")).await {
            Ok(entries) => entries,
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut journals = Vec::new();
        for entry in entries.iter().filter(|entry| entry.is_directory) {
            let record: Option<JournalRecord> = match read_json(file_system, &format!("{}/plan", entry.path)).await {
                Ok(record) => Some(record),
                Err(EngineError::Storage(error)) if error.is_not_found() => None,
                Err(EngineError::Journal { .. }) => None,
                Err(error) => return Err(error),
            };
            if let Some(record) = record.filter(|record| record.id == entry.name()) {
                let attempt = highest_attempt(file_system, &entry.path).await?;
                journals.push(Self { file_system: file_system.clone(), root: root.to_owned(), record, attempt });
            }
        }
        Ok(journals)
    }

    /// Starts a journal; its id is new.
    pub async fn create(file_system: &Arc<dyn FileSystem>, root: &str, record: JournalRecord) -> Result<Self> {
        let journal = Self { file_system: file_system.clone(), root: root.to_owned(), record, attempt: 0 };
        let new = format!("{root}/{OWN_DIRECTORY}/{NEW}{}", journal.record.id);
        let mut tries = 1..=CREATE_TRIES;
        loop {
            let made: Result<()> = async {
                write_json(file_system, &format!("{new}/plan"), &journal.record).await?;
                file_system.make_directories(&format!("{root}/{OWN_DIRECTORY}/restore")).await?;
                Ok(file_system.rename_new(&new, &journal.directory()).await?)
            }
            .await;
            match made {
                Ok(()) => return journal.claim().await,
                // Another run took it for that of a dead one, or removed the directory that was empty.
                Err(EngineError::Storage(error)) if error.is_not_found() && tries.next().is_some() => {
                    file_system.delete(&new, true).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes what runs left that died while they made or removed a journal.
    pub async fn sweep(file_system: &Arc<dyn FileSystem>, root: &str) -> Result<()> {
        let own = format!("{root}/{OWN_DIRECTORY}");
        let entries = match file_system.list(&own).await {
            Ok(entries) => entries,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for entry in entries.iter().filter(|entry| entry.name().starts_with(NEW) || entry.name().starts_with(TRASH)) {
            file_system.delete(&entry.path, true).await?;
        }
        remove_empty(file_system, [format!("{own}/restore"), own]).await
    }

    /// Takes over: from here on this run is the one that may act.
    pub async fn claim(mut self) -> Result<Self> {
        loop {
            let next = highest_attempt(&self.file_system, &self.directory()).await? + 1;
            let path = format!("{}/attempt-{next:06}", self.directory());
            match create(&self.file_system, &path, Bytes::new()).await {
                Ok(()) => {
                    self.attempt = next;
                    return Ok(self);
                }
                Err(error) if error.is_already_exists() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Fails if a later run has taken over.
    pub async fn still_ours(&self) -> Result<()> {
        let highest = highest_attempt(&self.file_system, &self.directory()).await?;
        if highest == self.attempt {
            return Ok(());
        }
        Err(EngineError::TakenOver { what: format!("the restore of {} (attempt {highest})", self.record.target) })
    }

    /// Where it lies.
    pub fn directory(&self) -> String {
        format!("{}/{OWN_DIRECTORY}/restore/{}", self.root, self.record.id)
    }

    /// Where the snapshot is staged.
    pub fn stage(&self) -> String {
        format!("{}/stage", self.directory())
    }

    /// Sets a marker; one that is set already is success.
    pub async fn mark(&self, step: &str) -> Result<()> {
        match create(&self.file_system, &format!("{}/{step}", self.directory()), Bytes::new()).await {
            Err(error) if !error.is_already_exists() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Whether a marker is set.
    pub async fn is_marked(&self, step: &str) -> Result<bool> {
        exists(&self.file_system, &format!("{}/{step}", self.directory())).await
    }

    /// The decisions of an earlier run, if they were written down whole.
    pub async fn decisions(&self) -> Result<Option<Decisions>> {
        match read_json(&self.file_system, &format!("{}/decided", self.directory())).await {
            Ok(decisions) => Ok(Some(decisions)),
            Err(EngineError::Storage(error)) if error.is_not_found() => Ok(None),
            Err(EngineError::Journal { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the decisions down, in place of earlier ones.
    pub async fn decide(&self, decisions: &Decisions) -> Result<()> {
        let path = format!("{}/decided", self.directory());
        self.file_system.delete(&path, false).await?;
        write_json(&self.file_system, &path, decisions).await
    }

    /// Notes that this restore is finished, for a rerun of the several tables it was part of.
    pub async fn remember(&self) -> Result<()> {
        let path = format!("{}/{OWN_DIRECTORY}/restored/{}", self.root, self.record.id);
        self.file_system.delete(&path, false).await?;
        write_json(&self.file_system, &path, &self.record).await
    }

    /// Restores that were finished as part of several tables of which others were not.
    pub async fn finished(file_system: &Arc<dyn FileSystem>, root: &str) -> Result<Vec<JournalRecord>> {
        let entries = match file_system.list(&format!("{root}/{OWN_DIRECTORY}/restored")).await {
            Ok(entries) => entries,
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut records = Vec::new();
        for entry in entries {
            match read_json(file_system, &entry.path).await {
                Ok(record) => records.push(record),
                Err(EngineError::Journal { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(records)
    }

    /// Forgets the notes of `ids`: all tables are done.
    pub async fn forget_finished<'a>(file_system: &Arc<dyn FileSystem>, root: &str, ids: impl Iterator<Item = &'a str>) -> Result<()> {
        let own = format!("{root}/{OWN_DIRECTORY}");
        for id in ids {
            file_system.delete(&format!("{own}/restored/{id}"), false).await?;
        }
        remove_empty(file_system, [format!("{own}/restored"), own]).await
    }

    /// Removes the journal, and our directories when nothing else is in them.
    pub async fn remove(self) -> Result<()> {
        let own = format!("{}/{OWN_DIRECTORY}", self.root);
        let trash = format!("{own}/{TRASH}{}", self.record.id);
        self.file_system.delete(&trash, true).await?;
        match self.file_system.rename_new(&self.directory(), &trash).await {
            Ok(()) => self.file_system.delete(&trash, true).await?,
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
        remove_empty(&self.file_system, [format!("{own}/restore"), own]).await
    }
}

/// Removes directories in order, as long as they are empty.
async fn remove_empty(file_system: &Arc<dyn FileSystem>, directories: [String; 2]) -> Result<()> {
    for directory in directories {
        match file_system.list(&directory).await {
            Ok(entries) if entries.is_empty() => file_system.delete(&directory, true).await?,
            Ok(_) => break,
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whether something is at `path`.
pub(crate) async fn exists(file_system: &Arc<dyn FileSystem>, path: &str) -> Result<bool> {
    match file_system.status(path).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Creates a small file.
pub(crate) async fn create(file_system: &Arc<dyn FileSystem>, path: &str, body: Bytes) -> std::result::Result<(), StorageError> {
    let options = CreateOptions { mode: None, expected_length_bytes: Some(body.len() as u64) };
    let mut writer = file_system.create_new(path, options).await?;
    if !body.is_empty() {
        writer.write(body).await?;
    }
    writer.close().await.map(|_| ())
}

async fn write_json<T: Serialize>(file_system: &Arc<dyn FileSystem>, path: &str, value: &T) -> Result<()> {
    let mut text = serde_json::to_vec(value).map_err(|error| journal_error(path, &error))?;
    text.push(b'\n');
    create(file_system, path, text.into()).await.map_err(Into::into)
}

async fn read_json<T: DeserializeOwned>(file_system: &Arc<dyn FileSystem>, path: &str) -> Result<T> {
    let reader = file_system.open(path).await?;
    let length = reader.length_bytes();
    if length > RECORD_LIMIT_BYTES {
        return Err(EngineError::Journal { path: path.to_owned(), detail: format!("{length} bytes long") });
    }
    let text = reader.read_range(0, usize::try_from(length).unwrap_or(usize::MAX)).await?;
    serde_json::from_slice(&text).map_err(|error| journal_error(path, &error))
}

fn journal_error(path: &str, error: &serde_json::Error) -> EngineError {
    EngineError::Journal { path: path.to_owned(), detail: error.to_string() }
}

async fn highest_attempt(file_system: &Arc<dyn FileSystem>, directory: &str) -> Result<u64> {
    let entries = file_system.list(directory).await?;
    let numbers = entries.iter().filter_map(|entry| entry.name().strip_prefix("attempt-")?.parse().ok());
    Ok(numbers.max().unwrap_or(0))
}
