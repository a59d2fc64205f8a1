//! `look`: read-only first impression of a cluster; no repository needed.

use clap::Args;

use crate::command_line::{ClusterOptions, LimitOptions};
use crate::context::Context;
use crate::outcome::{Answer, Failure};
use crate::progress::Progress;
use crate::render;

/// Flags of `look`.
#[derive(Debug, Args)]
pub(crate) struct LookArguments {
    #[command(flatten)]
    cluster: ClusterOptions,
}

pub(crate) async fn run(context: &Context, arguments: LookArguments) -> Result<Answer, Failure> {
    let (resolved, config) =
        context.cluster_config(arguments.cluster.cluster.as_deref(), &arguments.cluster.address, &LimitOptions::default())?;
    let cluster = crate::open::cluster(&context.wrappers, &resolved, &config.limits).await?;
    let progress = Progress::new(&context.output);
    let report = engine::look::look(&cluster, context.clock.clone(), &progress).await?;
    drop(progress);
    Answer::of(render::look_report(&report), &report)
}
