//! The one pure function that decides what a record means: `apply(state, record) → state | Void(reason)`.
//!
//! Writers, readers, verify and every later tool share it, so that all agree on which backups exist. A void record stays in the log and
//! has no effect for anyone. It uses no clock, no store and no key: only records in order. A writer runs it on the exact prefix before
//! its put; since the put is create-if-absent on that prefix, what the writer saw is what everyone will see.

use std::collections::{BTreeMap, HashMap, HashSet};

use thiserror::Error;

use crate::keys::keyring::signer_id;
use crate::page::layout::PageRef;
use crate::record::body::{Body, Commit, Field, ROLE_ADMIN, ROLE_WRITER};
use crate::record::envelope::{READ_CRITICAL, WRITE_CRITICAL};

/// Why a record has no effect.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Void {
    #[error("its signing key is not known here")]
    UnknownSigner,
    #[error("its signing key was revoked")]
    Revoked,
    #[error("its signing key has no right to do this")]
    NoRight,
    #[error("its upload was committed before, as backup {0}")]
    CommittedBefore(u64),
    #[error("its upload was fenced: a later run adopted it, or it was aborted")]
    Fenced,
    #[error("it adopts an upload that was aborted")]
    AdoptsAborted,
    #[error("objects were condemned by record {0}, after the base it was checked against")]
    StaleBase(u64),
    #[error("its base lies beyond its own place")]
    BaseBeyond,
    #[error("it reuses objects of a signing key that was not granted to it")]
    NotGranted,
    #[error("backup {0} does not exist")]
    NoSuchBackup(u64),
    #[error("backup {0} is pinned or held")]
    Kept(u64),
    #[error("backup {0} is not deleted")]
    NotDeleted(u64),
    #[error("backup {0} was condemned and cannot come back")]
    Condemned(u64),
    #[error("this id is in use")]
    IdInUse,
    #[error("no pin or hold has this id")]
    NoSuchId,
    #[error("no such key")]
    NoSuchKey,
    #[error("it would leave no admin key")]
    LastAdmin,
}

/// What a backup is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BackupState {
    Live,
    Deleted,
    Condemned,
    /// Its signing key was revoked from before it on.
    Revoked,
}

/// One committed backup.
#[derive(Debug, Clone)]
pub(crate) struct Backup {
    pub(crate) commit: Commit,
    pub(crate) state: BackupState,
    pub(crate) hash: [u8; 32],
    pub(crate) time_millis: i64,
    pub(crate) signer: [u8; 16],
    pub(crate) tags: Option<(u64, Field)>,
}

/// What is known of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UploadState {
    Committed(u64),
    Adopted,
    Aborted,
}

/// A signing key.
#[derive(Debug, Clone)]
pub(crate) struct KeyState {
    pub(crate) public: [u8; 32],
    pub(crate) roles: u8,
    /// Records from here on are void.
    pub(crate) revoked_from: Option<u64>,
}

/// A pin or hold.
#[derive(Debug, Clone)]
pub(crate) struct Keep {
    pub(crate) backups: Vec<u64>,
}

/// A record whose place, hash and signature were checked.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) sequence: u64,
    pub(crate) hash: [u8; 32],
    pub(crate) time_millis: i64,
    pub(crate) signer: [u8; 16],
    pub(crate) flags: u32,
    pub(crate) body: &'a Body,
}

/// Everything the log says so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) sequence: u64,
    pub(crate) keys: BTreeMap<[u8; 16], KeyState>,
    pub(crate) backups: BTreeMap<u64, Backup>,
    pub(crate) uploads: HashMap<[u8; 16], UploadState>,
    pub(crate) keeps: BTreeMap<[u8; 16], Keep>,
    pub(crate) grants: HashSet<([u8; 16], [u8; 16])>,
    /// The newest record that condemned objects; 0 = none.
    pub(crate) condemned_at: u64,
    /// Where each list of condemned objects lies, by record.
    pub(crate) condemn_lists: BTreeMap<u64, PageRef>,
    /// First record that this program must not write after.
    pub(crate) write_refused_at: Option<(u64, u16)>,
    /// First record that this program must not read after.
    pub(crate) read_refused_at: Option<(u64, u16)>,
    /// Records without effect, and why.
    pub(crate) void: BTreeMap<u64, Void>,
}

impl State {
    /// The state before record 1: the first admin key, which also writes.
    pub(crate) fn genesis(admin: [u8; 32]) -> Self {
        let key = KeyState { public: admin, roles: ROLE_ADMIN | ROLE_WRITER, revoked_from: None };
        Self { keys: BTreeMap::from([(signer_id(&admin), key)]), ..Self::default() }
    }

    /// Applies the next record. Its place in the chain is the caller's to check.
    pub(crate) fn apply(&mut self, record: &Record<'_>) -> Result<(), Void> {
        self.sequence = record.sequence;
        let result = self.check(record);
        match &result {
            Ok(()) => self.take_effect(record),
            Err(void) => {
                self.void.insert(record.sequence, void.clone());
            }
        }
        result
    }

    /// Counts a record that cannot be read: it has no effect, and nothing may be built on it.
    pub(crate) fn skip_damaged(&mut self, sequence: u64) {
        self.sequence = sequence;
    }

    /// The rules. Changes nothing, so that a writer can ask before its put.
    pub(crate) fn check(&self, record: &Record<'_>) -> Result<(), Void> {
        let key = self.keys.get(&record.signer).ok_or(Void::UnknownSigner)?;
        if key.revoked_from.is_some_and(|from| record.sequence >= from) {
            return Err(Void::Revoked);
        }
        let needed = match record.body {
            Body::Commit(_) | Body::Adopt { .. } | Body::Tag { .. } => ROLE_WRITER,
            Body::Unknown { .. } => ROLE_ADMIN | ROLE_WRITER,
            _ => ROLE_ADMIN,
        };
        if key.roles & (needed | ROLE_ADMIN) == 0 {
            return Err(Void::NoRight);
        }
        match record.body {
            Body::Commit(commit) => self.check_commit(record, commit),
            Body::Delete { backups } => backups.iter().try_for_each(|backup| self.check_delete(*backup)),
            Body::Undelete { backups } => backups.iter().try_for_each(|backup| match self.backup(*backup)? {
                BackupState::Deleted => Ok(()),
                BackupState::Condemned => Err(Void::Condemned(*backup)),
                BackupState::Live | BackupState::Revoked => Err(Void::NotDeleted(*backup)),
            }),
            Body::Tag { backup, .. } => self.backup(*backup).map(|_| ()),
            Body::Pin { id, backup, .. } => self.check_keep(id, std::slice::from_ref(backup)),
            Body::Hold { id, backups, .. } => self.check_keep(id, backups),
            Body::Release { id } => self.keeps.contains_key(id).then_some(()).ok_or(Void::NoSuchId),
            Body::Abort { upload } => self.not_committed(upload),
            Body::Adopt { upload, by } => {
                self.not_committed(upload)?;
                self.not_fenced(by)?;
                if self.uploads.get(upload) == Some(&UploadState::Aborted) { Err(Void::AdoptsAborted) } else { Ok(()) }
            }
            Body::Condemn(condemn) => condemn.backups.iter().try_for_each(|backup| match self.backup(*backup)? {
                BackupState::Deleted | BackupState::Revoked => self.check_kept(*backup),
                BackupState::Live => Err(Void::NotDeleted(*backup)),
                BackupState::Condemned => Err(Void::Condemned(*backup)),
            }),
            Body::Key { public, .. } => (!self.keys.contains_key(&signer_id(public))).then_some(()).ok_or(Void::IdInUse),
            Body::Role { key, roles } => {
                self.keys.get(key).ok_or(Void::NoSuchKey)?;
                if roles & ROLE_ADMIN == 0 { self.check_admin_remains(key) } else { Ok(()) }
            }
            Body::Revoke { key, .. } => {
                self.keys.get(key).ok_or(Void::NoSuchKey)?;
                self.check_admin_remains(key)
            }
            Body::Grant { writer, source } => {
                self.keys.get(writer).ok_or(Void::NoSuchKey)?;
                self.keys.get(source).map(|_| ()).ok_or(Void::NoSuchKey)
            }
            Body::Unknown { .. } => Ok(()),
        }
    }

    fn check_commit(&self, record: &Record<'_>, commit: &Commit) -> Result<(), Void> {
        if commit.base >= record.sequence {
            return Err(Void::BaseBeyond);
        }
        self.not_committed(&commit.upload)?;
        self.not_fenced(&commit.upload)?;
        if commit.base < self.condemned_at {
            return Err(Void::StaleBase(self.condemned_at));
        }
        if commit.adopted.iter().any(|upload| self.uploads.get(upload) == Some(&UploadState::Aborted)) {
            return Err(Void::AdoptsAborted);
        }
        let granted = |source: &[u8; 16]| *source == record.signer || self.grants.contains(&(record.signer, *source));
        if commit.writers.iter().all(granted) { Ok(()) } else { Err(Void::NotGranted) }
    }

    fn check_delete(&self, backup: u64) -> Result<(), Void> {
        match self.backup(backup)? {
            BackupState::Live => self.check_kept(backup),
            BackupState::Deleted | BackupState::Revoked => Ok(()),
            BackupState::Condemned => Err(Void::Condemned(backup)),
        }
    }

    fn check_kept(&self, backup: u64) -> Result<(), Void> {
        if self.is_kept(backup) { Err(Void::Kept(backup)) } else { Ok(()) }
    }

    fn check_keep(&self, id: &[u8; 16], backups: &[u64]) -> Result<(), Void> {
        if self.keeps.contains_key(id) {
            return Err(Void::IdInUse);
        }
        backups.iter().try_for_each(|backup| match self.backup(*backup)? {
            BackupState::Condemned => Err(Void::Condemned(*backup)),
            _ => Ok(()),
        })
    }

    fn check_admin_remains(&self, without: &[u8; 16]) -> Result<(), Void> {
        let remains = self.keys.iter().any(|(id, key)| id != without && key.roles & ROLE_ADMIN != 0 && key.revoked_from.is_none());
        if remains { Ok(()) } else { Err(Void::LastAdmin) }
    }

    fn not_committed(&self, upload: &[u8; 16]) -> Result<(), Void> {
        match self.uploads.get(upload) {
            Some(UploadState::Committed(backup)) => Err(Void::CommittedBefore(*backup)),
            _ => Ok(()),
        }
    }

    fn not_fenced(&self, upload: &[u8; 16]) -> Result<(), Void> {
        match self.uploads.get(upload) {
            Some(UploadState::Adopted | UploadState::Aborted) => Err(Void::Fenced),
            _ => Ok(()),
        }
    }

    fn backup(&self, backup: u64) -> Result<BackupState, Void> {
        self.backups.get(&backup).map(|backup| backup.state).ok_or(Void::NoSuchBackup(backup))
    }

    /// Whether a pin or hold keeps the backup.
    pub(crate) fn is_kept(&self, backup: u64) -> bool {
        self.keeps.values().any(|keep| keep.backups.contains(&backup))
    }

    fn set(&mut self, backups: &[u64], from: BackupState, to: BackupState) {
        for backup in backups {
            if let Some(backup) = self.backups.get_mut(backup)
                && backup.state == from
            {
                backup.state = to;
            }
        }
    }

    fn take_effect(&mut self, record: &Record<'_>) {
        match record.body {
            Body::Commit(commit) => {
                for upload in &commit.adopted {
                    self.uploads.entry(*upload).or_insert(UploadState::Adopted);
                }
                self.uploads.insert(commit.upload, UploadState::Committed(record.sequence));
                let backup = Backup {
                    commit: (**commit).clone(),
                    state: BackupState::Live,
                    hash: record.hash,
                    time_millis: record.time_millis,
                    signer: record.signer,
                    tags: None,
                };
                self.backups.insert(record.sequence, backup);
            }
            Body::Delete { backups } => self.set(backups, BackupState::Live, BackupState::Deleted),
            Body::Undelete { backups } => self.set(backups, BackupState::Deleted, BackupState::Live),
            Body::Tag { backup, tags } => {
                if let Some(backup) = self.backups.get_mut(backup) {
                    backup.tags = Some((record.sequence, tags.clone()));
                }
            }
            Body::Pin { id, backup, .. } => {
                self.keeps.insert(*id, Keep { backups: vec![*backup] });
            }
            Body::Hold { id, backups, .. } => {
                self.keeps.insert(*id, Keep { backups: backups.clone() });
            }
            Body::Release { id } => {
                self.keeps.remove(id);
            }
            Body::Abort { upload } => {
                self.uploads.insert(*upload, UploadState::Aborted);
            }
            Body::Adopt { upload, .. } => {
                self.uploads.entry(*upload).or_insert(UploadState::Adopted);
            }
            Body::Condemn(condemn) => {
                self.condemned_at = record.sequence;
                self.condemn_lists.insert(record.sequence, condemn.list.clone());
                self.set(&condemn.backups, BackupState::Deleted, BackupState::Condemned);
                self.set(&condemn.backups, BackupState::Revoked, BackupState::Condemned);
            }
            Body::Key { public, roles, .. } => {
                self.keys.insert(signer_id(public), KeyState { public: *public, roles: *roles, revoked_from: None });
            }
            Body::Role { key, roles } => {
                if let Some(key) = self.keys.get_mut(key) {
                    key.roles = *roles;
                }
            }
            Body::Revoke { key, from } => self.revoke(key, *from),
            Body::Grant { writer, source } => {
                self.grants.insert((*writer, *source));
            }
            Body::Unknown { record_type } => {
                if record.flags & WRITE_CRITICAL != 0 && self.write_refused_at.is_none() {
                    self.write_refused_at = Some((record.sequence, *record_type));
                }
                if record.flags & READ_CRITICAL != 0 && self.read_refused_at.is_none() {
                    self.read_refused_at = Some((record.sequence, *record_type));
                }
            }
        }
    }

    fn revoke(&mut self, key: &[u8; 16], from: u64) {
        if let Some(state) = self.keys.get_mut(key) {
            state.revoked_from = Some(state.revoked_from.map_or(from, |earlier| earlier.min(from)));
        }
        for (sequence, backup) in &mut self.backups {
            if backup.signer == *key && *sequence >= from && matches!(backup.state, BackupState::Live | BackupState::Deleted) {
                backup.state = BackupState::Revoked;
            }
        }
    }
}
