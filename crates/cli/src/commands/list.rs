//! `list`: backups, newest first, filtered.

use clap::Args;
use engine::list::ListFilter;

use crate::command_line::{LimitOptions, RepositoryOptions};
use crate::commands::backup::key_value;
use crate::context::Context;
use crate::outcome::{Answer, Failure};
use crate::selection::table_name;
use crate::{render, times};

/// Flags of `list`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only of this cluster
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Only those that hold this table
    #[arg(long, value_name = "T")]
    table: Option<String>,
    /// Only with this tag
    #[arg(long = "tag", value_name = "K=V", value_parser = key_value)]
    tags: Vec<(String, String)>,
    /// Only with content from since then: 2026-11-09T02:00:00Z, or -2d
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Only with content from before
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    repository: RepositoryOptions,
}

pub(crate) async fn run(context: &Context, arguments: ListArguments) -> Result<Answer, Failure> {
    let now_millis = context.clock.now_millis();
    let time = |text: &Option<String>| text.as_deref().map(|text| times::parse_millis(text, now_millis)).transpose();
    let filter = ListFilter {
        cluster: arguments.cluster.clone(),
        table: arguments.table.as_deref().map(table_name).transpose()?,
        tags: arguments.tags.clone(),
        since_millis: time(&arguments.since)?,
        until_millis: time(&arguments.until)?,
        limit: arguments.limit,
    };
    let opened = context.open_repository(&arguments.repository, &LimitOptions::default(), true).await?;
    let list = engine::list::list(&opened.repository, &filter).await?;
    Answer::of(render::backup_list(&list), &list)
}
