//! Snapshots: taking, following, listing, deleting, cloning.
//!
//! From 2.6 on a procedure takes the snapshot: the call carries a nonce, so it may be repeated, and only the procedure's id tells
//! how far it is (`IsSnapshotDone` knows a running one by its whole, completed description alone, which no client has).
//!
//! Before 2.6 the call has no nonce. When its answer is lost, the master is asked for the snapshot by name: known and
//! done or in the making = the call arrived; unknown = it did not, or was lost with the master, and is sent again. A snapshot of
//! that name which was there before would look the same, so the list is read first.

use std::sync::PoisonError;
use std::time::Duration;

use hbase_proto::{self as proto, snapshot_description::Type};
use hbase_types::TableName;

use super::procedure::failure;
use crate::connection::Connection;
use crate::core::Repeat;
use crate::error::{ClientError, Result};
use crate::retry::Budget;
use crate::types::{Nonce, ProcedureId, ProcedureState, SnapshotInfo, SnapshotKind, SnapshotRequest, SnapshotTicket};

impl Connection {
    /// Asks for a snapshot; it is taken when [`Self::snapshot_done`] says so. On [`ClientError::Ambiguous`] the master was lost
    /// and could not be asked within the deadline whether it has begun.
    pub async fn snapshot(&self, request: &SnapshotRequest) -> Result<SnapshotTicket> {
        if self.list_snapshots().await?.iter().any(|snapshot| snapshot.name == request.name) {
            return Err(ClientError::SnapshotExists { snapshot: request.name.clone() });
        }
        let nonce = self.new_nonce();
        let message = proto::SnapshotRequest { snapshot: description(request), nonce_group: Some(nonce.0), nonce: Some(nonce.1) };
        let mut budget = Budget::new(&self.core.options, "snapshot", self.core.options.deadline);
        // 3.0.0-alpha-4 has procedures too.
        let version = self.hbase_version();
        let repeat = if (version.major, version.minor) >= (2, 6) { Repeat::Harmless } else { Repeat::Never };
        loop {
            let lost = match self.core.master_call::<proto::SnapshotResponse>("Snapshot", &message, repeat).await {
                Ok(answer) => return Ok(self.begun(&request.name, &answer)),
                Err(error @ ClientError::Ambiguous { .. }) => error,
                Err(error) => return Err(error),
            };
            match self.snapshot_done(&request.name, &request.table).await {
                Ok(_) => {
                    let expected_timeout_millis = u64::try_from(self.core.options.deadline.as_millis()).unwrap_or(u64::MAX);
                    return Ok(SnapshotTicket { expected_timeout_millis, procedure: None });
                }
                Err(ClientError::SnapshotNotFound { .. }) => budget.pause(&lost).await?,
                Err(error) if error.is_retryable() => return Err(lost),
                Err(error) => return Err(error),
            }
        }
    }

    fn begun(&self, name: &str, answer: &proto::SnapshotResponse) -> SnapshotTicket {
        let procedure = answer.proc_id.and_then(|id| u64::try_from(id).ok()).map(ProcedureId);
        if let Some(id) = procedure {
            self.core.snapshots.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), id);
        }
        SnapshotTicket { expected_timeout_millis: u64::try_from(answer.expected_timeout).unwrap_or(0), procedure }
    }

    /// Whether a snapshot asked for is complete; its failure comes as an error. [`ClientError::SnapshotNotFound`] = the master
    /// knows nothing of it (before 2.6 a restarted master has forgotten what was in the making).
    pub async fn snapshot_done(&self, name: &str, table: &TableName) -> Result<bool> {
        let procedure = self.core.snapshots.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        if let Some(id) = procedure {
            let state = self.procedure_result(id).await?;
            if state == ProcedureState::Running {
                return Ok(false);
            }
            self.core.snapshots.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
            match state {
                ProcedureState::Failed { class, message } => return Err(failure(id, class, message)),
                ProcedureState::Finished => return Ok(true),
                // Forgotten by the master: whether the snapshot is there tells it.
                ProcedureState::NotFound | ProcedureState::Running => {}
            }
        }
        let snapshot = proto::SnapshotDescription { name: name.to_owned(), table: Some(table.to_string()), ..Default::default() };
        let request = proto::IsSnapshotDoneRequest { snapshot: Some(snapshot) };
        let answer: proto::IsSnapshotDoneResponse = self.core.master_call("IsSnapshotDone", &request, Repeat::Harmless).await?;
        Ok(answer.done.unwrap_or(false))
    }

    /// Takes a snapshot and waits for its end.
    pub async fn take_snapshot(&self, request: &SnapshotRequest, deadline: Duration) -> Result<()> {
        let operation = format!("snapshot {} of {}", request.name, request.table);
        let mut budget = Budget::new(&self.core.options, &operation, deadline);
        let running = ClientError::NoMaster { detail: "it is still in the making".to_owned() };
        self.snapshot(request).await?;
        while !self.snapshot_done(&request.name, &request.table).await? {
            budget.poll_pause(&running).await?;
        }
        Ok(())
    }

    /// The completed snapshots, sorted by name. A user without global rights gets only their own.
    pub async fn list_snapshots(&self) -> Result<Vec<SnapshotInfo>> {
        let request = proto::GetCompletedSnapshotsRequest {};
        let answer: proto::GetCompletedSnapshotsResponse =
            self.core.master_call("GetCompletedSnapshots", &request, Repeat::Harmless).await?;
        let mut snapshots: Vec<SnapshotInfo> = answer.snapshots.into_iter().map(info).collect();
        snapshots.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(snapshots)
    }

    /// Deletes a snapshot. When an answer is lost, "not found" at the next try means that it was deleted.
    pub async fn delete_snapshot(&self, name: &str) -> Result<()> {
        let snapshot = proto::SnapshotDescription { name: name.to_owned(), ..Default::default() };
        let request = proto::DeleteSnapshotRequest { snapshot };
        let mut budget = Budget::new(&self.core.options, "delete snapshot", self.core.options.deadline);
        let mut may_be_deleted = false;
        loop {
            match self.core.master_call::<proto::DeleteSnapshotResponse>("DeleteSnapshot", &request, Repeat::Never).await {
                Ok(_) => return Ok(()),
                Err(ClientError::SnapshotNotFound { .. }) if may_be_deleted => return Ok(()),
                Err(ClientError::SnapshotNotFound { .. }) => return Err(ClientError::SnapshotNotFound { snapshot: name.to_owned() }),
                Err(error @ ClientError::Ambiguous { .. }) => {
                    may_be_deleted = true;
                    budget.pause(&error).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Asks for a clone of a completed snapshot as the new table `target`, with the nonce of the whole act.
    ///
    /// **The same call restores in place**: when `target` exists, HBase overwrites the table *named in the snapshot*, if that one
    /// is disabled. Check that `target` does not exist right before, and clone only snapshots whose own table cannot exist or may
    /// be overwritten. The id is no success: follow it with [`Connection::wait_procedure`].
    pub async fn clone_snapshot(&self, name: &str, target: &TableName, nonce: Nonce, restore_acl: bool) -> Result<ProcedureId> {
        let snapshot = proto::SnapshotDescription { name: name.to_owned(), table: Some(target.to_string()), ..Default::default() };
        let request = proto::RestoreSnapshotRequest {
            snapshot,
            nonce_group: Some(nonce.0),
            nonce: Some(nonce.1),
            restore_acl: Some(restore_acl),
            custom_sft: None,
        };
        let answer: proto::RestoreSnapshotResponse = self.core.master_call("RestoreSnapshot", &request, Repeat::Harmless).await?;
        Ok(ProcedureId(answer.proc_id))
    }
}

fn description(request: &SnapshotRequest) -> proto::SnapshotDescription {
    let kind = match request.kind {
        SnapshotKind::Disabled => Type::Disabled,
        SnapshotKind::Flush => Type::Flush,
        SnapshotKind::SkipFlush => Type::Skipflush,
    };
    proto::SnapshotDescription {
        name: request.name.clone(),
        table: Some(request.table.to_string()),
        r#type: Some(kind as i32),
        owner: request.owner.clone(),
        ttl: (request.ttl_seconds > 0).then(|| i64::try_from(request.ttl_seconds).unwrap_or(i64::MAX)),
        ..Default::default()
    }
}

fn info(message: proto::SnapshotDescription) -> SnapshotInfo {
    let kind = match message.r#type() {
        Type::Disabled => SnapshotKind::Disabled,
        Type::Flush => SnapshotKind::Flush,
        Type::Skipflush => SnapshotKind::SkipFlush,
    };
    SnapshotInfo {
        // A name that we cannot read (made by hand) still lets the snapshot be seen and deleted.
        table: message.table.as_deref().and_then(|table| TableName::parse(table).ok()),
        creation_time_millis: message.creation_time.unwrap_or(0),
        kind,
        ttl_seconds: u64::try_from(message.ttl.unwrap_or(0)).unwrap_or(0),
        owner: message.owner,
        name: message.name,
    }
}
