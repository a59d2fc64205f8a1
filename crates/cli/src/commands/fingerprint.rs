//! `fingerprint`: order-independent digest of what a client sees in a table. Of live tables in this version.

use clap::Args;

use crate::command_line::{ClusterOptions, LimitOptions};
use crate::context::Context;
use crate::outcome::{Answer, Failure};
use crate::render;
use crate::selection::table_name;

/// Flags of `fingerprint`.
#[derive(Debug, Args)]
pub(crate) struct FingerprintArguments {
    /// Of this backup
    #[arg(value_name = "ID", hide = true)]
    backup: Option<String>,
    /// Scan the live tables
    #[arg(long)]
    live: bool,
    /// Tables; repeat it or separate by commas
    #[arg(long = "table", value_name = "T", value_delimiter = ',', required = true)]
    tables: Vec<String>,
    /// As it was at this time
    #[arg(long, value_name = "TIME", hide = true, allow_hyphen_values = true)]
    to_time: Option<String>,
    #[command(flatten)]
    cluster: ClusterOptions,
}

pub(crate) async fn run(context: &Context, arguments: FingerprintArguments) -> Result<Answer, Failure> {
    if arguments.backup.is_some() || arguments.to_time.is_some() || !arguments.live {
        return Err(Failure::not_built("fingerprint of a backup or of files", "computes it without HBase")
            .with_hint("fingerprint --live scans the tables of a running cluster"));
    }
    let tables = arguments.tables.iter().map(|name| table_name(name)).collect::<Result<Vec<_>, _>>()?;
    let (resolved, config) =
        context.cluster_config(arguments.cluster.cluster.as_deref(), &arguments.cluster.address, &LimitOptions::default())?;
    let cluster = crate::open::cluster(&context.wrappers, &resolved, &config.limits).await?;
    let Some(connection) = &cluster.connection else {
        return Err(Failure::usage(format!("cluster {} is offline: there is nobody to scan", resolved.name))
            .with_hint("name its ZooKeeper or masters, or a conf_dir"));
    };
    let report = engine::fingerprint::live(connection, &resolved.name, &tables, context.clock.as_ref(), &context.signals.cancel).await?;
    Answer::of(render::fingerprint_report(&report), &report)
}
