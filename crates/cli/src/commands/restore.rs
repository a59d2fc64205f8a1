//! `restore`: plan, question, copy, one clone per table.

use std::path::PathBuf;
use std::sync::Arc;

use api::{ErrorKind, ErrorReport, RestoreMode, RestorePlan, RestoreReport};
use clap::{Args, ValueEnum};
use config::{Config, Limits, ResolvedCluster};
use engine::list::ListFilter;
use engine::restore::{CopyLimits, Renames, RestoreBackup, RestoreOptions, Run, With, parse_map};
use repository::SystemEntropy;

use crate::command_line::{AddressOptions, LimitOptions, RepositoryOptions, SelectionOptions};
use crate::context::Context;
use crate::outcome::{Answer, Failure};
use crate::progress::Progress;
use crate::prompt::confirm;
use crate::render;
use crate::selection::table_name;

/// What happens when a table of the wanted name exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Refuse
    New,
    /// Put the restored table in its place and keep a safety snapshot of the old one
    Replace,
}

/// How the result is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Integrity {
    /// Authenticated bytes, lengths, HFile trailers
    Files,
    #[value(hide = true)]
    Counts,
    #[value(hide = true)]
    Fingerprint,
}

/// Flags of `restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// Backup: its id, latest, or oldest
    #[arg(value_name = "ID", default_value = "latest")]
    backup: String,
    #[command(flatten)]
    selection: SelectionOptions,
    /// New name of the one table chosen
    #[arg(long = "as", value_name = "T", conflicts_with_all = ["as_namespace", "map"])]
    new_name: Option<String>,
    /// Namespace that all of them go to
    #[arg(long, value_name = "N", conflicts_with = "map")]
    as_namespace: Option<String>,
    /// File with new names, `source target` on each line
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// What happens when a table of that name exists
    #[arg(long, value_enum, default_value_t = Mode::New)]
    mode: Mode,
    /// Also give back: namespaces, acls, quotas, peers (disabled)
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    with: Vec<String>,
    /// How the result is compared
    #[arg(long, value_enum, default_value_t = Integrity::Files)]
    integrity: Integrity,
    /// Print the plan and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// To the state at this time
    #[arg(long, value_name = "TIME", hide = true, allow_hyphen_values = true)]
    to_time: Option<String>,
    /// To the state at this point
    #[arg(long, value_name = "POINT", hide = true)]
    to_point: Option<String>,
    /// Only backups of this cluster
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    cluster: Option<String>,
    /// Cluster to restore into [default: the one that was backed up, else the only one]
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    target: Option<String>,
    #[command(flatten, next_help_heading = "Target")]
    address: AddressOptions,
    #[command(flatten)]
    repository: RepositoryOptions,
    #[command(flatten)]
    limits: LimitOptions,
}

pub(crate) async fn run(context: &Context, arguments: RestoreArguments) -> Result<Answer, Failure> {
    if arguments.to_time.is_some() || arguments.to_point.is_some() {
        return Err(Failure::not_built("restore --to-time and --to-point", "restore to a moment between backups")
            .with_hint("restore a backup: seawall list shows the moments there are"));
    }
    if arguments.integrity != Integrity::Files {
        return Err(Failure::not_built("restore --integrity counts and fingerprint", "compare cells after a restore")
            .with_hint("fingerprint --live before and after compares cells"));
    }
    let opened = context.open_repository(&arguments.repository, &arguments.limits, true).await?;
    let filter = ListFilter { cluster: arguments.cluster.clone(), ..ListFilter::default() };
    let sequence = engine::list::resolve(&opened.repository, &arguments.backup, &filter).await?.sequence;
    let backup = RestoreBackup::open(&opened.repository, Some(sequence), context.clock.clone(), Arc::new(SystemEntropy)).await?;
    let (resolved, config) = target_config(context, &arguments, &backup.summary.cluster)?;
    let cluster = crate::open::cluster(&context.wrappers, &resolved, &config.limits).await?;
    let target = crate::open::target(&cluster, &resolved);
    let options = options(&arguments, &backup, &config)?;
    let plan = engine::restore::plan(&backup, &target, &options).await?;
    let text = render::restore_plan(&plan.summary);
    let blocked = blocked(&plan.summary);
    if arguments.dry_run {
        return Ok(Answer::of(text, &plan.summary)?.failing(blocked));
    }
    if let Some(failure) = blocked {
        return Ok(Answer::of(text, &plan.summary)?.failing(Some(failure)));
    }
    confirm(arguments.yes, &text, &question(&plan.summary)).await?;
    let limits = copy_limits(&config.limits);
    let progress = Progress::new(&context.output);
    let run = Run {
        target: &target,
        source: &backup,
        limits,
        monitor: &progress,
        clock: context.clock.as_ref(),
        cancel: &context.signals.cancel,
    };
    let report = run.run(plan).await;
    drop(progress);
    let report = report?;
    Ok(Answer::of(render::restore_report(&report), &report)?.failing(failed(&report).map(|failure| failure.after_signal(&context.signals))))
}

/// The named target; else flags; else the cluster that was backed up, if it is configured; else the only one.
fn target_config(context: &Context, arguments: &RestoreArguments, backed_up: &str) -> Result<(ResolvedCluster, Config), Failure> {
    let configured = context.load(&[])?.config;
    let same = configured.clusters.contains_key(backed_up) && !arguments.address.is_given();
    let name = arguments.target.as_deref().or(same.then_some(backed_up));
    context.cluster_config(name, &arguments.address, &arguments.limits)
}

fn options(arguments: &RestoreArguments, backup: &RestoreBackup, config: &Config) -> Result<RestoreOptions, Failure> {
    let map = match &arguments.map {
        Some(path) => parse_map(&std::fs::read_to_string(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?)?,
        None => Default::default(),
    };
    Ok(RestoreOptions {
        selection: crate::selection::from_backup(&arguments.selection, config, &backup.tables, &map)?,
        renames: Renames {
            single: arguments.new_name.as_deref().map(table_name).transpose()?,
            namespace: arguments.as_namespace.clone(),
            map,
        },
        mode: if arguments.mode == Mode::Replace { RestoreMode::Replace } else { RestoreMode::New },
        with: arguments.with.iter().map(|word| With::parse(word)).collect::<Result<_, _>>()?,
        consent: arguments.yes,
        rate_bytes_per_second: config.limits.read.map(|rate| rate.bytes_per_second),
    })
}

fn copy_limits(limits: &Limits) -> CopyLimits {
    let default = CopyLimits::default();
    CopyLimits {
        workers: limits.workers.map_or(default.workers, |workers| workers as usize),
        memory_bytes: limits.memory_bytes.unwrap_or(default.memory_bytes),
    }
}

/// A plan with blockers is refused; the class is the first blocker's.
fn blocked(plan: &RestorePlan) -> Option<Failure> {
    let first = plan.blockers.first()?;
    let others = plan.blockers.len() - 1;
    let more = if others == 0 { String::new() } else { format!(" (and {others} more)") };
    let failure = Failure::blocked(&first.code, format!("{}{more}", first.message));
    Some(match &first.hint {
        Some(hint) => failure.with_hint(hint.clone()),
        None => failure,
    })
}

fn question(plan: &RestorePlan) -> String {
    let tables = render::count(plan.totals.tables, "table");
    match plan.mode {
        RestoreMode::New => format!("Restore {tables} of backup {} into {}?", plan.backup.id, plan.target.root),
        RestoreMode::Replace => format!("REPLACE {tables} in {} by backup {}?", plan.target.root, plan.backup.id),
    }
}

fn failed(report: &RestoreReport) -> Option<Failure> {
    let errors: Vec<_> = report.tables.iter().filter_map(|table| Some((table, table.error.clone()?))).collect();
    if let Some((_, stopped)) = errors.iter().find(|(_, error)| error.code == ErrorKind::Cancelled.code()) {
        return Some(Failure::from(stopped.clone()));
    }
    let (first, error) = errors.first()?;
    if errors.len() == report.tables.len() {
        let named =
            if error.message.contains(&first.target) { error.message.clone() } else { format!("{}: {}", first.target, error.message) };
        return Some(Failure::from(ErrorReport { message: named, ..error.clone() }));
    }
    let message = format!("{} of {} tables were not restored; {}: {}", errors.len(), report.tables.len(), first.target, error.message);
    let again = "run the same command again: it does the rest".to_owned();
    let hint = error.hint.clone().filter(|_| !error.retryable).map_or(again, |hint| format!("{hint}; then run the same command again"));
    Some(Failure::new(ErrorKind::Partial, message).with_hint(hint))
}
