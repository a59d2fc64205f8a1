//! Carrying a restore plan out: table by table, each of them whole or not at all.
//!
//! # Order, per table (see `journal.rs` for what a crash leaves at each step)
//! 1. prove which files of the target can be used as they are, and write that down;
//! 2. publish the complete snapshot, before any file exists;
//! 3. look once more that what it links to is still there, and let the master judge the schema;
//! 4. put the files in place;
//! 5. clone, look at boundaries, descriptor and state;
//! 6. remove the snapshot, then the journal.
//!
//! A failure that a rerun cannot mend undoes all of it: snapshot, files, journal. An interruption, or a cluster that does not answer,
//! leaves everything for the next run and says so. Of several tables one that fails does not stop the others.

use std::collections::BTreeSet;

use api::{Phase, RESTORE_SCHEMA_VERSION, RestoreOutcome, RestoreReport, RestoreTableReport, Work};
use futures::{StreamExt, TryStreamExt};
use storage::{Clock, KeepBuffers};
use tokio_util::sync::CancellationToken;

use super::clone::{clone_as, compare_boundaries, rehearse, renamed};
use super::files::{Copier, CopyLimits, FileSource, FileStats, Progress};
use super::journal::{Decisions, Journal, exists};
use super::plan::{Plan, StoreFilePlan, TablePlan};
use super::{metadata, mob, publish, replace};
use crate::target::Target;
use crate::target::ownership::Ownership;
use crate::{EngineError, Monitor, Result};

/// Everything a run works with.
pub struct Run<'a> {
    /// Where to.
    pub target: &'a Target,
    /// Where from.
    pub source: &'a dyn FileSource,
    /// Limits of the copy.
    pub limits: CopyLimits,
    /// Told about progress.
    pub monitor: &'a dyn Monitor,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Stops the run at the next safe point.
    pub cancel: &'a CancellationToken,
}

impl Run<'_> {
    /// Restores every table of `plan`. A plan with blockers is refused.
    pub async fn run(&self, plan: Plan) -> Result<RestoreReport> {
        if let Some(blocker) = plan.summary.blockers.first() {
            return Err(EngineError::Refused { message: blocker.message.clone(), hint: blocker.hint.clone() });
        }
        let began_millis = self.clock.now_millis();
        let _buffers = KeepBuffers::new();
        Journal::sweep(&self.target.file_system, &self.target.root).await?;
        metadata::create_namespaces(self.target, &plan.namespaces).await?;
        let mut reports = Vec::with_capacity(plan.tables.len());
        let several = plan.tables.len() > 1;
        for table in &plan.tables {
            reports.push(self.table(&plan, table, several).await);
        }
        let complete = reports.iter().all(|report| report.outcome != RestoreOutcome::Failed);
        let mut replayed = Vec::new();
        let mut warnings = plan.summary.warnings.clone();
        if complete {
            Journal::forget_finished(&self.target.file_system, &self.target.root, plan.tables.iter().map(|table| table.record.id.as_str()))
                .await?;
        }
        let restored: BTreeSet<_> = plan
            .tables
            .iter()
            .zip(&reports)
            .filter(|(_, report)| report.outcome == RestoreOutcome::Restored)
            .map(|(table, _)| table.target.clone())
            .collect();
        metadata::replay(self.target, &plan.metadata, &restored, &mut replayed, &mut warnings).await?;
        Ok(RestoreReport {
            schema_version: RESTORE_SCHEMA_VERSION,
            backup: plan.summary.backup,
            target: plan.summary.target,
            tables: reports,
            metadata: replayed,
            warnings,
            seconds: self.seconds_since(began_millis),
        })
    }

    async fn table(&self, plan: &Plan, table: &TablePlan, several: bool) -> RestoreTableReport {
        let began_millis = self.clock.now_millis();
        let mut report = RestoreTableReport {
            source: table.source.name.to_string(),
            target: table.target.to_string(),
            outcome: RestoreOutcome::Failed,
            snapshot: table.record.snapshot.clone(),
            safety_snapshot: None,
            regions: table.expected_regions.iter().filter(|region| !region.split).count() as u64,
            files_written: 0,
            bytes_written: 0,
            files_reused: 0,
            bytes_reused: 0,
            error: None,
            left: Vec::new(),
            seconds: 0.0,
        };
        if table.finished {
            report.outcome = RestoreOutcome::AlreadyRestored;
            return report;
        }
        // Once stopped, no further table is begun.
        let attempt = match self.cancel.is_cancelled() {
            true => Err((EngineError::Cancelled, Vec::new())),
            false => self.attempt(plan, table, several, &mut report).await,
        };
        if let Err((error, left)) = attempt {
            report.error = Some(error.report());
            report.left = left;
        }
        report.seconds = self.seconds_since(began_millis);
        report
    }

    async fn attempt(
        &self,
        plan: &Plan,
        table: &TablePlan,
        several: bool,
        report: &mut RestoreTableReport,
    ) -> std::result::Result<(), (EngineError, Vec<String>)> {
        let opened = match &table.resumes {
            Some(journal) => journal.clone().claim().await,
            None => Journal::create(&self.target.file_system, &self.target.root, table.record.clone()).await,
        };
        let journal = opened.map_err(|error| (error, Vec::new()))?;
        let step = Step { run: self, ownership: &plan.ownership, table, journal: &journal };
        match step.restore(report).await {
            Ok(()) => step.finish(several).await.map_err(|error| (error, vec![journal.directory()])),
            Err(error) if step.keeps(&error) => {
                let left = vec![
                    format!("{} (run the same restore again to go on)", journal.directory()),
                    self.target.layout.archive_table_directory(&table.carrier),
                ];
                Err((error, left))
            }
            Err(error) => {
                let left = step.undo().await;
                Err((error, left))
            }
        }
    }

    fn seconds_since(&self, began_millis: i64) -> f64 {
        self.clock.now_millis().saturating_sub(began_millis).max(0) as f64 / 1000.0
    }
}

/// One table on its way.
pub(super) struct Step<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) ownership: &'a Ownership,
    pub(super) table: &'a TablePlan,
    pub(super) journal: &'a Journal,
}

impl Step<'_> {
    async fn restore(&self, report: &mut RestoreTableReport) -> Result<()> {
        let cloned_before = self.journal.is_marked(super::clone::CLONED).await?;
        let stats = if cloned_before { FileStats::default() } else { self.prepare().await? };
        report.files_written = stats.files_written;
        report.bytes_written = stats.bytes_written;
        report.files_reused = stats.files_reused;
        report.bytes_reused = stats.bytes_reused;
        let Some(master) = self.run.target.master.as_deref() else {
            report.outcome = RestoreOutcome::SnapshotWritten;
            return Ok(());
        };
        if self.run.cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        if self.table.replaces {
            report.safety_snapshot = Some(replace::swap(self, master).await?);
        } else {
            clone_as(master, self.journal, &self.table.target, self.table.record.nonce, &self.table.expected_regions).await?;
        }
        self.journal.mark(super::clone::CLONED).await?;
        self.check(&self.table.target).await?;
        if !self.table.source.enabled {
            master.disable_table(&self.table.target).await?;
        }
        report.outcome = RestoreOutcome::Restored;
        Ok(())
    }

    /// Everything up to the clone: decisions, snapshot, files.
    async fn prepare(&self) -> Result<FileStats> {
        let mut decisions = match self.journal.decisions().await? {
            Some(decisions) => decisions,
            None => self.decide().await?,
        };
        let published = self.run.target.layout.snapshot_directory(&self.journal.record.snapshot);
        loop {
            if !exists(&self.run.target.file_system, &published).await? {
                mob::guard(self.run.target, self.ownership, self.journal, self.table).await?;
                self.journal.decide(&decisions).await?;
                let (snapshot, _) = self.table.snapshot(self.run.target, &decisions)?;
                publish::publish(self.run.target, self.ownership, self.journal, &snapshot).await?;
            }
            let gone = self.links_gone(&decisions).await?;
            if gone.is_empty() {
                break;
            }
            // What we counted on was cleaned away before our snapshot guarded it. None of our files exists yet: publish anew.
            publish::unpublish(self.run.target, self.journal, &self.journal.record.snapshot).await?;
            for file in gone {
                decisions.linked.remove(&file);
            }
        }
        let (_, mut files) = self.table.snapshot(self.run.target, &decisions)?;
        if self.table.replaces {
            // What lies in the live table's own MOB directory is not touched before that table is gone.
            files.retain(|file| !file.mob || !self.table.owns(&file.path));
        }
        if let Some(master) = self.run.target.master.as_deref()
            && !self.journal.is_marked("accepted").await?
            && self.first_file_missing(&files).await?
        {
            rehearse(master, &self.journal.record.snapshot, &self.table.carrier, master.new_nonce()).await?;
            self.journal.mark("accepted").await?;
        }
        let bytes = files.iter().map(|file| file.identity.length).sum();
        self.run.monitor.begin(Phase::Copy, Work { files: files.len() as u64, bytes });
        let progress = |done| self.run.monitor.advance(Phase::Copy, done);
        let placed = self.copier(&progress).place_all(&files).await;
        self.run.monitor.end(Phase::Copy);
        let mut stats = placed?;
        for file in self.table.files.iter().filter(|file| decisions.linked.contains(&file.plan.identity.name)) {
            stats.files_reused += 1;
            stats.bytes_reused += file.plan.identity.length;
        }
        Ok(stats)
    }

    /// Puts the MOB files in place after the live table is gone. Deleting it archived what was there; that is taken back, and then
    /// checked like anything else that is found.
    pub(super) async fn place_mob_files(&self) -> Result<()> {
        let files: Vec<_> = self.table.files.iter().filter(|file| file.plan.mob).map(|file| file.plan.clone()).collect();
        for file in self.table.files.iter().filter(|file| file.plan.mob && file.home.0 == self.table.target) {
            mob::take_back(self.run.target, self.ownership, file).await?;
        }
        let progress = |_| {};
        self.copier(&progress).place_all(&files).await.map(drop)
    }

    fn copier<'b>(&'b self, progress: Progress<'b>) -> Copier<'b> {
        Copier {
            target: self.run.target,
            ownership: self.ownership,
            journal: self.journal,
            source: self.run.source,
            limits: self.run.limits,
            cancel: self.run.cancel,
            progress,
        }
    }
}

impl Step<'_> {
    /// Which files that are at the target can stay as they are: every byte of them is read.
    async fn decide(&self) -> Result<Decisions> {
        let candidates = self.table.files.iter().filter(|file| !file.found_at.is_empty() || file.plan.mob);
        let proofs = futures::stream::iter(candidates).map(|file| self.prove(file));
        let proved: Vec<Option<Proof>> = proofs.buffer_unordered(self.run.limits.workers.max(1)).try_collect().await?;
        let mut decisions = Decisions::default();
        for proof in proved.into_iter().flatten() {
            let _new = match proof {
                Proof::Linked { file } => decisions.linked.insert(file),
                Proof::MobInPlace { path } => decisions.mob_present.insert(path),
            };
        }
        Ok(decisions)
    }

    async fn prove(&self, file: &StoreFilePlan) -> Result<Option<Proof>> {
        if self.run.cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let places = if file.plan.mob { std::slice::from_ref(&file.plan.path) } else { file.found_at.as_slice() };
        for path in places {
            let found = match self.run.target.file_system.open(path).await {
                Ok(found) => found,
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error.into()),
            };
            if !self.run.source.matches(&file.plan.identity, found.as_ref()).await? {
                continue;
            }
            return Ok(Some(if file.plan.mob {
                Proof::MobInPlace { path: path.clone() }
            } else {
                Proof::Linked { file: file.plan.identity.name.clone() }
            }));
        }
        Ok(None)
    }

    /// Linked files that are in none of their places any more.
    async fn links_gone(&self, decisions: &Decisions) -> Result<Vec<String>> {
        let mut gone = Vec::new();
        for file in self.table.files.iter().filter(|file| decisions.linked.contains(&file.plan.identity.name)) {
            let mut found = false;
            for path in &file.places {
                found = found || exists(&self.run.target.file_system, path).await?;
            }
            if !found {
                gone.push(file.plan.identity.name.clone());
            }
        }
        Ok(gone)
    }

    /// Whether a file that the snapshot lists is not there, so that the snapshot cannot be cloned yet.
    async fn first_file_missing(&self, files: &[super::files::FilePlan]) -> Result<bool> {
        match files.iter().find(|file| !file.mob) {
            Some(file) => Ok(!exists(&self.run.target.file_system, &file.path).await?),
            None => Ok(false),
        }
    }

    /// Compares what the cluster says of the table with the backup.
    pub(super) async fn check(&self, table: &hbase_types::TableName) -> Result<()> {
        let Some(master) = self.run.target.master.as_deref() else { return Ok(()) };
        let expected = renamed(&self.table.expected_regions, table);
        compare_boundaries(table, &expected, &master.regions(table).await?)?;
        let found =
            master.schema(table).await?.ok_or_else(|| EngineError::Mismatch { subject: table.to_string(), detail: "it is gone".into() })?;
        super::schema::same(table, &self.table.source.schema, &found)
    }

    /// All is done: the guard goes (not offline, where the snapshot is the result), then the journal.
    async fn finish(&self, remember: bool) -> Result<()> {
        if self.run.target.master.is_some() {
            publish::unpublish(self.run.target, self.journal, &self.journal.record.snapshot).await?;
        }
        if remember {
            self.journal.remember().await?;
        }
        self.journal.clone().remove().await
    }

    /// Whether a failure leaves everything for the next run.
    fn keeps(&self, error: &EngineError) -> bool {
        matches!(error, EngineError::Cancelled | EngineError::TakenOver { .. }) || error.is_unavailable()
    }

    /// Takes back everything this restore made. What cannot be taken back is named.
    async fn undo(&self) -> Vec<String> {
        let mut left = Vec::new();
        let target = self.run.target;
        if let Err(error) = self.drop_clone().await {
            // Its files must stay as long as it does.
            return vec![format!("table {} ({error})", self.table.target), self.journal.directory()];
        }
        if let Err(error) = publish::unpublish(target, self.journal, &self.journal.record.snapshot).await {
            return vec![format!("snapshot {} ({error})", self.journal.record.snapshot), self.journal.directory()];
        }
        if !self.table.foreign_mob_files().is_empty()
            && let Err(error) = publish::unpublish(target, self.journal, &mob::guard_name(self.table)).await
        {
            left.push(format!("snapshot {} ({error})", mob::guard_name(self.table)));
        }
        let decisions = self.journal.decisions().await.ok().flatten().unwrap_or_default();
        let mut ours = vec![target.layout.archive_table_directory(&self.table.carrier)];
        let mob = self.table.files.iter().filter(|file| file.plan.mob && !decisions.mob_present.contains(&file.plan.path));
        ours.extend(mob.map(|file| file.plan.path.clone()));
        for path in ours {
            if let Err(error) = target.file_system.delete(&path, true).await {
                left.push(format!("{path} ({error})"));
            }
        }
        super::mob::remove_empty_directories(target, self.table, &mut left).await;
        if left.is_empty()
            && let Err(error) = self.journal.clone().remove().await
        {
            left.push(format!("{} ({error})", self.journal.directory()));
        }
        left
    }

    /// Drops the table, if this restore cloned it.
    async fn drop_clone(&self) -> Result<()> {
        let Some(master) = self.run.target.master.as_deref() else { return Ok(()) };
        if self.table.replaces || !self.journal.is_marked(super::clone::CLONED).await? {
            return Ok(());
        }
        if master.is_enabled(&self.table.target).await? == Some(true) {
            master.disable_table(&self.table.target).await?;
        }
        master.delete_table(&self.table.target).await
    }
}

enum Proof {
    Linked { file: String },
    MobInPlace { path: String },
}
