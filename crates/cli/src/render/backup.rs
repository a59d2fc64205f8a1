//! `backup`: the plan before, the report after.

use api::{Adopted, BackupOutcome, BackupPlan, BackupReport, BackupTableReport, GrowthReason};

use super::{bytes, count, findings, table};
use crate::times;

/// What `--dry-run` prints.
pub(crate) fn backup_plan(plan: &BackupPlan) -> String {
    let totals = &plan.totals;
    let mut text = format!(
        "Plan: back up {} of {} ({}) to {}\n\n",
        count(totals.tables, "table"),
        plan.source.cluster,
        plan.source.root,
        plan.repository.url
    );
    let rows = plan.tables.iter().map(|entry| {
        let known = format!("{} ({})", entry.known_files, bytes(entry.known_bytes));
        let read = format!("{} ({})", entry.files_to_read, bytes(entry.bytes_to_read));
        vec![entry.table.clone(), entry.regions.to_string(), entry.files.to_string(), bytes(entry.bytes), known, read]
    });
    text += &table(&["table", "regions", "files", "size", "stored already", "to read"], &[1, 2, 3, 4, 5], rows);
    text += &format!("\nTo read: {} in {}", bytes(totals.bytes_to_read), count(totals.files_to_read, "file"));
    text += &format!(", to reuse: {} in {}\n", bytes(totals.known_bytes), count(totals.known_files, "file"));
    text += &adopted(&plan.adopted);
    match &plan.existing_snapshot {
        Some(name) => text += &format!("Uses the HBase snapshot {name}\n"),
        None if !plan.flush => text += "Without a flush: what is only in memory is not in the backup\n",
        None => {}
    }
    if plan.snapshot_pins_bytes > 0 {
        text += &format!("While it runs, HBase's cleaner keeps up to {} for it\n", bytes(plan.snapshot_pins_bytes));
    }
    if let Some(seconds) = plan.estimated_seconds {
        text += &format!("Estimated time: {}\n", times::duration(seconds));
    }
    text + &findings("blocker", &plan.blockers) + &findings("warning", &plan.warnings)
}

fn adopted(adopted: &Adopted) -> String {
    if adopted.uploads == 0 {
        return String::new();
    }
    let runs = count(adopted.uploads, "interrupted run");
    format!("Goes on from {runs}: {} in {} are there already\n", bytes(adopted.bytes), count(adopted.files, "file"))
}

/// The end summary.
pub(crate) fn backup_report(report: &BackupReport) -> String {
    let sums = &report.totals;
    let outcome = match report.outcome {
        BackupOutcome::Complete => "complete",
        BackupOutcome::Partial => "PARTIAL: some tables are not in it",
    };
    let mut text = format!("Backup {} of {}: {outcome}\n\n", report.id, report.source.cluster);
    let header = ["table", "regions", "files", "size", "read", "stored", "shared", ""];
    text += &table(&header, &[1, 2, 3, 4, 5, 6], report.tables.iter().map(row));
    text += &format!("\nRead {} in {}, stored {}", bytes(sums.read_bytes), count(sums.read_files, "file"), bytes(sums.stored_bytes));
    text += &format!(", shared {} in {} with earlier backups\n", bytes(sums.shared_bytes), count(sums.shared_files, "file"));
    text += &adopted(&report.adopted);
    if !report.metadata.is_empty() {
        text += &format!("Also in it: {}\n", report.metadata.join(", "));
    }
    text += &format!("Took {}{}\n", times::wall(report.seconds), rate(sums.read_bytes, report.seconds));
    text += &findings("warning", &report.warnings);
    text + &format!("Commit {}\n", report.repository.head)
}

fn row(entry: &BackupTableReport) -> Vec<String> {
    let state = match &entry.error {
        Some(error) => format!("NOT IN IT: {}", error.message),
        None => growth(&entry.growth),
    };
    let mut sizes = [entry.bytes, entry.read_bytes, entry.stored_bytes, entry.shared_bytes].map(bytes);
    if entry.stored_bytes == 0 && entry.read_bytes > 0 {
        // Small files share objects; what one table takes of them is not told apart.
        "bundled".clone_into(&mut sizes[2]);
    }
    [entry.table.clone(), entry.regions.to_string(), entry.files.to_string()].into_iter().chain(sizes).chain([state]).collect()
}

/// Why files were new, the heaviest cause first.
pub(crate) fn growth(reasons: &[GrowthReason]) -> String {
    let words = reasons.iter().map(|reason| format!("{} {}", bytes(reason.bytes), reason.cause.words()));
    words.collect::<Vec<_>>().join(", ")
}

/// The rate of a run, where it ran long enough to have one.
pub(crate) fn rate(moved_bytes: u64, seconds: f64) -> String {
    if moved_bytes == 0 || seconds < 1.0 { String::new() } else { format!(", {}/s", bytes((moved_bytes as f64 / seconds) as u64)) }
}
