//! `completion`: a script for the shell.

use clap::Args;
use clap_complete::Shell;
use serde_json::json;

use crate::outcome::{Answer, Failure};

/// Flags of `completion`.
#[derive(Debug, Args)]
pub(crate) struct CompletionArguments {
    /// For this shell
    shell: Shell,
}

pub(crate) fn run(arguments: &CompletionArguments) -> Result<Answer, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::command_line::tree(), "seawall", &mut script);
    let script = String::from_utf8(script).map_err(|error| Failure::bug(error.to_string()))?;
    let json = json!({ "schema_version": 1, "shell": arguments.shell.to_string(), "script": script });
    Ok(Answer::new(script, json))
}
