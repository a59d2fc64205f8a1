//! `restore`: the plan before, the report after.

use api::{RestoreMode, RestoreOutcome, RestorePlan, RestoreReport, RestoreSource, RestoreTableReport, TargetKind};

use super::backup::rate;
use super::{bytes, count, findings, table};
use crate::times;

/// What `--dry-run` prints and what stands above the question.
pub(crate) fn restore_plan(plan: &RestorePlan) -> String {
    let mode = match plan.mode {
        RestoreMode::New => "restore",
        RestoreMode::Replace => "REPLACE by",
    };
    let mut text = format!("Plan: {mode} backup {} of {} into {}\n", plan.backup.id, plan.backup.cluster, plan.target.root);
    text += &freshness(&plan.backup);
    if plan.target.kind == TargetKind::Offline {
        text += "The target is offline: files and HBase snapshots are written; clone the snapshots once a master runs\n";
    }
    let rows = plan.tables.iter().map(|entry| {
        let name = if entry.source == entry.target { entry.target.clone() } else { format!("{} → {}", entry.source, entry.target) };
        let note = if entry.resumes { "goes on from an interrupted run" } else { "" };
        let reusable = format!("{} ({})", entry.reusable_files, bytes(entry.reusable_bytes));
        vec![name, entry.regions.to_string(), entry.files.to_string(), bytes(entry.bytes), reusable, note.to_string()]
    });
    text += "\n";
    text += &table(&["table", "regions", "files", "size", "there already", ""], &[1, 2, 3, 4], rows);
    let totals = &plan.totals;
    text += &format!("\nTo copy: {} of {} in {}\n", bytes(totals.bytes_to_move), bytes(totals.bytes), count(totals.files, "file"));
    if let Some(free) = totals.free_bytes {
        text += &format!("Free at the target: {}\n", bytes(free));
    }
    if let Some(seconds) = plan.estimated_seconds {
        text += &format!("Estimated time: {}\n", times::duration(seconds));
    }
    if !plan.namespaces_to_create.is_empty() {
        text += &format!("Namespaces to create: {}\n", plan.namespaces_to_create.join(", "));
    }
    for line in &plan.metadata {
        text += &format!("To give back: {line}\n");
    }
    text + &findings("blocker", &plan.blockers) + &findings("warning", &plan.warnings)
}

fn freshness(backup: &RestoreSource) -> String {
    let proof = if backup.pinned { "not older than what this machine saw last" } else { "freshness unproven" };
    format!("Committed {}, repository at commit {} ({proof})\n", times::show(&backup.committed), backup.head)
}

/// The end summary.
pub(crate) fn restore_report(report: &RestoreReport) -> String {
    let mut text = format!("Backup {} of {} → {}: ", report.backup.id, report.backup.cluster, report.target.root);
    text += &format!("{} of {}\n\n", report.restored(), count(report.tables.len() as u64, "table"));
    let rows = report.tables.iter().map(|entry| {
        let reused = format!("{} ({})", entry.files_reused, bytes(entry.bytes_reused));
        let wrote = format!("{} ({})", entry.files_written, bytes(entry.bytes_written));
        vec![entry.target.clone(), entry.regions.to_string(), wrote, reused, times::wall(entry.seconds), outcome(entry)]
    });
    text += &table(&["table", "regions", "files written", "reused", "took", ""], &[1, 2, 3, 4], rows);
    for entry in &report.tables {
        text += &entry.left.iter().map(|left| format!("left behind for {}: {left}\n", entry.target)).collect::<String>();
        if let Some(safety) = &entry.safety_snapshot {
            text += &format!("The table that was replaced is in HBase snapshot {safety}; delete it when you no longer need it\n");
        }
    }
    for line in &report.metadata {
        text += &format!("Given back: {line}\n");
    }
    text += &findings("warning", &report.warnings);
    let moved: u64 = report.tables.iter().map(|entry| entry.bytes_written).sum();
    text += &format!("\nWrote {} in {}{}\n", bytes(moved), times::wall(report.seconds), rate(moved, report.seconds));
    text + &format!("Commit {}\n", report.backup.head)
}

fn outcome(entry: &RestoreTableReport) -> String {
    match (entry.outcome, &entry.error) {
        (RestoreOutcome::Restored, _) => "restored".to_string(),
        (RestoreOutcome::AlreadyRestored, _) => "was restored before".to_string(),
        (RestoreOutcome::SnapshotWritten, _) => {
            format!("written; then in HBase's shell: clone_snapshot '{}', '{}'", entry.snapshot, entry.target)
        }
        (RestoreOutcome::Failed, Some(error)) => format!("FAILED: {}", error.message),
        (RestoreOutcome::Failed, None) => "FAILED".to_string(),
    }
}
