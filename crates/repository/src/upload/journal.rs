//! The local journal of an upload: which files are stored where. It lets the next run adopt without reading the store.
//!
//! `<directory>/<repository id>-<upload id>.journal`, locked exclusively by the living process (the lock dies with it). Per file: u32
//! length of what follows without the hash | index entry key 32 | index entry value | keyed hash 32. A torn end is ignored.
//! It is a hint with authenticated content: losing it costs a look through the store, nothing else. It is removed after the commit.

use std::io::Write;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

use crate::error::{RepositoryError, Result};
use crate::file::StoredFile;
use crate::keys::keyring::Keyring;
use crate::names::parse_id;
use crate::stored_file::{index_entry, read_index_entry};
use crate::wire::{Reader, Writer};

const ENTRY_LIMIT: usize = 4096;

/// An open journal.
pub(super) struct Journal {
    path: PathBuf,
    file: std::fs::File,
}

/// What a dead upload's journal says.
pub(super) struct Found {
    pub(super) upload: [u8; 16],
    pub(super) files: Vec<StoredFile>,
    /// Holds the lock while the upload is being adopted.
    pub(super) journal: Journal,
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> RepositoryError + '_ {
    |source| RepositoryError::Local { path: path.display().to_string(), source }
}

fn mac_label(upload: &[u8; 16]) -> String {
    format!("journal {}", HEXLOWER.encode(upload))
}

impl Journal {
    /// Creates and locks the journal of a new upload.
    pub(super) async fn create(directory: &Path, keyring: &Keyring, upload: &[u8; 16]) -> Result<Self> {
        tokio::fs::create_dir_all(directory).await.map_err(failed(directory))?;
        let path = directory.join(format!("{}-{}.journal", HEXLOWER.encode(keyring.repository_id()), HEXLOWER.encode(upload)));
        let file = std::fs::OpenOptions::new().create_new(true).append(true).read(true).open(&path).map_err(failed(&path))?;
        file.try_lock().map_err(|error| failed(&path)(error.into()))?;
        Ok(Self { path, file })
    }

    /// Appends one stored file.
    pub(super) async fn append(&mut self, keyring: &Keyring, upload: &[u8; 16], stored: &StoredFile) -> Result<()> {
        let (key, value) = index_entry(stored);
        let body = [&key[..], &value].concat();
        let mut writer = Writer::default();
        writer.bytes(&body).raw(&keyring.local_mac(&mac_label(upload), &body));
        self.file.write_all(&writer.finish()).map_err(failed(&self.path))
    }

    /// Removes the journal.
    pub(super) async fn remove(&self) -> Result<()> {
        match tokio::fs::remove_file(&self.path).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(&self.path)(error)),
            _ => Ok(()),
        }
    }
}

/// The journals of dead uploads of this repository: those whose lock can be had. `own` is the upload that will adopt them; none = the
/// caller only looks.
pub(super) async fn find_dead(directory: &Path, keyring: &Keyring, own: Option<&[u8; 16]>) -> Result<Vec<Found>> {
    let prefix = format!("{}-", HEXLOWER.encode(keyring.repository_id()));
    let mut entries = match tokio::fs::read_dir(directory).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(directory)(error)),
    };
    let mut found = Vec::new();
    while let Some(entry) = entries.next_entry().await.map_err(failed(directory))? {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(upload) = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".journal")).and_then(parse_id) else { continue };
        if Some(&upload) == own {
            continue;
        }
        let path = entry.path();
        let Ok(file) = std::fs::OpenOptions::new().append(own.is_some()).read(true).open(&path) else { continue };
        if file.try_lock().is_err() {
            continue;
        }
        let bytes = tokio::fs::read(&path).await.map_err(failed(&path))?;
        found.push(Found { upload, files: read_all(keyring, &upload, &bytes), journal: Journal { path, file } });
    }
    Ok(found)
}

fn read_all(keyring: &Keyring, upload: &[u8; 16], bytes: &[u8]) -> Vec<StoredFile> {
    let mut reader = Reader::new("journal", 0, bytes);
    let mut files = Vec::new();
    let label = mac_label(upload);
    while !reader.is_empty() {
        let (Ok(body), Ok(mac)) = (reader.bytes(ENTRY_LIMIT), reader.array::<32>()) else { break };
        let Some((key, value)) = body.split_at_checked(32).filter(|_| keyring.local_mac(&label, body) == mac) else { break };
        match read_index_entry("journal", key, value) {
            Ok(file) => files.push(file),
            Err(_) => break,
        }
    }
    files
}
