//! `look`: what a cluster is like, without a repository and without a change: sizes, codecs, WALs, and what Seawall would stumble over.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::{BackupSource, Finding, LookReport, LookSnapshot, LookTable, LookTotals, LookWals, Severity};
use futures::StreamExt;
use hbase_layout::{RegionManifest, SnapshotDescription, StoreFileName};
use storage::Clock;

use crate::source::{self, SNAPSHOT_PREFIX, Source, SourceFiles, TableListing};
use crate::time::rfc3339;
use crate::{Cluster, EngineError, Monitor, Result};

const SMALL_FILE_BYTES: u64 = 1 << 20;
const SNAPSHOT_INFO_BYTES: u64 = 16 << 20;
/// Tables looked at at once.
const TABLES: usize = 4;

/// Looks at a cluster.
pub async fn look(cluster: &Cluster, clock: Arc<dyn Clock>, monitor: &dyn Monitor) -> Result<LookReport> {
    monitor.begin(api::Phase::Plan, api::Work::default());
    let source = source::open(cluster, clock);
    let identity = source.identity().await?;
    let listings = source.tables().await?;
    let mut findings = source.findings().await?;
    let looked = listings.iter().filter(|listing| !listing.table.is_system()).map(|listing| {
        let source = &source;
        async move { (listing, table(cluster, source.as_ref(), listing).await) }
    });
    let mut looked = futures::stream::iter(looked).buffered(TABLES);
    let mut tables = Vec::new();
    while let Some((listing, result)) = looked.next().await {
        match result {
            Ok(looked) => {
                findings.extend(of_table(listing));
                tables.push(looked);
            }
            Err(error) => {
                findings.push(Finding::new("table-unreadable", Severity::Failure, error.to_string()).about(listing.table.to_string()));
            }
        }
    }
    drop(looked);
    let space = cluster.file_system.space().await?;
    let mut report = LookReport {
        schema_version: api::LOOK_SCHEMA_VERSION,
        source: BackupSource {
            cluster: cluster.name.clone(),
            kind: source.kind(),
            root: cluster.root_url(),
            cluster_id: identity.cluster_id,
            hbase_version: identity.hbase_version,
        },
        master: None,
        backup_masters: Vec::new(),
        region_servers: Vec::new(),
        dead_servers: Vec::new(),
        security: Vec::new(),
        namespaces: source::listing::namespaces(source.files()).await?,
        totals: LookTotals {
            tables: tables.len() as u64,
            regions: tables.iter().map(|table| table.regions).sum(),
            files: tables.iter().map(|table| table.files).sum(),
            bytes: tables.iter().map(|table| table.bytes).sum(),
        },
        tables,
        wals: wals(cluster).await?,
        snapshots: snapshots(source.files(), &mut findings).await?,
        free_bytes: space.map(|space| space.free_bytes),
        total_bytes: space.map(|space| space.total_bytes),
        findings: Vec::new(),
    };
    servers(cluster, &mut report, &mut findings).await?;
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    report.findings = findings;
    monitor.end(api::Phase::Plan);
    Ok(report)
}

async fn servers(cluster: &Cluster, report: &mut LookReport, findings: &mut Vec<Finding>) -> Result<()> {
    let Some(connection) = &cluster.connection else { return Ok(()) };
    let status = connection.cluster_status().await?;
    report.master = status.master.map(|name| name.to_string());
    report.backup_masters = status.backup_masters.iter().map(ToString::to_string).collect();
    report.region_servers = status.live_servers.iter().map(|server| server.name.to_string()).collect();
    report.dead_servers = status.dead_servers.iter().map(ToString::to_string).collect();
    if status.regions_in_transition > 0 {
        let message = format!("{} regions are in transition: snapshots of their tables wait for them", status.regions_in_transition);
        findings.push(Finding::new("regions-in-transition", Severity::Warning, message));
    }
    match connection.security_capabilities().await {
        Ok(capabilities) => report.security = capabilities.iter().map(|capability| format!("{capability:?}")).collect(),
        Err(error) => findings.push(Finding::new("security-unknown", Severity::Unknown, error.to_string())),
    }
    match connection.is_cleaner_enabled().await {
        Ok(true) => {}
        Ok(false) => findings.push(Finding::new(
            "cleaner-off",
            Severity::Warning,
            "HBase's cleaners are switched off: archive and old WALs only grow",
        )),
        Err(error) => findings.push(Finding::new("cleaner-unknown", Severity::Unknown, error.to_string())),
    }
    Ok(())
}

async fn table(cluster: &Cluster, source: &dyn Source, listing: &TableListing) -> Result<LookTable> {
    let state = match &cluster.connection {
        Some(connection) => format!("{:?}", connection.table_state(&listing.table).await?).to_lowercase(),
        None => "unknown".to_owned(),
    };
    let regions = source.survey(listing).await?;
    let schema = &listing.schema;
    let codecs: BTreeSet<String> = schema.families().iter().map(|family| family.compression().to_owned()).collect();
    let encodings: BTreeSet<String> = schema.families().iter().map(|family| family.data_block_encoding().to_owned()).collect();
    let mut table = LookTable {
        table: listing.table.to_string(),
        state,
        families: schema.families().iter().map(hbase_layout::FamilyView::name_text).collect(),
        codecs: codecs.into_iter().collect(),
        encodings: encodings.into_iter().collect(),
        store_file_tracker: tracker(listing),
        coprocessors: schema.coprocessors(),
        ..LookTable::default()
    };
    for region in &regions {
        count(source, listing, region, &mut table).await?;
    }
    Ok(table)
}

async fn count(source: &dyn Source, listing: &TableListing, region: &RegionManifest, table: &mut LookTable) -> Result<()> {
    table.regions += u64::from(!region.is_mob());
    for family in &region.families {
        for file in &family.store_files {
            let physical = source.files().physical(&listing.table, &region.encoded_name, family.directory()?, file);
            let length = match source.files().length(&physical).await {
                Ok(length) => length,
                // A running cluster compacts between listing and looking.
                Err(EngineError::FileMissing { .. }) if source.kind() == api::SourceKind::Live => continue,
                Err(error) => return Err(error),
            };
            table.files += 1;
            table.bytes += length;
            table.largest_file_bytes = table.largest_file_bytes.max(length);
            table.small_files += u64::from(length < SMALL_FILE_BYTES);
            table.mob_files += u64::from(region.is_mob());
            table.references += u64::from(file.parts.is_reference());
            table.links += u64::from(matches!(file.parts, StoreFileName::Link { .. } | StoreFileName::LinkReference { .. }));
        }
    }
    Ok(())
}

fn tracker(listing: &TableListing) -> Option<String> {
    const KEY: &str = "hbase.store.file-tracker.impl";
    let schema = &listing.schema;
    let found = schema.configuration().get(KEY).or_else(|| schema.attributes().get(KEY))?;
    (!found.eq_ignore_ascii_case("DEFAULT")).then(|| found.clone())
}

/// What makes a table special for backup and restore.
fn of_table(listing: &TableListing) -> Vec<Finding> {
    let table = listing.table.to_string();
    let mut findings = Vec::new();
    let mut warn = |code: &str, message: String| findings.push(Finding::new(code, Severity::Warning, message).about(table.clone()));
    for family in listing.schema.families() {
        let name = family.name_text();
        if family.encryption().is_some() {
            warn(
                "encrypted-family",
                format!("family {name} is encrypted by HBase: a restore needs the target to have the same master key"),
            );
        }
    }
    if listing.schema.attributes().get("DURABILITY").is_some_and(|durability| durability == "SKIP_WAL") {
        warn("skip-wal", "writes skip the WAL: only snapshots with a flush hold them, WAL archiving never will".to_owned());
    }
    let coprocessors = listing.schema.coprocessors();
    if !coprocessors.is_empty() {
        warn("coprocessors", format!("a target without these classes cannot open the table: {}", coprocessors.join(", ")));
    }
    findings
}

async fn wals(cluster: &Cluster) -> Result<LookWals> {
    let (file_system, root) = cluster.wal_root();
    let files = SourceFiles { file_system: file_system.clone(), layout: hbase_layout::RootLayout::new(root) };
    let mut wals = LookWals { root: root.to_owned(), provider: "unknown".into(), ..LookWals::default() };
    let mut most_per_server = 0;
    for server in files.list_if_there(&format!("{root}/WALs")).await? {
        let mut groups = BTreeSet::new();
        for wal in files.list_if_there(&server.path).await? {
            wals.live_files += 1;
            wals.live_bytes += wal.length_bytes;
            if !wal.name().ends_with(".meta") {
                // `<server>.<time>`, or with several groups `<server>.<server>.regiongroup-<n>.<time>`.
                groups.insert(wal.name().rsplit_once('.').map_or(String::new(), |(group, _)| group.to_owned()));
            }
        }
        most_per_server = most_per_server.max(groups.len());
    }
    if wals.live_files > 0 {
        wals.provider = if most_per_server > 1 { "multiple groups".into() } else { "single".into() };
    }
    let mut pending = vec![format!("{root}/oldWALs")];
    while let Some(directory) = pending.pop() {
        for entry in files.list_if_there(&directory).await? {
            if entry.is_directory {
                pending.push(entry.path);
            } else {
                wals.old_files += 1;
                wals.old_bytes += entry.length_bytes;
            }
        }
    }
    Ok(wals)
}

async fn snapshots(files: &SourceFiles, findings: &mut Vec<Finding>) -> Result<Vec<LookSnapshot>> {
    let mut snapshots = Vec::new();
    for entry in files.list_if_there(&files.layout.snapshots_directory()).await? {
        if !entry.is_directory || entry.name().starts_with('.') {
            continue;
        }
        let info = files.read_small_if_there(&files.layout.snapshot_info_file(entry.name()), SNAPSHOT_INFO_BYTES).await?;
        match info.as_ref().map(SnapshotDescription::parse) {
            Some(Ok(description)) => snapshots.push(LookSnapshot {
                ours: description.name.starts_with(SNAPSHOT_PREFIX),
                table: description.table.to_string(),
                created: rfc3339(description.creation_time_millis),
                name: description.name,
            }),
            broken => {
                let detail = broken.and_then(std::result::Result::err).map_or("it has no .snapshotinfo".into(), |error| error.to_string());
                let message = format!("an unreadable HBase snapshot stops all cleaning of the archive: {detail}");
                findings.push(Finding::new("broken-snapshot", Severity::Failure, message).about(entry.path));
            }
        }
    }
    Ok(snapshots)
}
