//! Tasks of the workspace: `cargo xtask VERB`.

use std::path::Path;

use clap::{Parser, Subcommand};

mod codegen;
mod lab;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match Arguments::parse().verb {
        Verb::Codegen { check } => codegen::run(&root, check),
        Verb::Lab(verb) => lab::run(verb),
    }
}
