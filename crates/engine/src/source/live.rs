//! A running cluster: its master takes snapshots, its files are read directly.
//!
//! # Snapshots of ours
//! Named `seawall-backup-<first 16 hex of the upload>-<number>`, with a time to live, so that a crashed run leaves nothing for ever. A name is
//! noted *before* the master is asked for it, so that [`LiveSource::clean_up`] removes it in every case, also when the answer was lost.
//! What a crashed run left is removed by the next run on the same machine, which sees that its upload is dead; or by any run, when its
//! time is over. Before that it is reported: it may belong to a run that is alive.
//!
//! # Retries
//! A snapshot fails when it meets a split, a merge or a move under way, a server that dies, or a master that fails over. All of it
//! passes, so it is tried again under a new name until the deadline, then the table is given up by name. A manifest with a hole
//! between its regions counts as such a failure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use api::{Finding, Severity};
use async_trait::async_trait;
use catalog::TableState;
use hbase_client::{ClientError, Connection, SnapshotInfo, SnapshotKind, SnapshotRequest};
use hbase_layout::{RegionManifest, RootLayout, SnapshotManifest, TableSchema};
use hbase_types::TableName;
use storage::Clock;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::manifest::read_snapshot;
use super::offline::{check_root, existing_snapshot, identity_of_files};
use super::{SNAPSHOT_PREFIX, SnapshotGuard, SnapshotOptions, Source, SourceFiles, SourceIdentity, TableContent, TableListing, listing};
use crate::{Cluster, EngineError, Result};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// A snapshot this long past its time to live is nobody's.
const LEFTOVER_MARGIN_MILLIS: i64 = 10 * 60 * 1000;
/// How long `clean_up` waits for one snapshot that may still be on its way.
const CLEAN_UP_WAIT: Duration = Duration::from_secs(30);

/// Whose snapshots are whose: beginnings of upload ids.
#[derive(Debug, Default)]
struct Run {
    own: String,
    dead: Vec<String>,
}

/// The beginning of the names of a run's snapshots.
fn prefix(upload: &[u8; 16]) -> String {
    let hex: String = upload.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{SNAPSHOT_PREFIX}{hex}-")
}

/// See the head of this file.
#[derive(Debug)]
pub struct LiveSource {
    connection: Connection,
    files: SourceFiles,
    clock: Arc<dyn Clock>,
    run: OnceLock<Run>,
    next: AtomicU64,
    taken: Mutex<BTreeMap<String, TableName>>,
}

impl LiveSource {
    /// The cluster behind `connection`.
    pub fn new(cluster: &Cluster, connection: Connection, clock: Arc<dyn Clock>) -> Self {
        let files = SourceFiles { file_system: cluster.file_system.clone(), layout: RootLayout::new(&cluster.root) };
        Self { connection, files, clock, run: OnceLock::new(), next: AtomicU64::new(1), taken: Mutex::default() }
    }

    fn fresh_name(&self) -> String {
        format!("{}{}", self.run().own, self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn run(&self) -> &Run {
        self.run.get_or_init(|| Run { own: self.own_prefix(), dead: Vec::new() })
    }

    /// For a run without an upload.
    fn own_prefix(&self) -> String {
        let (group, nonce) = self.connection.new_nonce();
        prefix(&(u128::from(nonce) << 64 | u128::from(group)).to_be_bytes())
    }

    async fn table_state(&self, listing: &TableListing) -> Result<TableState> {
        use hbase_client::TableState as State;
        Ok(match self.connection.table_state(&listing.table).await? {
            State::Enabled | State::Enabling => TableState::Enabled,
            State::Disabled | State::Disabling => TableState::Disabled,
        })
    }

    /// One try: asks, waits, reads the manifest.
    async fn take(
        &self,
        listing: &TableListing,
        name: &str,
        options: &SnapshotOptions,
        state: TableState,
        left: Duration,
    ) -> Result<SnapshotManifest> {
        self.taken.lock().await.insert(name.to_owned(), listing.table.clone());
        let kind = match (state, options.flush) {
            (TableState::Disabled, _) => SnapshotKind::Disabled,
            (_, true) => SnapshotKind::Flush,
            (_, false) => SnapshotKind::SkipFlush,
        };
        let ttl_seconds = options.ttl.as_secs();
        let request = SnapshotRequest { name: name.to_owned(), table: listing.table.clone(), kind, ttl_seconds, owner: None };
        self.connection.take_snapshot(&request, left).await?;
        read_snapshot(&self.files, name).await
    }

    async fn delete(&self, name: &str) -> Result<()> {
        match self.connection.delete_snapshot(name).await {
            Ok(()) | Err(ClientError::SnapshotNotFound { .. }) => {
                self.taken.lock().await.remove(name);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a snapshot whose answer may have been lost: one that is still on its way is waited for.
    async fn remove_for_good(&self, name: &str, table: &TableName) -> Result<()> {
        let give_up = Instant::now() + CLEAN_UP_WAIT;
        loop {
            let there = self.connection.list_snapshots().await?.iter().any(|snapshot| snapshot.name == name);
            if there || Instant::now() >= give_up {
                return self.delete(name).await;
            }
            match self.connection.snapshot_done(name, table).await {
                Ok(false) => tokio::time::sleep(FIRST_PAUSE).await,
                // Done, failed or unknown: what there is to delete is there now.
                Ok(true) | Err(_) => return self.delete(name).await,
            }
        }
    }

    /// Snapshots of other runs of ours.
    async fn leftovers(&self) -> Result<Vec<SnapshotInfo>> {
        let own = &self.run().own;
        let snapshots = self.connection.list_snapshots().await?.into_iter();
        Ok(snapshots.filter(|snapshot| snapshot.name.starts_with(SNAPSHOT_PREFIX) && !snapshot.name.starts_with(own)).collect())
    }

    fn is_leftover(&self, snapshot: &SnapshotInfo) -> bool {
        let lived = self.clock.now_millis().saturating_sub(snapshot.creation_time_millis);
        let ttl = i64::try_from(snapshot.ttl_seconds).unwrap_or(i64::MAX).saturating_mul(1000);
        let is_over = snapshot.ttl_seconds > 0 && lived > ttl.saturating_add(LEFTOVER_MARGIN_MILLIS);
        is_over || self.run().dead.iter().any(|dead| snapshot.name.starts_with(dead))
    }
}

#[async_trait]
impl Source for LiveSource {
    fn kind(&self) -> api::SourceKind {
        api::SourceKind::Live
    }

    fn files(&self) -> &SourceFiles {
        &self.files
    }

    async fn identity(&self) -> Result<SourceIdentity> {
        check_root(&self.files).await?;
        let of_files = identity_of_files(&self.files).await?;
        let status = self.connection.cluster_status().await?;
        // Other files than the master's would give a backup of nothing, or of another cluster.
        if of_files.cluster_id.as_ref().is_some_and(|id| *id != status.cluster_id) {
            let message = format!(
                "{} holds cluster {}, the master says it is {}",
                self.files.layout.root(),
                of_files.cluster_id.unwrap_or_default(),
                status.cluster_id
            );
            let hint = Some("`rootdir` must be hbase.rootdir of the cluster behind `zookeeper` or `masters`".to_owned());
            return Err(EngineError::Refused { message, hint });
        }
        Ok(SourceIdentity {
            cluster_id: Some(status.cluster_id),
            hbase_version: Some(self.connection.hbase_version().text.clone()),
            layout_version: of_files.layout_version,
            region_servers: status.live_servers.len() as u64,
            master_coprocessors: status.master_coprocessors,
        })
    }

    async fn tables(&self) -> Result<Vec<TableListing>> {
        let names = self.connection.list_all_tables().await?;
        let mut listings = Vec::with_capacity(names.len());
        for (table, raw) in self.connection.table_schemas_raw(&names).await? {
            let schema = TableSchema::parse(raw)?;
            listings.push(TableListing { table, schema });
        }
        listings.sort_by(|left, right| left.table.cmp(&right.table));
        Ok(listings)
    }

    async fn hidden_tables(&self) -> Result<Vec<TableName>> {
        // The master leaves out what the AccessController does not let us see; hbase:meta is open to every user.
        let shown: BTreeSet<TableName> = self.connection.list_all_tables().await?.into_iter().collect();
        let all = self.connection.tables_in_meta().await?;
        Ok(all.into_iter().filter(|table| !shown.contains(table) && !table.is_system()).collect())
    }

    async fn survey(&self, listing: &TableListing) -> Result<Vec<RegionManifest>> {
        let regions = self.connection.regions(&listing.table).await?;
        listing::regions(&self.files, &listing.schema, regions.into_iter().map(|(info, _)| info).collect()).await
    }

    async fn snapshot(&self, listing: &TableListing, options: &SnapshotOptions) -> Result<TableContent> {
        let give_up = Instant::now() + options.deadline;
        let mut pause = FIRST_PAUSE;
        for tried in 1.. {
            let state = self.table_state(listing).await?;
            if let Some(name) = &options.existing {
                return existing_snapshot(&self.files, listing, name, state).await;
            }
            let name = self.fresh_name();
            let started_millis = self.clock.now_millis();
            let left = give_up.saturating_duration_since(Instant::now());
            match self.take(listing, &name, options, state, left).await {
                Ok(manifest) => {
                    let ttl_millis = i64::try_from(options.ttl.as_millis()).unwrap_or(i64::MAX);
                    let expires_millis = started_millis.saturating_add(ttl_millis);
                    return Ok(TableContent {
                        table: listing.table.clone(),
                        state,
                        schema: manifest.table_schema,
                        snapshot: Some(manifest.description),
                        regions: manifest.regions,
                        started_millis,
                        finished_millis: self.clock.now_millis(),
                        without_memstores: state != TableState::Disabled && !options.flush,
                        guard: Some(SnapshotGuard { name, expires_millis }),
                        snapshots_taken: tried,
                    });
                }
                Err(error) if !passes(&error) || Instant::now() + pause >= give_up => {
                    return Err(given_up(listing, tried, error));
                }
                Err(error) => tracing::debug!(table = %listing.table, tried, %error, "snapshot is tried again"),
            }
            // Best effort: clean_up knows the name and tells when it cannot be removed.
            let _ = self.delete(&name).await;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(EngineError::Bug { message: "the loop over snapshot tries ended".into() })
    }

    async fn release(&self, guard: &SnapshotGuard) -> Result<()> {
        self.delete(&guard.name).await
    }

    async fn clean_up(&self) -> Vec<(String, String)> {
        let names = self.taken.lock().await.clone();
        let mut left = Vec::new();
        for (name, table) in names {
            if let Err(error) = self.remove_for_good(&name, &table).await {
                left.push((name, error.to_string()));
            }
        }
        // The master may have finished a dead run's snapshot since the first look.
        if let Err(error) = self.remove_leftovers().await {
            left.push((format!("{SNAPSHOT_PREFIX}*"), error.to_string()));
        }
        left
    }

    fn begin_run(&self, upload: Option<[u8; 16]>, dead: BTreeSet<[u8; 16]>) {
        let dead = dead.iter().map(prefix).collect();
        let own = upload.as_ref().map_or_else(|| self.own_prefix(), prefix);
        // Told once; a second time would be about the same run.
        let _ = self.run.set(Run { own, dead });
    }

    async fn findings(&self) -> Result<Vec<Finding>> {
        let leftovers = self.leftovers().await?;
        Ok(leftovers.into_iter().map(|snapshot| describe(&snapshot, self.is_leftover(&snapshot))).collect())
    }

    async fn remove_leftovers(&self) -> Result<()> {
        for snapshot in self.leftovers().await?.into_iter().filter(|snapshot| self.is_leftover(snapshot)) {
            match self.connection.delete_snapshot(&snapshot.name).await {
                Ok(()) | Err(ClientError::SnapshotNotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

fn describe(snapshot: &SnapshotInfo, is_leftover: bool) -> Finding {
    let about = |message: &str| Finding::new("snapshot-left", Severity::Warning, message).about(snapshot.name.clone());
    if is_leftover {
        about("an earlier run left this HBase snapshot; the next backup removes it")
    } else {
        about("another backup runs, or crashed: its HBase snapshot goes when its time to live is over")
            .hint(format!("if no other backup runs: delete_snapshot '{}'", snapshot.name))
    }
}

/// Whether a failed try may succeed later with nothing changed by people.
fn passes(error: &EngineError) -> bool {
    match error {
        EngineError::Client(ClientError::SnapshotFailed { .. } | ClientError::ProcedureFailed { .. } | ClientError::Ambiguous { .. }) => {
            true
        }
        EngineError::Client(ClientError::TableNotEnabled { .. } | ClientError::SnapshotExists { .. }) => true,
        // A manifest with a hole, or one that was removed between the answer and the reading.
        EngineError::Damage { .. } | EngineError::NotFound { .. } => true,
        other => other.is_retryable(),
    }
}

fn given_up(listing: &TableListing, tried: u32, error: EngineError) -> EngineError {
    match error {
        EngineError::Client(ClientError::TableNotFound { .. }) => {
            EngineError::NotFound { message: format!("table {} was dropped meanwhile", listing.table) }
        }
        EngineError::Client(ClientError::SnapshotFailed { message, .. }) => EngineError::ClusterUnavailable {
            message: format!("no snapshot of {} in {tried} tries: {message}", listing.table),
            hint: Some("does the master's log say why? regions in transition, or a split that does not end, stop snapshots".into()),
        },
        other => other,
    }
}
