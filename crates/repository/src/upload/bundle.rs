//! Small files share data objects, one group (table and family) to an object, so that whole bundles die together.
//!
//! A bundle is sealed in memory, frame by frame, and put when it has 8 MiB, when all open bundles together have 64 MiB, or at the commit.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::Shared;
use super::sink::blocking;
use crate::error::{RepositoryError, Result};
use crate::file::{FileOptions, ObjectId, ObjectReference, StoredFile};
use crate::log::put_expecting;
use crate::names;
use crate::object::sealer::Sealer;
use crate::object::table::Entry;

const BUNDLE_BYTES: usize = 8 << 20;
/// A bundle grows by so much at most.
const GROWTH_BYTES: usize = 1 << 20;
const BUNDLE_FILES: usize = 4096;
const ALL_BUNDLES_BYTES: usize = 64 << 20;
/// Sealing less than this takes less time than handing it to another thread.
const INLINE_BELOW_BYTES: usize = 64 << 10;

/// The open bundles, by group.
#[derive(Default)]
pub(super) struct Bundles {
    open: HashMap<Bytes, Bundle>,
}

struct Bundle {
    id: ObjectId,
    sealer: Sealer,
    body: Vec<u8>,
    plaintext_bytes: usize,
    entries: Vec<Entry>,
}

/// Adds a small file. Its object's length and hash are known only when the bundle is put; the commit fills them in.
pub(super) async fn add(shared: &Arc<Shared>, options: &FileOptions, mut entry: Entry, content: Bytes) -> Result<StoredFile> {
    let mut bundles = shared.bundles.lock().await;
    let mut bundle = match bundles.open.remove(&options.group) {
        Some(bundle) => bundle,
        None => {
            let (id, sealer, header) = shared.new_object()?;
            Bundle { id, sealer, body: header.to_vec(), plaintext_bytes: 0, entries: Vec::new() }
        }
    };
    let compression = options.compression;
    let inline = content.len() < INLINE_BELOW_BYTES;
    let work = move || {
        entry.first_frame = bundle.sealer.next_frame();
        if !content.is_empty() {
            bundle.plaintext_bytes += content.len();
            if let Some(sealed) = bundle.sealer.push(content, compression)? {
                if bundle.body.capacity() - bundle.body.len() < sealed.len() {
                    // In steps, not by doubling: many bundles may be open.
                    bundle.body.reserve_exact(sealed.len().max(GROWTH_BYTES.min(bundle.body.len())));
                }
                bundle.body.extend_from_slice(&sealed);
            }
            entry.frames = 1;
        }
        bundle.entries.push(entry.clone());
        Ok((bundle, entry))
    };
    let (bundle, entry) = if inline { work()? } else { blocking(work).await? };
    let file = StoredFile {
        identity: entry.identity,
        plaintext_length: entry.plaintext_length,
        content_id: entry.content_id,
        fingerprint: entry.fingerprint,
        object: ObjectReference {
            object: bundle.id,
            offset: 0,
            length: 0,
            first_frame: entry.first_frame,
            frames: entry.frames,
            object_length: 0,
            ciphertext_hash: [0; 32],
            version: None,
        },
        writer: shared.writer(),
    };
    let full = bundle.plaintext_bytes >= BUNDLE_BYTES || bundle.entries.len() >= BUNDLE_FILES;
    bundles.open.insert(options.group.clone(), bundle);
    if full {
        let group = options.group.clone();
        put(shared, &mut bundles, &group).await?;
    } else if bundles.open.values().map(|bundle| bundle.plaintext_bytes).sum::<usize>() > ALL_BUNDLES_BYTES {
        let largest = bundles.open.iter().max_by_key(|(_, bundle)| bundle.plaintext_bytes).map(|(group, _)| group.clone());
        if let Some(group) = largest {
            put(shared, &mut bundles, &group).await?;
        }
    }
    Ok(file)
}

/// Puts all open bundles.
pub(super) async fn flush(shared: &Arc<Shared>) -> Result<()> {
    let mut bundles = shared.bundles.lock().await;
    let groups: Vec<Bytes> = bundles.open.keys().cloned().collect();
    for group in groups {
        put(shared, &mut bundles, &group).await?;
    }
    Ok(())
}

async fn put(shared: &Arc<Shared>, bundles: &mut Bundles, group: &Bytes) -> Result<()> {
    let Some(bundle) = bundles.open.remove(group) else { return Ok(()) };
    let Bundle { id, sealer, mut body, entries, .. } = bundle;
    let (tail, sealed) = blocking(move || sealer.finish(entries)).await?;
    body.reserve_exact(tail.len());
    body.extend_from_slice(&tail);
    put_expecting(&shared.repository.inner.store, &names::data_key(&id), Bytes::from(body)).await?;
    let files = files_of(shared, id, &sealed)?;
    shared.stored(&files).await
}

fn files_of(shared: &Shared, id: ObjectId, sealed: &crate::object::sealer::Sealed) -> Result<Vec<StoredFile>> {
    super::adopt::files_of_table(id, shared.writer(), sealed.length, sealed.ciphertext_hash, &sealed.table)
        .ok_or_else(|| RepositoryError::Task { detail: "a bundle's table does not cover its entries".to_owned() })
}
