//! `cargo xtask check`: formatting, lints, house rules and unit tests, without Java and within a minute once built.

use anyhow::Result;

use crate::{json_docs, tidy, workspace};

/// The quick gate before every commit.
pub(crate) fn run() -> Result<()> {
    workspace::run("cargo", &["fmt", "--all", "--check"], &[])?;
    workspace::run("cargo", &["clippy", "--quiet", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"], &[])?;
    tidy::run()?;
    json_docs::run(&workspace::root(), true)?;
    workspace::run("cargo", &["test", "--quiet", "--workspace", "--lib", "--bins", "--locked"], &[])?;
    println!("check: ok");
    Ok(())
}
