//! `look`: first impression of a cluster.

use api::{LookReport, LookTable, SourceKind};

use super::{bytes, count, findings, table};
use crate::times;

/// The cluster on one screen.
pub(crate) fn look_report(report: &LookReport) -> String {
    let source = &report.source;
    let version = source.hbase_version.as_deref().unwrap_or("version unknown");
    let kind = match source.kind {
        SourceKind::Live => format!("HBase {version}, live"),
        SourceKind::Offline => "offline: files only, no master".to_string(),
    };
    let mut text = format!("Cluster {} ({kind})\nFiles at {}\n", source.cluster, source.root);
    if let Some(id) = &source.cluster_id {
        text += &format!("Cluster id {id}\n");
    }
    if let Some(master) = &report.master {
        let servers = count(report.region_servers.len() as u64, "RegionServer");
        text += &format!("Master {master}, {} standing by, {servers}", report.backup_masters.len());
        text += &if report.dead_servers.is_empty() { "\n".to_string() } else { format!(", dead: {}\n", report.dead_servers.join(", ")) };
    }
    if let (Some(free), Some(total)) = (report.free_bytes, report.total_bytes) {
        text += &format!("Space: {} free of {}\n", bytes(free), bytes(total));
    }
    let wals = &report.wals;
    let (live, old) = (bytes(wals.live_bytes), bytes(wals.old_bytes));
    text += &format!("WALs: {} live ({live}), {} old ({old}), {}\n\n", wals.live_files, wals.old_files, wals.provider);
    let header = ["table", "state", "regions", "files", "size", "families", "codecs", "encodings", "notes"];
    text += &table(&header, &[2, 3, 4], report.tables.iter().map(row));
    let totals = &report.totals;
    let counts = [count(totals.tables, "table"), count(totals.regions, "region"), count(totals.files, "file"), bytes(totals.bytes)];
    text += &format!("\n{}\n", counts.join(", "));
    for snapshot in &report.snapshots {
        let ours = if snapshot.ours { ", left by an earlier run of seawall" } else { "" };
        text += &format!("HBase snapshot {} of {} from {}{ours}\n", snapshot.name, snapshot.table, times::show(&snapshot.created));
    }
    text + &findings("finding", &report.findings)
}

fn row(entry: &LookTable) -> Vec<String> {
    let counted =
        [(entry.mob_files, "mob file"), (entry.references, "reference"), (entry.links, "link"), (entry.small_files, "small file")];
    let mut notes: Vec<String> = counted.iter().filter(|(number, _)| *number > 0).map(|(number, noun)| count(*number, noun)).collect();
    notes.extend(entry.store_file_tracker.iter().map(|tracker| format!("tracker {tracker}")));
    notes.extend(entry.coprocessors.iter().map(|class| format!("coprocessor {class}")));
    let first = [entry.table.clone(), entry.state.clone(), entry.regions.to_string(), entry.files.to_string(), bytes(entry.bytes)];
    let lists = [entry.families.join(","), entry.codecs.join(","), entry.encodings.join(","), notes.join(", ")];
    first.into_iter().chain(lists).collect()
}
