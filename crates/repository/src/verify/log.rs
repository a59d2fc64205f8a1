//! Config, key slots and every record, read again from the store.

use futures::{StreamExt, TryStreamExt};
use storage::StorageError;

use super::{Damage, VerifyLevel, VerifyReport};
use crate::config::{CONFIG_LIMIT_BYTES, Config};
use crate::error::{RepositoryError, Result};
use crate::keys::slot::{SLOT_LIMIT_BYTES, Slot};
use crate::names;
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
    let store = &repository.inner.store;
    let mut reads = futures::stream::iter(1..=head)
        .map(|sequence| async move { (sequence, store.get(&names::commit_key(sequence), RECORD_LIMIT_BYTES).await) })
        .buffered(READS_AT_ONCE);
    while let Some((sequence, read)) = reads.next().await {
        report.records += 1;
        let known = repository.inner.log().hash_at(sequence);
        let detail = match read {
            Ok(bytes) if Some(record_hash(&bytes)) == known => continue,
            Ok(_) | Err(StorageError::Invalid { .. }) => "the record is not the one that was read before",
            Err(error) if error.is_not_found() => "the record is missing",
            Err(error) => return Err(error.into()),
        };
        if !report.damages.iter().any(|found| found.object == names::commit_key(sequence)) {
            report.damages.push(damage(&names::commit_key(sequence), 0, detail, vec![sequence]));
        }
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

async fn check_config(repository: &Repository, all: &[u64], report: &mut VerifyReport) -> Result<()> {
    let key = names::config_key(1);
    match repository.inner.store.get(&key, CONFIG_LIMIT_BYTES).await {
        Ok(bytes) => match Config::decode(&key, &bytes) {
            Ok(config) if config == repository.inner.config => {}
            Ok(_) => report.damages.push(damage(&key, 0, "the config is not the one that was opened", all.to_vec())),
            Err(error) => report.damages.push(damage(&key, 0, &error.to_string(), all.to_vec())),
        },
        Err(error) if error.is_not_found() => report.damages.push(damage(&key, 0, "the config is missing", all.to_vec())),
        Err(error) => return Err(error.into()),
    }
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
        let detail = match store.get(&slot.key, SLOT_LIMIT_BYTES).await {
            Ok(bytes) => match Slot::decode(&slot.key, &bytes) {
                Ok(decoded) if decoded.repository_id == repository.id() => continue,
                Ok(_) => "key slot of another repository".to_owned(),
                Err(error) => error.to_string(),
            },
            Err(StorageError::Invalid { detail, .. }) => detail,
            Err(error) => return Err(error.into()),
        };
        report.damages.push(damage(&slot.key, 0, &detail, Vec::new()));
    }
    Ok(())
}

/// The prepared copies of records are what a lost tail of the log is put back from.
async fn check_prepared(repository: &Repository, report: &mut VerifyReport) -> Result<()> {
    let inner = &repository.inner;
    let uploads: Vec<(u64, [u8; 16])> =
        inner.log().state.backups.iter().map(|(sequence, backup)| (*sequence, backup.commit.upload)).collect();
    let reads: Vec<_> = futures::stream::iter(uploads)
        .map(|(sequence, upload)| async move {
            let key = names::prepared_key(&upload, 1);
            match inner.store.get(&key, RECORD_LIMIT_BYTES).await {
                Ok(bytes) => Ok((sequence, key, Some(bytes))),
                Err(error) if error.is_not_found() || matches!(error, StorageError::Invalid { .. }) => Ok((sequence, key, None)),
                Err(error) => Err(RepositoryError::from(error)),
            }
        })
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;
    for (_, key, bytes) in reads {
        let good = bytes.as_ref().is_some_and(|bytes| {
            Envelope::decode(&key, bytes).is_ok_and(|(envelope, signed, signature)| {
                inner.log().state.keys.get(&envelope.signer).is_some_and(|signer| verify_signature(&signer.public, signed, signature))
            })
        });
        if !good {
            // The record itself is in the log: no backup suffers.
            report.damages.push(damage(&key, 0, "the prepared copy of a record is missing or damaged", Vec::new()));
        }
    }
    Ok(())
}
