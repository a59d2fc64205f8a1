//! Mode replace: the restored table takes the place of the live one, which stays behind as a safety snapshot.
//!
//! The RestoreSnapshot RPC is never asked for the live name while it exists. Order, with the markers that make a rerun safe:
//! 1. clone under a scratch name, compare it with the backup, drop it (`scratch-done`): whatever the target cannot open fails here,
//!    with the live table untouched;
//! 2. take the safety snapshot, look for it in the master's list *and* read it whole from the file system (`safety-done`);
//! 3. `swapping`; disable and delete the live table; `deleted`;
//! 4. put MOB files in place again (deleting the table archived its `mobdir/`);
//! 5. clone under the live name.
//!
//! # Crash cases
//! Before `swapping` the live table is as it was. Between `swapping` and `deleted` the table that is there is the old one: disable and delete again.
//! After `deleted` a table of that name is ours (`clone.rs` looks at its regions). A clone that fails after `deleted` is answered by
//! cloning the safety snapshot back; if that cannot be done either, the error names the snapshot that holds the old table.
//! The safety snapshot is the operator's to delete.

use hbase_types::TableName;

use super::clone::{clone_as, renamed};
use super::run::Step;
use crate::target::Master;
use crate::{EngineError, Result};

/// Replaces the live table; returns the safety snapshot's name.
pub(super) async fn swap(step: &Step<'_>, master: &dyn Master) -> Result<String> {
    let (journal, table) = (step.journal, step.table);
    let safety = format!("seawall-safety-{}", journal.record.id);
    if !journal.is_marked("scratch-done").await? {
        rehearse_whole(step, master).await?;
        journal.mark("scratch-done").await?;
    }
    if !journal.is_marked("safety-done").await? {
        if !master.snapshots().await?.iter().any(|snapshot| snapshot.name == safety) {
            master.take_snapshot(&safety, &table.target).await?;
        }
        prove(step, master, &safety).await?;
        journal.mark("safety-done").await?;
    }
    if !journal.is_marked("deleted").await? {
        journal.still_ours().await?;
        journal.mark("swapping").await?;
        if let Some(enabled) = master.is_enabled(&table.target).await? {
            if enabled {
                master.disable_table(&table.target).await?;
            }
            master.delete_table(&table.target).await?;
        }
        journal.mark("deleted").await?;
    }
    step.place_mob_files().await?;
    match clone_as(master, journal, &table.target, table.record.nonce, &table.expected_regions).await {
        Ok(()) => Ok(safety),
        Err(error) if error.is_unavailable() || matches!(error, EngineError::Cancelled | EngineError::TakenOver { .. }) => Err(error),
        Err(error) => Err(bring_back(step, master, &safety, error).await),
    }
}

/// Clones under a name of its own, compares, drops.
async fn rehearse_whole(step: &Step<'_>, master: &dyn Master) -> Result<()> {
    let scratch = scratch_name(step)?;
    let (group, nonce) = step.table.record.nonce;
    clone_as(master, step.journal, &scratch, (group, nonce ^ 1), &renamed(&step.table.expected_regions, &scratch)).await?;
    let compared = step.check(&scratch).await;
    master.disable_table(&scratch).await?;
    master.delete_table(&scratch).await?;
    compared
}

fn scratch_name(step: &Step<'_>) -> Result<TableName> {
    let name = TableName::new(step.table.target.namespace(), &format!("seawall-scratch-{}", step.journal.record.id));
    name.map_err(|error| EngineError::Usage { message: error.to_string() })
}

/// The safety snapshot exists for the master and can be read whole.
async fn prove(step: &Step<'_>, master: &dyn Master, safety: &str) -> Result<()> {
    let target = &step.table.target;
    let listed = master.snapshots().await?.into_iter().find(|snapshot| snapshot.name == safety);
    let detail = match listed {
        None => "the master does not list it".to_owned(),
        Some(snapshot) if snapshot.table.as_ref() != Some(target) => {
            format!("it is of table {:?}", snapshot.table.map(|table| table.to_string()))
        }
        Some(_) => return super::publish::prove_readable(step.run.target, safety, target).await,
    };
    Err(EngineError::Mismatch { subject: format!("safety snapshot {safety}"), detail })
}

/// The clone failed with the live table gone: the old one comes back from its safety snapshot.
async fn bring_back(step: &Step<'_>, master: &dyn Master, safety: &str, cause: EngineError) -> EngineError {
    let target = &step.table.target;
    let back: Result<()> = async {
        if master.is_enabled(target).await?.is_none() {
            let procedure = master.clone_snapshot(safety, target, master.new_nonce()).await?;
            master.wait_procedure(procedure).await?;
        }
        Ok(())
    }
    .await;
    let (message, hint) = match back {
        Ok(()) => (
            format!("{target} could not be replaced and was brought back from its safety snapshot {safety}: {cause}"),
            "its content is that of the moment of the snapshot; delete the snapshot when you are content".to_owned(),
        ),
        Err(error) => (
            format!("{target} could not be replaced ({cause}), and bringing it back failed: {error}"),
            format!("the old table is whole in snapshot {safety}: hbase shell> clone_snapshot '{safety}', '{target}'"),
        ),
    };
    EngineError::ReplaceFailed { message, hint, source: Box::new(cause) }
}
