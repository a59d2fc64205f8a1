//! The configuration as the verbs use it: typed, complete, without origins.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::environment::Environment;
use crate::error::{ConfigError, Result};
use crate::hadoop::HadoopConfiguration;
use crate::layers::Origin;
use crate::schema::nearest;
use crate::secret::SecretReference;
use crate::site::{RegistryKind, SiteSettings, with_port};
use crate::units::Rate;

/// Everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    pub clusters: BTreeMap<String, Cluster>,
    pub sets: BTreeMap<String, TableSet>,
    pub repositories: BTreeMap<String, Repository>,
    pub limits: Limits,
}

impl Config {
    /// The cluster by name, or the only one.
    pub fn cluster(&self, name: Option<&str>) -> Result<&Cluster> {
        one_of(&self.clusters, name, "cluster", "--cluster")
    }

    /// The repository by name, or the only one.
    pub fn repository(&self, name: Option<&str>) -> Result<&Repository> {
        one_of(&self.repositories, name, "repo", "--repo")
    }

    /// The set by name.
    pub fn set(&self, name: &str) -> Result<&TableSet> {
        one_of(&self.sets, Some(name), "set", "--set")
    }
}

/// A thing the operator named.
pub trait Named {
    /// Its name in the configuration.
    fn name(&self) -> &str;
}

/// The one that was asked for, or the only one there is.
pub fn one_of<'a, T>(all: &'a BTreeMap<String, T>, name: Option<&str>, kind: &'static str, flag: &'static str) -> Result<&'a T> {
    let known = || all.keys().cloned().collect::<Vec<_>>();
    if let Some(name) = name {
        return all.get(name).ok_or_else(|| ConfigError::NoSuchName {
            kind,
            name: name.to_string(),
            known: known(),
            nearest: nearest(name, all.keys().map(String::as_str)).map(str::to_string),
        });
    }
    let mut values = all.values();
    match (values.next(), values.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(ConfigError::NoneConfigured { kind, flag }),
        (Some(_), Some(_)) => Err(ConfigError::Ambiguous { kind, flag, known: known() }),
    }
}

/// `[cluster.NAME]`, as written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cluster {
    pub name: String,
    /// Directory of `hbase-site.xml`, `core-site.xml`, `hdfs-site.xml`.
    pub conf_dir: Option<PathBuf>,
    /// `host:port` entries.
    pub zookeeper_quorum: Vec<String>,
    /// znode parent, if the address named one.
    pub zookeeper_parent: Option<String>,
    /// `host:port` entries.
    pub masters: Vec<String>,
    pub rootdir: Option<String>,
    pub wal_dir: Option<String>,
    /// The user that SIMPLE authentication names; the login name if absent.
    pub user: Option<String>,
    /// Never talk to a master, whatever the XML says.
    pub offline: bool,
    /// Limit for one call to the cluster.
    pub deadline_seconds: Option<u64>,
    /// Where `kerberos` was set, if it was: not built yet.
    pub kerberos: Option<Origin>,
}

impl Named for Cluster {
    fn name(&self) -> &str {
        &self.name
    }
}

/// How the masters are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Discovery {
    ZooKeeper {
        quorum: Vec<String>,
        parent: String,
    },
    Masters(Vec<String>),
    /// No master: a root directory alone.
    Offline,
}

/// A cluster's whole address, its XML read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedCluster {
    pub name: String,
    pub discovery: Discovery,
    /// `hdfs://nameservice1/hbase`, `file:///data/hbase`.
    pub rootdir: String,
    pub wal_dir: Option<String>,
    pub conf_dir: Option<PathBuf>,
    pub user: String,
    pub deadline_seconds: Option<u64>,
}

impl Cluster {
    /// Reads the XML and decides. What the configuration says beats what the XML says.
    pub fn resolve(&self, environment: &Environment) -> Result<ResolvedCluster> {
        if let Some(at) = &self.kerberos {
            return Err(ConfigError::NotBuilt { at: at.clone(), key: format!("cluster.{}.kerberos", self.name) });
        }
        let site = match &self.conf_dir {
            Some(directory) => Some(SiteSettings::from_hadoop(&HadoopConfiguration::from_directory(directory, environment)?)),
            None => None,
        };
        if site.as_ref().is_some_and(|site| site.kerberos) && !self.offline {
            return Err(self.incomplete("hbase.security.authentication is kerberos, which is not built yet".into()));
        }
        let rootdir = self.rootdir.clone().or_else(|| site.as_ref().and_then(|site| site.rootdir.clone()));
        let rootdir = rootdir.ok_or_else(|| match &self.conf_dir {
            Some(directory) => self.incomplete(format!("no hbase.rootdir in {}", directory.display())),
            None => self.incomplete("neither conf_dir nor rootdir is set".into()),
        })?;
        let user = self.user.as_deref().or_else(|| environment.get("HADOOP_USER_NAME")).or_else(|| environment.get("USER"));
        Ok(ResolvedCluster {
            name: self.name.clone(),
            discovery: self.discovery(site.as_ref()),
            rootdir: with_scheme(&rootdir),
            wal_dir: self.wal_dir.clone().or_else(|| site.as_ref().and_then(|site| site.wal_dir.clone())).map(|path| with_scheme(&path)),
            conf_dir: self.conf_dir.clone(),
            user: user.unwrap_or("seawall").to_string(),
            deadline_seconds: self.deadline_seconds,
        })
    }

    fn discovery(&self, site: Option<&SiteSettings>) -> Discovery {
        if self.offline {
            return Discovery::Offline;
        }
        if !self.zookeeper_quorum.is_empty() {
            let parent = self.zookeeper_parent.clone().or_else(|| site.map(|site| site.zookeeper_parent.clone()));
            return Discovery::ZooKeeper { quorum: self.zookeeper_quorum.clone(), parent: parent.unwrap_or_else(|| "/hbase".into()) };
        }
        if !self.masters.is_empty() {
            return Discovery::Masters(self.masters.clone());
        }
        let Some(site) = site else { return Discovery::Offline };
        let prefers_rpc = site.registry == Some(RegistryKind::Rpc) || site.zookeeper_quorum.is_empty();
        if prefers_rpc && !site.masters.is_empty() {
            return Discovery::Masters(site.masters.clone());
        }
        // Without a quorum HBase's own default is ZooKeeper on this host.
        let quorum = if site.zookeeper_quorum.is_empty() { with_port("127.0.0.1", "2181") } else { site.zookeeper_quorum.clone() };
        Discovery::ZooKeeper { quorum, parent: site.zookeeper_parent.clone() }
    }

    fn incomplete(&self, detail: String) -> ConfigError {
        ConfigError::IncompleteCluster { cluster: self.name.clone(), detail }
    }
}

/// A bare path is a local one.
pub(crate) fn with_scheme(path: &str) -> String {
    if path.starts_with('/') { format!("file://{path}") } else { path.to_string() }
}

/// `[set.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableSet {
    pub name: String,
    pub cluster: Option<String>,
    /// Table names and globs.
    pub tables: Vec<String>,
    pub exclude: Vec<String>,
    pub objectives: Objectives,
}

impl Named for TableSet {
    fn name(&self) -> &str {
        &self.name
    }
}

/// What a set promises its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Objectives {
    pub rpo_seconds: Option<u64>,
    pub rto_seconds: Option<u64>,
    pub verify_every_seconds: Option<u64>,
    pub drill_every_seconds: Option<u64>,
}

/// `[repo.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repository {
    pub name: String,
    /// `file:///…`, `hdfs://…`; other schemes are for a later version.
    pub url: String,
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub ca_file: Option<PathBuf>,
    /// Hadoop configuration for an `hdfs://` repository.
    pub conf_dir: Option<PathBuf>,
    pub compression: Compression,
    pub credentials: Option<Credentials>,
    pub key: Option<KeyReference>,
}

impl Named for Repository {
    fn name(&self) -> &str {
        &self.name
    }
}

/// How store files are compressed on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// By the HFile's own codec.
    #[default]
    Auto,
    None,
    Zstd,
}

/// How the store knows us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// The store's usual environment variables.
    Environment,
    Reference(SecretReference),
}

/// What opens the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyReference {
    /// A key file.
    File(PathBuf),
    Passphrase(SecretReference),
}

/// `[limits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    pub read: Option<Rate>,
    pub upload: Option<Rate>,
    pub workers: Option<u32>,
    pub memory_bytes: Option<u64>,
}
