//! Looking inside: statistics, raw objects, decoded objects.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde::Serialize;
use serde_json::{Value, json};

use crate::config::Config;
use crate::error::{RepositoryError, Result};
use crate::file::ObjectId;
use crate::keys::keyring::PageKind;
use crate::keys::slot::Slot;
use crate::names;
use crate::object::opener::OpenObject;
use crate::page::layout::{PAGE_HEADER_BYTES, PAGE_PREFIX_BYTES, PageHeader, PageRef, decode_page, open_stored};
use crate::record::body::{Body, type_name};
use crate::record::envelope::{Envelope, record_hash, verify_signature};
use crate::repository::Repository;
use crate::stored_file::read_index_entry;
use crate::validity::{BackupState, UploadState};
use crate::wire::Reader;

const LIST_PAGE: usize = 1000;
/// `cat` and `decode` of page objects hold the object in memory.
const CAT_LIMIT_BYTES: u64 = 1 << 30;

/// What the repository holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RepositoryStats {
    /// Live backups.
    pub backups: u64,
    /// Records in the log.
    pub records: u64,
    /// Data objects that live backups use.
    pub live_objects: u64,
    /// Their bytes.
    pub live_bytes: u64,
    /// All data objects in the store.
    pub data_objects: u64,
    /// Their bytes.
    pub data_bytes: u64,
    /// Page objects and prepared records.
    pub page_objects: u64,
    /// Their bytes.
    pub page_bytes: u64,
    /// Distinct files in live backups.
    pub files: u64,
    /// Their bytes, as the source has them.
    pub logical_bytes: u64,
    /// Data objects of no committed upload (running or dead uploads).
    pub uncommitted_objects: u64,
    /// Their bytes.
    pub uncommitted_bytes: u64,
}

impl Repository {
    /// Counts and sizes, from the pages of all live backups and a listing.
    pub async fn stats(&self) -> Result<RepositoryStats> {
        let mut stats = RepositoryStats { records: self.head().sequence, ..RepositoryStats::default() };
        let mut objects: HashMap<ObjectId, u64> = HashMap::new();
        self.count_files(&mut stats, &mut objects).await?;
        stats.live_objects = objects.len() as u64;
        stats.live_bytes = objects.values().sum();
        for object in self.list_all("d/").await? {
            stats.data_objects += 1;
            stats.data_bytes += object.1;
            let Some(id) = names::parse_data_key(&object.0) else { continue };
            let settled = matches!(self.inner.log().state.uploads.get(&id.upload), Some(UploadState::Committed(_) | UploadState::Adopted));
            if !settled {
                stats.uncommitted_objects += 1;
                stats.uncommitted_bytes += object.1;
            }
        }
        for object in self.list_all("m/").await? {
            stats.page_objects += 1;
            stats.page_bytes += object.1;
        }
        Ok(stats)
    }

    /// Walks the index pages of all live backups, each page once.
    async fn count_files(&self, stats: &mut RepositoryStats, objects: &mut HashMap<ObjectId, u64>) -> Result<()> {
        let roots: Vec<PageRef> = {
            let log = self.inner.log();
            let live = log.state.backups.values().filter(|backup| backup.state == BackupState::Live);
            live.filter_map(|backup| {
                stats.backups += 1;
                let [_, index, _] = &backup.commit.roots;
                index.clone()
            })
            .collect()
        };
        let mut seen = HashSet::new();
        let mut identities = HashSet::new();
        let mut stack = roots;
        while let Some(page) = stack.pop() {
            if !seen.insert(page.content_id) {
                continue;
            }
            let decoded = self.inner.pages.page(PageKind::Index, &page).await?;
            let object = page.object();
            if page.level > 0 {
                stack.extend(decoded.children(&object)?.into_iter().map(|(_, child)| child));
                continue;
            }
            for (key, value) in &decoded.entries {
                let file = read_index_entry(&object, key, value)?;
                objects.insert(file.object.object, file.object.object_length);
                if identities.insert(file.identity) {
                    stats.files += 1;
                    stats.logical_bytes += file.plaintext_length;
                }
            }
        }
        Ok(())
    }

    async fn list_all(&self, prefix: &str) -> Result<Vec<(String, u64)>> {
        let mut all: Vec<(String, u64)> = Vec::new();
        loop {
            let after = all.last().map(|(key, _)| key.clone());
            let page = self.inner.store.list(prefix, after.as_deref(), LIST_PAGE).await?;
            let last = page.len() < LIST_PAGE;
            all.extend(page.into_iter().map(|object| (object.key, object.length_bytes)));
            if last {
                return Ok(all);
            }
        }
    }

    /// An object as it is stored.
    pub async fn cat(&self, key: &str) -> Result<Bytes> {
        Ok(self.inner.store.get(key, CAT_LIMIT_BYTES).await?)
    }

    /// An object decoded and decrypted: config, slot, record, pages, or a data object's header and frame table.
    pub async fn decode(&self, key: &str) -> Result<Value> {
        let first = key.split('/').next().unwrap_or_default();
        let prepared = first == "m" && key.rsplit('/').next().is_some_and(|name| name.starts_with("commit"));
        match first {
            "cfg" => self.decode_config(key, &self.cat(key).await?),
            "keys" => decode_slot(key, &self.cat(key).await?),
            "commit" => self.decode_record(key, &self.cat(key).await?),
            "m" if prepared => self.decode_record(key, &self.cat(key).await?),
            "m" => self.decode_pages(key, &self.cat(key).await?),
            "d" => self.decode_data(key).await,
            _ => Err(RepositoryError::refused(format!("{key}: not a name of this format"))),
        }
    }

    fn decode_config(&self, key: &str, bytes: &[u8]) -> Result<Value> {
        let config = Config::decode(key, bytes)?;
        Ok(json!({
            "object": key, "type": "config", "generation": config.generation, "repository_id": hex(&config.repository_id),
            "features": { "compatible": config.compatible, "write_incompatible": config.write_incompatible, "read_incompatible": config.read_incompatible },
            "created_millis": config.created_millis, "first_admin": hex(&config.admin), "hash": hex(&record_hash(bytes)),
        }))
    }

    fn decode_record(&self, key: &str, bytes: &[u8]) -> Result<Value> {
        let (envelope, signed, signature) = Envelope::decode(key, bytes)?;
        let log = self.inner.log();
        let signed_well = log.state.keys.get(&envelope.signer).is_some_and(|signer| verify_signature(&signer.public, signed, signature));
        let effect = match log.state.void.get(&envelope.sequence) {
            Some(void) if log.hash_at(envelope.sequence) == Some(record_hash(bytes)) => format!("void: {void}"),
            _ => "valid".to_owned(),
        };
        let body = Body::decode(key, envelope.record_type, &envelope.body)?;
        Ok(json!({
            "object": key, "type": type_name(envelope.record_type), "flags": envelope.flags, "sequence": envelope.sequence,
            "previous": hex(&envelope.previous), "skip": hex(&envelope.skip), "time_millis": envelope.time_millis,
            "signer": hex(&envelope.signer), "signature": if signed_well { "good" } else { "bad" }, "effect": effect,
            "hash": hex(&record_hash(bytes)), "body": self.decode_body(key, &body)?,
        }))
    }

    fn decode_body(&self, key: &str, body: &Body) -> Result<Value> {
        Ok(match body {
            Body::Commit(commit) => {
                let roots: BTreeMap<&str, Value> = PageKind::ALL
                    .iter()
                    .map(|kind| kind.label())
                    .zip(commit.roots.iter().map(|root| root.as_ref().map_or(Value::Null, page_json)))
                    .collect();
                json!({
                    "upload": hex(&commit.upload), "base": commit.base, "lineage": hex(&commit.lineage),
                    "adopted": commit.adopted.iter().map(|id| hex(id)).collect::<Vec<_>>(), "writers": commit.writers.iter().map(|id| hex(id)).collect::<Vec<_>>(),
                    "roots": roots, "files": commit.files, "logical_bytes": commit.logical_bytes, "new_objects": commit.new_objects,
                    "new_bytes": commit.new_bytes, "reused_bytes": commit.reused_bytes, "page_bytes": commit.page_bytes,
                    "row": hex(&commit.row.open(&self.inner.keyring, "row", key)?),
                })
            }
            Body::Delete { backups } | Body::Undelete { backups } => json!({ "backups": backups }),
            Body::Tag { backup, tags } => json!({ "backup": backup, "tags": hex(&tags.open(&self.inner.keyring, "tags", key)?) }),
            Body::Pin { id, backup, until_millis, .. } => json!({ "id": hex(id), "backup": backup, "until_millis": until_millis }),
            Body::Hold { id, backups, .. } => json!({ "id": hex(id), "backups": backups }),
            Body::Release { id } => json!({ "id": hex(id) }),
            Body::Abort { upload } => json!({ "upload": hex(upload) }),
            Body::Adopt { upload, by } => json!({ "upload": hex(upload), "by": hex(by) }),
            Body::Condemn(condemn) => {
                json!({ "list": page_json(&condemn.list), "objects": condemn.objects, "bytes": condemn.bytes, "backups": condemn.backups })
            }
            Body::Key { public, roles, .. } => json!({ "public": hex(public), "roles": roles }),
            Body::Role { key, roles } => json!({ "key": hex(key), "roles": roles }),
            Body::Revoke { key, from } => json!({ "key": hex(key), "from": from }),
            Body::Grant { writer, source } => json!({ "writer": hex(writer), "source": hex(source) }),
            Body::Unknown { record_type } => json!({ "unknown_type": record_type }),
        })
    }

    fn decode_pages(&self, key: &str, bytes: &Bytes) -> Result<Value> {
        let header = PageHeader::decode(key, bytes.get(..PAGE_HEADER_BYTES).unwrap_or_default())?;
        if names::page_key(&header.upload, header.number) != key {
            return Err(RepositoryError::damaged(key, 24, "page object stored under another name"));
        }
        let (derived, sealing) =
            PageHeader::derive(&self.inner.keyring, header.kind, header.generation, header.upload, header.number, header.salt)?;
        if derived != header {
            return Err(RepositoryError::damaged(key, 0, "the page object's header is damaged"));
        }
        let mut pages = Vec::new();
        let mut offset = PAGE_HEADER_BYTES;
        while offset < bytes.len() {
            let prefix = bytes.get(offset..offset + PAGE_PREFIX_BYTES).unwrap_or_default();
            let mut reader = Reader::new(key, offset as u64, prefix);
            let (sealed, _, level) = (reader.u32()? as usize, reader.u8()?, reader.u8()?);
            let end = offset.saturating_add(PAGE_PREFIX_BYTES).saturating_add(sealed);
            let stored = bytes.get(offset..end).ok_or_else(|| RepositoryError::damaged(key, offset as u64, "page cut off"))?;
            let plain = open_stored(key, &header, &sealing, level, offset as u64, stored)?;
            let page = decode_page(key, offset as u64, header.kind, &plain)?;
            let entries: Vec<Value> = page.entries.iter().map(|(entry, value)| json!({ "key": hex(entry), "value": hex(value) })).collect();
            pages.push(json!({ "offset": offset, "stored_bytes": stored.len(), "level": level, "entries": entries }));
            offset = end;
        }
        Ok(json!({ "object": key, "type": "pages", "kind": header.kind.label(), "generation": header.generation, "pages": pages }))
    }

    async fn decode_data(&self, key: &str) -> Result<Value> {
        let id = names::parse_data_key(key).ok_or_else(|| RepositoryError::refused(format!("{key}: not a name of this format")))?;
        let length = self.inner.store.head(key).await?.length_bytes;
        let object = OpenObject::load(&self.inner.store, &self.inner.keyring, id, length).await?;
        let entries: Vec<Value> = object
            .table
            .entries
            .iter()
            .map(|entry| {
                json!({
                    "identity": hex(&entry.identity), "content_id": hex(&entry.content_id), "fingerprint": hex(&entry.fingerprint),
                    "plaintext_length": entry.plaintext_length, "first_frame": entry.first_frame, "frames": entry.frames,
                })
            })
            .collect();
        let frames: Vec<Value> = object
            .table
            .frames
            .iter()
            .map(|frame| json!([frame.stored_bytes, frame.plaintext_bytes, format!("{:?}", frame.codec).to_lowercase()]))
            .collect();
        Ok(json!({
            "object": key, "type": "data", "length": length, "generation": object.header.generation, "writer": hex(&object.header.writer),
            "ciphertext_hash": hex(&object.ciphertext_hash), "entries": entries, "frames": frames,
        }))
    }
}

fn decode_slot(key: &str, bytes: &[u8]) -> Result<Value> {
    let slot = Slot::decode(key, bytes)?;
    Ok(json!({
        "object": key, "type": "key slot", "kind": slot.kind, "label": slot.label, "id": hex(&slot.id), "generation": slot.generation,
        "memory_kib": slot.cost.memory_kib, "passes": slot.cost.passes, "lanes": slot.cost.lanes,
    }))
}

fn page_json(page: &PageRef) -> Value {
    json!({
        "object": page.object(), "offset": page.offset, "stored_bytes": page.stored_bytes, "level": page.level, "entries": page.entries,
        "content_id": hex(&page.content_id),
    })
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}
