//! Tasks of the workspace: `cargo xtask VERB`. One file per verb.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a developer's command line over the source tree: it prints, and needs no seams"
)]

use clap::{Parser, Subcommand};

mod bench;
mod check;
mod ci;
mod codegen;
mod json_docs;
mod lab;
mod measure;
mod tidy;
mod workspace;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Formatting, lints, house rules, unit tests; no Java.
    Check,
    /// The house rules alone.
    Tidy,
    /// The suites against real servers; all that `make test` does not run, or those named.
    Ci {
        /// Names of suites.
        suites: Vec<String>,
    },
    /// Seawall beside its peers, on the same files.
    Bench(bench::Options),
    /// Write the Rust code of HBase's protocol files again.
    Codegen {
        /// Only compare with what is checked in.
        #[arg(long)]
        check: bool,
    },
    /// Start and stop real HBase servers.
    #[command(subcommand)]
    Lab(lab::Verb),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().verb {
        Verb::Lab(verb) => lab::run(verb),
        Verb::Check => check::run(),
        Verb::Tidy => tidy::run(),
        Verb::Ci { suites } => ci::run(&suites),
        Verb::Bench(options) => bench::run(&options),
        Verb::Codegen { check } => codegen::run(&workspace::root(), check).and_then(|()| json_docs::run(&workspace::root(), check)),
    }
}
