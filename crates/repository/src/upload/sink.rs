//! One file on its way into the repository.
//!
//! Bytes are gathered into frames of 1 MiB. While one frame is sealed on a blocking thread and sent, the next one is gathered: a sink holds
//! at most three frames. Files below 1 MiB are gathered whole and go into the bundle of their group.

use bytes::{Bytes, BytesMut};
use storage::Upload as StoreUpload;
use tokio::task::JoinHandle;

use std::sync::Arc;

use super::{BUNDLE_BELOW_BYTES, Shared};
use crate::error::{RepositoryError, Result};
use crate::file::{Compression, FileIdentity, FileOptions, ObjectId, ObjectReference, StoredFile};
use crate::names;
use crate::object::header::HEADER_BYTES;
use crate::object::sealer::Sealer;
use crate::object::table::{Entry, FRAME_BYTES};

/// Takes a file's bytes in order. Dropping it abandons the file.
pub struct FileSink {
    shared: Arc<Shared>,
    name: String,
    identity: [u8; 32],
    expected_length: u64,
    options: FileOptions,
    gathered: BytesMut,
    received: u64,
    place: Place,
}

enum Place {
    Bundle,
    Object { id: ObjectId, pipeline: Option<JoinHandle<Result<Pipeline>>> },
}

/// What travels through the background task of one object.
struct Pipeline {
    sealer: Sealer,
    hasher: blake3::Hasher,
    upload: Box<dyn StoreUpload>,
}

impl Pipeline {
    /// Hashes and pushes one frame, sends the sealed frame before it.
    async fn frame(mut self, plaintext: Bytes, compression: Compression) -> Result<Self> {
        let (pipeline, sealed) = blocking(move || {
            self.hasher.update(&plaintext);
            let sealed = self.sealer.push(plaintext, compression)?;
            Ok((self, sealed))
        })
        .await?;
        self = pipeline;
        if let Some(sealed) = sealed {
            self.upload.write(sealed).await?;
        }
        Ok(self)
    }
}

pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| RepositoryError::Task { detail: error.to_string() })?
}

async fn settle(task: JoinHandle<Result<Pipeline>>) -> Result<Pipeline> {
    task.await.map_err(|error| RepositoryError::Task { detail: error.to_string() })?
}

impl FileSink {
    pub(super) async fn open(shared: Arc<Shared>, identity: &FileIdentity, options: FileOptions) -> Result<Self> {
        let place = if identity.length < BUNDLE_BELOW_BYTES {
            Place::Bundle
        } else {
            let (id, sealer, header) = shared.new_object()?;
            let mut upload = shared.repository.inner.store.begin(&names::data_key(&id)).await?;
            upload.write(header).await?;
            let pipeline = Pipeline { sealer, hasher: shared.repository.inner.keyring.content_hasher(), upload };
            Place::Object { id, pipeline: Some(tokio::spawn(async move { Ok(pipeline) })) }
        };
        Ok(Self {
            name: identity.name.clone(),
            identity: shared.repository.inner.keyring.identity(identity),
            expected_length: identity.length,
            shared,
            options,
            gathered: BytesMut::new(),
            received: 0,
            place,
        })
    }

    /// Appends bytes, any number at a time.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        self.received += bytes.len() as u64;
        if self.received > self.expected_length {
            return Err(self.wrong_length());
        }
        while !bytes.is_empty() {
            if self.gathered.is_empty() && bytes.len() >= FRAME_BYTES {
                // A whole frame at once needs no copy.
                let frame = bytes.split_to(FRAME_BYTES);
                self.send(frame).await?;
                continue;
            }
            if self.gathered.is_empty() {
                let rest = self.expected_length - (self.received - bytes.len() as u64);
                self.gathered.reserve(FRAME_BYTES.min(usize::try_from(rest).unwrap_or(FRAME_BYTES)));
            }
            let room = FRAME_BYTES - self.gathered.len();
            self.gathered.extend_from_slice(&bytes.split_to(room.min(bytes.len())));
            if self.gathered.len() == FRAME_BYTES {
                let frame = self.gathered.split().freeze();
                self.send(frame).await?;
            }
        }
        Ok(())
    }

    async fn send(&mut self, frame: Bytes) -> Result<()> {
        let Place::Object { pipeline, .. } = &mut self.place else { return Err(self.wrong_length()) };
        let before = pipeline.take().ok_or_else(|| RepositoryError::Task { detail: "an earlier write of this file failed".to_owned() })?;
        let ready = settle(before).await?;
        let compression = self.options.compression;
        *pipeline = Some(tokio::spawn(ready.frame(frame, compression)));
        Ok(())
    }

    fn wrong_length(&self) -> RepositoryError {
        RepositoryError::refused(format!("{}: got {} bytes or more of a file of {}", self.name, self.received, self.expected_length))
    }

    /// Ends the file. Fails if its length differs from the identity's, or if the same identity is known with other content.
    pub async fn finish(mut self, fingerprint: [u8; 32]) -> Result<StoredFile> {
        if self.received != self.expected_length {
            return Err(self.wrong_length());
        }
        let rest = self.gathered.split().freeze();
        let file = match std::mem::replace(&mut self.place, Place::Bundle) {
            Place::Bundle => {
                let mut hasher = self.shared.repository.inner.keyring.content_hasher();
                hasher.update(&rest);
                let content_id = *hasher.finalize().as_bytes();
                self.check_known(&content_id, &fingerprint)?;
                let entry =
                    Entry { identity: self.identity, content_id, fingerprint, plaintext_length: self.received, first_frame: 0, frames: 0 };
                super::bundle::add(&self.shared, &self.options, entry, rest).await?
            }
            Place::Object { id, pipeline: Some(task) } => {
                let mut pipeline = settle(task).await?;
                if !rest.is_empty() {
                    pipeline = pipeline.frame(rest, self.options.compression).await?;
                }
                self.finish_object(id, pipeline, fingerprint).await?
            }
            Place::Object { pipeline: None, .. } => {
                return Err(RepositoryError::Task { detail: "an earlier write of this file failed".to_owned() });
            }
        };
        self.shared.written().contents.insert(file.identity, file.content_id);
        Ok(file)
    }

    async fn finish_object(&self, id: ObjectId, pipeline: Pipeline, fingerprint: [u8; 32]) -> Result<StoredFile> {
        let Pipeline { sealer, hasher, mut upload } = pipeline;
        let content_id = *hasher.finalize().as_bytes();
        if let Err(error) = self.check_known(&content_id, &fingerprint) {
            upload.abort().await?;
            return Err(error);
        }
        let frames = sealer.next_frame();
        let entry = Entry { identity: self.identity, content_id, fingerprint, plaintext_length: self.received, first_frame: 0, frames };
        let (tail, sealed) = blocking(move || sealer.finish(vec![entry])).await?;
        upload.write(tail).await?;
        let key = names::data_key(&id);
        let version = complete(&self.shared, &key, upload, sealed.length).await?;
        let (offset, length) = sealed.table.range(0, frames).unwrap_or((HEADER_BYTES as u64, 0));
        let file = StoredFile {
            identity: self.identity,
            plaintext_length: self.received,
            content_id,
            fingerprint,
            object: ObjectReference {
                object: id,
                offset,
                length,
                first_frame: 0,
                frames,
                object_length: sealed.length,
                ciphertext_hash: sealed.ciphertext_hash,
                version,
            },
            writer: self.shared.writer(),
        };
        self.shared.stored(std::slice::from_ref(&file)).await?;
        Ok(file)
    }

    /// The same name and length with other content is damage at the source, never a new file.
    fn check_known(&self, content_id: &[u8; 32], fingerprint: &[u8; 32]) -> Result<()> {
        let known =
            self.shared.known.get(&self.identity).is_some_and(|file| file.content_id != *content_id || file.fingerprint != *fingerprint);
        let written = self.shared.written().contents.get(&self.identity).is_some_and(|id| id != content_id);
        if known || written { Err(RepositoryError::ContentChanged { name: self.name.clone() }) } else { Ok(()) }
    }

    /// Gives the file up and removes what was sent.
    pub async fn abort(self) -> Result<()> {
        if let Place::Object { pipeline: Some(task), .. } = self.place {
            settle(task).await?.upload.abort().await?;
        }
        Ok(())
    }
}

/// Publishes an object; a doubtful answer is settled by asking for it. The name is random: what is there is ours.
async fn complete(shared: &Shared, key: &str, upload: Box<dyn StoreUpload>, length: u64) -> Result<Option<String>> {
    let error = match upload.complete().await {
        Ok(info) => return Ok(info.version),
        Err(error) => error,
    };
    if !error.is_ambiguous() && !error.is_already_exists() {
        return Err(error.into());
    }
    let store = &shared.repository.inner.store;
    match store.head(key).await {
        Ok(info) if info.length_bytes == length => {
            store.settle(key).await?;
            Ok(info.version)
        }
        _ => Err(error.into()),
    }
}
