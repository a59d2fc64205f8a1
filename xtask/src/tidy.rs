//! `cargo xtask tidy`: the house rules as a test.
//!
//! * Crates see only the crates that [`ALLOWED_EDGES`] lists: the direction of the architecture, kept by a table instead of by memory.
//! * Every source file opens with `//!`.
//! * No committed text names a package host or a path of somebody's machine.
//! * Every third-party dependency of the workspace has its line of why in `docs/dependencies.md`.
//! * Every licence in the tree is on the list in `deny.toml`.
//! * Local links in Markdown lead somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Which of our crates each crate may depend on (normal and build dependencies). Tests may also use `testkit`.
const ALLOWED_EDGES: &[(&str, &[&str])] = &[
    ("read-at", &[]),
    ("hbase-types", &[]),
    ("hbase-proto", &["hbase-types"]),
    ("hbase-layout", &["hbase-types", "hbase-proto"]),
    ("hfile", &["read-at", "hbase-types", "hbase-proto"]),
    ("cells", &["read-at", "hbase-types", "hfile"]),
    ("storage", &["read-at"]),
    ("hbase-client", &["hbase-types", "hbase-proto"]),
    ("repository", &["read-at", "storage"]),
    ("catalog", &["hbase-types"]),
    ("api", &[]),
    (
        "engine",
        &[
            "api",
            "catalog",
            "cells",
            "hbase-client",
            "hbase-layout",
            "hbase-proto",
            "hbase-types",
            "hfile",
            "read-at",
            "repository",
            "storage",
        ],
    ),
    ("config", &[]),
    (
        "seawall",
        &["api", "catalog", "cells", "config", "engine", "hbase-client", "hbase-layout", "hbase-types", "hfile", "repository", "storage"],
    ),
    ("testkit", &[]),
    ("xtask", &["testkit"]),
];

/// Text that must not be committed: package hosts and machine paths. Written in two halves so that this file passes its own check.
const FORBIDDEN_TEXT: &[(&str, &str)] = &[
    ("crates", ".io/"),
    ("static.", "crates.io"),
    ("repo.maven", ".apache.org"),
    ("repo1.", "maven.org"),
    ("registry.", "npmjs.org"),
    ("files.", "pythonhosted.org"),
    ("deb.", "debian.org"),
    ("proxy.", "golang.org"),
    ("/work", "/main"),
    ("/work", "/w/"),
    ("/work", "/shared"),
    ("/root", "/."),
];

pub(crate) fn run() -> Result<()> {
    let root = workspace::root();
    let files = workspace::tracked_files(&root)?;
    let mut findings = Vec::new();
    check_edges(&root, &mut findings)?;
    check_sources(&root, &files, &mut findings)?;
    check_dependencies(&root, &mut findings)?;
    check_licences(&root, &mut findings)?;
    check_links(&root, &files, &mut findings)?;
    for finding in &findings {
        println!("tidy: {finding}");
    }
    println!("tidy: {} files, {} findings", files.len(), findings.len());
    if findings.is_empty() { Ok(()) } else { bail!("{} findings", findings.len()) }
}

fn check_edges(root: &Path, findings: &mut Vec<String>) -> Result<()> {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ALLOWED_EDGES.iter().map(|(name, edges)| (*name, edges.iter().copied().collect())).collect();
    let metadata = workspace::metadata(root, false)?;
    let packages = metadata["packages"].as_array().context("cargo metadata without packages")?;
    let ours: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(edges) = allowed.get(name) else {
            findings.push(format!("crate {name} is not in the table of allowed edges (xtask/src/tidy.rs)"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let target = dependency["name"].as_str().unwrap_or_default();
            let is_test = dependency["kind"].as_str() == Some("dev");
            if ours.contains(target) && !is_test && !edges.contains(target) {
                findings.push(format!("crate {name} may not depend on {target} (xtask/src/tidy.rs has the allowed edges)"));
            }
        }
    }
    Ok(())
}

fn check_sources(root: &Path, files: &[PathBuf], findings: &mut Vec<String>) -> Result<()> {
    for file in files {
        let path = root.join(file);
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let shown = file.display();
        let is_generated = shown.to_string().starts_with("crates/hbase-proto/src/generated");
        if file.extension().is_some_and(|extension| extension == "rs") && !is_generated && !text.starts_with("//!") {
            findings.push(format!("{shown}: does not open with //!"));
        }
        if shown.to_string() == "Cargo.lock" {
            continue;
        }
        for (first, second) in FORBIDDEN_TEXT {
            if let Some(at) = text.find(&format!("{first}{second}")) {
                let line = text[..at].matches('\n').count() + 1;
                findings.push(format!("{shown}:{line}: names {first}{second}"));
            }
        }
    }
    Ok(())
}

fn check_dependencies(root: &Path, findings: &mut Vec<String>) -> Result<()> {
    let manifest: toml::Table = std::fs::read_to_string(root.join("Cargo.toml"))?.parse()?;
    let reasons = std::fs::read_to_string(root.join("docs/dependencies.md")).unwrap_or_default();
    let dependencies = manifest["workspace"]["dependencies"].as_table().context("no [workspace.dependencies]")?;
    for (name, value) in dependencies {
        if value.get("path").is_none() && !reasons.contains(&format!("| `{name}` |")) {
            findings.push(format!("docs/dependencies.md: no line for `{name}`"));
        }
    }
    for line in reasons.lines().filter_map(|line| line.strip_prefix("| `")) {
        let name = line.split('`').next().unwrap_or_default();
        if !dependencies.contains_key(name) {
            findings.push(format!("docs/dependencies.md: `{name}` is no longer a dependency"));
        }
    }
    Ok(())
}

fn check_licences(root: &Path, findings: &mut Vec<String>) -> Result<()> {
    let deny: toml::Table = std::fs::read_to_string(root.join("deny.toml"))?.parse()?;
    let allowed: BTreeSet<&str> =
        deny["licenses"]["allow"].as_array().context("deny.toml: licenses.allow")?.iter().filter_map(toml::Value::as_str).collect();
    let metadata = workspace::metadata(root, true)?;
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let expression = package["license"].as_str().unwrap_or_default();
        // An OR is satisfied by one allowed side; AND needs all. Expressions in the tree nest no deeper than this.
        let is_allowed = expression.replace('/', " OR ").split(" OR ").any(|side| {
            side.split(" AND ")
                .all(|term| allowed.contains(term.trim().trim_matches(|c| c == '(' || c == ')').split(" WITH ").next().unwrap_or_default()))
        });
        if !is_allowed {
            findings.push(format!("{} {}: licence `{expression}` is not in deny.toml", package["name"], package["version"]));
        }
    }
    Ok(())
}

fn check_links(root: &Path, files: &[PathBuf], findings: &mut Vec<String>) -> Result<()> {
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        let text = std::fs::read_to_string(root.join(file)).with_context(|| file.display().to_string())?;
        for piece in text.split("](").skip(1) {
            let target = piece.split([')', ' ']).next().unwrap_or_default();
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
                continue;
            }
            let from = root.join(file);
            let directory = from.parent().unwrap_or(root);
            if !directory.join(path).exists() {
                findings.push(format!("{}: link to {path} leads nowhere", file.display()));
            }
        }
    }
    Ok(())
}
