//! `show`: one backup.

use api::{BackupDetails, BackupOutcome, TableDetails};

use super::backup::growth;
use super::{bytes, count, head_line, table};
use crate::times;

/// Everything about one backup.
pub(crate) fn backup_details(details: &BackupDetails) -> String {
    let entry = &details.backup;
    let partial = if entry.outcome == BackupOutcome::Partial { ", PARTIAL" } else { "" };
    let version =
        if entry.hbase_version.is_empty() { "HBase version unknown".to_string() } else { format!("HBase {}", entry.hbase_version) };
    let mut text = format!("Backup {} of {} ({version}, {}){partial}\n", entry.id, entry.cluster, details.root);
    text += &format!("Content from {} to {}\n", times::show(&entry.snapshot_first), times::show(&entry.snapshot_last));
    text += &format!("Committed {} by {} on {}\n", times::show(&entry.committed), details.made_by, details.host);
    for (key, value) in &entry.tags {
        text += &format!("Tag {key}={value}\n");
    }
    let [size, read, stored, shared] = [entry.bytes, entry.read_bytes, entry.stored_bytes, entry.shared_bytes].map(bytes);
    text += &format!("Gives back {size}; read {read}, stored {stored}, shared {shared}\n\n");
    let header = ["table", "state", "regions", "files", "size", "read", "stored", "shared", "why it grew"];
    text += &table(&header, &[2, 3, 4, 5, 6, 7], details.tables.iter().map(row));
    text += &details.tables.iter().map(families).collect::<String>();
    for failed in &details.failed {
        text += &format!("NOT IN IT: {}: {}\n", failed.table, failed.message);
    }
    for (code, reason) in &details.omissions {
        text += &format!("left out: {reason} [{code}]\n");
    }
    text + &metadata(details) + &head_line(&details.repository)
}

fn row(entry: &TableDetails) -> Vec<String> {
    let first = [entry.table.clone(), entry.state.clone(), entry.regions.to_string(), entry.files.to_string()];
    let mut sizes = [entry.bytes, entry.read_bytes, entry.stored_bytes, entry.shared_bytes].map(bytes);
    if entry.stored_bytes == 0 && entry.read_bytes > 0 {
        // Small files share objects; what one table takes of them is not told apart.
        "bundled".clone_into(&mut sizes[2]);
    }
    first.into_iter().chain(sizes).chain([growth(&entry.growth)]).collect()
}

fn families(entry: &TableDetails) -> String {
    let rows = entry.families.iter().map(|family| {
        let mob = if family.mob { "mob" } else { "" };
        let texts = [
            &family.family,
            &family.compression,
            &family.data_block_encoding,
            &family.bloom_filter,
            &family.versions,
            &family.time_to_live,
        ];
        texts.into_iter().cloned().chain([mob.to_string()]).collect()
    });
    let mut text = format!("\n{}\n", entry.table);
    text += &table(&["family", "compression", "encoding", "bloom", "versions", "ttl", ""], &[4, 5], rows);
    if !entry.region_list.is_empty() {
        let rows = entry.region_list.iter().map(|region| {
            vec![region.encoded.clone(), region.start_key.clone(), region.end_key.clone(), region.files.to_string(), bytes(region.bytes)]
        });
        text += &table(&["region", "from", "before", "files", "size"], &[3, 4], rows);
    }
    text
}

fn metadata(details: &BackupDetails) -> String {
    let counts = details.metadata;
    let kinds = [
        (counts.namespaces, "namespace"),
        (counts.grants, "grant"),
        (counts.quotas, "quota"),
        (counts.labels, "label"),
        (counts.groups, "rsgroup"),
        (counts.peers, "peer"),
    ];
    let words: Vec<String> = kinds.iter().filter(|(number, _)| *number > 0).map(|(number, noun)| count(*number, noun)).collect();
    if words.is_empty() { String::new() } else { format!("\nAlso in it: {}\n", words.join(", ")) }
}
