//! Every page of the chosen backups, each read once; and which backups a damage touches.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Damage, VerifyReport};
use crate::error::{RepositoryError, Result};
use crate::file::ObjectId;
use crate::keys::keyring::PageKind;
use crate::names;
use crate::page::layout::{PAGE_HEADER_BYTES, PageHeader, PageRef};
use crate::record::body::Commit;
use crate::repository::Repository;
use crate::stored_file::read_index_entry;

/// What must be true of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) length: u64,
    pub(super) ciphertext_hash: [u8; 32],
}

/// What the pages say.
#[derive(Default)]
pub(super) struct Walked {
    pub(super) objects: BTreeMap<ObjectId, Expected>,
    seen: HashSet<(PageKind, [u8; 32])>,
    headers: HashSet<String>,
}

/// Pages read at once.
const BATCH_PAGES: usize = 16;

pub(super) async fn check(repository: &Repository, backups: &[(u64, Commit)], report: &mut VerifyReport) -> Result<Walked> {
    let mut walked = Walked::default();
    for (sequence, commit) in backups {
        for (kind, root) in PageKind::ALL.into_iter().zip(&commit.roots) {
            walk(repository, kind, root.as_ref(), &mut walked, report).await?;
        }
        let [_, index, _] = &commit.roots;
        if index.as_ref().map_or(0, |root| root.entries) != commit.files {
            let object = names::commit_key(*sequence);
            report.damages.push(super::log::damage(
                &object,
                0,
                "the index has another number of files than the record says",
                vec![*sequence],
            ));
        }
    }
    Ok(walked)
}

async fn walk(
    repository: &Repository,
    kind: PageKind,
    root: Option<&PageRef>,
    walked: &mut Walked,
    report: &mut VerifyReport,
) -> Result<()> {
    let mut stack: Vec<PageRef> = root.cloned().into_iter().collect();
    while !stack.is_empty() {
        let batch = stack.split_off(stack.len().saturating_sub(BATCH_PAGES));
        let fresh: Vec<PageRef> = batch.into_iter().filter(|page| walked.seen.insert((kind, page.content_id))).collect();
        for page in &fresh {
            check_header(repository, kind, page, walked, report).await?;
        }
        // Together when all is well; one by one to find what is not.
        let together = repository.inner.pages.pages(kind, &fresh).await;
        let pages: Vec<_> = match together {
            Ok(pages) => pages.into_iter().map(Some).collect(),
            Err(error) if error.is_damage() => one_by_one(repository, kind, &fresh, report).await?,
            Err(error) => return Err(error),
        };
        for (page, reference) in pages.into_iter().zip(&fresh) {
            let Some(page) = page else { continue };
            report.pages += 1;
            report.read_bytes += u64::from(reference.stored_bytes);
            let object = reference.object();
            let examined = if page.level > 0 {
                page.children(&object).map(|children| stack.extend(children.into_iter().map(|(_, child)| child)))
            } else if kind == PageKind::Index {
                page.entries.iter().try_for_each(|(key, value)| expect(walked, &object, key, value))
            } else {
                Ok(())
            };
            if let Err(error) = examined {
                record(report, &object, reference.offset, error)?;
            }
        }
    }
    Ok(())
}

fn expect(walked: &mut Walked, object: &str, key: &[u8], value: &[u8]) -> Result<()> {
    let file = read_index_entry(object, key, value)?;
    let expected = Expected { length: file.object.object_length, ciphertext_hash: file.object.ciphertext_hash };
    match walked.objects.insert(file.object.object, expected.clone()) {
        Some(other) if other != expected => {
            Err(RepositoryError::damaged(object, 0, format!("two entries differ about {}", file.object.key())))
        }
        _ => Ok(()),
    }
}

async fn one_by_one(
    repository: &Repository,
    kind: PageKind,
    pages: &[PageRef],
    report: &mut VerifyReport,
) -> Result<Vec<Option<std::sync::Arc<crate::page::layout::Page>>>> {
    let mut found = Vec::with_capacity(pages.len());
    for page in pages {
        match repository.inner.pages.page(kind, page).await {
            Ok(decoded) => found.push(Some(decoded)),
            Err(error) => {
                record(report, &page.object(), page.offset, error)?;
                found.push(None);
            }
        }
    }
    Ok(found)
}

/// Damage goes into the report, anything else ends the verify.
fn record(report: &mut VerifyReport, object: &str, offset: u64, error: RepositoryError) -> Result<()> {
    let (offset, detail) = match error {
        RepositoryError::Damaged { offset, detail, .. } => (offset, detail),
        RepositoryError::Storage(error) if error.is_not_found() => (0, "missing".to_owned()),
        error if error.is_damage() => (offset, error.to_string()),
        error => return Err(error),
    };
    if !report.damages.iter().any(|damage| damage.object == object && damage.offset == offset) {
        report.damages.push(super::log::damage(object, offset, &detail, Vec::new()));
    }
    Ok(())
}

/// Readers rebuild the header from the reference; the stored one is looked at here.
async fn check_header(
    repository: &Repository,
    kind: PageKind,
    page: &PageRef,
    walked: &mut Walked,
    report: &mut VerifyReport,
) -> Result<()> {
    let object = page.object();
    if !walked.headers.insert(object.clone()) {
        return Ok(());
    }
    let inner = &repository.inner;
    let (expected, _) = PageHeader::derive(&inner.keyring, kind, page.generation, page.upload, page.number, page.salt)?;
    let read = || inner.store.get_range(&object, 0..PAGE_HEADER_BYTES as u64);
    let is_right = |read: &storage::Result<bytes::Bytes>| read.as_ref().is_ok_and(|bytes| *bytes == expected.encode());
    let first = read().await;
    if is_right(&first) {
        return Ok(());
    }
    // Damage needs two reads.
    let again = read().await;
    if is_right(&again) {
        report.transient += 1;
        return Ok(());
    }
    match again {
        Ok(_) => record(report, &object, 0, RepositoryError::damaged(object.as_str(), 0, "the page object's header is damaged")),
        Err(error) => record(report, &object, 0, error.into()),
    }
}

/// Names the backups and files behind each damage; `found` = damaged objects and where.
pub(super) async fn attribute(
    repository: &Repository,
    backups: &[(u64, Commit)],
    found: Vec<Damage>,
    report: &mut VerifyReport,
) -> Result<()> {
    report.damages.extend(found);
    if report.damages.is_empty() {
        return Ok(());
    }
    let mut by_object: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, damage) in report.damages.iter().enumerate() {
        by_object.entry(damage.object.clone()).or_default().push(index);
    }
    for (sequence, commit) in backups {
        for (kind, root) in PageKind::ALL.into_iter().zip(&commit.roots) {
            let mut stack: Vec<PageRef> = root.iter().cloned().collect();
            while let Some(page) = stack.pop() {
                let object = page.object();
                for index in by_object.get(&object).into_iter().flatten() {
                    let Some(damage) = report.damages.get_mut(*index) else { continue };
                    let here = damage.offset >= page.offset && damage.offset < page.offset + u64::from(page.stored_bytes);
                    // Offset 0 is the header, or the whole object missing.
                    if here || damage.offset == 0 {
                        add(&mut damage.backups, *sequence);
                    }
                }
                if page.level == 0 && kind != PageKind::Index {
                    continue;
                }
                let Ok(decoded) = repository.inner.pages.page(kind, &page).await else { continue };
                if page.level > 0 {
                    stack.extend(decoded.children(&object).unwrap_or_default().into_iter().map(|(_, child)| child));
                    continue;
                }
                for (key, value) in &decoded.entries {
                    let Ok(file) = read_index_entry(&object, key, value) else { continue };
                    for index in by_object.get(&file.object.key()).into_iter().flatten() {
                        let Some(damage) = report.damages.get_mut(*index) else { continue };
                        let end = file.object.offset + file.object.length;
                        let inside = damage.offset >= file.object.offset && damage.offset < end;
                        let whole =
                            damage.offset < crate::object::header::HEADER_BYTES as u64 || damage.detail.starts_with(super::objects::WHOLE);
                        if inside || whole {
                            add(&mut damage.backups, *sequence);
                            if !damage.files.contains(&file.identity) {
                                damage.files.push(file.identity);
                            }
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

fn add(backups: &mut Vec<u64>, sequence: u64) {
    if !backups.contains(&sequence) {
        backups.push(sequence);
    }
}
