//! Data objects: there with their length (quick), and every byte of them (data).

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;

use super::pages::{Expected, Walked};
use super::{Damage, VerifyLevel, VerifyOptions, VerifyProgress, VerifyReport};
use crate::error::{RepositoryError, Result};
use crate::file::ObjectId;
use crate::keys::keyring::Keyring;
use crate::names;
use crate::object::header::HEADER_BYTES;
use crate::object::opener::OpenObject;
use crate::repository::Repository;

/// How the detail of a damage to all files of an object begins.
pub(super) const WHOLE: &str = "object ";
const LIST_PAGE: usize = 1000;
const CHUNK_BYTES: u64 = 4 << 20;
/// More damaged frames of one object are not listed one by one.
const PLACES_LIMIT: usize = 64;

type Places = Vec<(u64, String)>;

pub(super) async fn check(
    repository: &Repository,
    walked: &Walked,
    options: &VerifyOptions,
    progress: &(dyn Fn(VerifyProgress) + Send + Sync),
    report: &mut VerifyReport,
) -> Result<Vec<Damage>> {
    let listed = list(repository).await?;
    let mut damages = Vec::new();
    let mut whole = Vec::new();
    for (id, expected) in &walked.objects {
        report.objects += 1;
        let detail = match listed.get(id) {
            Some(length) if *length == expected.length => {
                whole.push((*id, expected.clone()));
                continue;
            }
            Some(length) => format!("{WHOLE}has {length} bytes, must have {}", expected.length),
            None => format!("{WHOLE}is missing"),
        };
        let offset = listed.get(id).copied().unwrap_or(0).min(expected.length);
        damages.push(super::log::damage(&names::data_key(id), offset, &detail, Vec::new()));
    }
    if options.level == VerifyLevel::Quick {
        return Ok(damages);
    }
    let total_objects = whole.len() as u64;
    let total_bytes = whole.iter().map(|(_, expected)| expected.length).sum();
    let mut now = VerifyProgress { total_bytes, total_objects, ..VerifyProgress::default() };
    let mut reads = futures::stream::iter(whole)
        .map(|(id, expected)| async move {
            let read = twice(repository, id, &expected).await;
            (id, expected, read)
        })
        .buffer_unordered(options.workers.max(1));
    while let Some((id, expected, read)) = reads.next().await {
        let (places, transient) = read?;
        report.transient += u64::from(transient);
        report.read_bytes += expected.length;
        damages.extend(places.into_iter().map(|(offset, detail)| super::log::damage(&names::data_key(&id), offset, &detail, Vec::new())));
        now.done_bytes += expected.length;
        now.done_objects += 1;
        progress(now);
    }
    Ok(damages)
}

async fn list(repository: &Repository) -> Result<HashMap<ObjectId, u64>> {
    let mut found = HashMap::new();
    let mut after: Option<String> = None;
    loop {
        let page = repository.inner.store.list("d/", after.as_deref(), LIST_PAGE).await?;
        found.extend(page.iter().filter_map(|object| Some((names::parse_data_key(&object.key)?, object.length_bytes))));
        match page.last() {
            Some(last) if page.len() == LIST_PAGE => after = Some(last.key.clone()),
            _ => return Ok(found),
        }
    }
}

/// Damage needs two reads that both fail; `true` = the first failed, the second was good.
async fn twice(repository: &Repository, id: ObjectId, expected: &Expected) -> Result<(Places, bool)> {
    let places = read(repository, id, expected).await?;
    if places.is_empty() {
        return Ok((places, false));
    }
    let again = read(repository, id, expected).await?;
    let transient = again.is_empty();
    Ok((again, transient))
}

/// Reads one object whole; returns where it is damaged.
async fn read(repository: &Repository, id: ObjectId, expected: &Expected) -> Result<Places> {
    let inner = &repository.inner;
    let object = match OpenObject::load(&inner.store, &inner.keyring, id, expected.length).await {
        Ok(object) => Arc::new(object),
        Err(RepositoryError::Damaged { offset, detail, .. }) => return Ok(vec![(offset, format!("{WHOLE}does not open: {detail}"))]),
        Err(RepositoryError::FormatTooNew { found, .. }) => return Ok(vec![(0, format!("{WHOLE}does not open: format {found}"))]),
        Err(RepositoryError::Storage(error)) if error.is_not_found() => return Ok(vec![(0, format!("{WHOLE}is missing"))]),
        Err(error) => return Err(error),
    };
    if object.ciphertext_hash != expected.ciphertext_hash {
        return Ok(vec![(0, format!("{WHOLE}is another one than the backup refers to"))]);
    }
    let mut reading = Reading::new(&inner.keyring);
    reading.body.update(&inner.store.get_range(&object.name, 0..HEADER_BYTES as u64).await?);
    let mut offset = HEADER_BYTES as u64;
    let mut first = 0usize;
    while first < object.table.frames.len() {
        let mut bytes = 0u64;
        let mut count = 0usize;
        for frame in object.table.frames.iter().skip(first) {
            if count > 0 && bytes + u64::from(frame.stored_bytes) > CHUNK_BYTES {
                break;
            }
            bytes += u64::from(frame.stored_bytes);
            count += 1;
        }
        let chunk = inner.store.get_range(&object.name, offset..offset + bytes).await?;
        let opened = object.clone();
        let task = tokio::task::spawn_blocking(move || {
            reading.frames(&opened, first, count, offset, &chunk);
            reading
        });
        reading = task.await.map_err(|error| RepositoryError::Task { detail: error.to_string() })?;
        offset += bytes;
        first += count;
    }
    Ok(reading.finish(&object))
}

/// State of one object's reading.
struct Reading {
    fresh: blake3::Hasher,
    body: blake3::Hasher,
    /// Hash over the entry that is being read.
    content: blake3::Hasher,
    entry: usize,
    places: Places,
}

impl Reading {
    fn new(keyring: &Keyring) -> Self {
        let fresh = keyring.content_hasher();
        Self { content: fresh.clone(), fresh, body: blake3::Hasher::new(), entry: 0, places: Vec::new() }
    }

    fn frames(&mut self, object: &OpenObject, first: usize, count: usize, offset: u64, chunk: &Bytes) {
        self.body.update(chunk);
        let mut at = 0usize;
        for number in first..first + count {
            let stored = object.table.frames.get(number).map_or(0, |frame| frame.stored_bytes as usize);
            let place = offset + at as u64;
            self.close_entries(object, number as u32);
            match object.open_frame(number as u32, place, chunk.get(at..at + stored).unwrap_or_default()) {
                Ok(plain) => {
                    self.content.update(&plain);
                }
                Err(error) => self.note(place, error),
            }
            at += stored;
        }
    }

    fn note(&mut self, place: u64, error: RepositoryError) {
        if self.places.len() < PLACES_LIMIT {
            match error {
                RepositoryError::Damaged { offset, detail, .. } => self.places.push((offset, detail)),
                other => self.places.push((place, other.to_string())),
            }
        }
    }

    /// Compares the content ids of entries that end before frame `number`.
    fn close_entries(&mut self, object: &OpenObject, number: u32) {
        while let Some(entry) = object.table.entries.get(self.entry).filter(|entry| entry.first_frame + entry.frames <= number) {
            let content = std::mem::replace(&mut self.content, self.fresh.clone());
            let offset = object.table.range(entry.first_frame, entry.frames).map_or(0, |(offset, _)| offset);
            if *content.finalize().as_bytes() != entry.content_id && self.places.is_empty() {
                self.places.push((offset, "a file's content is not what was backed up (content id)".to_owned()));
            }
            self.entry += 1;
        }
    }

    fn finish(mut self, object: &OpenObject) -> Places {
        self.close_entries(object, object.table.frames.len() as u32);
        if self.places.is_empty() && *self.body.finalize().as_bytes() != object.table.body_hash {
            self.places.push((0, format!("{WHOLE}has other bytes than were written (body hash)")));
        }
        self.places
    }
}
