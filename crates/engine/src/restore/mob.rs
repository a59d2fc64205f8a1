//! MOB files of tables that are restored under another name than the one that wrote them.
//!
//! A cell says which table wrote its MOB file, and HBase looks in that table's directories only; `hbase_layout::mob` has the whole
//! story. Under its own name a restored table owns its files again. Under another name they lie where the writer's name points, and
//! while a table of that name lives there, its MOB cleaner may move them to the archive, where nothing holds them. For that case a
//! second snapshot, `seawall-mob-<id>`, names them: it is published before the files exist, is never cloned, and is *kept*. The plan says so,
//! and what makes it superfluous (a MOB compaction of the restored table).

use hbase_layout::{RestorePlan, RestoreSnapshot};

use super::journal::{Journal, exists};
use super::plan::{StoreFilePlan, TablePlan, restore_snapshot};
use super::publish::publish_as;
use crate::Result;
use crate::target::Target;
use crate::target::ownership::Ownership;

/// The guard's name.
pub(super) fn guard_name(table: &TablePlan) -> String {
    format!("seawall-mob-{}", table.record.id)
}

/// Publishes the guard, if there is something to guard.
pub(super) async fn guard(target: &Target, ownership: &Ownership, journal: &Journal, table: &TablePlan) -> Result<()> {
    let files = table.foreign_mob_files();
    if files.is_empty() {
        return Ok(());
    }
    let name = guard_name(table);
    let description = RestoreSnapshot { name: name.clone(), ..restore_snapshot(&table.record, &table.carrier, target) };
    let snapshot = RestorePlan::mob_guard(&description, &table.source.schema, &files)?;
    publish_as(target, ownership, journal, &name, &snapshot).await
}

/// Moves a MOB file that HBase has archived back to where its table's cells look first. One that is not in the archive, or is in
/// place, is left alone.
pub(super) async fn take_back(target: &Target, ownership: &Ownership, file: &StoreFilePlan) -> Result<()> {
    let (table, region) = &file.home;
    let archived = format!("{}/{}", target.layout.archive_family_directory(table, region, &file.family), file.plan.identity.name);
    if exists(&target.file_system, &file.plan.path).await? {
        return Ok(());
    }
    if let Some((parent, _)) = file.plan.path.rsplit_once('/') {
        ownership.make_directories(&target.file_system, parent).await?;
    }
    match target.file_system.rename_new(&archived, &file.plan.path).await {
        Err(error) if !error.is_not_found() && !error.is_already_exists() => Err(error.into()),
        _ => Ok(()),
    }
}

/// After an undo: removes what is empty of the directories that MOB files were written to.
pub(super) async fn remove_empty_directories(target: &Target, table: &TablePlan, left: &mut Vec<String>) {
    let parent = |file: &StoreFilePlan| Some(file.plan.path.rsplit_once('/')?.0.to_owned());
    let mut directories: Vec<String> = table.files.iter().filter(|file| file.plan.mob).filter_map(parent).collect();
    directories.sort_unstable();
    directories.dedup();
    let top = target.layout.mob_data_directory();
    for directory in directories {
        if let Err((path, error)) = remove_upwards(target, &directory, &top).await {
            left.push(format!("{path} ({error})"));
        }
    }
}

async fn remove_upwards(target: &Target, from: &str, top: &str) -> std::result::Result<(), (String, storage::StorageError)> {
    let mut at = from;
    while at.len() > top.len() {
        match target.file_system.list(at).await {
            Ok(entries) if entries.is_empty() => target.file_system.delete(at, true).await.map_err(|error| (at.to_owned(), error))?,
            Ok(_) => break,
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err((at.to_owned(), error)),
        }
        at = at.rsplit_once('/').map_or("", |(parent, _)| parent);
    }
    Ok(())
}
