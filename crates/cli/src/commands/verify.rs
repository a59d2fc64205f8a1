//! `verify`: proves that what is stored is whole. Any damage ends with 5.

use std::collections::BTreeSet;

use api::{ErrorKind, VerifyLevel, VerifyReport};
use clap::{Args, ValueEnum};
use engine::list::ListFilter;
use engine::verify::VerifyRequest;

use crate::command_line::{LimitOptions, RepositoryOptions};
use crate::context::Context;
use crate::outcome::{Answer, Failure};
use crate::progress::Progress;
use crate::render;

const DEFAULT_WORKERS: u32 = 4;

/// How deep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    /// The log, every page, presence and length of every object
    Quick,
    /// Also every stored byte
    Data,
    /// Also HFile blocks, order and counts
    #[value(hide = true)]
    Hfile,
}

/// Flags of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// Backup: its id, latest, oldest, or all
    #[arg(value_name = "ID", default_value = "all")]
    backup: String,
    /// How deep
    #[arg(long, value_enum, default_value_t = Level::Quick)]
    level: Level,
    /// A part of the objects: k/N
    #[arg(long, value_name = "K/N", hide = true)]
    slice: Option<String>,
    #[command(flatten)]
    repository: RepositoryOptions,
    #[command(flatten)]
    limits: LimitOptions,
}

pub(crate) async fn run(context: &Context, arguments: VerifyArguments) -> Result<Answer, Failure> {
    if arguments.slice.is_some() || arguments.level == Level::Hfile {
        return Err(Failure::not_built("verify --slice and --level hfile", "verify by parts, and HFiles block by block"));
    }
    let opened = context.open_repository(&arguments.repository, &arguments.limits, true).await?;
    let backups = match arguments.backup.as_str() {
        "all" => Vec::new(),
        wanted => vec![engine::list::resolve(&opened.repository, wanted, &ListFilter::default()).await?.sequence],
    };
    let level = if arguments.level == Level::Data { VerifyLevel::Data } else { VerifyLevel::Quick };
    let workers = context.load(&[])?.config.limits.workers.or(arguments.limits.workers).unwrap_or(DEFAULT_WORKERS);
    let request = VerifyRequest { level, backups, workers: workers as usize };
    let progress = Progress::new(&context.output);
    let verify = engine::verify::verify(&opened.repository, &request, context.clock.as_ref(), &progress);
    let report = tokio::select! {
        report = verify => report?,
        () = context.signals.cancel.cancelled() => return Err(engine::EngineError::Cancelled.into()),
    };
    drop(progress);
    let damage = (!report.damages.is_empty()).then(|| damage(&report));
    Ok(Answer::of(render::verify_report(&report), &report)?.failing(damage))
}

fn damage(report: &VerifyReport) -> Failure {
    let backups: BTreeSet<&str> = report.damages.iter().flat_map(|damage| damage.backups.iter().map(String::as_str)).collect();
    let first = report.damages.first().map(|damage| damage.object.as_str()).unwrap_or_default();
    let others = report.damages.len().saturating_sub(1);
    let more = if others == 0 { String::new() } else { format!(" and {others} more") };
    let used = if backups.is_empty() {
        "no backup uses it".to_string()
    } else {
        format!("backups {} use it", backups.into_iter().collect::<Vec<_>>().join(", "))
    };
    Failure::new(ErrorKind::Damage, format!("{first}{more} damaged; {used}"))
        .with_hint("take a new backup now: files that are still in the cluster are stored again; other backups are not concerned")
}
