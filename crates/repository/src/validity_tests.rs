//! Each rule of [`super::validity`], by records that meet and break it.

use crate::keys::keyring::signer_id;
use crate::page::layout::PageRef;
use crate::record::body::{Body, Commit, Condemn, Field, ROLE_ADMIN, ROLE_WRITER};
use crate::record::envelope::{READ_CRITICAL, WRITE_CRITICAL};
use crate::validity::{BackupState, Record, State, Void};

const ADMIN: [u8; 32] = [1; 32];
const WRITER: [u8; 32] = [2; 32];

fn field() -> Field {
    Field { generation: 1, salt: [0; 32], sealed: Vec::new() }
}

fn commit_of(upload: u8, base: u64, adopted: &[u8], writers: &[[u8; 16]]) -> Body {
    Body::Commit(Box::new(Commit {
        upload: [upload; 16],
        base,
        lineage: [0; 16],
        adopted: adopted.iter().map(|upload| [*upload; 16]).collect(),
        writers: writers.to_vec(),
        roots: [None, None, None],
        files: 0,
        logical_bytes: 0,
        new_objects: 0,
        new_bytes: 0,
        reused_bytes: 0,
        page_bytes: 0,
        row: field(),
    }))
}

fn condemn(backups: &[u64]) -> Body {
    let list = PageRef {
        upload: [9; 16],
        number: 0,
        generation: 1,
        salt: [0; 32],
        offset: 128,
        stored_bytes: 100,
        content_id: [0; 32],
        ciphertext_hash: [0; 32],
        level: 0,
        entries: 1,
    };
    Body::Condemn(Box::new(Condemn { list, objects: 1, bytes: 1, backups: backups.to_vec() }))
}

struct Log(State);

impl Log {
    fn new() -> Self {
        Self(State::genesis(ADMIN))
    }

    fn by(&mut self, public: &[u8; 32], body: &Body) -> Result<(), Void> {
        let sequence = self.0.sequence + 1;
        let flags = WRITE_CRITICAL | READ_CRITICAL;
        self.0.apply(&Record { sequence, hash: [sequence as u8; 32], time_millis: 0, signer: signer_id(public), flags, body })
    }

    fn admin(&mut self, body: &Body) -> Result<(), Void> {
        self.by(&ADMIN, body)
    }

    fn with_writer() -> Self {
        let mut log = Self::new();
        log.admin(&Body::Key { public: WRITER, roles: ROLE_WRITER, label: field() }).expect("key");
        log
    }
}

#[test]
fn a_backup_is_live_and_its_upload_commits_once() {
    let mut log = Log::new();
    assert_eq!(log.admin(&commit_of(1, 0, &[], &[])), Ok(()));
    assert_eq!(log.0.backups[&1].state, BackupState::Live);
    assert_eq!(log.admin(&commit_of(1, 1, &[], &[])), Err(Void::CommittedBefore(1)));
    assert_eq!(log.admin(&commit_of(2, 3, &[], &[])), Err(Void::BaseBeyond));
    assert_eq!(log.0.void.len(), 2);
}

#[test]
fn adopting_and_aborting_fence() {
    let mut log = Log::new();
    assert_eq!(log.admin(&commit_of(2, 0, &[1], &[])), Ok(()));
    assert_eq!(log.admin(&commit_of(1, 1, &[], &[])), Err(Void::Fenced));
    assert_eq!(log.admin(&Body::Abort { upload: [3; 16] }), Ok(()));
    assert_eq!(log.admin(&commit_of(3, 2, &[], &[])), Err(Void::Fenced));
    assert_eq!(log.admin(&commit_of(4, 2, &[3], &[])), Err(Void::AdoptsAborted));
    assert_eq!(log.admin(&Body::Abort { upload: [2; 16] }), Err(Void::CommittedBefore(1)));
    assert_eq!(log.admin(&Body::Adopt { upload: [5; 16], by: [3; 16] }), Err(Void::Fenced));
    assert_eq!(log.admin(&Body::Adopt { upload: [5; 16], by: [6; 16] }), Ok(()));
    assert_eq!(log.admin(&commit_of(5, 2, &[], &[])), Err(Void::Fenced));
    // An upload whose objects are in a live backup may be named again: nothing of it is fenced.
    assert_eq!(log.admin(&commit_of(7, 2, &[2], &[])), Ok(()));
}

#[test]
fn delete_undelete_condemn_pin() {
    let mut log = Log::new();
    log.admin(&commit_of(1, 0, &[], &[])).expect("1");
    log.admin(&commit_of(2, 1, &[], &[])).expect("2");
    assert_eq!(log.admin(&condemn(&[1])), Err(Void::NotDeleted(1)));
    assert_eq!(log.admin(&Body::Pin { id: [1; 16], backup: 1, until_millis: 0, reason: field() }), Ok(()));
    assert_eq!(log.admin(&Body::Delete { backups: vec![1] }), Err(Void::Kept(1)));
    assert_eq!(log.admin(&Body::Hold { id: [1; 16], backups: vec![2], reason: field() }), Err(Void::IdInUse));
    assert_eq!(log.admin(&Body::Release { id: [1; 16] }), Ok(()));
    assert_eq!(log.admin(&Body::Release { id: [1; 16] }), Err(Void::NoSuchId));
    assert_eq!(log.admin(&Body::Delete { backups: vec![1, 9] }), Err(Void::NoSuchBackup(9)), "all or nothing");
    assert_eq!(log.0.backups[&1].state, BackupState::Live);
    assert_eq!(log.admin(&Body::Delete { backups: vec![1, 2] }), Ok(()));
    assert_eq!(log.admin(&Body::Undelete { backups: vec![2] }), Ok(()));
    let condemned_at = log.0.sequence + 1;
    assert_eq!(log.admin(&condemn(&[1])), Ok(()));
    assert_eq!(log.admin(&Body::Undelete { backups: vec![1] }), Err(Void::Condemned(1)));
    assert_eq!(log.admin(&commit_of(3, condemned_at - 1, &[], &[])), Err(Void::StaleBase(condemned_at)));
    assert_eq!(log.admin(&commit_of(3, condemned_at, &[], &[])), Ok(()));
}

#[test]
fn rights_grants_and_revocation() {
    let mut log = Log::with_writer();
    let (admin, writer) = (signer_id(&ADMIN), signer_id(&WRITER));
    assert_eq!(log.by(&[7; 32], &commit_of(1, 0, &[], &[])), Err(Void::UnknownSigner));
    assert_eq!(log.by(&WRITER, &Body::Delete { backups: vec![] }), Err(Void::NoRight));
    assert_eq!(log.by(&WRITER, &commit_of(1, 1, &[], &[admin])), Err(Void::NotGranted));
    assert_eq!(log.admin(&Body::Grant { writer, source: admin }), Ok(()));
    assert_eq!(log.by(&WRITER, &commit_of(1, 1, &[], &[admin])), Ok(()));
    let made = log.0.sequence;
    assert_eq!(log.admin(&Body::Revoke { key: admin, from: 1 }), Err(Void::LastAdmin));
    assert_eq!(log.admin(&Body::Role { key: admin, roles: ROLE_WRITER }), Err(Void::LastAdmin));
    assert_eq!(log.admin(&Body::Role { key: writer, roles: ROLE_WRITER | ROLE_ADMIN }), Ok(()));
    assert_eq!(log.admin(&Body::Revoke { key: writer, from: made }), Ok(()));
    assert_eq!(log.0.backups[&made].state, BackupState::Revoked);
    assert_eq!(log.by(&WRITER, &commit_of(2, 1, &[], &[])), Err(Void::Revoked));
}

#[test]
fn reserved_types_stop_by_their_critical_bits() {
    let mut log = Log::new();
    let apply = |log: &mut Log, flags| {
        let sequence = log.0.sequence + 1;
        let body = Body::Unknown { record_type: 12 };
        log.0.apply(&Record { sequence, hash: [0; 32], time_millis: 0, signer: signer_id(&ADMIN), flags, body: &body })
    };
    assert_eq!(apply(&mut log, 0), Ok(()));
    assert_eq!((log.0.write_refused_at, log.0.read_refused_at), (None, None));
    assert_eq!(apply(&mut log, WRITE_CRITICAL), Ok(()));
    assert_eq!(apply(&mut log, READ_CRITICAL), Ok(()));
    assert_eq!((log.0.write_refused_at, log.0.read_refused_at), (Some((2, 12)), Some((3, 12))));
}
