//! What can be typed: the whole command tree, built verbs with their flags, reserved ones hidden.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind as ClapKind;
use clap::{Arg, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::reserved::{RESERVED, RESERVED_KEY, RESERVED_REPO};
use crate::commands::{backup, check, completion, config, fingerprint, init, list, look, repo, restore, show, status, verify, version};
use crate::outcome::Failure;

const ABOUT: &str = "Backup and restore for Apache HBase";

const AFTER_HELP: &str = "\
Exit codes: 0 ok, 1 bug, 2 usage or configuration, 3 partial, 4 not found, 5 damage, 6 objective missed, 7 busy, 8 not allowed,
9 repository unreachable, 10 wrong key, 11 no space, 12 cluster unavailable, 13 refused by a guard, 14 version not supported.";

/// Backup and restore for Apache HBase.
#[derive(Debug, Parser)]
#[command(name = "seawall", version, about = ABOUT, after_help = AFTER_HELP, propagate_version = false, max_term_width = 120)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) global: GlobalOptions,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Every verb")]
pub(crate) struct GlobalOptions {
    /// Configuration file [default: $SEAWALL_CONFIG, else /etc/seawall/seawall.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// One JSON document on standard output; everything else on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No progress
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// More log lines on standard error; twice for more still
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Which repository, and what opens it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Repository")]
pub(crate) struct RepositoryOptions {
    /// Repository by its name in the configuration; the only one is taken without asking
    #[arg(long, value_name = "NAME")]
    pub(crate) repo: Option<String>,
    /// Repository by address, without any configuration: file:///…, hdfs://…
    #[arg(long, value_name = "URL")]
    pub(crate) repo_url: Option<String>,
    /// Directory of core-site.xml and hdfs-site.xml for an hdfs:// repository
    #[arg(long, value_name = "DIR")]
    pub(crate) repo_conf_dir: Option<PathBuf>,
    /// Key file that opens it
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// File with the recovery key, instead of the key file
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    pub(crate) recovery_file: Option<PathBuf>,
    /// A commit that must be in the repository, as the last summary printed it: proves that nothing was rolled back
    #[arg(long, value_name = "SEQ:HASH")]
    pub(crate) expect: Option<String>,
}

/// Which cluster.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterOptions {
    /// Cluster by its name in the configuration; the only one is taken without asking
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: Option<String>,
    #[command(flatten)]
    pub(crate) address: AddressOptions,
}

/// A cluster's address without any configuration.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct AddressOptions {
    /// Directory of hbase-site.xml, core-site.xml, hdfs-site.xml: enough by itself
    #[arg(long, value_name = "DIR")]
    pub(crate) conf_dir: Option<PathBuf>,
    /// hbase.rootdir; alone it means offline: no master is talked to
    #[arg(long, value_name = "URL")]
    pub(crate) rootdir: Option<String>,
    /// ZooKeeper quorum and parent: zk1:2181,zk2:2181/hbase
    #[arg(long, value_name = "HOSTS/PARENT")]
    pub(crate) zookeeper: Option<String>,
    /// Masters, in place of ZooKeeper
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', conflicts_with = "zookeeper")]
    pub(crate) masters: Vec<String>,
    /// Use the files only, even where the configuration names masters
    #[arg(long)]
    pub(crate) offline: bool,
}

impl AddressOptions {
    /// Whether any flag names an address (`--offline` alone does not).
    pub(crate) fn is_given(&self) -> bool {
        self.conf_dir.is_some() || self.rootdir.is_some() || self.zookeeper.is_some() || !self.masters.is_empty()
    }
}

/// Limits for this run, over those of the configuration.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitOptions {
    /// Read at most this fast, from the cluster or, to restore and verify, from the repository: 200MB/s
    #[arg(long, value_name = "RATE")]
    pub(crate) limit_read: Option<String>,
    /// Send to the repository at most this fast
    #[arg(long, value_name = "RATE")]
    pub(crate) limit_upload: Option<String>,
    /// Files at a time
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<u32>,
    /// Memory for file data: 1GiB
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
}

/// Which tables.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Tables")]
pub(crate) struct SelectionOptions {
    /// Tables, by name or glob: orders, sales:*; repeat it or separate by commas
    #[arg(long = "table", value_name = "T", value_delimiter = ',')]
    pub(crate) tables: Vec<String>,
    /// A set of the configuration
    #[arg(long, value_name = "S")]
    pub(crate) set: Option<String>,
    /// Whole namespaces
    #[arg(long = "namespace", value_name = "N", value_delimiter = ',')]
    pub(crate) namespaces: Vec<String>,
    /// Every table
    #[arg(long, conflicts_with_all = ["tables", "set", "namespaces"])]
    pub(crate) all: bool,
    /// But not these, by name or glob
    #[arg(long, value_name = "G", value_delimiter = ',')]
    pub(crate) exclude: Vec<String>,
}

/// The built verbs, in the order of the operator's day.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a repository and its key file, and a first configuration when there is none
    Init(init::InitArguments),
    /// Prove each step to a working backup on the real cluster and repository
    Check(check::CheckArguments),
    /// One verdict per cluster or set: what could be restored now, and to when
    Status(status::StatusArguments),
    /// Read-only first impression of a cluster; needs no repository
    Look(look::LookArguments),
    /// Back up tables
    Backup(backup::BackupArguments),
    /// List backups, newest first
    List(list::ListArguments),
    /// Show one backup: tables, sizes, why it grew
    Show(show::ShowArguments),
    /// Restore tables
    Restore(restore::RestoreArguments),
    /// Prove that what is stored is whole
    Verify(verify::VerifyArguments),
    /// Order-independent digest of a table, to compare before and after
    Fingerprint(fingerprint::FingerprintArguments),
    /// Look into the repository; manage its keys
    Repo(repo::RepoArguments),
    /// Check the configuration, or show it with the origin of every value
    Config(config::ConfigArguments),
    /// Print a completion script for a shell
    Completion(completion::CompletionArguments),
    /// Print versions: program, formats, HBase
    Version(version::VersionArguments),
}

/// What came out of parsing.
pub(crate) enum Parsed {
    /// A verb to run.
    Run(Box<CommandLine>),
    /// Help or a version to show.
    Show(String),
}

/// The whole tree, with the reserved verbs hidden in it.
pub(crate) fn tree() -> Command {
    let command = CommandLine::command();
    let command = RESERVED.iter().fold(command, |command, (name, _)| command.subcommand(hidden(name)));
    command.mut_subcommand("repo", |repo| {
        let repo = RESERVED_REPO.iter().fold(repo, |repo, (name, _)| repo.subcommand(hidden(name)));
        repo.mut_subcommand("key", |key| RESERVED_KEY.iter().fold(key, |key, (name, _)| key.subcommand(hidden(name))))
    })
}

/// A verb that exists and answers that it is not built, whatever follows it.
fn hidden(name: &'static str) -> Command {
    let anything = Arg::new("anything").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true);
    Command::new(name).hide(true).disable_help_flag(true).arg(anything)
}

/// Reads the arguments.
pub(crate) fn parse(arguments: Vec<OsString>) -> Result<Parsed, Failure> {
    let matches = match tree().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => match error.kind() {
            ClapKind::DisplayHelp | ClapKind::DisplayVersion => return Ok(Parsed::Show(error.render().to_string())),
            _ => return Err(wrong_usage(&error)),
        },
    };
    if let Some(failure) = reserved(&matches) {
        return Err(failure);
    }
    let command_line = CommandLine::from_arg_matches(&matches).map_err(|error| wrong_usage(&error))?;
    Ok(Parsed::Run(Box::new(command_line)))
}

fn reserved(matches: &ArgMatches) -> Option<Failure> {
    let mut path = Vec::new();
    let mut level = matches;
    let mut lists = [RESERVED, RESERVED_REPO, RESERVED_KEY].into_iter();
    while let (Some((name, below)), Some(list)) = (level.subcommand(), lists.next()) {
        path.push(name);
        if let Some((_, purpose)) = list.iter().find(|(reserved, _)| *reserved == name) {
            return Some(Failure::not_built(&format!("seawall {}", path.join(" ")), purpose));
        }
        if list.as_ptr() == RESERVED.as_ptr() && name != "repo" {
            return None;
        }
        level = below;
    }
    None
}

/// clap's words without its own prefix; its tips and usage line become the hint.
fn wrong_usage(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let mut paragraphs = text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    let message = paragraphs.next().unwrap_or_default();
    let rest: Vec<String> = paragraphs.filter(|paragraph| !paragraph.is_empty()).collect();
    let hint = if rest.is_empty() { "seawall --help".to_string() } else { rest.join("; ") };
    Failure::usage(message).with_hint(hint)
}

#[cfg(test)]
#[path = "command_line_tests.rs"]
mod tests;
