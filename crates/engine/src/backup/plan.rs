//! The plan of a backup: what is there, what the repository has of it, what will be read. Changes nothing in the cluster.
//!
//! Files are listed as they are now; the snapshot that the run takes may differ by what was flushed or compacted in between.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use api::{Adopted, BackupPlan, BackupSource, BackupTablePlan, BackupTotals, ErrorKind, Finding, Phase, Severity, Work};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use hbase_layout::{RegionManifest, mob};
use repository::{FileIdentity, KnownFiles, Repository, Upload, UploadOptions};
use storage::Clock;

use super::BackupOptions;
use crate::source::{SnapshotOptions, Source, SourceIdentity, TableListing};
use crate::{Cluster, EngineError, Monitor, Result};

/// Files below this are bundled in the repository.
const SMALL_FILE_BYTES: u64 = 1 << 20;
/// What one run reads in a second at least, when nothing is configured: for the time to live of snapshots, so pessimistic.
const PESSIMISTIC_BYTES_PER_SECOND: u64 = 20 << 20;
const SHORTEST_TTL: Duration = Duration::from_secs(2 * 3600);
const LONGEST_TTL: Duration = Duration::from_secs(7 * 24 * 3600);
/// Tables listed at once.
const LISTINGS: usize = 4;

/// A plan, and what a run needs besides it.
pub struct PlannedBackup {
    /// Printable.
    pub plan: BackupPlan,
    pub(super) cluster: Cluster,
    pub(super) repository: Repository,
    pub(super) options: BackupOptions,
    pub(super) source: Arc<dyn Source>,
    pub(super) identity: SourceIdentity,
    pub(super) tables: Vec<TableListing>,
    pub(super) upload: Upload,
    pub(super) snapshot: SnapshotOptions,
    pub(super) clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for PlannedBackup {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PlannedBackup").field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// Looks at cluster and repository, for a run: begins the upload, so that what the plan counts as stored is what the run reuses.
pub async fn plan(
    cluster: &Cluster,
    repository: &Repository,
    options: BackupOptions,
    clock: Arc<dyn Clock>,
    monitor: &dyn Monitor,
) -> Result<PlannedBackup> {
    monitor.begin(Phase::Plan, Work::default());
    let seen = look(cluster, &options, clock.clone()).await?;
    let upload = repository.begin_upload(upload_options(cluster, &options)).await?;
    seen.source.begin_run(Some(upload.id()), upload.dead_uploads());
    let plan = survey(cluster, repository, &options, &seen, Stored::Upload(&upload), monitor).await?;
    monitor.end(Phase::Plan);
    let ttl = time_to_live(&options, plan.totals.bytes_to_read);
    let snapshot =
        SnapshotOptions { existing: options.existing_snapshot.clone(), flush: options.flush, ttl, deadline: options.snapshot_deadline };
    let (cluster, repository, Seen { source, identity, tables }) = (cluster.clone(), repository.clone(), seen);
    Ok(PlannedBackup { plan, cluster, repository, options, source, identity, tables, upload, snapshot, clock })
}

/// The same plan for people only. Changes nothing anywhere: a repository that may only be read will do.
pub async fn preview(
    cluster: &Cluster,
    repository: &Repository,
    options: &BackupOptions,
    clock: Arc<dyn Clock>,
    monitor: &dyn Monitor,
) -> Result<BackupPlan> {
    monitor.begin(Phase::Plan, Work::default());
    let seen = look(cluster, options, clock).await?;
    let known = repository.known_files(&upload_options(cluster, options)).await?;
    seen.source.begin_run(None, known.dead_uploads());
    let plan = survey(cluster, repository, options, &seen, Stored::Known(&known), monitor).await?;
    monitor.end(Phase::Plan);
    Ok(plan)
}

/// The error that a plan's blockers are, if it has any.
pub fn refusal(plan: &BackupPlan) -> Option<EngineError> {
    let findings = plan.blockers.clone();
    (!findings.is_empty()).then_some(EngineError::Blocked { kind: ErrorKind::Refused, findings })
}

/// The cluster as it is now.
struct Seen {
    source: Arc<dyn Source>,
    identity: SourceIdentity,
    tables: Vec<TableListing>,
}

async fn look(cluster: &Cluster, options: &BackupOptions, clock: Arc<dyn Clock>) -> Result<Seen> {
    let source = crate::source::open(cluster, clock);
    let identity = source.identity().await?;
    let tables = chosen_tables(source.as_ref(), options).await?;
    Ok(Seen { source, identity, tables })
}

fn upload_options(cluster: &Cluster, options: &BackupOptions) -> UploadOptions {
    UploadOptions {
        lineage: Bytes::from(cluster.name.clone().into_bytes()),
        journal_directory: options.journal_directory.clone(),
        adopt_idle_millis: options.adopt_idle.map(|idle| i64::try_from(idle.as_millis()).unwrap_or(i64::MAX)),
    }
}

/// Who knows what is stored.
#[derive(Clone, Copy)]
enum Stored<'a> {
    Upload(&'a Upload),
    Known(&'a KnownFiles),
}

impl Stored<'_> {
    fn has(self, identity: &FileIdentity) -> bool {
        match self {
            Self::Upload(upload) => upload.known(identity).is_some(),
            Self::Known(known) => known.known(identity).is_some(),
        }
    }

    fn adopted(self) -> Adopted {
        let repository::Adopted { uploads, files, bytes } = match self {
            Self::Upload(upload) => upload.adopted(),
            Self::Known(known) => known.adopted(),
        };
        Adopted { uploads, files, bytes }
    }
}

async fn survey(
    cluster: &Cluster,
    repository: &Repository,
    options: &BackupOptions,
    seen: &Seen,
    stored: Stored<'_>,
    monitor: &dyn Monitor,
) -> Result<BackupPlan> {
    let Seen { source, identity, tables } = seen;
    let mut survey = Survey::new(stored);
    let surveyed = tables.iter().map(|listing| {
        let (source, existing) = (&source, options.existing_snapshot.as_deref());
        async move { Ok::<_, EngineError>((listing, regions(source.as_ref(), listing, existing).await)) }
    });
    let surveyed: Vec<_> = futures::stream::iter(surveyed).buffered(LISTINGS).try_collect().await?;
    let (mut plans, mut blockers, mut warnings) = (Vec::new(), Vec::new(), source.findings().await?);
    for (listing, regions) in surveyed {
        match regions {
            Ok(regions) => plans.push(survey.table(source.as_ref(), listing, &regions).await?),
            Err(error) if tables.len() == 1 => return Err(error),
            // The run tries again; what then fails is named in its report.
            Err(error) => {
                warnings.push(Finding::new("table-unreadable", Severity::Warning, error.to_string()).about(listing.table.to_string()))
            }
        }
    }
    if plans.is_empty() {
        blockers.push(Finding::new("no-tables", Severity::Failure, "none of the chosen tables can be read"));
    }
    for finding in &warnings {
        monitor.finding(finding);
    }
    let totals = survey.totals(&plans);
    let rate = options.read_bytes_per_second;
    let takes_snapshots = source.kind() == api::SourceKind::Live && options.existing_snapshot.is_none();
    Ok(BackupPlan {
        schema_version: api::BACKUP_SCHEMA_VERSION,
        source: BackupSource {
            cluster: cluster.name.clone(),
            kind: source.kind(),
            root: cluster.root_url(),
            cluster_id: identity.cluster_id.clone(),
            hbase_version: identity.hbase_version.clone(),
        },
        repository: crate::list::repository_state(repository),
        tables: plans,
        totals,
        adopted: stored.adopted(),
        existing_snapshot: options.existing_snapshot.clone(),
        flush: takes_snapshots && options.flush,
        snapshot_ttl_seconds: takes_snapshots.then_some(time_to_live(options, totals.bytes_to_read).as_secs()),
        snapshot_pins_bytes: if takes_snapshots { totals.bytes } else { 0 },
        workers: u32::try_from(options.workers).unwrap_or(u32::MAX),
        estimated_seconds: rate.filter(|rate| *rate > 0).map(|rate| totals.bytes_to_read.div_ceil(rate)),
        blockers,
        warnings,
    })
}

impl PlannedBackup {
    /// The error that the plan's blockers are, if it has any.
    pub fn refusal(&self) -> Option<EngineError> {
        refusal(&self.plan)
    }
}

async fn chosen_tables(source: &dyn Source, options: &BackupOptions) -> Result<Vec<TableListing>> {
    let available = source.tables().await?;
    let Some(name) = &options.existing_snapshot else {
        options.selection.refuse_hidden(&source.hidden_tables().await?)?;
        return options.selection.choose(&available);
    };
    // The snapshot says which table; that table may be gone from the cluster by now.
    let manifest = crate::source::read_snapshot(source.files(), name).await?;
    let table = manifest.description.table;
    if options.selection != super::TableSelection::default() {
        let chosen = options.selection.choose(&available)?;
        if chosen.iter().any(|listing| listing.table != table) {
            let message = format!("snapshot {name} is of table {table}; other tables cannot be taken from it");
            return Err(EngineError::Usage { message });
        }
    }
    Ok(vec![TableListing { table, schema: hbase_layout::TableSchema::parse(manifest.table_schema)? }])
}

async fn regions(source: &dyn Source, listing: &TableListing, existing: Option<&str>) -> Result<Vec<RegionManifest>> {
    match existing {
        Some(name) => Ok(crate::source::read_snapshot(source.files(), name).await?.regions),
        None => source.survey(listing).await,
    }
}

fn time_to_live(options: &BackupOptions, bytes: u64) -> Duration {
    let seconds = bytes / options.read_bytes_per_second.unwrap_or(PESSIMISTIC_BYTES_PER_SECOND).max(1);
    options.snapshot_ttl.unwrap_or_else(|| Duration::from_secs(seconds.saturating_mul(3)).clamp(SHORTEST_TTL, LONGEST_TTL))
}

/// Counts files, each once over all tables for the sums.
struct Survey<'a> {
    stored: Stored<'a>,
    seen: HashSet<FileIdentity>,
    totals: BackupTotals,
}

impl<'a> Survey<'a> {
    fn new(stored: Stored<'a>) -> Self {
        Self { stored, seen: HashSet::new(), totals: BackupTotals::default() }
    }

    async fn table(&mut self, source: &dyn Source, listing: &TableListing, regions: &[RegionManifest]) -> Result<BackupTablePlan> {
        let families = listing.schema.families().iter().map(hbase_layout::FamilyView::name_text).collect();
        let real_regions = regions.iter().filter(|region| !region.is_mob()).count() as u64;
        let mut plan = BackupTablePlan { table: listing.table.to_string(), regions: real_regions, families, ..BackupTablePlan::default() };
        let mut here = HashSet::new();
        for region in regions {
            for family in &region.families {
                for file in &family.store_files {
                    let physical = source.files().physical(&listing.table, &region.encoded_name, family.directory()?, file);
                    let length = match source.files().length(&physical).await {
                        Ok(length) => length,
                        // Compacted away since it was listed; the run's snapshot names what has taken its place.
                        Err(EngineError::FileMissing { .. }) if source.kind() == api::SourceKind::Live => continue,
                        Err(error) => return Err(error),
                    };
                    let identity = FileIdentity { name: physical.name, length };
                    if here.insert(identity.clone()) {
                        self.count(&mut plan, identity, mob::is_mob_region(&region.info));
                    }
                }
            }
        }
        Ok(plan)
    }

    fn count(&mut self, plan: &mut BackupTablePlan, identity: FileIdentity, is_mob: bool) {
        let bytes = identity.length;
        let (small, known) = (u64::from(bytes < SMALL_FILE_BYTES), self.stored.has(&identity));
        plan.files += 1;
        plan.bytes += bytes;
        plan.small_files += small;
        plan.mob_files += u64::from(is_mob);
        if known {
            plan.known_files += 1;
            plan.known_bytes += bytes;
        } else {
            plan.files_to_read += 1;
            plan.bytes_to_read += bytes;
        }
        if !self.seen.insert(identity) {
            return;
        }
        self.totals.files += 1;
        self.totals.bytes += bytes;
        self.totals.small_files += small;
        if known {
            self.totals.known_files += 1;
            self.totals.known_bytes += bytes;
        } else {
            self.totals.files_to_read += 1;
            self.totals.bytes_to_read += bytes;
        }
    }

    fn totals(self, plans: &[BackupTablePlan]) -> BackupTotals {
        let regions = plans.iter().map(|plan| plan.regions).sum();
        BackupTotals { tables: plans.len() as u64, regions, ..self.totals }
    }
}
