//! From stored files to a backup: bundles, pages, prepared record, record in the log.
//!
//! The record is made for the exact next slot and asked of the validity function first. When another writer takes the slot, the log is
//! read on, what was condemned meanwhile is compared with what we reuse, and the next slot is tried. Each try is stored as
//! `m/<upload>/commit[-n]` before its put, so that a lost tail of the log can be put back.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::{CommitReceipt, CommitRequest, Shared, bundle};
use crate::error::{RepositoryError, Result};
use crate::file::{ObjectId, StoredFile};
use crate::keys::keyring::PageKind;
use crate::log::{PutOutcome, put_expecting, put_reading_back, settle_before};
use crate::names;
use crate::page::layout::PageRef;
use crate::page::tree_reader::{TreeScan, page_references};
use crate::page::tree_writer::{KnownPages, PageWriter, TreeWriter};
use crate::record::body::{Body, Commit, Field};
use crate::stored_file::{index_entry, refs_entry};

/// Tries of one commit against faster writers.
pub(crate) const ATTEMPTS: u32 = 100;
const ROW_LIMIT_BYTES: usize = 16 << 10;
const BACKOFF_MILLIS: u64 = 5;
const LONGEST_BACKOFF_MILLIS: u64 = 500;

pub(super) async fn commit(shared: &Arc<Shared>, request: CommitRequest) -> Result<CommitReceipt> {
    if request.row.len() > ROW_LIMIT_BYTES {
        return Err(RepositoryError::refused(format!("a list row of {} bytes is longer than {ROW_LIMIT_BYTES}", request.row.len())));
    }
    bundle::flush(shared).await?;
    let files = resolve(shared, request.files)?;
    let totals = Totals::of(shared, &files);
    let (roots, page_bytes) = write_pages(shared, &files, request.manifest).await?;
    let inner = &shared.repository.inner;
    let commit = Commit {
        upload: shared.id,
        base: shared.base,
        lineage: shared.lineage,
        adopted: shared.adopted.uploads.iter().copied().collect(),
        writers: totals.writers.into_iter().collect(),
        roots,
        files: files.len() as u64,
        logical_bytes: totals.logical_bytes,
        new_objects: totals.new_objects,
        new_bytes: totals.new_bytes,
        reused_bytes: totals.reused_bytes,
        page_bytes,
        row: Field::seal(&inner.keyring, "row", inner.environment.random()?, &request.row)?,
    };
    let reused: HashSet<ObjectId> = files.values().map(|file| file.object.object).filter(|object| object.upload != shared.id).collect();
    let (sequence, hash) = append(shared, commit, &reused).await?;
    forget_journals(shared).await?;
    Ok(CommitReceipt { sequence, hash, new_bytes: totals.new_bytes, reused_bytes: totals.reused_bytes, page_bytes })
}

/// All files by identity, each with a known object; the same identity twice must be the same content.
fn resolve(shared: &Shared, files: Vec<StoredFile>) -> Result<BTreeMap<[u8; 32], StoredFile>> {
    let mut resolved: BTreeMap<[u8; 32], StoredFile> = BTreeMap::new();
    let written = shared.written();
    for mut file in files {
        let own = file.object.object.upload == shared.id;
        if own {
            let stored = written.stored.get(&(file.object.object, file.identity)).cloned();
            file = stored.ok_or_else(|| RepositoryError::refused("a file of this upload was not stored"))?;
        } else if shared.known.get(&file.identity).map(|known| &known.object) != Some(&file.object) {
            return Err(RepositoryError::refused("a file was given to commit that this upload neither stored nor knows"));
        }
        match resolved.get(&file.identity) {
            Some(other) if other.content_id != file.content_id => {
                return Err(RepositoryError::refused("two files of the same name and length have different content"));
            }
            // Stored twice by two workers: the first one is kept.
            Some(_) => {}
            None => {
                resolved.insert(file.identity, file);
            }
        }
    }
    Ok(resolved)
}

struct Totals {
    writers: BTreeSet<[u8; 16]>,
    logical_bytes: u64,
    reused_bytes: u64,
    new_objects: u64,
    new_bytes: u64,
}

impl Totals {
    fn of(shared: &Shared, files: &BTreeMap<[u8; 32], StoredFile>) -> Self {
        let fresh =
            |file: &StoredFile| file.object.object.upload == shared.id || shared.adopted.uploads.contains(&file.object.object.upload);
        let new_objects: HashMap<ObjectId, u64> =
            files.values().filter(|file| fresh(file)).map(|file| (file.object.object, file.object.object_length)).collect();
        Self {
            writers: files.values().map(|file| file.writer).filter(|writer| *writer != shared.writer()).collect(),
            logical_bytes: files.values().map(|file| file.plaintext_length).sum(),
            reused_bytes: files.values().filter(|file| !fresh(file)).map(|file| file.plaintext_length).sum(),
            new_objects: new_objects.len() as u64,
            new_bytes: new_objects.values().sum(),
        }
    }
}

async fn write_pages(
    shared: &Shared,
    files: &BTreeMap<[u8; 32], StoredFile>,
    manifest: Vec<(Bytes, Bytes)>,
) -> Result<([Option<PageRef>; 3], u64)> {
    let inner = &shared.repository.inner;
    let mut writer = PageWriter {
        store: &inner.store,
        environment: &inner.environment,
        keyring: &inner.keyring,
        upload: shared.id,
        next_number: 0,
        written_bytes: 0,
    };
    let mut roots = [None, None, None];
    let mut refs: BTreeMap<Bytes, Bytes> = BTreeMap::new();
    for file in files.values() {
        let (key, value) = refs_entry(file);
        refs.insert(key, value);
    }
    let mut refs = Some(refs);
    let mut manifest = Some(manifest);
    for ((kind, root), base) in PageKind::ALL.into_iter().zip(&mut roots).zip(&shared.base_roots) {
        let known: KnownPages =
            page_references(&inner.pages, kind, base.as_ref()).await?.into_iter().map(|page| (page.content_id, page)).collect();
        let mut tree = TreeWriter::new(&mut writer, kind, &known);
        match kind {
            PageKind::Refs => {
                for (key, value) in refs.take().unwrap_or_default() {
                    tree.push(key, value).await?;
                }
            }
            PageKind::Index => {
                for file in files.values() {
                    let (key, value) = index_entry(file);
                    tree.push(key, value).await?;
                }
            }
            PageKind::Manifest => {
                for (key, value) in manifest.take().unwrap_or_default() {
                    tree.push(key, value).await?;
                }
            }
        }
        *root = tree.finish().await?;
    }
    Ok((roots, writer.written_bytes))
}

async fn append(shared: &Shared, mut commit: Commit, reused: &HashSet<ObjectId>) -> Result<(u64, [u8; 32])> {
    let inner = &shared.repository.inner;
    let mut checked = commit.base;
    for attempt in 1..=ATTEMPTS {
        inner.refresh().await?;
        inner.check_writable()?;
        checked = check_condemned(shared, reused, checked).await?;
        commit.base = checked;
        let body = Body::Commit(Box::new(commit.clone()));
        let prepared = inner.log().prepare(&inner.keyring, inner.environment.now_millis(), &body);
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(RepositoryError::Void { reason }) => {
                let (sequence, hash) = already_committed(shared).ok_or(RepositoryError::Void { reason })?;
                inner.store.settle(&names::commit_key(sequence)).await?;
                return Ok((sequence, hash));
            }
            Err(error) => return Err(error),
        };
        settle_before(&inner.store, prepared.sequence).await?;
        put_expecting(&inner.store, &names::prepared_key(&shared.id, attempt), prepared.stored.clone()).await?;
        match put_reading_back(&inner.store, &names::commit_key(prepared.sequence), &prepared.stored).await? {
            PutOutcome::Ours => {
                inner.refresh().await?;
                // A slow store may show the record late: it is there, since the put or its reading back said so.
                return Ok((prepared.sequence, prepared.hash));
            }
            PutOutcome::Theirs => backoff(inner.environment.random::<16>()?, attempt).await,
        }
    }
    Err(RepositoryError::Conflict { attempts: ATTEMPTS })
}

/// The record of this very upload, if an earlier try of ours took effect after all.
fn already_committed(shared: &Shared) -> Option<(u64, [u8; 32])> {
    let log = shared.repository.inner.log();
    log.state.backups.iter().rev().find(|(_, backup)| backup.commit.upload == shared.id).map(|(sequence, backup)| (*sequence, backup.hash))
}

/// Compares what we reuse with what was condemned after `checked`; returns the place up to which that is now known.
async fn check_condemned(shared: &Shared, reused: &HashSet<ObjectId>, checked: u64) -> Result<u64> {
    let inner = &shared.repository.inner;
    let (head, lists) = {
        let log = inner.log();
        let lists: Vec<(u64, PageRef)> =
            log.state.condemn_lists.range(checked + 1..).map(|(sequence, list)| (*sequence, list.clone())).collect();
        (log.head().sequence, lists)
    };
    for (sequence, list) in lists {
        let mut scan = TreeScan::new(inner.pages.clone(), PageKind::Refs, Some(list), Bytes::new());
        while let Some((key, _)) = scan.next().await? {
            let id = key.split_at_checked(32).map(|(id, _)| id).unwrap_or_default();
            if reused.iter().any(|object| [object.upload, object.random].concat() == id) {
                let reason = format!("objects that this backup reuses were condemned by record {sequence} meanwhile; run it again");
                return Err(RepositoryError::Void { reason });
            }
        }
    }
    Ok(head)
}

async fn backoff(random: [u8; 16], attempt: u32) {
    let ceiling = (BACKOFF_MILLIS << attempt.min(7)).min(LONGEST_BACKOFF_MILLIS);
    let [first, second, ..] = random;
    let millis = u64::from(u16::from_le_bytes([first, second])) % ceiling.max(1);
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

async fn forget_journals(shared: &Shared) -> Result<()> {
    let adopted = std::mem::take(&mut *shared.adopted.journals.lock().unwrap_or_else(PoisonError::into_inner));
    for journal in adopted {
        journal.remove().await?;
    }
    match &shared.journal {
        Some(journal) => journal.lock().await.remove().await,
        None => Ok(()),
    }
}
