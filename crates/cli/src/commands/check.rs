//! `check`: every step to a working backup and restore, proved on the real cluster and repository.

use api::{ErrorKind, Severity};
use clap::Args;
use engine::check::CheckRequest;

use crate::command_line::{ClusterOptions, LimitOptions, RepositoryOptions};
use crate::context::Context;
use crate::outcome::{Answer, Failure};
use crate::render;

/// Flags of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    cluster: ClusterOptions,
    #[command(flatten)]
    repository: RepositoryOptions,
}

pub(crate) async fn run(context: &Context, arguments: CheckArguments) -> Result<Answer, Failure> {
    let limits = LimitOptions::default();
    let (resolved, config) = context.cluster_config(arguments.cluster.cluster.as_deref(), &arguments.cluster.address, &limits)?;
    let (configured, _) = context.repository_config(&arguments.repository, &limits)?;
    let (cluster, connection_error) = crate::open::cluster_for_check(&context.wrappers, &resolved, &config.limits).await?;
    let store = crate::open::object_store(&context.wrappers, &configured, &config.limits)?;
    let opened = context.open_repository(&arguments.repository, &limits, true).await;
    let environment = crate::open::environment(&context.clock);
    let request = CheckRequest {
        cluster: Some(&cluster),
        connection_error: connection_error.as_ref(),
        store: Some(&store),
        repository: opened.as_ref().ok().map(|opened| &opened.repository),
        environment: &environment,
    };
    let mut report = engine::check::check(request).await;
    // Why it does not open is this program's to say: keys and pins are not the engine's.
    if let Err(failure) = &opened {
        report.findings.push(failure.finding("repository-does-not-open", &store.url()));
    }
    let failed: Vec<&str> =
        report.findings.iter().filter(|finding| finding.severity == Severity::Failure).map(|finding| finding.code.as_str()).collect();
    let failure = match (&opened, failed.as_slice()) {
        (Err(failure), _) => Some(failure.clone()),
        (_, []) => None,
        (_, codes) => Some(Failure::new(
            ErrorKind::Refused,
            format!("{} of {} checks failed: {}", codes.len(), report.findings.len(), codes.join(", ")),
        )),
    };
    Ok(Answer::of(render::check_report(&report), &report)?.failing(failure))
}
