//! `backup`: plan, then read what is new, then one commit.

use std::sync::Arc;
use std::time::Duration;

use api::{BackupOutcome, BackupReport, ErrorKind};
use clap::Args;
use config::Limits;
use engine::backup::{BackupOptions, TableSelection};

use crate::command_line::{ClusterOptions, LimitOptions, RepositoryOptions, SelectionOptions};
use crate::context::{Context, OpenedRepository, hex};
use crate::outcome::{Answer, Failure};
use crate::progress::Progress;
use crate::render;

/// An upload that got no new object for this long is taken over where no journal tells.
const ADOPT_IDLE: Duration = Duration::from_secs(3600);

/// Flags of `backup`.
#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    #[command(flatten)]
    selection: SelectionOptions,
    /// Use this HBase snapshot instead of taking one
    #[arg(long, value_name = "NAME")]
    snapshot: Option<String>,
    /// Do not flush memstores first: what is only in memory is not in the backup
    #[arg(long)]
    skip_flush: bool,
    /// Tags, shown by list and usable as its filter
    #[arg(long = "tag", value_name = "K=V", value_parser = key_value)]
    tags: Vec<(String, String)>,
    /// Print the plan and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Fold the last backup and archived WAL into a new one
    #[arg(long, hide = true)]
    synthetic: bool,
    #[command(flatten)]
    cluster: ClusterOptions,
    #[command(flatten)]
    repository: RepositoryOptions,
    #[command(flatten)]
    limits: LimitOptions,
}

/// `k=v`.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_string(), value.trim().to_string())),
        _ => Err("expected K=V".to_string()),
    }
}

pub(crate) async fn run(context: &Context, arguments: BackupArguments) -> Result<Answer, Failure> {
    if arguments.synthetic {
        return Err(Failure::not_built("backup --synthetic", "folds archived WAL into a backup"));
    }
    let (set_cluster, selection) = selection(context, &arguments)?;
    let wanted = arguments.cluster.cluster.clone().or(set_cluster);
    let (resolved, config) = context.cluster_config(wanted.as_deref(), &arguments.cluster.address, &arguments.limits)?;
    let opened = context.open_repository(&arguments.repository, &arguments.limits, arguments.dry_run).await?;
    let cluster = crate::open::cluster(&context.wrappers, &resolved, &config.limits).await?;
    let options = options(context, &arguments, &config.limits, &opened, selection);
    let progress = Arc::new(Progress::new(&context.output));
    if arguments.dry_run {
        let plan = engine::backup::preview(&cluster, &opened.repository, &options, context.clock.clone(), progress.as_ref()).await?;
        drop(progress);
        let blocked = engine::backup::refusal(&plan).map(Failure::from);
        return Ok(Answer::of(render::backup_plan(&plan), &plan)?.failing(blocked));
    }
    let planned = engine::backup::plan(&cluster, &opened.repository, options, context.clock.clone(), progress.as_ref()).await?;
    let report = engine::backup::run(planned, progress.clone(), context.signals.cancel.clone()).await;
    drop(progress);
    let report = report?;
    opened.pin();
    let partial = (report.outcome == BackupOutcome::Partial).then(|| partial(&report));
    Ok(Answer::of(render::backup_report(&report), &report)?.failing(partial))
}

/// What is to be backed up; a set brings its cluster along.
fn selection(context: &Context, arguments: &BackupArguments) -> Result<(Option<String>, TableSelection), Failure> {
    let typed = &arguments.selection;
    let mut selection = TableSelection {
        all: typed.all,
        tables: typed.tables.clone(),
        namespaces: typed.namespaces.clone(),
        exclude: typed.exclude.clone(),
    };
    let Some(name) = &typed.set else { return Ok((None, selection)) };
    let config = context.load(&[])?.config;
    let set = config.set(name)?;
    selection.tables.extend(set.tables.iter().cloned());
    selection.exclude.extend(set.exclude.iter().cloned());
    Ok((set.cluster.clone(), selection))
}

fn options(
    context: &Context,
    arguments: &BackupArguments,
    limits: &Limits,
    opened: &OpenedRepository,
    selection: TableSelection,
) -> BackupOptions {
    let default = BackupOptions::default();
    BackupOptions {
        selection,
        existing_snapshot: arguments.snapshot.clone(),
        flush: !arguments.skip_flush,
        tags: arguments.tags.clone(),
        workers: limits.workers.map_or(default.workers, |workers| workers as usize),
        memory_bytes: limits.memory_bytes.unwrap_or(default.memory_bytes),
        read_bytes_per_second: limits.read.map(|rate| rate.bytes_per_second),
        journal_directory: opened.state.as_ref().map(|state| state.journal_directory(&hex(&opened.repository.id()))),
        // Without a journal here, an upload that got nothing for an hour belongs to a process that is gone.
        adopt_idle: opened.state.is_none().then_some(ADOPT_IDLE),
        seawall_version: env!("CARGO_PKG_VERSION").to_string(),
        host: context.environment.get("HOSTNAME").map_or_else(host_name, str::to_string),
        ..default
    }
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(|_| "unknown".to_string(), |name| name.trim().to_string())
}

fn partial(report: &BackupReport) -> Failure {
    let failed = report.tables.iter().filter_map(|table| Some((table, table.error.as_ref()?)));
    let names: Vec<&str> = failed.clone().map(|(table, _)| table.table.as_str()).collect();
    let message = format!("{} of {} tables are not in backup {}: {}", names.len(), report.tables.len(), report.id, names.join(", "));
    let hint = failed.into_iter().find_map(|(_, error)| error.hint.clone());
    let failure = Failure::new(ErrorKind::Partial, message);
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure.with_hint("run it again for these tables; the others cost nothing"),
    }
}
