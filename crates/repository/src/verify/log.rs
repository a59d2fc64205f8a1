//! Config, key slots and every record, read again from the store.

use futures::{StreamExt, TryStreamExt};
use storage::StorageError;

use super::{Damage, VerifyLevel, VerifyReport};
use crate::config::{CONFIG_LIMIT_BYTES, Config};
use crate::error::{RepositoryError, Result};
use crate::keys::slot::{SLOT_LIMIT_BYTES, Slot};
use crate::log::look_beyond;
use crate::names;
use crate::record::body::Body;
use crate::record::envelope::{Envelope, RECORD_LIMIT_BYTES, record_hash, verify_signature};
use crate::repository::Repository;
use crate::validity::BackupState;

const READS_AT_ONCE: usize = 32;

pub(super) fn damage(object: &str, offset: u64, detail: &str, backups: Vec<u64>) -> Damage {
    Damage { object: object.to_owned(), offset, detail: detail.to_owned(), backups, files: Vec::new() }
}

pub(super) async fn check(repository: &Repository, level: VerifyLevel, report: &mut VerifyReport) -> Result<()> {
    let all = live(repository);
    check_config(repository, &all, report).await?;
    check_slots(repository, &all, report).await?;
    for (sequence, detail) in repository.log_damage() {
        report.damages.push(damage(&names::commit_key(sequence), 0, &detail, vec![sequence]));
    }
    let head = repository.head().sequence;
    let mut reads = futures::stream::iter(1..=head)
        .map(|sequence| async move { (sequence, examine(repository, sequence).await) })
        .buffered(READS_AT_ONCE);
    while let Some((sequence, examined)) = reads.next().await {
        report.records += 1;
        let (detail, transient) = examined?;
        report.transient += u64::from(transient);
        let key = names::commit_key(sequence);
        if let Some(detail) = detail
            && !report.damages.iter().any(|found| found.object == key)
        {
            report.damages.push(damage(&key, 0, &detail, vec![sequence]));
        }
    }
    match look_beyond(&repository.inner.store, head).await {
        // What is there beside the head was committed while we read: it is for the next verify.
        Ok(_) => {}
        Err(RepositoryError::LogTailMissing { missing, beyond }) => {
            let detail = format!("the record is missing, and record {beyond} is there");
            report.damages.push(damage(&names::commit_key(missing), 0, &detail, vec![missing]));
        }
        Err(error) => return Err(error),
    }
    if level == VerifyLevel::Data {
        check_prepared(repository, report).await?;
    }
    Ok(())
}

fn live(repository: &Repository) -> Vec<u64> {
    let log = repository.inner.log();
    log.state.backups.iter().filter(|(_, backup)| backup.state == BackupState::Live).map(|(sequence, _)| *sequence).collect()
}

/// What is wrong with an object, if a second look at it agrees; and whether only the first look found something.
async fn twice<F: Future<Output = Result<Option<String>>>>(look: impl Fn() -> F) -> Result<(Option<String>, bool)> {
    if look().await?.is_none() {
        return Ok((None, false));
    }
    let again = look().await?;
    let transient = again.is_none();
    Ok((again, transient))
}

async fn examine(repository: &Repository, sequence: u64) -> Result<(Option<String>, bool)> {
    let key = &names::commit_key(sequence);
    twice(|| async move {
        let known = repository.inner.log().hash_at(sequence);
        match repository.inner.store.get(key, RECORD_LIMIT_BYTES).await {
            Ok(bytes) if Some(record_hash(&bytes)) == known => Ok(None),
            Ok(_) | Err(StorageError::Invalid { .. }) => Ok(Some("the record is not the one that was read before".to_owned())),
            Err(error) if error.is_not_found() => Ok(Some("the record is missing".to_owned())),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

async fn check_config(repository: &Repository, all: &[u64], report: &mut VerifyReport) -> Result<()> {
    let key = &names::config_key(1);
    let (detail, transient) = twice(|| async move {
        match repository.inner.store.get(key, CONFIG_LIMIT_BYTES).await {
            Ok(bytes) => match Config::decode(key, &bytes) {
                Ok(config) if config == repository.inner.config => Ok(None),
                Ok(_) => Ok(Some("the config is not the one that was opened".to_owned())),
                Err(error) => Ok(Some(error.to_string())),
            },
            Err(StorageError::Invalid { detail, .. }) => Ok(Some(detail)),
            Err(error) if error.is_not_found() => Ok(Some("the config is missing".to_owned())),
            Err(error) => Err(error.into()),
        }
    })
    .await?;
    report.transient += u64::from(transient);
    report.damages.extend(detail.map(|detail| damage(key, 0, &detail, all.to_vec())));
    Ok(())
}

/// A damaged slot opens nothing any more; the backups are whole as long as another slot is.
async fn check_slots(repository: &Repository, all: &[u64], report: &mut VerifyReport) -> Result<()> {
    let store = &repository.inner.store;
    let slots = store.list("keys/", None, 256).await?;
    if slots.is_empty() {
        report.damages.push(damage("keys/", 0, "no key slot is left: nobody will be able to open this repository", all.to_vec()));
    }
    for slot in slots {
        let key = &slot.key;
        let (detail, transient) = twice(|| async move {
            match store.get(key, SLOT_LIMIT_BYTES).await {
                Ok(bytes) => match Slot::decode(key, &bytes) {
                    Ok(decoded) if decoded.repository_id == repository.id() => Ok(None),
                    Ok(_) => Ok(Some("key slot of another repository".to_owned())),
                    Err(error) => Ok(Some(error.to_string())),
                },
                Err(StorageError::Invalid { detail, .. }) => Ok(Some(detail)),
                // Removed since it was listed.
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
        .await?;
        report.transient += u64::from(transient);
        report.damages.extend(detail.map(|detail| damage(key, 0, &detail, Vec::new())));
    }
    Ok(())
}

/// The prepared copies of records are what a lost tail of the log is put back from: the one that went into the log must be there, and
/// those of tries that lost the race before it must at least be ours.
async fn check_prepared(repository: &Repository, report: &mut VerifyReport) -> Result<()> {
    let uploads: Vec<(u64, [u8; 16])> = {
        let log = repository.inner.log();
        log.state.backups.iter().map(|(sequence, backup)| (*sequence, backup.commit.upload)).collect()
    };
    let looks: Vec<(Option<String>, bool)> = futures::stream::iter(uploads)
        .map(|(sequence, upload)| twice(move || prepared_damage(repository, sequence, upload)))
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;
    for (key, transient) in looks {
        report.transient += u64::from(transient);
        // The record itself is in the log: no backup suffers.
        report.damages.extend(key.map(|key| damage(&key, 0, "the prepared copy of a record is missing or damaged", Vec::new())));
    }
    Ok(())
}

/// The key of a prepared record that is missing or damaged.
async fn prepared_damage(repository: &Repository, sequence: u64, upload: [u8; 16]) -> Result<Option<String>> {
    let inner = &repository.inner;
    let committed = inner.log().hash_at(sequence);
    for attempt in 1..=crate::upload::COMMIT_ATTEMPTS {
        let key = names::prepared_key(&upload, attempt);
        let bytes = match inner.store.get(&key, RECORD_LIMIT_BYTES).await {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() || matches!(error, StorageError::Invalid { .. }) => return Ok(Some(key)),
            Err(error) => return Err(RepositoryError::from(error)),
        };
        if Some(record_hash(&bytes)) == committed {
            return Ok(None);
        }
        if !is_lost_try(repository, &key, &bytes, &upload) {
            return Ok(Some(key));
        }
    }
    Ok(Some(names::prepared_key(&upload, 1)))
}

/// Whether this is a well-signed commit of `upload` that another writer's record was faster than.
fn is_lost_try(repository: &Repository, key: &str, bytes: &[u8], upload: &[u8; 16]) -> bool {
    let Ok((envelope, signed, signature)) = Envelope::decode(key, bytes) else { return false };
    let log = repository.inner.log();
    let signer = log.state.keys.get(&envelope.signer);
    let body = Body::decode(key, envelope.record_type, &envelope.body);
    signer.is_some_and(|signer| verify_signature(&signer.public, signed, signature))
        && matches!(body, Ok(Body::Commit(commit)) if commit.upload == *upload)
}
