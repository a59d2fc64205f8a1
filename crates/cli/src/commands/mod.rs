//! One file per verb: its flags, and one function that reads as the steps of the command.

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod completion;
pub(crate) mod config;
pub(crate) mod fingerprint;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod look;
pub(crate) mod repo;
pub(crate) mod reserved;
pub(crate) mod restore;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod verify;
pub(crate) mod version;

use crate::command_line::Verb;
use crate::context::Context;
use crate::outcome::{Answer, Failure};

/// Runs a verb to its answer.
pub(crate) async fn run(context: &Context, verb: Verb) -> Result<Answer, Failure> {
    match verb {
        Verb::Init(arguments) => init::run(context, arguments).await,
        Verb::Check(arguments) => check::run(context, arguments).await,
        Verb::Status(arguments) => status::run(context, arguments).await,
        Verb::Look(arguments) => look::run(context, arguments).await,
        Verb::Backup(arguments) => backup::run(context, arguments).await,
        Verb::List(arguments) => list::run(context, arguments).await,
        Verb::Show(arguments) => show::run(context, arguments).await,
        Verb::Restore(arguments) => restore::run(context, arguments).await,
        Verb::Verify(arguments) => verify::run(context, arguments).await,
        Verb::Fingerprint(arguments) => fingerprint::run(context, arguments).await,
        Verb::Repo(arguments) => repo::run(context, arguments).await,
        Verb::Config(arguments) => config::run(context, arguments),
        Verb::Completion(arguments) => completion::run(&arguments),
        Verb::Version(arguments) => version::run(&arguments),
    }
}
