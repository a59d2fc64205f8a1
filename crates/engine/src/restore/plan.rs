//! From a backup and a target to a plan: which tables become what, which files go where, and what stands in the way.
//!
//! Nothing is changed at the target but for a probe directory that is removed again. The files of a plan follow from the backup, the
//! plan's id and what the target has; the id of an interrupted restore of the same table is found in its journal and kept, so that a
//! rerun goes on.

use std::collections::{BTreeMap, BTreeSet};

use api::{
    Finding, RESTORE_SCHEMA_VERSION, RestoreMode, RestorePlan as Summary, RestoreSource, RestoreTablePlan, RestoreTarget, RestoreTotals,
    TargetKind,
};
use hbase_layout::{EncodedSnapshot, RestorePlan as LayoutPlan, RestoreSnapshot, mob, restore_table_name};
use hbase_types::{RegionInfo, TableName};

use super::clone::renamed;
use super::files::FilePlan;
use super::journal::{Decisions, Journal, JournalRecord, exists};
use super::mapping::{Renames, Selection, choose};
use super::metadata::{Metadata, With};
use super::preflight::{self, Preflight};
use super::source::RestoreBackup;
use super::view::BackupTable;
use crate::target::ownership::Ownership;
use crate::target::{Namespace, Target};
use crate::{EngineError, Result};

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct RestoreOptions {
    /// Tables.
    pub selection: Selection,
    /// New names.
    pub renames: Renames,
    /// What happens when a name is taken.
    pub mode: RestoreMode,
    /// Metadata to replay.
    pub with: BTreeSet<With>,
    /// The word of consent (`--yes`) for what mode replace would lose.
    pub consent: bool,
    /// Expected bytes per second, for the estimate.
    pub rate_bytes_per_second: Option<u64>,
}

/// A plan: the printable part and the work.
#[derive(Debug)]
pub struct Plan {
    /// What people and programs read.
    pub summary: Summary,
    /// Work per table, in the same order.
    pub tables: Vec<TablePlan>,
    /// Namespaces to be made.
    pub namespaces: Vec<Namespace>,
    /// What is replayed afterwards.
    pub metadata: Metadata,
    /// Owner, group and mode of what is written.
    pub ownership: Ownership,
}

/// The work of one table.
#[derive(Debug)]
pub struct TablePlan {
    /// Names, id, nonce.
    pub record: JournalRecord,
    /// The journal of an interrupted run.
    pub resumes: Option<Journal>,
    /// Whether an earlier run finished it.
    pub finished: bool,
    /// The backup's side.
    pub source: BackupTable,
    /// Name at the target.
    pub target: TableName,
    /// Table inside the snapshot.
    pub carrier: TableName,
    /// Regions that the target table must have.
    pub expected_regions: Vec<RegionInfo>,
    /// Distinct physical files.
    pub files: Vec<StoreFilePlan>,
    /// Whether a live table is replaced.
    pub replaces: bool,
    /// Size of the manifest, bytes.
    pub manifest_bytes: u64,
}

/// One physical file.
#[derive(Debug, Clone)]
pub struct StoreFilePlan {
    /// What is written where.
    pub plan: FilePlan,
    /// Table and encoded region it belongs to at the source.
    pub home: (TableName, String),
    /// Family directory.
    pub family: String,
    /// Where HBase would keep it at the target, under its source name.
    pub places: Vec<String>,
    /// Those of `places` where a file of this length is now.
    pub found_at: Vec<String>,
}

impl TablePlan {
    /// The snapshot to publish, and the files that are not linked.
    pub fn snapshot(&self, target: &Target, decisions: &Decisions) -> Result<(EncodedSnapshot, Vec<FilePlan>)> {
        let mut regions = self.source.regions.clone();
        for (region, info) in regions.iter_mut().zip(&self.source.infos) {
            let encoded = info.encoded_name();
            for file in region.families.iter_mut().flat_map(|family| &mut family.files) {
                let parts = hbase_layout::StoreFileName::parse(&file.name)?;
                if decisions.linked.contains(parts.physical_name()) {
                    let (table, region) = parts.home(&self.source.name, &encoded);
                    file.existing = Some((table.clone(), region.to_owned()));
                }
            }
        }
        let built =
            LayoutPlan::build(&restore_snapshot(&self.record, &self.carrier, target), &self.source.schema, &regions, &target.layout)?;
        let files = self.files.iter().filter(|file| file.plan.mob || !decisions.linked.contains(&file.plan.identity.name));
        Ok((built.snapshot, files.map(|file| file.plan.clone()).collect()))
    }

    /// Whether `path` is in the MOB directory of the table's own name.
    pub fn owns(&self, path: &str) -> bool {
        self.files.iter().any(|file| file.plan.mob && file.plan.path == path && file.home.0 == self.target)
    }

    /// MOB files that other table names than the target's own.
    pub fn foreign_mob_files(&self) -> Vec<(mob::MobFile, u64)> {
        let foreign = self.files.iter().filter(|file| file.plan.mob && file.home.0 != self.target);
        let as_mob = |file: &StoreFilePlan| {
            let name = file.plan.identity.name.clone();
            (mob::MobFile { table: file.home.0.clone(), family: file.family.clone(), name }, file.plan.identity.length)
        };
        foreign.map(as_mob).collect()
    }
}

/// The description of the snapshot that carries a table.
pub(super) fn restore_snapshot(record: &JournalRecord, carrier: &TableName, target: &Target) -> RestoreSnapshot {
    RestoreSnapshot {
        name: record.snapshot.clone(),
        table: carrier.clone(),
        creation_time_millis: record.created_millis,
        owner: target.options.user.clone(),
    }
}

/// Makes a plan.
pub async fn plan(backup: &RestoreBackup, target: &Target, options: &RestoreOptions) -> Result<Plan> {
    let pairs = choose(&backup.tables, &options.selection, &options.renames)?;
    let journals = Journal::list(&target.file_system, &target.root).await?;
    let finished = Journal::finished(&target.file_system, &target.root).await?;
    let mut preflight = Preflight::default();
    let ownership = preflight::rights(target, &mut preflight).await?;
    let mut tables = Vec::with_capacity(pairs.len());
    for (source, wanted) in &pairs {
        let same = |record: &JournalRecord| is_same(record, backup, source, wanted, options.mode);
        let resumes = journals.iter().find(|journal| same(&journal.record)).cloned();
        let done = finished.iter().find(|record| same(record)).cloned();
        let table = table_plan(backup, target, options, (source, wanted), resumes, done).await?;
        preflight::table(target, backup, options, &table, &mut preflight).await?;
        tables.push(table);
    }
    preflight::release(target, backup, &mut preflight);
    preflight::unfinished(&journals, &tables, &mut preflight);
    let namespaces = preflight::namespaces(target, backup, options, &tables, &mut preflight).await?;
    let metadata = backup.metadata(options, &pairs, &namespaces).await?;
    preflight::space(target, &tables, &mut preflight).await?;
    let summary = summary(backup, target, options, &tables, &namespaces, &metadata, preflight);
    Ok(Plan { summary, tables, namespaces, metadata, ownership })
}

fn is_same(record: &JournalRecord, backup: &RestoreBackup, source: &TableName, target: &TableName, mode: RestoreMode) -> bool {
    record.repository == backup.repository_id
        && record.backup == backup.sequence
        && record.source == source.to_string()
        && record.target == target.to_string()
        && record.mode == mode
}

async fn table_plan(
    backup: &RestoreBackup,
    target: &Target,
    options: &RestoreOptions,
    (source, wanted): (&TableName, &TableName),
    resumes: Option<Journal>,
    done: Option<JournalRecord>,
) -> Result<TablePlan> {
    let source = BackupTable::read(&backup.reader, source).await?;
    let live = live_tables(target).await?;
    let record = match resumes.as_ref().map(|journal| journal.record.clone()).or_else(|| done.clone()) {
        Some(record) => record,
        None => new_record(backup, &source.name, wanted, options.mode, live.contains(wanted))?,
    };
    let finished = done.is_some() && resumes.is_none();
    let mut plan = assemble(target, source, record, resumes, &live).await?;
    plan.finished = finished && is_finished(target, &plan.record, wanted, &plan.expected_regions).await?;
    Ok(plan)
}

async fn live_tables(target: &Target) -> Result<BTreeSet<TableName>> {
    match &target.master {
        Some(master) => Ok(master.tables().await?.into_iter().collect()),
        None => Ok(BTreeSet::new()),
    }
}

/// The work that follows from a table of a backup, the restore's record and what the target has.
pub(super) async fn assemble(
    target: &Target,
    source: BackupTable,
    record: JournalRecord,
    resumes: Option<Journal>,
    live: &BTreeSet<TableName>,
) -> Result<TablePlan> {
    let name = |text: &str| TableName::parse(text).map_err(|error| EngineError::Usage { message: error.to_string() });
    let (carrier, wanted) = (name(&record.carrier)?, name(&record.target)?);
    let built = LayoutPlan::build(&restore_snapshot(&record, &carrier, target), &source.schema, &source.regions, &target.layout)?;
    let mut files = Vec::with_capacity(built.files.len() + built.mob_files.len());
    for placed in &built.files {
        files.push(store_file(target, &source, &placed.path, placed.source, None).await?);
    }
    for placed in &built.mob_files {
        let guest = live.contains(&placed.file.table) && !(record.replaces && placed.file.table == wanted);
        let guest_of = guest.then(|| placed.file.table.to_string());
        files.push(store_file(target, &source, &placed.path, placed.source, Some(guest_of)).await?);
    }
    let expected_regions = renamed(source.clone_regions(), &wanted);
    let manifest_bytes = built.snapshot.data_manifest.len() as u64;
    let replaces = record.replaces;
    Ok(TablePlan { record, resumes, finished: false, source, target: wanted, carrier, expected_regions, files, replaces, manifest_bytes })
}

/// Whether what an earlier run finished is still there.
async fn is_finished(target: &Target, record: &JournalRecord, wanted: &TableName, expected: &[RegionInfo]) -> Result<bool> {
    let Some(master) = target.master.as_deref() else {
        return exists(&target.file_system, &target.layout.snapshot_directory(&record.snapshot)).await;
    };
    if master.is_enabled(wanted).await?.is_none() {
        return Ok(false);
    }
    let found: BTreeSet<String> = master.regions(wanted).await?.iter().map(RegionInfo::encoded_name).collect();
    Ok(expected.iter().all(|region| found.contains(&region.encoded_name())))
}

async fn store_file(
    target: &Target,
    table: &BackupTable,
    path: &str,
    entry: (usize, usize, usize),
    mob_guest: Option<Option<String>>,
) -> Result<StoreFilePlan> {
    let (identity, home, region, family) = table.origin(entry)?;
    let places = if mob_guest.is_some() {
        vec![path.to_owned()]
    } else {
        let layout = &target.layout;
        [layout.family_directory(&home, &region, &family), layout.archive_family_directory(&home, &region, &family)]
            .map(|directory| format!("{directory}/{}", identity.name))
            .to_vec()
    };
    let mut found_at = Vec::new();
    for place in &places {
        match target.file_system.status(place).await {
            Ok(status) if status.length_bytes == identity.length => found_at.push(place.clone()),
            Ok(_) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
    }
    let plan = FilePlan { identity, path: path.to_owned(), mob: mob_guest.is_some(), guest_of: mob_guest.flatten() };
    Ok(StoreFilePlan { plan, home: (home, region), family, places, found_at })
}

fn new_record(backup: &RestoreBackup, source: &TableName, target: &TableName, mode: RestoreMode, exists: bool) -> Result<JournalRecord> {
    let unique = backup.random_u64()?;
    let carrier = restore_table_name(target.namespace(), unique)?;
    Ok(JournalRecord {
        version: 1,
        id: format!("{unique:016x}"),
        repository: backup.repository_id.clone(),
        backup: backup.sequence,
        source: source.to_string(),
        target: target.to_string(),
        mode,
        replaces: mode == RestoreMode::Replace && exists,
        snapshot: format!("seawall-restore-{unique:016x}"),
        carrier: carrier.to_string(),
        nonce: (backup.random_u64()?, backup.random_u64()?),
        created_millis: backup.now_millis(),
    })
}

fn summary(
    backup: &RestoreBackup,
    target: &Target,
    options: &RestoreOptions,
    tables: &[TablePlan],
    namespaces: &[Namespace],
    metadata: &Metadata,
    preflight: Preflight,
) -> Summary {
    let plans: Vec<RestoreTablePlan> = tables.iter().map(table_summary).collect();
    let mut totals = RestoreTotals { tables: plans.len() as u64, free_bytes: preflight.free_bytes, ..RestoreTotals::default() };
    for table in &plans {
        totals.regions += table.regions;
        totals.files += table.files;
        totals.bytes += table.bytes;
        totals.bytes_to_move += table.bytes - table.reusable_bytes;
    }
    let (blockers, warnings): (Vec<Finding>, Vec<Finding>) =
        preflight.findings.into_iter().partition(|finding| finding.severity == api::Severity::Failure);
    Summary {
        schema_version: RESTORE_SCHEMA_VERSION,
        backup: RestoreSource { ..backup.summary.clone() },
        target: RestoreTarget {
            kind: if target.master.is_some() { TargetKind::Live } else { TargetKind::Offline },
            root: format!("{}{}", target.file_system.url().trim_end_matches('/'), target.root),
            cluster_id: target.master.as_ref().map(|master| master.cluster_id()),
            hbase_version: target.master.as_ref().map(|master| master.version()),
        },
        mode: options.mode,
        estimated_seconds: options.rate_bytes_per_second.filter(|rate| *rate > 0).map(|rate| totals.bytes_to_move.div_ceil(rate)),
        tables: plans,
        namespaces_to_create: namespaces.iter().map(|(name, _)| name.clone()).collect(),
        metadata: metadata.lines(),
        totals,
        blockers,
        warnings,
    }
}

fn table_summary(table: &TablePlan) -> RestoreTablePlan {
    let reusable = || table.files.iter().filter(|file| !file.found_at.is_empty());
    let length = |file: &StoreFilePlan| file.plan.identity.length;
    let families: BTreeMap<String, ()> = table
        .source
        .regions
        .iter()
        .flat_map(|region| &region.families)
        .map(|family| (String::from_utf8_lossy(&family.name).into_owned(), ()))
        .collect();
    RestoreTablePlan {
        source: table.source.name.to_string(),
        target: table.target.to_string(),
        snapshot: table.record.snapshot.clone(),
        resumes: table.resumes.is_some(),
        enabled: table.source.enabled,
        regions: table.expected_regions.iter().filter(|region| !region.split).count() as u64,
        families: families.into_keys().collect(),
        files: table.files.len() as u64,
        bytes: table.files.iter().map(length).sum(),
        reusable_files: reusable().count() as u64,
        reusable_bytes: reusable().map(length).sum(),
        mob_files: table.files.iter().filter(|file| file.plan.mob).count() as u64,
        manifest_bytes: table.manifest_bytes,
    }
}
