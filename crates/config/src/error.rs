//! What can be wrong with a configuration. Problems are collected, so one `config check` shows all of them.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use crate::layers::Origin;

/// Every fallible call of this crate.
pub type Result<T> = std::result::Result<T, ConfigError>;

/// Why there is no usable configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A file that was named, or that must be there, cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// Not TOML.
    #[error("{}:{line}: {detail}", path.display())]
    NotToml { path: PathBuf, line: usize, detail: String },
    /// TOML, but not a configuration: every problem found.
    #[error("{}", join(problems))]
    Invalid { problems: Vec<Problem> },
    /// Written for a later Seawall.
    #[error("{at}: version = {found}, this seawall reads version 1")]
    NewerVersion { at: Origin, found: i64 },
    /// `--cluster`, `--repo` or `--set` names something that is not configured.
    #[error("there is no {kind} named {name:?}{}", list(known))]
    NoSuchName { kind: &'static str, name: String, known: Vec<String>, nearest: Option<String> },
    /// A verb needs one, and several are configured.
    #[error("{} {kind}s are configured: {}", known.len(), known.join(", "))]
    Ambiguous { kind: &'static str, flag: &'static str, known: Vec<String> },
    /// A verb needs one, and none is configured.
    #[error("no {kind} is configured")]
    NoneConfigured { kind: &'static str, flag: &'static str },
    /// A Hadoop XML file that is not one.
    #[error("{}: {detail}", path.display())]
    NotHadoopXml { path: PathBuf, detail: String },
    /// The cluster's address is incomplete.
    #[error("cluster {cluster}: {detail}")]
    IncompleteCluster { cluster: String, detail: String },
    /// A key that is part of the configuration but of no use yet.
    #[error("{at}: {key} is not built yet")]
    NotBuilt { at: Origin, key: String },
    /// A secret's reference leads nowhere.
    #[error("{reference}: {detail}")]
    SecretUnavailable { reference: String, detail: String },
    /// `init` would have to overwrite something.
    #[error("{} exists already", path.display())]
    Exists { path: PathBuf },
    /// A file or directory could not be written.
    #[error("{}: {source}", path.display())]
    Unwritable { path: PathBuf, source: std::io::Error },
}

impl ConfigError {
    /// What the operator can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Some("name a file with --config or $SEAWALL_CONFIG, or write a first one: seawall init --conf-dir /etc/hbase/conf --repo-url URL".into())
            }
            Self::Invalid { problems } => problems.iter().find_map(Problem::hint),
            Self::NewerVersion { .. } => Some("use the seawall this file was written for, or set version = 1 and see `seawall config check`".into()),
            Self::NoSuchName { nearest, .. } => nearest.as_ref().map(|name| format!("did you mean {name}?")),
            Self::Ambiguous { flag, known, .. } => known.first().map(|name| format!("say which, for example {flag} {name}")),
            Self::NoneConfigured { flag, .. } => Some(format!("add one to the configuration (seawall init writes a first one) or give {flag}")),
            Self::IncompleteCluster { .. } => {
                Some("conf_dir = \"/etc/hbase/conf\" is enough by itself; or rootdir with zookeeper or masters; rootdir alone means offline".into())
            }
            Self::NotBuilt { .. } => Some("remove it for now; `seawall config check` lists what is accepted but not built yet".into()),
            Self::SecretUnavailable { .. } => Some("seawall keeps references to secrets, never the secrets: see the keys chapter of the guide".into()),
            Self::Exists { path } => Some(format!("move {} away, or leave it and run the verb you need", path.display())),
            _ => None,
        }
    }
}

/// One thing wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A key nobody reads. `nearest` is the known key that looks most like it.
    UnknownKey { at: Origin, key: String, nearest: Option<String> },
    /// A value of another kind than the key takes.
    WrongKind { at: Origin, key: String, expected: &'static str, found: &'static str },
    /// A value of the right kind that means nothing.
    BadValue { at: Origin, key: String, detail: String },
    /// An address with a password, key or token in it. The address is not repeated.
    SecretInUrl { at: Origin, key: String },
    /// A secret where a reference to one belongs. The value is not repeated.
    SecretInline { at: Origin, key: String },
    /// A key that must be there.
    Missing { at: Origin, key: String, detail: &'static str },
    /// A name that refers to nothing.
    UnknownReference { at: Origin, key: String, name: String, nearest: Option<String> },
}

impl Problem {
    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey { nearest, .. } | Self::UnknownReference { nearest, .. } => nearest.as_ref().map(|key| format!("did you mean {key}?")),
            Self::SecretInUrl { .. } => Some("take it out of the address, change it at the store (it is in your shell history), and use credentials = { env = true | file = \"…\" | command = \"…\" }".into()),
            Self::SecretInline { .. } => Some("use a reference: { file = \"…\" }, { passphrase_env = \"NAME\" } or { passphrase_command = \"…\" }".into()),
            _ => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { at, key, nearest: Some(nearest) } => write!(out, "{at}: unknown key {key} (nearest: {nearest})"),
            Self::UnknownKey { at, key, nearest: None } => write!(out, "{at}: unknown key {key}"),
            Self::WrongKind { at, key, expected, found } => write!(out, "{at}: {key} takes {expected}, not {found}"),
            Self::BadValue { at, key, detail } => write!(out, "{at}: {key}: {detail}"),
            Self::SecretInUrl { at, key } => write!(out, "{at}: {key} holds a secret in its address"),
            Self::SecretInline { at, key } => write!(out, "{at}: {key} takes a reference to a secret, not the secret"),
            Self::Missing { at, key, detail } => write!(out, "{at}: {key} is missing: {detail}"),
            Self::UnknownReference { at, key, name, .. } => write!(out, "{at}: {key} names {name:?}, which is not configured"),
        }
    }
}

fn join(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

fn list(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!(" (configured: {})", known.join(", ")) }
}
