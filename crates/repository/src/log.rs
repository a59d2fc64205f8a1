//! The commit log as this process knows it: hashes, state, damage; reading forward, and appending.
//!
//! Reading goes by GET of the next slots, never by LIST. A damaged record has no effect and makes the repository read-only; the
//! records after it still count, because each names its predecessor's hash. A record that is well signed but continues another
//! history is a fork and refused. Appending: the prepared record is stored in `m/`, then put create-if-absent; a doubtful answer is read back.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use storage::{ObjectStore, StorageError};

use crate::config::Config;
use crate::crypto::short_hex;
use crate::error::{RepositoryError, Result};
use crate::names;
use crate::record::body::{Body, type_name};
use crate::record::envelope::{Envelope, RECORD_LIMIT_BYTES, record_hash, skip_target, verify_signature};
use crate::repository::{Head, Pin};
use crate::validity::{Record, State, Void};

/// Slots read at the same time once a few were found.
const WINDOW_SLOTS: u64 = 64;
const READS_AT_ONCE: usize = 32;
const PUT_ATTEMPTS: u32 = 5;

/// A record that cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogDamage {
    pub(crate) sequence: u64,
    pub(crate) detail: String,
}

/// The log up to the head.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    repository_id: [u8; 16],
    pub(crate) state: State,
    /// Hash of each record; index = sequence, 0 = the config.
    hashes: Vec<[u8; 32]>,
    pub(crate) damages: Vec<LogDamage>,
    /// Stored bytes of all records, for the local copy.
    pub(crate) stored: Vec<Bytes>,
}

/// A record of this log, or what is wrong with it.
type Examined = std::result::Result<(Envelope, Body), String>;

/// A record ready to be put.
pub(crate) struct Prepared {
    pub(crate) sequence: u64,
    pub(crate) hash: [u8; 32],
    pub(crate) stored: Bytes,
}

impl Log {
    pub(crate) fn new(config: &Config, config_bytes: &[u8]) -> Self {
        Self {
            repository_id: config.repository_id,
            state: State::genesis(config.admin),
            hashes: vec![record_hash(config_bytes)],
            damages: Vec::new(),
            stored: Vec::new(),
        }
    }

    pub(crate) fn head(&self) -> Head {
        Head { sequence: self.state.sequence, hash: self.hash_at(self.state.sequence).unwrap_or_default() }
    }

    pub(crate) fn hash_at(&self, sequence: u64) -> Option<[u8; 32]> {
        self.hashes.get(usize::try_from(sequence).ok()?).copied()
    }

    /// Compares with a place seen before.
    pub(crate) fn check_pin(&self, pin: &Pin) -> Result<()> {
        match self.hash_at(pin.sequence) {
            None => Err(RepositoryError::Rollback { pinned: pin.sequence, head: self.state.sequence }),
            Some(hash) if hash != pin.hash => {
                Err(RepositoryError::Fork { sequence: pin.sequence, expected: short_hex(&pin.hash), found: short_hex(&hash) })
            }
            Some(_) => Ok(()),
        }
    }

    /// Takes the stored bytes of the next record. `trusted`: they come from our own authenticated copy, their signature was checked before.
    pub(crate) fn push(&mut self, stored: Bytes, trusted: bool) -> Result<()> {
        let examined = self.examine(&stored, trusted)?;
        self.take(stored, examined);
        Ok(())
    }

    /// Takes records that were read from the store, reading again what looks damaged: one bad read is not damage yet.
    pub(crate) async fn extend(&mut self, store: &Arc<dyn ObjectStore>, records: Vec<Bytes>) -> Result<()> {
        for mut stored in records {
            let mut examined = self.examine(&stored, false)?;
            if examined.is_err() {
                match store.get(&names::commit_key(self.state.sequence + 1), RECORD_LIMIT_BYTES).await {
                    Ok(again) => {
                        examined = self.examine(&again, false)?;
                        stored = again;
                    }
                    // Gone, or longer than a record can be: it stays what the first read said.
                    Err(error) if error.is_not_found() || matches!(error, StorageError::Invalid { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            self.take(stored, examined);
        }
        Ok(())
    }

    fn take(&mut self, stored: Bytes, examined: Examined) {
        let (sequence, hash) = (self.state.sequence + 1, record_hash(&stored));
        match examined {
            Ok((envelope, body)) => {
                let record = Record {
                    sequence,
                    hash,
                    time_millis: envelope.time_millis,
                    signer: envelope.signer,
                    flags: envelope.flags,
                    body: &body,
                };
                // A void record is kept in the state with its reason; it is not an error of the log.
                let _: std::result::Result<(), Void> = self.state.apply(&record);
            }
            Err(detail) => {
                self.damages.push(LogDamage { sequence, detail });
                self.state.skip_damaged(sequence);
            }
        }
        self.hashes.push(hash);
        self.stored.push(stored);
    }

    /// What the stored bytes of the next record are. `Err` = must not go on.
    fn examine(&mut self, stored: &[u8], trusted: bool) -> Result<Examined> {
        let sequence = self.state.sequence + 1;
        let object = &names::commit_key(sequence);
        let (envelope, signed, signature) = match Envelope::decode(object, stored) {
            Ok(parts) => parts,
            Err(error @ RepositoryError::FormatTooNew { .. }) => {
                // In every version the last 64 bytes sign all before: only a signed record is really newer, else its version is damaged.
                let (signed, signature) = stored.split_at(stored.len().saturating_sub(64));
                let genuine = self.state.keys.values().any(|key| verify_signature(&key.public, signed, signature));
                return if genuine { Err(error) } else { Ok(Err("neither version nor signature can be right".to_owned())) };
            }
            Err(error) => return Ok(Err(error.to_string())),
        };
        if !trusted
            && let Some(key) = self.state.keys.get(&envelope.signer)
            && !verify_signature(&key.public, signed, signature)
        {
            return Ok(Err("its signature is wrong".to_owned()));
        }
        if envelope.sequence != sequence || envelope.repository_id != self.repository_id {
            return Ok(Err(format!(
                "it is record {} of repository {}, stored in another place",
                envelope.sequence,
                short_hex(&envelope.repository_id)
            )));
        }
        if !self.state.keys.contains_key(&envelope.signer) {
            return Ok(Err("signed by a key that this repository does not know".to_owned()));
        }
        if !self.continues(sequence - 1, envelope.previous) {
            let found = self.hash_at(sequence - 1).unwrap_or_default();
            return Err(RepositoryError::Fork {
                sequence: sequence - 1,
                expected: short_hex(&envelope.previous),
                found: short_hex(&found),
            });
        }
        if !self.continues(skip_target(sequence), envelope.skip) {
            return Ok(Err("its skip hash names another record".to_owned()));
        }
        match Body::decode(object, envelope.record_type, &envelope.body) {
            Ok(body) => Ok(Ok((envelope, body))),
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    /// Whether record `sequence` has this hash. A damaged record's true hash is what its successor says.
    fn continues(&mut self, sequence: u64, claimed: [u8; 32]) -> bool {
        if self.hash_at(sequence) == Some(claimed) {
            return true;
        }
        let damaged = self.damages.iter().any(|damage| damage.sequence == sequence);
        if damaged && let Some(hash) = usize::try_from(sequence).ok().and_then(|index| self.hashes.get_mut(index)) {
            *hash = claimed;
        }
        damaged
    }

    /// Why nothing may be written after this log, if so.
    pub(crate) fn write_refusal(&self) -> Option<RepositoryError> {
        if let Some(damage) = self.damages.first() {
            let reason = format!(
                "record {} of the commit log is damaged ({}); nothing is written until it is repaired",
                damage.sequence, damage.detail
            );
            return Some(RepositoryError::ReadOnly { reason });
        }
        self.state.write_refused_at.map(|(sequence, record_type)| RepositoryError::FormatTooNew {
            what: names::commit_key(sequence),
            found: format!("record type {}", type_name(record_type)),
            supported: "1".to_owned(),
        })
    }

    /// Refuses to read after a record that this version must not ignore.
    pub(crate) fn check_readable(&self) -> Result<()> {
        match self.state.read_refused_at {
            None => Ok(()),
            Some((sequence, record_type)) => Err(RepositoryError::FormatTooNew {
                what: names::commit_key(sequence),
                found: format!("record type {}", type_name(record_type)),
                supported: "1".to_owned(),
            }),
        }
    }

    /// Builds and signs the next record, after asking the validity function about it.
    pub(crate) fn prepare(&self, keyring: &crate::keys::keyring::Keyring, time_millis: i64, body: &Body) -> Result<Prepared> {
        if let Some(refusal) = self.write_refusal() {
            return Err(refusal);
        }
        let head = self.head();
        let sequence = head.sequence + 1;
        let envelope = Envelope {
            record_type: body.record_type(),
            flags: body.flags(),
            sequence,
            repository_id: self.repository_id,
            previous: head.hash,
            skip: self.hash_at(skip_target(sequence)).unwrap_or_default(),
            previous_version: Vec::new(),
            time_millis,
            signer: keyring.signer().id(),
            body: body.encode(),
        };
        let stored = Bytes::from(envelope.seal(keyring.signer())?);
        let hash = record_hash(&stored);
        let record = Record { sequence, hash, time_millis, signer: envelope.signer, flags: envelope.flags, body };
        self.state.check(&record).map_err(|void| RepositoryError::Void { reason: void.to_string() })?;
        Ok(Prepared { sequence, hash, stored })
    }
}

/// Reads the slots after `after`: the stored records in order. A record beyond a hole is an alarm.
pub(crate) async fn read_after(store: &Arc<dyn ObjectStore>, after: u64) -> Result<Vec<Bytes>> {
    let mut records = Vec::new();
    let mut next = after + 1;
    let mut window = 1u64;
    loop {
        let reads: Vec<Option<Bytes>> = futures::stream::iter(next..next + window)
            .map(|sequence| async move {
                match store.get(&names::commit_key(sequence), RECORD_LIMIT_BYTES).await {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(error) if error.is_not_found() => Ok(None),
                    // Longer than a record can be: damage, not a reason to stop.
                    Err(StorageError::Invalid { .. }) => Ok(Some(Bytes::new())),
                    Err(error) => Err(error),
                }
            })
            .buffered(READS_AT_ONCE)
            .collect::<Vec<_>>()
            .await
            .into_iter()
            .collect::<std::result::Result<_, StorageError>>()?;
        let mut hole = None;
        for (sequence, read) in (next..).zip(reads) {
            match (read, hole) {
                (Some(bytes), None) => records.push(bytes),
                (None, None) => hole = Some(sequence),
                (Some(_), Some(missing)) => confirm_hole(store, missing, sequence).await?,
                (None, Some(_)) => {}
            }
        }
        if let Some(missing) = hole {
            let found = after + records.len() as u64;
            if found + 1 == missing {
                return Ok(records);
            }
        }
        next += window;
        window = (window * 4).min(WINDOW_SLOTS);
    }
}

/// Slots are filled in order, but two reads of a moment ago may have been answered in another order than they were sent.
async fn confirm_hole(store: &Arc<dyn ObjectStore>, missing: u64, beyond: u64) -> Result<()> {
    match store.get(&names::commit_key(missing), RECORD_LIMIT_BYTES).await {
        Err(error) if error.is_not_found() => Err(RepositoryError::LogTailMissing { missing, beyond }),
        Err(StorageError::Invalid { .. }) | Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A listing beyond the head, as a source of alarms only: a record after a hole means the head was lost. Returns whether there are newer records.
pub(crate) async fn look_beyond(store: &Arc<dyn ObjectStore>, head: u64) -> Result<bool> {
    let listed = store.list("commit/", Some(&names::commit_key(head)), 8).await?;
    let Some(beyond) = listed.iter().filter_map(|object| names::parse_commit_key(&object.key)).find(|sequence| *sequence > head) else {
        return Ok(false);
    };
    if beyond > head + 1 {
        confirm_hole(store, head + 1, beyond).await?;
    }
    Ok(true)
}

/// Makes what record `sequence` will build on durable: the record before it (the config before record 1). It was read, perhaps not put by
/// us, and its writer may have died, or may die with the machine, before it was. What comes earlier was settled by those who built on it.
pub(crate) async fn settle_before(store: &Arc<dyn ObjectStore>, sequence: u64) -> Result<()> {
    let key = if sequence <= 1 { names::config_key(1) } else { names::commit_key(sequence - 1) };
    Ok(store.settle(&key).await?)
}

/// How a create-if-absent of named bytes ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PutOutcome {
    /// Our bytes are there (put now, or found after a doubtful answer).
    Ours,
    /// Other bytes are there.
    Theirs,
}

/// Puts `body` unless something is there; after `AlreadyExists` or a lost answer, reads back what is there.
pub(crate) async fn put_reading_back(store: &Arc<dyn ObjectStore>, key: &str, body: &Bytes) -> Result<PutOutcome> {
    let mut attempt = 1;
    loop {
        let error = match store.put_new(key, body.clone()).await {
            Ok(_) => return Ok(PutOutcome::Ours),
            Err(error) if error.is_already_exists() || error.is_ambiguous() => error,
            Err(error) => return Err(error.into()),
        };
        match store.get(key, (body.len() as u64).max(RECORD_LIMIT_BYTES)).await {
            Ok(found) if found == *body => {
                // Visible is not yet durable: the put that had no answer may still be under way.
                store.settle(key).await?;
                return Ok(PutOutcome::Ours);
            }
            Ok(_) | Err(StorageError::Invalid { .. }) => return Ok(PutOutcome::Theirs),
            // Absent after all: the put had no effect, so it may be repeated.
            Err(read) if read.is_not_found() && attempt < PUT_ATTEMPTS => attempt += 1,
            Err(read) if read.is_ambiguous() && attempt < PUT_ATTEMPTS => attempt += 1,
            Err(_) => return Err(error.into()),
        }
    }
}

/// Puts an object under a name with 128 random bits: what is there can only be ours.
pub(crate) async fn put_expecting(store: &Arc<dyn ObjectStore>, key: &str, body: Bytes) -> Result<()> {
    match put_reading_back(store, key, &body).await? {
        PutOutcome::Ours => Ok(()),
        PutOutcome::Theirs => {
            Err(RepositoryError::damaged(key, 0, "something else is stored under a name that only this process can know"))
        }
    }
}
