//! `show`: one backup.

use clap::Args;
use engine::list::ListFilter;

use crate::command_line::{LimitOptions, RepositoryOptions};
use crate::context::Context;
use crate::outcome::{Answer, Failure};
use crate::render;
use crate::selection::table_name;

/// Flags of `show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// Backup: its id, latest, or oldest
    #[arg(value_name = "ID", default_value = "latest")]
    backup: String,
    /// Only this table
    #[arg(long, value_name = "T")]
    table: Option<String>,
    /// Also every region
    #[arg(long)]
    regions: bool,
    #[command(flatten)]
    repository: RepositoryOptions,
}

pub(crate) async fn run(context: &Context, arguments: ShowArguments) -> Result<Answer, Failure> {
    let opened = context.open_repository(&arguments.repository, &LimitOptions::default(), true).await?;
    let filter = ListFilter { table: arguments.table.as_deref().map(table_name).transpose()?, ..ListFilter::default() };
    let mut details = engine::show::show(&opened.repository, &arguments.backup, &filter, arguments.regions).await?;
    if let Some(table) = &filter.table {
        let name = table.to_string();
        details.tables.retain(|entry| entry.table == name);
    }
    Answer::of(render::backup_details(&details), &details)
}
