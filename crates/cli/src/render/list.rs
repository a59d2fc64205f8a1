//! `list`: one line per backup, newest first.

use api::{BackupEntry, BackupList, BackupOutcome};

use super::{bytes, head_line, table};
use crate::times;

/// The table of backups.
pub(crate) fn backup_list(list: &BackupList) -> String {
    if list.backups.is_empty() {
        return format!("No backup matches.\n{}", head_line(&list.repository));
    }
    let header = ["id", "cluster", "restores to", "tables", "size", "read", "stored", "shared", "tags", ""];
    table(&header, &[3, 4, 5, 6, 7], list.backups.iter().map(row)) + "\n" + &head_line(&list.repository)
}

fn row(entry: &BackupEntry) -> Vec<String> {
    let tags = entry.tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ");
    let outcome = match entry.outcome {
        BackupOutcome::Complete => String::new(),
        BackupOutcome::Partial => format!("PARTIAL, without {}", entry.failed_tables.join(", ")),
    };
    let first = [entry.id.clone(), entry.cluster.clone(), times::show(&entry.snapshot_last), entry.tables.to_string()];
    let sizes = [entry.bytes, entry.read_bytes, entry.stored_bytes, entry.shared_bytes].map(bytes);
    first.into_iter().chain(sizes).chain([tags, outcome]).collect()
}
