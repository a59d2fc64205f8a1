//! Running a planned backup; see [`super`] for order and crash cases.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::{Adopted, BackupOutcome, BackupReport, BackupSums, BackupTableReport, Finding, Phase, Severity, Work};
use bytes::Bytes;
use catalog::key::Key;
use catalog::record::Pair;
use catalog::{BackupKind, BackupRow, ClusterRecord, FailedTable, Omission, Record, SourceKind, TableRow, Totals};
use futures::StreamExt;
use repository::{CommitReceipt, CommitRequest, StoredFile};
use storage::{Clock, KeepBuffers};
use tokio::time::Instant;

use super::metadata::{self, Metadata};
use super::plan::PlannedBackup;
use super::previous::{PreviousBackups, PreviousTable};
use super::stats;
use super::stored::{self, StoredTable};
use super::transfer::Transfer;
use crate::source::{SnapshotOptions, Source, TableContent, TableListing};
use crate::time::rfc3339;
use crate::{CancellationToken, EngineError, Monitor, Result, TableFailure};

/// Passes over one table: another one when files vanish.
const PASSES: u32 = 4;
/// What a list row can spend on the names of failed tables.
const FAILED_IN_ROW: usize = 20;

/// Does what was planned. A report with outcome `Partial` names the tables that failed; an error means that nothing was committed.
pub async fn run(planned: PlannedBackup, monitor: Arc<dyn Monitor>, cancel: CancellationToken) -> Result<BackupReport> {
    if let Some(refusal) = planned.refusal() {
        return Err(refusal);
    }
    let source = planned.source.clone();
    let begun = Instant::now();
    let _buffers = KeepBuffers::new();
    let result = run_to_commit(planned, &monitor, cancel).await;
    monitor.begin(Phase::Cleanup, Work::default());
    let left = source.clean_up().await;
    monitor.end(Phase::Cleanup);
    let findings = left.into_iter().map(|(name, reason)| {
        let message = format!("HBase snapshot {name} of ours could not be removed: {reason}; it goes when its time to live is over");
        Finding::new("snapshot-left", Severity::Warning, message).about(name.clone()).hint(format!("delete_snapshot '{name}'"))
    });
    let findings: Vec<Finding> = findings.inspect(|finding| monitor.finding(finding)).collect();
    result.map(|mut report| {
        report.warnings.extend(findings);
        report.seconds = begun.elapsed().as_secs_f64();
        report
    })
}

/// How one table ended.
struct TableResult {
    listing: TableListing,
    outcome: Result<Done>,
}

struct Done {
    stored: StoredTable,
    row: TableRow,
    snapshots_taken: u32,
}

async fn run_to_commit(planned: PlannedBackup, monitor: &Arc<dyn Monitor>, cancel: CancellationToken) -> Result<BackupReport> {
    let PlannedBackup { plan, cluster, repository, options, source, identity, tables, upload, snapshot, clock } = planned;
    let started_millis = clock.now_millis();
    source.remove_leftovers().await?;
    let adopted = upload.adopted();
    let previous = PreviousBackups::find(&repository, &cluster.name)?;
    let expected = Work { files: plan.totals.files_to_read, bytes: plan.totals.bytes_to_read };
    monitor.begin(Phase::Read, expected);
    let transfer = Arc::new(Transfer::new(source.clone(), upload, monitor.clone(), cancel.clone(), options.workers, options.memory_bytes));
    let mut results = Vec::with_capacity(tables.len());
    {
        let work = tables.into_iter().map(|listing| {
            let (transfer, previous, repository, snapshot, clock, cancel) = (&transfer, &previous, &repository, &snapshot, &clock, &cancel);
            async move {
                let outcome = async {
                    let before = previous.table(repository, &listing.table).await?.map(Arc::new);
                    tokio::select! {
                        biased;
                        () = cancel.cancelled() => Err(EngineError::Cancelled),
                        outcome = table(transfer, &listing, snapshot, before, clock.as_ref()) => outcome,
                    }
                };
                let outcome = outcome.await;
                TableResult { listing, outcome }
            }
        });
        let mut work = futures::stream::iter(work).buffer_unordered(options.tables_at_once.max(1));
        while let Some(result) = work.next().await {
            match result.outcome {
                // Not about this table: going on would only repeat it.
                Err(error) if stops_everything(&error) => return Err(error),
                outcome => results.push(TableResult { listing: result.listing, outcome }),
            }
        }
    }
    monitor.end(Phase::Read);
    results.sort_by(|left, right| left.listing.table.cmp(&right.listing.table));
    let failed: Vec<TableFailure> = results.iter().filter_map(failure).collect();
    if failed.len() == results.len() {
        return Err(nothing_done(results, failed));
    }
    monitor.begin(Phase::Metadata, Work::default());
    let names: BTreeSet<_> = results.iter().filter(|result| result.outcome.is_ok()).map(|result| result.listing.table.clone()).collect();
    let mut metadata = metadata::capture(&cluster, source.files(), &names).await?;
    monitor.end(Phase::Metadata);
    omit_unflushed(&plan.warnings, &mut metadata);
    omit_unknown_mob(&results, &mut metadata);

    let totals = totals(&results);
    let source_kind = match source.kind() {
        api::SourceKind::Live => SourceKind::Live,
        api::SourceKind::Offline => SourceKind::Offline,
    };
    let failed_tables: Vec<FailedTable> =
        failed.iter().map(|failure| FailedTable { table: failure.table.clone(), message: failure.error.message.clone() }).collect();
    let cluster_record = ClusterRecord {
        name: cluster.name.clone(),
        cluster_id: identity.cluster_id.clone().unwrap_or_default(),
        hbase_version: identity.hbase_version.clone().unwrap_or_default(),
        source: source_kind.into(),
        root: cluster.root_url(),
        captured_millis: clock.now_millis(),
        layout_version: identity.layout_version.clone().unwrap_or_default(),
        region_servers: identity.region_servers,
        master_coprocessors: identity.master_coprocessors.clone(),
        omissions: metadata.omissions.clone(),
        failed: failed_tables.clone(),
    };
    let mut entries = vec![(Key::Cluster.encode(), cluster_record.to_bytes()?)];
    entries.append(&mut metadata.entries);
    let mut files: Vec<StoredFile> = Vec::new();
    for done in results.iter().filter_map(|result| result.outcome.as_ref().ok()) {
        entries.extend(done.stored.entries(done.row.clone())?);
        files.extend(done.stored.files.iter().map(|file| file.stored.clone()));
    }
    entries.sort_by(|left, right| left.0.cmp(&right.0));
    let finished_millis = clock.now_millis();
    let rows: Vec<TableRow> = results.iter().filter_map(|result| result.outcome.as_ref().ok()).map(|done| done.row.clone()).collect();
    let row = BackupRow {
        kind: BackupKind::Snapshot.into(),
        source: source_kind.into(),
        cluster: cluster.name.clone(),
        cluster_id: cluster_record.cluster_id.clone(),
        hbase_version: cluster_record.hbase_version.clone(),
        started_millis,
        finished_millis,
        snapshot_first_millis: rows.iter().map(|row| row.snapshot_started_millis).min().unwrap_or_default(),
        snapshot_last_millis: rows.iter().map(|row| row.snapshot_finished_millis).max().unwrap_or_default(),
        tables: rows,
        failed_count: failed_tables.len() as u64,
        failed: failed_tables.into_iter().take(FAILED_IN_ROW).collect(),
        tags: options.tags.iter().map(|(key, value)| Pair { key: key.clone(), value: value.clone() }).collect(),
        seawall_version: options.seawall_version.clone(),
        host: options.host.clone(),
        totals: Some(totals),
        tables_elsewhere: false,
        existing_snapshot: options.existing_snapshot.clone().unwrap_or_default(),
    };
    if cancel.is_cancelled() {
        return Err(EngineError::Cancelled);
    }
    monitor.begin(Phase::Commit, Work::default());
    let transfer = Arc::try_unwrap(transfer).map_err(|_| EngineError::Bug { message: "a worker outlived its table".into() })?;
    let receipt = transfer.upload.commit(CommitRequest { row: fitting(row)?, manifest: entries, files }).await?;
    monitor.end(Phase::Commit);
    tracing::info!(sequence = receipt.sequence, tables = totals.tables, read_bytes = totals.read_bytes, "backup committed");

    let mut repository_state = crate::list::repository_state(&repository);
    repository_state.head = crate::list::head_text(receipt.sequence, &receipt.hash);
    Ok(BackupReport {
        schema_version: api::BACKUP_SCHEMA_VERSION,
        id: crate::list::id(receipt.sequence),
        sequence: receipt.sequence,
        outcome: if failed.is_empty() { BackupOutcome::Complete } else { BackupOutcome::Partial },
        source: plan.source,
        repository: repository_state,
        started: rfc3339(started_millis),
        finished: rfc3339(finished_millis),
        seconds: 0.0,
        tables: results.iter().map(table_report).collect(),
        totals: sums(&totals, &receipt),
        adopted: Adopted { uploads: adopted.uploads, files: adopted.files, bytes: adopted.bytes },
        metadata: metadata.lines,
        warnings: warnings(plan.warnings, &metadata.omissions),
    })
}

/// Stores one table. While it lasts, a snapshot that nears its time to live gets a successor; the files of the first are read on, and
/// only if some of them vanish does the successor's content take over: what was stored by then is known and not read again.
async fn table(
    transfer: &Arc<Transfer>,
    listing: &TableListing,
    options: &SnapshotOptions,
    previous: Option<Arc<PreviousTable>>,
    clock: &dyn Clock,
) -> Result<Done> {
    let source = transfer.source.as_ref();
    let mut content = source.snapshot(listing, options).await?;
    let mut snapshots_taken = content.snapshots_taken;
    for pass in 1.. {
        let mut held = vec![content.clone()];
        let outcome = {
            let mut storing = std::pin::pin!(stored::store(transfer, content.clone(), previous.clone()));
            loop {
                let newest = held.last().unwrap_or(&content).clone();
                tokio::select! {
                    biased;
                    outcome = &mut storing => break outcome,
                    () = near_its_end(&newest, options, clock) => {
                        let successor = source.snapshot(listing, options).await?;
                        snapshots_taken += successor.snapshots_taken;
                        held.push(successor);
                    }
                }
            }
        };
        match outcome {
            Ok(stored) => {
                release(source, &held).await?;
                let row = stored.row(previous.as_deref());
                return Ok(Done { stored, row, snapshots_taken });
            }
            Err(EngineError::FileMissing { .. }) if pass < PASSES && options.existing.is_none() => {
                // Cleaned away: our snapshot is gone, or there was none to hold the files (offline).
                let successor = if held.len() > 1 { held.pop() } else { None };
                content = match successor {
                    Some(successor) => successor,
                    None => {
                        let again = source.snapshot(listing, options).await?;
                        snapshots_taken += again.snapshots_taken;
                        again
                    }
                };
                release(source, &held).await?;
            }
            Err(error) => {
                // The error of the table is the one to tell; clean_up tries once more and tells what it cannot remove.
                let _ = release(source, &held).await;
                return Err(error);
            }
        }
    }
    Err(EngineError::Bug { message: "the loop over passes ended".into() })
}

async fn release(source: &dyn Source, held: &[TableContent]) -> Result<()> {
    for guard in held.iter().filter_map(|content| content.guard.as_ref()) {
        source.release(guard).await?;
    }
    Ok(())
}

/// Waits until two thirds of a snapshot's time to live are over; for ever without a snapshot of ours.
async fn near_its_end(content: &TableContent, options: &SnapshotOptions, clock: &dyn Clock) {
    let Some(guard) = &content.guard else {
        return std::future::pending().await;
    };
    let reserve = i64::try_from(options.ttl.as_millis() / 3).unwrap_or(i64::MAX);
    let left = guard.expires_millis.saturating_sub(reserve).saturating_sub(clock.now_millis());
    tokio::time::sleep(std::time::Duration::from_millis(u64::try_from(left).unwrap_or(0))).await;
}

fn stops_everything(error: &EngineError) -> bool {
    use repository::RepositoryError as Error;
    match error {
        EngineError::Cancelled | EngineError::Bug { .. } => true,
        // Content that changed under one name is about one file of one table.
        EngineError::Repository(Error::ContentChanged { .. }) => false,
        EngineError::Repository(_) => true,
        _ => false,
    }
}

fn failure(result: &TableResult) -> Option<TableFailure> {
    let error = result.outcome.as_ref().err()?;
    Some(TableFailure { table: result.listing.table.to_string(), error: error.report() })
}

fn nothing_done(results: Vec<TableResult>, failed: Vec<TableFailure>) -> EngineError {
    let mut errors = results.into_iter().filter_map(|result| result.outcome.err());
    match (errors.next(), failed.len()) {
        (Some(error), 1) => error,
        (Some(error), _) => EngineError::NothingDone { kind: error.kind(), failed },
        (None, _) => EngineError::Usage { message: "no tables are chosen".into() },
    }
}

fn totals(results: &[TableResult]) -> Totals {
    let mut totals = Totals::default();
    let mut seen = std::collections::HashMap::new();
    for done in results.iter().filter_map(|result| result.outcome.as_ref().ok()) {
        totals.tables += 1;
        totals.regions += done.row.regions;
        for file in &done.stored.files {
            let entry = seen.entry(file.stored.identity).or_insert((&file.stored, false));
            entry.1 |= file.counted_as_read;
        }
    }
    for (stored, read) in seen.values() {
        totals.files += 1;
        totals.bytes += stored.plaintext_length;
        if *read {
            totals.read_files += 1;
            totals.read_bytes += stored.plaintext_length;
            totals.stored_bytes += stored.object.length;
        } else {
            totals.shared_files += 1;
            totals.shared_bytes += stored.plaintext_length;
        }
    }
    totals
}

fn sums(totals: &Totals, receipt: &CommitReceipt) -> BackupSums {
    BackupSums {
        tables: totals.tables,
        regions: totals.regions,
        files: totals.files,
        bytes: totals.bytes,
        read_files: totals.read_files,
        read_bytes: totals.read_bytes,
        // What the commit added: only then are bundles of small files closed and their lengths known.
        stored_bytes: receipt.new_bytes,
        shared_files: totals.shared_files,
        shared_bytes: totals.shared_bytes,
        page_bytes: receipt.page_bytes,
    }
}

/// The row as stored; one with too many tables leaves them to the manifest.
fn fitting(mut row: BackupRow) -> Result<Bytes> {
    if let Ok(bytes) = row.to_bytes() {
        return Ok(bytes);
    }
    row.tables.clear();
    row.tables_elsewhere = true;
    row.failed.clear();
    Ok(row.to_bytes()?)
}

fn table_report(result: &TableResult) -> BackupTableReport {
    let table = result.listing.table.to_string();
    let done = match &result.outcome {
        Ok(done) => done,
        Err(error) => {
            return BackupTableReport {
                table,
                stored: false,
                regions: 0,
                files: 0,
                bytes: 0,
                read_files: 0,
                read_bytes: 0,
                stored_bytes: 0,
                shared_files: 0,
                shared_bytes: 0,
                snapshot_started: None,
                snapshot_finished: None,
                snapshots_taken: 0,
                growth: Vec::new(),
                error: Some(error.report()),
            };
        }
    };
    let row = &done.row;
    BackupTableReport {
        table,
        stored: true,
        regions: row.regions,
        files: row.files,
        bytes: row.bytes,
        read_files: row.read_files,
        read_bytes: row.read_bytes,
        stored_bytes: row.stored_bytes,
        shared_files: row.shared_files,
        shared_bytes: row.shared_bytes,
        snapshot_started: Some(rfc3339(row.snapshot_started_millis)),
        snapshot_finished: Some(rfc3339(row.snapshot_finished_millis)),
        snapshots_taken: done.snapshots_taken,
        growth: row.growth.as_ref().map(stats::reasons).unwrap_or_default(),
        error: None,
    }
}

fn omit_unflushed(warnings: &[Finding], metadata: &mut Metadata) {
    let unflushed = warnings.iter().filter(|finding| finding.code == "unflushed-wals");
    metadata.omissions.extend(unflushed.map(|finding| Omission { what: finding.code.clone(), reason: finding.message.clone() }));
}

fn omit_unknown_mob(results: &[TableResult], metadata: &mut Metadata) {
    for result in results {
        let files = result.outcome.as_ref().map_or(0, |done| done.stored.uninspected_mob);
        if files > 0 {
            let reason = format!(
                "{} is a clone with a MOB family, and the file info of {files} store files cannot be read: MOB files of the table it was cloned from may be missing",
                result.listing.table
            );
            metadata.omissions.push(Omission { what: "mob-references".into(), reason });
        }
    }
}

fn warnings(mut warnings: Vec<Finding>, omissions: &[Omission]) -> Vec<Finding> {
    let told: BTreeSet<String> = warnings.iter().map(|finding| finding.code.clone()).collect();
    let new = omissions.iter().filter(|omission| !told.contains(&omission.what));
    warnings.extend(new.map(|omission| {
        let severity = if omission.what == "mob-references" { Severity::Warning } else { Severity::Unknown };
        Finding::new(&omission.what, severity, format!("not in this backup: {} ({})", omission.what, omission.reason))
    }));
    warnings
}
