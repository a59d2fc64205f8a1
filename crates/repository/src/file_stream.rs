//! Reading one stored file front to back, or any part of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};

use crate::error::{RepositoryError, Result};
use crate::file::{ObjectId, StoredFile};
use crate::object::opener::OpenObject;
use crate::object::table::FRAME_BYTES;
use crate::repository::Repository;

/// Stored bytes fetched in one request.
const FETCH_BYTES: u64 = 4 << 20;
/// Objects whose table stays open: neighbours in a bundle share it.
const OPEN_OBJECTS: usize = 64;

/// Recently opened objects.
#[derive(Default)]
pub(crate) struct ObjectCache(Mutex<VecDeque<Arc<OpenObject>>>);

impl ObjectCache {
    fn get(&self, id: &ObjectId) -> Option<Arc<OpenObject>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|object| object.id == *id).cloned()
    }

    fn remember(&self, object: &Arc<OpenObject>) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Only bundles have neighbours to come.
        if object.table.entries.len() > 1 {
            if open.len() == OPEN_OBJECTS {
                open.pop_front();
            }
            open.push_back(object.clone());
        }
    }
}

/// Verified plaintext, in order. A chunk is authentic when it is returned; the *file* is proved whole only by the final `None`.
pub struct FileStream {
    repository: Repository,
    file: StoredFile,
    object: Arc<OpenObject>,
    hasher: blake3::Hasher,
    /// Number of the next frame, counted in the file.
    next_frame: u32,
    /// Where the next frame lies in the object.
    offset: u64,
    fetched: Bytes,
    produced: u64,
    transient: u64,
}

/// Opens the object of a file and checks that it is the one the reference means.
pub(crate) async fn open_object(repository: &Repository, file: &StoredFile) -> Result<Arc<OpenObject>> {
    let inner = &repository.inner;
    let reference = &file.object;
    if reference.object_length == 0 {
        return Err(RepositoryError::refused("this file lies in a bundle that is not stored yet; it can be read after the commit"));
    }
    if let Some(open) = inner.objects.get(&reference.object) {
        return Ok(open);
    }
    let load = || OpenObject::load(&inner.store, &inner.keyring, reference.object, reference.object_length);
    let object = match load().await {
        Ok(object) => object,
        // One bad read is not damage yet: read again.
        Err(RepositoryError::Damaged { .. }) => load().await?,
        Err(error) => return Err(error),
    };
    let object = Arc::new(object);
    if object.ciphertext_hash != reference.ciphertext_hash {
        return Err(RepositoryError::damaged(object.name.as_str(), 0, "the object is not the one the backup refers to (ciphertext hash)"));
    }
    inner.objects.remember(&object);
    Ok(object)
}

/// Checks that the object's table has this file where the reference says.
pub(crate) fn check_entry(object: &OpenObject, file: &StoredFile) -> Result<()> {
    let reference = &file.object;
    let fits = object.table.range(reference.first_frame, reference.frames) == Some((reference.offset, reference.length));
    let entry = object.table.entries.iter().find(|entry| {
        (entry.first_frame, entry.frames, entry.content_id, entry.plaintext_length, entry.identity)
            == (reference.first_frame, reference.frames, file.content_id, file.plaintext_length, file.identity)
    });
    if fits && entry.is_some() {
        return Ok(());
    }
    Err(RepositoryError::damaged(
        object.name.as_str(),
        reference.offset,
        "the object's table does not have this file where the backup says",
    ))
}

impl FileStream {
    pub(crate) async fn open(repository: Repository, file: &StoredFile) -> Result<Self> {
        let object = open_object(&repository, file).await?;
        check_entry(&object, file)?;
        let hasher = repository.inner.keyring.content_hasher();
        let offset = file.object.offset;
        Ok(Self { repository, file: file.clone(), object, hasher, next_frame: 0, offset, fetched: Bytes::new(), produced: 0, transient: 0 })
    }

    /// Length of the file in bytes.
    pub fn length(&self) -> u64 {
        self.file.plaintext_length
    }

    /// Reads that failed once and were good when repeated.
    pub fn transient(&self) -> u64 {
        self.transient
    }

    /// The next chunk, or `None` after the content id of the whole file was checked.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.next_frame == self.file.object.frames {
            return self.check_whole().map(|()| None);
        }
        let number = self.file.object.first_frame + self.next_frame;
        let stored = self.frame_bytes(number).unwrap_or(0);
        if (self.fetched.len() as u64) < stored {
            self.fetched = self.fetch().await?;
        }
        let mut bytes = self.fetched.clone();
        let plain = match self.open_frame(number, stored, &bytes).await {
            Ok(plain) => plain,
            Err(RepositoryError::Damaged { .. }) => {
                // Damage needs two different reads.
                bytes = self.fetch().await?;
                let plain = self.open_frame(number, stored, &bytes).await?;
                self.transient += 1;
                plain
            }
            Err(error) => return Err(error),
        };
        self.fetched = bytes.slice(usize::try_from(stored).unwrap_or(usize::MAX).min(bytes.len())..);
        self.offset += stored;
        self.next_frame += 1;
        self.produced += plain.len() as u64;
        Ok(Some(plain))
    }

    fn frame_bytes(&self, number: u32) -> Option<u64> {
        self.object.table.frames.get(number as usize).map(|frame| u64::from(frame.stored_bytes))
    }

    /// Whole frames from the current offset, about 4 MiB.
    async fn fetch(&self) -> Result<Bytes> {
        let end = self.file.object.offset + self.file.object.length;
        let mut until = self.offset;
        for number in self.file.object.first_frame + self.next_frame..self.file.object.first_frame + self.file.object.frames {
            let next = until + self.frame_bytes(number).unwrap_or(0);
            if until > self.offset && next - self.offset > FETCH_BYTES {
                break;
            }
            until = next;
        }
        Ok(self.repository.inner.store.get_range(&self.object.name, self.offset..until.min(end)).await?)
    }

    async fn open_frame(&mut self, number: u32, stored: u64, bytes: &Bytes) -> Result<Bytes> {
        let length = usize::try_from(stored).unwrap_or(usize::MAX);
        if bytes.len() < length {
            return Err(RepositoryError::damaged(self.object.name.as_str(), self.offset, "fewer bytes than the frame has"));
        }
        let (bytes, object, offset, before) = (bytes.slice(..length), self.object.clone(), self.offset, self.hasher.clone());
        let task = tokio::task::spawn_blocking(move || {
            let plain = object.open_frame(number, offset, &bytes)?;
            let mut hasher = before;
            hasher.update(&plain);
            Ok::<_, RepositoryError>((plain, hasher))
        });
        let (plain, hasher) = task.await.map_err(|error| RepositoryError::Task { detail: error.to_string() })??;
        self.hasher = hasher;
        Ok(plain)
    }

    fn check_whole(&self) -> Result<()> {
        let damaged = |detail: &str| RepositoryError::damaged(self.object.name.as_str(), self.file.object.offset, detail);
        if self.produced != self.file.plaintext_length {
            return Err(damaged("the file's frames hold another length than the backup says"));
        }
        if *self.hasher.finalize().as_bytes() != self.file.content_id {
            return Err(damaged("the file's content is not what was backed up (content id)"));
        }
        Ok(())
    }
}

impl Repository {
    /// Part of a file's content. Each frame is authenticated; the content id of the whole file is not (read all of it for that).
    pub async fn read_file_range(&self, file: &StoredFile, offset: u64, length: usize) -> Result<Bytes> {
        let end = offset.checked_add(length as u64).filter(|end| *end <= file.plaintext_length);
        let end = end.ok_or_else(|| {
            RepositoryError::refused(format!("{length} bytes at {offset} are outside a file of {} bytes", file.plaintext_length))
        })?;
        let object = open_object(self, file).await?;
        check_entry(&object, file)?;
        let (mut at, mut stored_at) = (0u64, file.object.offset);
        let mut result = BytesMut::with_capacity(length.min(64 * FRAME_BYTES));
        for number in file.object.first_frame..file.object.first_frame + file.object.frames {
            let Some(frame) = object.table.frames.get(number as usize) else { break };
            let (next, stored_next) = (at + u64::from(frame.plaintext_bytes), stored_at + u64::from(frame.stored_bytes));
            if next > offset && at < end {
                let read = || self.inner.store.get_range(&object.name, stored_at..stored_next);
                let plain = match object.open_frame(number, stored_at, &read().await?) {
                    Ok(plain) => plain,
                    Err(_) => object.open_frame(number, stored_at, &read().await?)?,
                };
                let from = usize::try_from(offset.saturating_sub(at)).unwrap_or(usize::MAX);
                let to = usize::try_from(end.min(next) - at).unwrap_or(usize::MAX);
                result.extend_from_slice(plain.get(from..to).unwrap_or_default());
            }
            (at, stored_at) = (next, stored_next);
        }
        if result.len() == length {
            Ok(result.freeze())
        } else {
            Err(RepositoryError::damaged(object.name.as_str(), file.object.offset, "the frames do not cover the file"))
        }
    }
}
