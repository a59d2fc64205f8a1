//! `status`: from freshness and proof, never from "the last call returned". Ends with 6 unless everything is OK.

use api::{ErrorKind, KeyStatus, Verdict};
use clap::Args;
use config::Config;
use engine::backup::TableSelection;
use engine::status::StatusSubject;

use crate::command_line::{LimitOptions, RepositoryOptions};
use crate::context::{Context, hex};
use crate::outcome::{Answer, Failure};
use crate::render;

/// Flags of `status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// One line and exit codes 0 to 3, as monitoring plug-ins answer
    #[arg(long)]
    nagios: bool,
    #[command(flatten)]
    repository: RepositoryOptions,
}

pub(crate) async fn run(context: &Context, arguments: StatusArguments) -> Result<Answer, Failure> {
    let opened = context.open_repository(&arguments.repository, &LimitOptions::default(), true).await?;
    let slots = opened.repository.key_list().await?;
    let proofs = opened.state.as_ref().map(|state| state.proofs(&hex(&opened.repository.id()))).unwrap_or_default();
    let proved = slots.iter().filter(|slot| proofs.iter().any(|(id, _)| *id == hex(&slot.id))).count();
    let keys = KeyStatus { slots: slots.len() as u64, proved: proved as u64 };
    let report = engine::status::status(&opened.repository, &subjects(&context.load(&[])?.config), keys, context.clock.now_millis())?;
    if arguments.nagios {
        let (code, line) = render::nagios(&report);
        let failure = (code > 0).then(|| Failure::new(ErrorKind::ObjectiveMissed, report.verdict.words()).with_exit(code));
        return Ok(Answer::of(line, &report)?.failing(failure).without_words());
    }
    let failure =
        (report.verdict != Verdict::Ok).then(|| Failure::new(ErrorKind::ObjectiveMissed, format!("status is {}", report.verdict)));
    Ok(Answer::of(render::status_report(&report), &report)?.failing(failure))
}

/// The configured clusters, and the sets by their own names and objectives.
fn subjects(config: &Config) -> Vec<StatusSubject> {
    let clusters =
        config.clusters.keys().map(|name| StatusSubject { name: name.clone(), cluster: name.clone(), ..StatusSubject::default() });
    let only = config.clusters.keys().next().filter(|_| config.clusters.len() == 1);
    let sets = config.sets.values().filter_map(|set| {
        let cluster = set.cluster.as_ref().or(only)?.clone();
        let tables = TableSelection { tables: set.tables.clone(), exclude: set.exclude.clone(), ..TableSelection::default() };
        Some(StatusSubject { name: set.name.clone(), cluster, tables: Some(tables), rpo_seconds: set.objectives.rpo_seconds })
    });
    clusters.chain(sets).collect()
}
