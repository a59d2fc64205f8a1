//! Taking over what dead uploads stored.
//!
//! Found by local journals, or by looking through `d/` for objects of our signing key whose upload is neither committed nor fenced and has
//! been idle. Each object's header and table authenticate with the repository key alone; its existence and length are asked of the
//! store. Idleness only decides when to try: the commit that names the upload fences it, so a slow process that was not dead is refused
//! at its own commit and can start over, adopting in turn.

use std::collections::{BTreeSet, HashMap};

use futures::{StreamExt, TryStreamExt};

use super::journal::{self, Journal};
use super::{Adopted, UploadOptions};
use crate::error::{RepositoryError, Result};
use crate::file::{ObjectId, ObjectReference, StoredFile};
use crate::names;
use crate::object::opener::OpenObject;
use crate::object::table::Table;
use crate::repository::Repository;
use crate::validity::UploadState;

const REQUESTS_AT_ONCE: usize = 16;
const LIST_PAGE: usize = 1000;

/// What was adopted.
#[derive(Default)]
pub(super) struct AdoptedUploads {
    pub(super) uploads: BTreeSet<[u8; 16]>,
    /// Uploads whose process is certainly gone: its lock on the journal is free. Committed ones too.
    pub(super) dead: BTreeSet<[u8; 16]>,
    /// Identities of files that were not known before.
    pub(super) files: Vec<[u8; 32]>,
    /// Journals to remove after the commit; their locks are held until then.
    pub(super) journals: std::sync::Mutex<Vec<Journal>>,
}

impl AdoptedUploads {
    /// Numbers for people; `known` has the files.
    pub(super) fn sums(&self, known: &HashMap<[u8; 32], StoredFile>) -> Adopted {
        let bytes = self.files.iter().filter_map(|identity| known.get(identity)).map(|file| file.plaintext_length).sum();
        Adopted { uploads: self.uploads.len() as u64, files: self.files.len() as u64, bytes }
    }
}

/// The files in an object, from its authenticated table.
pub(super) fn files_of_table(
    id: ObjectId,
    writer: [u8; 16],
    object_length: u64,
    ciphertext_hash: [u8; 32],
    table: &Table,
) -> Option<Vec<StoredFile>> {
    let file = |entry: &crate::object::table::Entry| {
        let (offset, length) = table.range(entry.first_frame, entry.frames)?;
        Some(StoredFile {
            identity: entry.identity,
            plaintext_length: entry.plaintext_length,
            content_id: entry.content_id,
            fingerprint: entry.fingerprint,
            object: ObjectReference {
                object: id,
                offset,
                length,
                first_frame: entry.first_frame,
                frames: entry.frames,
                object_length,
                ciphertext_hash,
                version: None,
            },
            writer,
        })
    };
    table.entries.iter().map(file).collect()
}

/// Finds dead uploads and adds their files to `known`, for the upload `own`; or, for none, only looks: nothing is removed or made durable.
pub(super) async fn adopt(
    repository: &Repository,
    options: &UploadOptions,
    own: Option<&[u8; 16]>,
    known: &mut HashMap<[u8; 32], StoredFile>,
) -> Result<AdoptedUploads> {
    let inner = &repository.inner;
    let mut adopted = AdoptedUploads::default();
    let mut journals = Vec::new();
    if let Some(directory) = &options.journal_directory {
        for found in journal::find_dead(directory, &inner.keyring, own).await? {
            adopted.dead.insert(found.upload);
            let state = inner.log().state.uploads.get(&found.upload).copied();
            if let Some(UploadState::Committed(_) | UploadState::Aborted) = state {
                if own.is_some() {
                    found.journal.remove().await?;
                }
                continue;
            }
            // What was aborted meanwhile may be deleted at any moment.
            let aborted = |file: &StoredFile| inner.log().state.uploads.get(&file.object.object.upload) == Some(&UploadState::Aborted);
            let present = existing(repository, found.files.into_iter().filter(|file| !aborted(file)).collect()).await?;
            take(&mut adopted, known, found.upload, present);
            journals.push(found.journal);
        }
    }
    if let Some(idle_millis) = options.adopt_idle_millis {
        for (upload, objects) in idle_uploads(repository, own, &adopted.uploads, idle_millis).await? {
            let files: Vec<Vec<StoredFile>> = futures::stream::iter(objects)
                .map(|(id, length)| files_of_object(repository, id, length, own.is_some()))
                .buffered(REQUESTS_AT_ONCE)
                .try_collect()
                .await?;
            take(&mut adopted, known, upload, files.into_iter().flatten().collect());
        }
    }
    adopted.journals = std::sync::Mutex::new(journals);
    Ok(adopted)
}

fn take(adopted: &mut AdoptedUploads, known: &mut HashMap<[u8; 32], StoredFile>, upload: [u8; 16], files: Vec<StoredFile>) {
    adopted.uploads.insert(upload);
    for file in files {
        // Objects may come from an upload that the dead one had adopted itself: that one is fenced by us as well.
        adopted.uploads.insert(file.object.object.upload);
        if let std::collections::hash_map::Entry::Vacant(place) = known.entry(file.identity) {
            adopted.files.push(file.identity);
            place.insert(file);
        }
    }
}

/// The files whose object is in the store with its full length.
async fn existing(repository: &Repository, files: Vec<StoredFile>) -> Result<Vec<StoredFile>> {
    let mut objects: HashMap<ObjectId, u64> = HashMap::new();
    for file in &files {
        objects.insert(file.object.object, file.object.object_length);
    }
    let store = &repository.inner.store;
    let present: Vec<Option<ObjectId>> = futures::stream::iter(objects)
        .map(|(id, length)| async move {
            match store.head(&names::data_key(&id)).await {
                Ok(info) => Ok((info.length_bytes == length).then_some(id)),
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(RepositoryError::from(error)),
            }
        })
        .buffer_unordered(REQUESTS_AT_ONCE)
        .try_collect()
        .await?;
    let present: std::collections::HashSet<ObjectId> = present.into_iter().flatten().collect();
    Ok(files.into_iter().filter(|file| present.contains(&file.object.object)).collect())
}

type UploadObjects = Vec<(ObjectId, u64)>;

async fn idle_uploads(
    repository: &Repository,
    own: Option<&[u8; 16]>,
    skip: &BTreeSet<[u8; 16]>,
    idle_millis: i64,
) -> Result<Vec<([u8; 16], UploadObjects)>> {
    let inner = &repository.inner;
    let now = inner.store.now_millis().await?;
    let mut uploads: HashMap<[u8; 16], (i64, UploadObjects)> = HashMap::new();
    let mut after: Option<String> = None;
    loop {
        let page = inner.store.list("d/", after.as_deref(), LIST_PAGE).await?;
        for object in &page {
            let Some(id) = names::parse_data_key(&object.key) else { continue };
            if Some(&id.upload) == own || skip.contains(&id.upload) || inner.log().state.uploads.contains_key(&id.upload) {
                continue;
            }
            let (newest, objects) = uploads.entry(id.upload).or_insert((i64::MIN, Vec::new()));
            *newest = (*newest).max(object.modified_millis);
            objects.push((id, object.length_bytes));
        }
        match page.last() {
            Some(last) if page.len() == LIST_PAGE => after = Some(last.key.clone()),
            _ => break,
        }
    }
    let idle = uploads.into_iter().filter(|(_, (newest, _))| now.saturating_sub(*newest) >= idle_millis);
    Ok(idle.map(|(upload, (_, objects))| (upload, objects)).collect())
}

/// The files of one object, if it is ours and whole; a damaged object is simply not adopted.
async fn files_of_object(repository: &Repository, id: ObjectId, length: u64, settle: bool) -> Result<Vec<StoredFile>> {
    let inner = &repository.inner;
    let object = match OpenObject::load(&inner.store, &inner.keyring, id, length).await {
        Ok(object) => object,
        Err(RepositoryError::Damaged { .. }) => return Ok(Vec::new()),
        Err(RepositoryError::Storage(error)) if error.is_not_found() => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    if object.header.writer != inner.keyring.signer().id() {
        return Ok(Vec::new());
    }
    // Its writer may have died between making it visible and making it durable. (Journals name only what was durable.)
    if settle {
        match inner.store.settle(&object.name).await {
            Ok(()) => {}
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(files_of_table(id, object.header.writer, length, object.ciphertext_hash, &object.table).unwrap_or_default())
}
