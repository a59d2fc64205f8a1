//! Writes sorted entries as a tree of pages, and does not write what an earlier backup has already.
//!
//! A page ends after an entry whose keyed number is below a threshold proportional to the entry's size, so that where pages end depends
//! on the entries around and not on what came before: after a change the cuts fall into step again, and the pages between have
//! equal plaintext, equal content id, and are shared by reference. The PRF is keyed so that page lengths tell an onlooker nothing about the keys.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use storage::ObjectStore;

use crate::crypto::SealingKey;
use crate::environment::Environment;
use crate::error::{RepositoryError, Result};
use crate::keys::keyring::{Keyring, PageKind};
use crate::log::put_expecting;
use crate::page::layout::{KEY_LIMIT_BYTES, Page, PageHeader, PageRef, VALUE_LIMIT_BYTES, page_hash, seal_page};
use crate::wire::Writer;

const TARGET_BYTES: u64 = 256 << 10;
const SMALLEST_BYTES: u64 = 32 << 10;
const LARGEST_BYTES: u64 = 1 << 20;
/// A page object is put when it has this many bytes.
const OBJECT_BYTES: usize = 16 << 20;

/// Pages that exist already, by content id.
pub(crate) type KnownPages = HashMap<[u8; 32], PageRef>;

/// Writes all page objects of one upload.
pub(crate) struct PageWriter<'a> {
    pub(crate) store: &'a Arc<dyn ObjectStore>,
    pub(crate) environment: &'a Environment,
    pub(crate) keyring: &'a Keyring,
    pub(crate) upload: [u8; 16],
    pub(crate) next_number: u32,
    pub(crate) written_bytes: u64,
}

struct OpenPageObject {
    name: String,
    number: u32,
    salt: [u8; 32],
    header: Vec<u8>,
    key: SealingKey,
    body: Vec<u8>,
}

struct Level {
    entries: Vec<(Bytes, Bytes)>,
    bytes: u64,
    leaf_entries: u64,
}

/// One tree being written. Entries come in key order.
pub(crate) struct TreeWriter<'a, 'b> {
    pages: &'b mut PageWriter<'a>,
    kind: PageKind,
    known: &'b KnownPages,
    levels: Vec<Level>,
    object: Option<OpenPageObject>,
    last_key: Option<Bytes>,
}

impl<'a, 'b> TreeWriter<'a, 'b> {
    pub(crate) fn new(pages: &'b mut PageWriter<'a>, kind: PageKind, known: &'b KnownPages) -> Self {
        Self { pages, kind, known, levels: Vec::new(), object: None, last_key: None }
    }

    /// Adds a leaf entry; keys must ascend strictly.
    pub(crate) async fn push(&mut self, key: Bytes, value: Bytes) -> Result<()> {
        if key.len() > KEY_LIMIT_BYTES || value.len() > VALUE_LIMIT_BYTES {
            return Err(RepositoryError::refused(format!(
                "{} entry of {} + {} bytes is beyond the format's limits",
                self.kind.label(),
                key.len(),
                value.len()
            )));
        }
        if self.last_key.as_ref().is_some_and(|last| *last >= key) {
            return Err(RepositoryError::refused(format!("{} entries must be sorted by key, without duplicates", self.kind.label())));
        }
        self.last_key = Some(key.clone());
        self.add(0, key, value, 1).await
    }

    /// Ends the tree; `None` = it has no entry.
    pub(crate) async fn finish(mut self) -> Result<Option<PageRef>> {
        let mut level = 0;
        let mut root = None;
        while level < self.levels.len() {
            let top = level + 1 == self.levels.len();
            let entries = self.levels.get(level).map_or(0, |open| open.entries.len());
            if top && level > 0 && entries == 1 {
                // One child only: the child itself is the root.
                let value =
                    self.levels.get(level).and_then(|open| open.entries.first()).map(|(_, value)| value.clone()).unwrap_or_default();
                root = Some(PageRef::decode(&mut crate::wire::Reader::new("page tree", 0, &value))?);
            } else if entries > 0 {
                let (key, page) = self.write_page(level).await?;
                if top {
                    root = Some(page);
                } else {
                    Box::pin(self.add_child(level + 1, key, page)).await?;
                }
            }
            level += 1;
        }
        self.flush().await?;
        Ok(root)
    }

    async fn add_child(&mut self, level: usize, key: Bytes, page: PageRef) -> Result<()> {
        let mut writer = Writer::default();
        page.encode(&mut writer);
        self.add(level, key, Bytes::from(writer.finish()), page.entries).await
    }

    async fn add(&mut self, level: usize, key: Bytes, value: Bytes, leaf_entries: u64) -> Result<()> {
        let size = (key.len() + value.len() + 8) as u64;
        if self.levels.get(level).is_some_and(|open| open.bytes > 0 && open.bytes + size > LARGEST_BYTES) {
            let (first, page) = self.write_page(level).await?;
            Box::pin(self.add_child(level + 1, first, page)).await?;
        }
        if self.levels.len() == level {
            self.levels.push(Level { entries: Vec::new(), bytes: 0, leaf_entries: 0 });
        }
        let number = u64::from(self.pages.keyring.cut(self.kind, level as u8, &key));
        let Some(open) = self.levels.get_mut(level) else { return Err(RepositoryError::refused("page tree too high")) };
        open.entries.push((key, value));
        open.bytes += size;
        open.leaf_entries += leaf_entries;
        let cut = number * TARGET_BYTES < size << 32;
        // An inner page with one child would make a tower; two at least.
        if cut && open.bytes >= SMALLEST_BYTES && (level == 0 || open.entries.len() > 1) {
            let (first, page) = self.write_page(level).await?;
            Box::pin(self.add_child(level + 1, first, page)).await?;
        }
        Ok(())
    }

    async fn write_page(&mut self, level: usize) -> Result<(Bytes, PageRef)> {
        let empty = Level { entries: Vec::new(), bytes: 0, leaf_entries: 0 };
        let Some(open) = self.levels.get_mut(level) else { return Err(RepositoryError::refused("page tree too high")) };
        let done = std::mem::replace(open, empty);
        let first = done.entries.first().map(|(key, _)| key.clone()).unwrap_or_default();
        let plain = Page::encode(self.kind, level as u8, &done.entries);
        let content_id = self.pages.keyring.page_id(self.kind, &plain);
        if let Some(known) = self.known.get(&content_id) {
            return Ok((first, known.clone()));
        }
        if self.object.is_none() {
            self.object = Some(self.pages.open(self.kind)?);
        }
        let Some(object) = self.object.as_mut() else { return Err(RepositoryError::refused("no page object")) };
        let offset = object.body.len() as u64;
        let stored = seal_page(&object.header, &object.key, self.kind, level as u8, offset, &plain)?;
        let page = PageRef {
            upload: self.pages.upload,
            number: object.number,
            generation: self.pages.keyring.generation(),
            salt: object.salt,
            offset,
            stored_bytes: stored.len() as u32,
            content_id,
            ciphertext_hash: page_hash(&stored),
            level: level as u8,
            entries: done.leaf_entries,
        };
        crate::page::layout::open_page(self.pages.keyring, self.kind, &page, &stored)?;
        object.body.extend_from_slice(&stored);
        if object.body.len() >= OBJECT_BYTES {
            self.flush().await?;
        }
        Ok((first, page))
    }

    async fn flush(&mut self) -> Result<()> {
        match self.object.take() {
            Some(object) => self.pages.put(object).await,
            None => Ok(()),
        }
    }
}

impl PageWriter<'_> {
    fn open(&mut self, kind: PageKind) -> Result<OpenPageObject> {
        let number = self.next_number;
        self.next_number += 1;
        let salt = self.environment.random()?;
        let (header, key) = PageHeader::derive(self.keyring, kind, self.keyring.generation(), self.upload, number, salt)?;
        let header = header.encode();
        Ok(OpenPageObject { name: crate::names::page_key(&self.upload, number), number, salt, body: header.clone(), header, key })
    }

    async fn put(&mut self, object: OpenPageObject) -> Result<()> {
        self.written_bytes += object.body.len() as u64;
        put_expecting(self.store, &object.name, Bytes::from(object.body)).await
    }
}
