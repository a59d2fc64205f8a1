//! Reads trees of pages: one key, a range, or everything, with neighbouring pages fetched in one request.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use storage::ObjectStore;

use crate::error::{RepositoryError, Result};
use crate::keys::keyring::{Keyring, PageKind};
use crate::page::layout::{Page, PageRef, open_page};

/// Decoded pages kept.
const CACHE_BYTES: usize = 16 << 20;
/// Neighbouring pages up to this many stored bytes are fetched at once.
const FETCH_BYTES: u64 = 4 << 20;
const FETCHES_AT_ONCE: usize = 4;
/// Children looked ahead in a scan.
const WINDOW_PAGES: usize = 16;

/// Reads pages of all trees of a repository.
pub(crate) struct PageReader {
    store: Arc<dyn ObjectStore>,
    keyring: Arc<Keyring>,
    cache: Mutex<Cache>,
    /// Reads that were wrong once and right when repeated.
    transient: AtomicU64,
}

#[derive(Default)]
struct Cache {
    pages: HashMap<[u8; 32], (Arc<Page>, usize)>,
    order: VecDeque<[u8; 32]>,
    bytes: usize,
}

impl PageReader {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, keyring: Arc<Keyring>) -> Self {
        Self { store, keyring, cache: Mutex::default(), transient: AtomicU64::new(0) }
    }

    /// One page.
    pub(crate) async fn page(&self, kind: PageKind, page: &PageRef) -> Result<Arc<Page>> {
        let mut pages = self.pages(kind, std::slice::from_ref(page)).await?;
        pages.pop().ok_or_else(|| RepositoryError::damaged(page.object(), page.offset, "page was not read"))
    }

    /// Pages in order; neighbours come in one request.
    pub(crate) async fn pages(&self, kind: PageKind, wanted: &[PageRef]) -> Result<Vec<Arc<Page>>> {
        let mut found: Vec<Option<Arc<Page>>> = wanted.iter().map(|page| self.cached(&page.content_id)).collect();
        let mut runs: Vec<Vec<(usize, PageRef)>> = Vec::new();
        for (index, page) in wanted.iter().enumerate() {
            if found.get(index).is_some_and(Option::is_some) {
                continue;
            }
            let joins = runs.last().and_then(|run| Some((run.first()?, run.last()?))).is_some_and(|((_, first), (_, last))| {
                last.upload == page.upload
                    && last.number == page.number
                    && last.offset + u64::from(last.stored_bytes) == page.offset
                    && page.offset + u64::from(page.stored_bytes) - first.offset <= FETCH_BYTES
            });
            match runs.last_mut() {
                Some(run) if joins => run.push((index, page.clone())),
                _ => runs.push(vec![(index, page.clone())]),
            }
        }
        let fetched: Vec<Vec<(usize, Arc<Page>)>> =
            futures::stream::iter(runs).map(|run| self.fetch(kind, run)).buffered(FETCHES_AT_ONCE).try_collect().await?;
        for (index, page) in fetched.into_iter().flatten() {
            if let Some(place) = found.get_mut(index) {
                *place = Some(page);
            }
        }
        found.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| RepositoryError::Task { detail: "a page was not fetched".to_owned() })
    }

    async fn fetch(&self, kind: PageKind, run: Vec<(usize, PageRef)>) -> Result<Vec<(usize, Arc<Page>)>> {
        let (Some((_, first)), Some((_, last))) = (run.first(), run.last()) else { return Ok(Vec::new()) };
        let object = first.object();
        let (start, end) = (first.offset, last.offset + u64::from(last.stored_bytes));
        let mut bytes = self.store.get_range(&object, start..end).await?;
        let mut pages = Vec::with_capacity(run.len());
        let mut retried = false;
        for (index, page) in &run {
            let place = usize::try_from(page.offset - start).unwrap_or(usize::MAX);
            let slice =
                |bytes: &Bytes| bytes.get(place..place.saturating_add(page.stored_bytes as usize)).map(<[u8]>::to_vec).unwrap_or_default();
            let mut opened = open_page(&self.keyring, kind, page, &slice(&bytes));
            if opened.is_err() && !retried {
                // One bad read is not damage yet: read again.
                retried = true;
                bytes = self.store.get_range(&object, start..end).await?;
                opened = open_page(&self.keyring, kind, page, &slice(&bytes));
                if opened.is_ok() {
                    self.transient.fetch_add(1, Ordering::Relaxed);
                }
            }
            let opened = Arc::new(opened?);
            self.remember(page, &opened);
            pages.push((*index, opened));
        }
        Ok(pages)
    }

    fn cached(&self, content_id: &[u8; 32]) -> Option<Arc<Page>> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.pages.get(content_id).map(|(page, _)| page.clone())
    }

    fn remember(&self, page: &PageRef, decoded: &Arc<Page>) {
        let size = decoded.entries.iter().map(|(key, value)| key.len() + value.len() + 64).sum::<usize>();
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if size > CACHE_BYTES / 4 || cache.pages.insert(page.content_id, (decoded.clone(), size)).is_some() {
            return;
        }
        cache.order.push_back(page.content_id);
        cache.bytes += size;
        while cache.bytes > CACHE_BYTES {
            let Some(oldest) = cache.order.pop_front() else { break };
            if let Some((_, size)) = cache.pages.remove(&oldest) {
                cache.bytes -= size;
            }
        }
    }

    /// Reads so far that were wrong once and right when repeated.
    pub(crate) fn transient(&self) -> u64 {
        self.transient.load(Ordering::Relaxed)
    }

    /// Forgets decoded pages, so that the next read goes to the store.
    pub(crate) fn forget(&self) {
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = Cache::default();
    }

    /// The value under one key.
    pub(crate) async fn get(&self, kind: PageKind, root: Option<&PageRef>, key: &[u8]) -> Result<Option<Bytes>> {
        let Some(mut at) = root.cloned() else { return Ok(None) };
        loop {
            let page = self.page(kind, &at).await?;
            let after = page.entries.partition_point(|(entry, _)| entry.as_ref() <= key);
            let Some((found, value)) = after.checked_sub(1).and_then(|index| page.entries.get(index)) else { return Ok(None) };
            if page.level == 0 {
                return Ok((found.as_ref() == key).then(|| value.clone()));
            }
            at = PageRef::decode(&mut crate::wire::Reader::new(&at.object(), at.offset, value))?;
        }
    }
}

/// Entries of a tree in order, from a first key on.
pub(crate) struct TreeScan {
    reader: Arc<PageReader>,
    kind: PageKind,
    start: Bytes,
    /// Pages still to visit, the next one last.
    stack: Vec<PageRef>,
    ready: VecDeque<Arc<Page>>,
    current: Option<(Arc<Page>, usize)>,
}

impl TreeScan {
    pub(crate) fn new(reader: Arc<PageReader>, kind: PageKind, root: Option<PageRef>, start: Bytes) -> Self {
        Self { reader, kind, start, stack: root.into_iter().collect(), ready: VecDeque::new(), current: None }
    }

    /// The next entry.
    pub(crate) async fn next(&mut self) -> Result<Option<(Bytes, Bytes)>> {
        loop {
            if let Some((page, index)) = self.current.as_mut() {
                if let Some(entry) = page.entries.get(*index) {
                    *index += 1;
                    return Ok(Some(entry.clone()));
                }
                self.current = None;
            }
            if let Some(page) = self.ready.pop_front() {
                let index = page.entries.partition_point(|(key, _)| *key < self.start);
                self.current = Some((page, index));
                continue;
            }
            let Some(top) = self.stack.last() else { return Ok(None) };
            let level = top.level;
            let together = if level == 0 { WINDOW_PAGES } else { 1 };
            let mut batch = Vec::new();
            while batch.len() < together && self.stack.last().is_some_and(|page| page.level == level) {
                batch.extend(self.stack.pop());
            }
            let pages = self.reader.pages(self.kind, &batch).await?;
            if level == 0 {
                self.ready.extend(pages);
                continue;
            }
            for (page, reference) in pages.iter().zip(&batch) {
                let children = page.children(&reference.object())?;
                // The child that may hold `start` is the last whose first key is not after it.
                let first = children.partition_point(|(key, _)| *key <= self.start).saturating_sub(1);
                self.stack.extend(children.into_iter().skip(first).rev().map(|(_, child)| child));
            }
        }
    }
}

/// Every page of a tree above and including the leaves' references, without reading leaves: what a writer can share.
pub(crate) async fn page_references(reader: &PageReader, kind: PageKind, root: Option<&PageRef>) -> Result<Vec<PageRef>> {
    let mut all: Vec<PageRef> = root.cloned().into_iter().collect();
    let mut next = 0;
    while let Some(page) = all.get(next).cloned() {
        next += 1;
        if page.level > 0 {
            let children = reader.page(kind, &page).await?.children(&page.object())?;
            all.extend(children.into_iter().map(|(_, child)| child));
        }
    }
    Ok(all)
}
