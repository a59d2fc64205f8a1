//! What stands in the way of a restore, found before anything is changed.
//!
//! A finding of weight *failure* blocks the plan. What only the target itself can judge (whether a codec or a coprocessor class can
//! be loaded) is asked of it before the first byte moves, when the plan is carried out: see `clone.rs`, rehearsal.

use std::collections::{BTreeMap, BTreeSet};

use api::{Finding, RestoreMode, Severity};
use hbase_client::SnapshotInfo;
use hbase_layout::{FamilyView, TableSchema};
use hbase_types::TableName;

use super::journal::{Journal, OWN_DIRECTORY};
use super::metadata::With;
use super::plan::{RestoreOptions, TablePlan};
use super::source::RestoreBackup;
use super::{clone, schema};
use crate::target::ownership::{self, Ownership};
use crate::target::{Master, Namespace, Target};
use crate::{EngineError, Result};

/// Space kept free beyond what is written: HBase's own flushes go on meanwhile.
const SPARE_BYTES: u64 = 64 << 20;

/// Findings so far.
#[derive(Debug, Default)]
pub(super) struct Preflight {
    /// Findings.
    pub findings: Vec<Finding>,
    /// Free bytes at the target.
    pub free_bytes: Option<u64>,
}

impl Preflight {
    fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
}

/// Makes, gives away and removes a directory in each tree that is written to; says which right is missing.
pub(super) async fn rights(target: &Target, preflight: &mut Preflight) -> Result<Ownership> {
    let own = format!("{}/{OWN_DIRECTORY}", target.root);
    let reference = match target.file_system.status(&target.layout.data_directory()).await {
        Ok(status) => status,
        Err(error) if error.is_not_found() => match target.file_system.status(&target.root).await {
            Ok(status) => status,
            Err(error) if error.is_not_found() && target.master.is_none() => {
                // An offline target may be an empty place.
                target.file_system.make_directories(&target.root).await?;
                target.file_system.status(&target.root).await?
            }
            Err(error) => return Err(error.into()),
        },
        Err(error) => return Err(error.into()),
    };
    let unique = std::process::id();
    let mut result = Ownership::default();
    for parent in [own, target.layout.archive_data_directory()] {
        let existed = super::journal::exists(&target.file_system, &parent).await?;
        let path = format!("{parent}/seawall-probe-{unique}");
        match probe(target, &reference, &path).await {
            Ok(found) => {
                if found.foreign {
                    preflight.add(foreign(&found));
                }
                result = found.ownership;
            }
            Err(EngineError::Storage(
                error @ (storage::StorageError::PermissionDenied { .. } | storage::StorageError::ReadOnly { .. }),
            )) => {
                let hint = "let this user write there, or run seawall as HBase's user".to_owned();
                preflight.add(Finding::new("missing-right", Severity::Failure, error.to_string()).about(&parent).hint(hint));
            }
            Err(error) => return Err(error),
        }
        if !existed {
            remove_if_empty(target, &parent).await?;
        }
    }
    published_right(target, &result, preflight).await?;
    Ok(result)
}

/// The problems that [`rights`] finds, for `check`.
pub async fn probe_rights(target: &Target) -> Result<Vec<Finding>> {
    let mut preflight = Preflight::default();
    rights(target, &mut preflight).await?;
    Ok(preflight.findings)
}

async fn probe(target: &Target, reference: &storage::FileStatus, path: &str) -> Result<ownership::OwnershipProbe> {
    target.file_system.make_directories(path).await?;
    let made = target.file_system.status(path).await?;
    let found = ownership::probe(&target.file_system, reference, &made).await;
    target.file_system.delete(path, true).await?;
    found
}

async fn remove_if_empty(target: &Target, path: &str) -> Result<()> {
    match target.file_system.list(path).await {
        Ok(entries) if entries.is_empty() => Ok(target.file_system.delete(path, true).await?),
        Err(error) if !error.is_not_found() => Err(error.into()),
        _ => Ok(()),
    }
}

fn foreign(found: &ownership::OwnershipProbe) -> Finding {
    let (ours, hbase) = (found.user.as_deref().unwrap_or("this user"), found.hbase_user.as_deref().unwrap_or("HBase"));
    let message =
        format!("files will belong to {ours}, not to {hbase}: directories are made writable for all, so that HBase can clean them");
    Finding::new("foreign-owner", Severity::Warning, message).hint(format!("run seawall as {hbase}, or as a superuser of the file system"))
}

/// A probe in `.hbase-snapshot` would stop all cleaning, so its mode is read instead.
async fn published_right(target: &Target, ownership: &Ownership, preflight: &mut Preflight) -> Result<()> {
    let directory = target.layout.snapshots_directory();
    let status = match target.file_system.status(&directory).await {
        Ok(status) => status,
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let foreign = ownership.directory_mode == Some(0o777);
    if foreign && status.mode.is_some_and(|mode| mode & 0o002 == 0) {
        let message =
            format!("{directory} belongs to {} and is not writable for others", status.owner.as_deref().unwrap_or("another user"));
        preflight.add(Finding::new("missing-right", Severity::Failure, message).about(directory).hint("run seawall as HBase's user"));
    }
    Ok(())
}

/// Everything about one table.
pub(super) async fn table(
    target: &Target,
    backup: &RestoreBackup,
    options: &RestoreOptions,
    table: &TablePlan,
    preflight: &mut Preflight,
) -> Result<()> {
    let name = table.target.to_string();
    let backed_up = TableSchema::parse(table.source.schema.clone())?;
    let version = target.master.as_ref().map(|master| master.version());
    let about = |finding: Finding| finding.about(name.clone());
    for finding in features(&backed_up, version.as_deref()) {
        preflight.add(about(finding));
    }
    for family in backed_up.families() {
        if let Some(finding) = expiry(family, backup.committed_millis, backup.now_millis()) {
            preflight.add(about(finding));
        }
    }
    if table.manifest_bytes > target.options.manifest_limit_bytes {
        let message =
            format!("its snapshot manifest has {} bytes, above the target's {}", table.manifest_bytes, target.options.manifest_limit_bytes);
        let hint = format!(
            "set snapshot.manifest.size.limit to {} or more on the masters and restart them",
            table.manifest_bytes.next_power_of_two()
        );
        preflight.add(about(Finding::new("manifest-too-large", Severity::Failure, message).hint(hint)));
    }
    if table.source.without_memstores {
        let message = "the backup was taken without flushing: what was only in memory then is not in it";
        preflight.add(about(Finding::new("without-memstores", Severity::Warning, message)));
    }
    mob(table, version.as_deref(), preflight);
    if let Some(master) = target.master.as_deref() {
        name_clash(master, options, table, &backed_up, preflight).await?;
    }
    Ok(())
}

async fn name_clash(
    master: &dyn Master,
    options: &RestoreOptions,
    table: &TablePlan,
    backed_up: &TableSchema,
    preflight: &mut Preflight,
) -> Result<()> {
    let Some(live) = master.schema(&table.target).await? else { return Ok(()) };
    if table.finished {
        return Ok(());
    }
    let name = table.target.to_string();
    if options.mode == RestoreMode::New {
        if table.resumes.is_none() {
            let EngineError::Refused { message, hint } = clone::exists(&table.target) else { return Ok(()) };
            let finding = Finding::new("table-exists", Severity::Failure, message).about(name);
            preflight.add(match hint {
                Some(hint) => finding.hint(hint),
                None => finding,
            });
        }
        return Ok(());
    }
    let live = TableSchema::parse(live)?;
    let severity = if options.consent { Severity::Warning } else { Severity::Failure };
    let replicated = live.families().iter().any(|family| family.replication_scope() != 0);
    if replicated {
        let message = format!("{name} is replicated: its peers will not see that it was replaced");
        preflight
            .add(Finding::new("replicated", severity, message).about(&name).hint("--yes if that is understood; restore the peers as well"));
    }
    let lost = schema::lost_by_replacing(&live, backed_up);
    if !lost.is_empty() {
        let message = format!("replacing {name} loses {}", lost.join(", "));
        preflight.add(
            Finding::new("schema-loss", severity, message).about(&name).hint("--yes to lose it, or restore under another name with --as"),
        );
    }
    let changed = schema::differences(backed_up, &live);
    if !changed.is_empty() {
        let message = format!("the live descriptor goes back to that of the backup: {}", changed.join("; "));
        preflight.add(Finding::new("schema-changes", Severity::Warning, message).about(&name));
    }
    Ok(())
}

/// `(major, minor)` of a version text.
fn version_of(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(['.', '-']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// A target that is older than what was backed up: HBase itself promises only the way up.
pub(super) fn release(target: &Target, backup: &RestoreBackup, preflight: &mut Preflight) {
    let Some(found) = target.master.as_deref().map(Master::version) else { return };
    let Some(backed_up) = backup.summary.hbase_version.as_deref() else { return };
    if let (Some(theirs), Some(ours)) = (version_of(&found), version_of(backed_up))
        && theirs < ours
    {
        let message = format!("the target runs HBase {found}, older than the {backed_up} of the backup: HBase promises only the way up");
        preflight.add(Finding::new("older-hbase", Severity::Warning, message).hint("compare with seawall fingerprint --live afterwards"));
    }
}

/// What a descriptor uses and a version cannot do.
pub(super) fn features(schema: &TableSchema, version: Option<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(at) = version.and_then(version_of) else { return findings };
    let shown = version.unwrap_or_default();
    let mut refuse = |what: String, since: (u32, u32)| {
        if at < since {
            let message = format!("{what} needs HBase {}.{}, the target runs {shown}", since.0, since.1);
            findings.push(Finding::new("unsupported-feature", Severity::Failure, message).hint("restore into a newer cluster"));
        }
    };
    refuse("this version of seawall".into(), (2, 4));
    for family in schema.families() {
        let name = family.name_text();
        let codecs = ["COMPRESSION", "COMPRESSION_COMPACT", "COMPRESSION_COMPACT_MAJOR", "COMPRESSION_COMPACT_MINOR"];
        for codec in codecs.iter().filter_map(|key| family.attributes.get(*key)) {
            if matches!(codec.as_str(), "BROTLI" | "LZMA") {
                refuse(format!("codec {codec} of family {name}"), (2, 5));
            }
        }
        if family.attributes.get("INDEX_BLOCK_ENCODING").is_some_and(|encoding| encoding != "NONE") {
            refuse(format!("the index block encoding of family {name}"), (2, 6));
        }
        if family.data_block_encoding() == "PREFIX_TREE" {
            refuse(format!("encoding PREFIX_TREE of family {name}: no longer in HBase 2 and"), (u32::MAX, 0));
        }
    }
    findings
}

/// Cells that time to live has ended meanwhile.
fn expiry(family: &FamilyView, committed_millis: i64, now_millis: i64) -> Option<Finding> {
    let ttl_seconds = family.ttl_seconds()?;
    let age_seconds = u64::try_from(now_millis.saturating_sub(committed_millis) / 1000).unwrap_or(0);
    let name = family.name_text();
    let message = if age_seconds >= ttl_seconds {
        format!(
            "family {name} keeps cells for {ttl_seconds} s and the backup is {age_seconds} s old: every cell will be invisible, but those with a later time stamp"
        )
    } else {
        format!("family {name} keeps cells for {ttl_seconds} s: cells older than that will be invisible")
    };
    Some(Finding::new("time-to-live", Severity::Warning, message).hint("the files hold them: raise TTL of the restored table to see them"))
}

fn mob(table: &TablePlan, version: Option<&str>, preflight: &mut Preflight) {
    let foreign = table.foreign_mob_files();
    let Some((first, _)) = foreign.first() else { return };
    let message = format!(
        "{} MOB files stay under the name of the table that wrote them ({}), because the cells say so; a snapshot seawall-mob-{} guards them and is kept",
        foreign.len(),
        first.table,
        table.record.id
    );
    let hint =
        format!("when time allows: major_compact '{}', nil, 'MOB' rewrites them as its own; then delete that snapshot", table.target);
    preflight.add(Finding::new("mob-files", Severity::Warning, message).about(table.target.to_string()).hint(hint));
    if let Some(guest) = table.files.iter().find_map(|file| file.plan.guest_of.as_ref()) {
        let message =
            format!("table {guest} lives in the target: its MOB cleaner may archive those files (HBase {})", version.unwrap_or("?"));
        preflight.add(Finding::new("mob-guest", Severity::Warning, message).about(table.target.to_string()));
    }
}

/// Interrupted restores that this plan does not go on with.
pub(super) fn unfinished(journals: &[Journal], tables: &[TablePlan], preflight: &mut Preflight) {
    let resumed: BTreeSet<&str> = tables.iter().map(|table| table.record.id.as_str()).collect();
    for journal in journals.iter().filter(|journal| !resumed.contains(journal.record.id.as_str())) {
        let record = &journal.record;
        let message =
            format!("an interrupted restore of {} from backup {:04} as {} is still there", record.source, record.backup, record.target);
        let hint = format!("run it again to finish it (its journal: {})", journal.directory());
        preflight.add(Finding::new("unfinished-restore", Severity::Warning, message).about(&record.target).hint(hint));
    }
}

/// Namespaces that the targets need: which exist, which are made, which are missing; and their quotas.
pub(super) async fn namespaces(
    target: &Target,
    backup: &RestoreBackup,
    options: &RestoreOptions,
    tables: &[TablePlan],
    preflight: &mut Preflight,
) -> Result<Vec<Namespace>> {
    let Some(master) = target.master.as_deref() else { return Ok(Vec::new()) };
    let present: BTreeMap<String, Vec<(String, String)>> = master.namespaces().await?.into_iter().collect();
    // Every cluster has it, so the AccessController hides it: and who may not see namespaces may not clone snapshots either.
    if !present.contains_key(TableName::DEFAULT_NAMESPACE) {
        return Err(EngineError::Auth {
            message: format!("user {} is no administrator of the target: it may not even list the namespaces", target.options.user),
            hint: Some(format!("in the HBase shell: grant '{}', 'RWXCA'", target.options.user)),
        });
    }
    let mut wanted: BTreeMap<&str, Vec<&TablePlan>> = BTreeMap::new();
    for table in tables {
        wanted.entry(table.target.namespace()).or_default().push(table);
    }
    let mut create = Vec::new();
    for (name, tables) in wanted {
        let configuration = match present.get(name) {
            Some(configuration) => configuration.clone(),
            None if options.with.contains(&With::Namespaces) => {
                let source = tables.first().map_or(name, |table| table.source.name.namespace());
                let configuration = backup.namespace(source).await?.unwrap_or_default();
                create.push((name.to_owned(), configuration.clone()));
                configuration
            }
            None => {
                let finding =
                    Finding::new("no-namespace", Severity::Failure, format!("namespace {name} does not exist at the target")).about(name);
                preflight.add(finding.hint(format!("--with namespaces creates it, or: hbase shell> create_namespace '{name}'")));
                continue;
            }
        };
        let present = master.tables().await?;
        quota(name, &configuration, &present, &tables, preflight);
    }
    Ok(create)
}

fn quota(name: &str, configuration: &[(String, String)], present: &[TableName], tables: &[&TablePlan], preflight: &mut Preflight) {
    let limit = |key: &str| configuration.iter().find(|(name, _)| name == key).and_then(|(_, value)| value.parse::<u64>().ok());
    let new = tables.iter().filter(|table| !table.finished && !table.replaces);
    if let Some(limit) = limit("hbase.namespace.quota.maxtables") {
        let after = present.iter().filter(|table| table.namespace() == name).count() as u64 + new.clone().count() as u64;
        if after > limit {
            let message = format!("namespace {name} may hold {limit} tables and would hold {after}");
            preflight
                .add(Finding::new("namespace-quota", Severity::Failure, message).about(name).hint("raise hbase.namespace.quota.maxtables"));
        }
    }
    if let Some(limit) = limit("hbase.namespace.quota.maxregions") {
        let regions: usize = new.map(|table| table.expected_regions.len()).sum();
        if regions as u64 > limit {
            let message = format!("namespace {name} may hold {limit} regions and {regions} more are to come");
            preflight.add(
                Finding::new("namespace-quota", Severity::Failure, message).about(name).hint("raise hbase.namespace.quota.maxregions"),
            );
        }
    }
}

/// Whether the files fit.
pub(super) async fn space(target: &Target, tables: &[TablePlan], preflight: &mut Preflight) -> Result<()> {
    let Some(space) = target.file_system.space().await? else { return Ok(()) };
    preflight.free_bytes = Some(space.free_bytes);
    let moved =
        |table: &TablePlan| table.files.iter().filter(|file| file.found_at.is_empty()).map(|file| file.plan.identity.length).sum::<u64>();
    let bytes: u64 = tables.iter().filter(|table| !table.finished && table.resumes.is_none()).map(moved).sum();
    let needed = bytes.saturating_mul(target.options.replication.max(1)).saturating_add(SPARE_BYTES);
    if bytes > 0 && needed > space.free_bytes {
        let message = format!(
            "{needed} bytes are needed ({} copies and some spare), {} are free",
            target.options.replication.max(1),
            space.free_bytes
        );
        preflight.add(
            Finding::new("no-space", Severity::Failure, message).about(target.root.clone()).hint("free space, or restore fewer tables"),
        );
    }
    Ok(())
}

/// Snapshots of ours that no journal needs.
pub fn left_snapshots<'a>(snapshots: &'a [SnapshotInfo], journals: &[Journal]) -> Vec<&'a SnapshotInfo> {
    let needed: BTreeSet<&str> = journals.iter().map(|journal| journal.record.snapshot.as_str()).collect();
    snapshots.iter().filter(|snapshot| snapshot.name.starts_with("seawall-restore-") && !needed.contains(snapshot.name.as_str())).collect()
}
