//! From file, environment and flags to a checked [`Config`]. All problems are collected before anything is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::document::read_document;
use crate::environment::Environment;
use crate::error::{ConfigError, Problem, Result};
use crate::layers::{Entry, Layers, Origin, Value};
use crate::locate::Located;
use crate::model::{Cluster, Compression, Config, Credentials, KeyReference, Limits, Objectives, Repository, TableSet, with_scheme};
use crate::schema::{Kind, Node, ROOT, nearest};
use crate::secret::SecretReference;
use crate::site::with_port;
use crate::units::{parse_bytes, parse_duration_seconds, parse_rate};

const ENVIRONMENT_PREFIX: &str = "SEAWALL__";

/// A configuration with how it came about.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    /// Every value with its origin, for `config show --origin`.
    pub layers: Layers,
    /// The file that was read; none if the default one is absent.
    pub path: Option<PathBuf>,
    /// Accepted, but not built yet: key and where it stands.
    pub not_built: Vec<(String, Origin)>,
}

/// Reads the located file (if it is there or must be) and lays environment and flags over it.
pub fn load(located: &Located, environment: &Environment, flags: &[(Vec<String>, Value, &'static str)]) -> Result<Loaded> {
    match std::fs::read_to_string(&located.path) {
        Ok(text) => load_text(&located.path, &text, environment, flags),
        Err(source) if source.kind() == std::io::ErrorKind::NotFound && !located.required => {
            build(Layers::default(), None, environment, flags)
        }
        Err(source) => Err(ConfigError::Unreadable { path: located.path.clone(), source }),
    }
}

/// As [`load`], from a text.
pub fn load_text(path: &Path, text: &str, environment: &Environment, flags: &[(Vec<String>, Value, &'static str)]) -> Result<Loaded> {
    let mut layers = Layers::default();
    read_document(path, text, &mut layers)?;
    if layers.get(&["version"]).is_none() {
        let at = Origin::File { path: path.into(), line: 1 };
        return Err(ConfigError::Invalid { problems: vec![Problem::Missing { at, key: "version".into(), detail: "write version = 1" }] });
    }
    build(layers, Some(path.to_path_buf()), environment, flags)
}

fn build(
    mut layers: Layers,
    path: Option<PathBuf>,
    environment: &Environment,
    flags: &[(Vec<String>, Value, &'static str)],
) -> Result<Loaded> {
    for (name, value) in environment.iter() {
        if let Some(rest) = name.strip_prefix(ENVIRONMENT_PREFIX) {
            let keys: Vec<String> = rest.split("__").map(str::to_string).collect();
            layers.set(fold_case(keys), Value::Text(value.to_string()), Origin::Environment(name.to_string()));
        }
    }
    for (keys, value, flag) in flags {
        layers.set(keys.clone(), value.clone(), Origin::Flag(flag));
    }
    let mut reader = Reader { layers: &layers, problems: Vec::new() };
    let not_built = reader.check_keys();
    if let Some(Entry { value: Value::Integer(found), origin }) = layers.get(&["version"])
        && *found > 1
    {
        return Err(ConfigError::NewerVersion { at: origin.clone(), found: *found });
    }
    let config = reader.config();
    if !reader.problems.is_empty() {
        return Err(ConfigError::Invalid { problems: reader.problems });
    }
    Ok(Loaded { config, layers, path, not_built })
}

/// `SEAWALL__LIMITS__READ` names `limits.read`: fixed keys are matched without case, chosen names exactly.
fn fold_case(keys: Vec<String>) -> Vec<String> {
    let mut node = Some(ROOT);
    let mut folded = Vec::with_capacity(keys.len());
    for key in keys {
        let lower = key.to_lowercase();
        let known = node.and_then(|node| node.child(&lower)).filter(|_| !matches!(node, Some(Node::Named(_))));
        node = known.or_else(|| node.and_then(|node| node.child(&key)));
        folded.push(if known.is_some() { lower } else { key });
    }
    folded
}

struct Reader<'a> {
    layers: &'a Layers,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// Every path must exist in the schema and hold a value of its kind; gives back the reserved ones that were set.
    fn check_keys(&mut self) -> Vec<(String, Origin)> {
        let mut not_built: BTreeMap<String, Origin> = BTreeMap::new();
        let mut unknown: BTreeMap<String, ()> = BTreeMap::new();
        let tables = self.layers.tables().map(|(path, origin)| (path, origin, None));
        let entries = self.layers.entries().map(|(path, entry)| (path, &entry.origin, Some(&entry.value)));
        for (path, origin, value) in tables.chain(entries) {
            match walk(path) {
                Walked::Known(node) => self.check_value(path, node, origin, value),
                Walked::Reserved(key) => {
                    not_built.entry(key).or_insert_with(|| origin.clone());
                }
                // A wrong table is reported once, not again for every key in it.
                Walked::Unknown { key, nearest } => {
                    if unknown.insert(key.clone(), ()).is_none() {
                        self.problems.push(Problem::UnknownKey { at: origin.clone(), key, nearest });
                    }
                }
            }
        }
        not_built.into_iter().collect()
    }

    fn check_value(&mut self, path: &[String], node: Node, at: &Origin, value: Option<&Value>) {
        let (at, key) = (at.clone(), path.join("."));
        match (node, value) {
            (Node::Leaf(kind), Some(value)) => {
                if let Err(problem) = check_kind(kind, value, &at, &key) {
                    self.problems.push(problem);
                }
            }
            (Node::Leaf(kind), None) => self.problems.push(Problem::WrongKind { at, key, expected: kind.describe(), found: "a table" }),
            (Node::Reference(_), Some(_)) => self.problems.push(Problem::SecretInline { at, key }),
            (_, Some(value)) => self.problems.push(Problem::WrongKind { at, key, expected: "a table", found: value.describe() }),
            (_, None) => {}
        }
    }

    fn config(&mut self) -> Config {
        let clusters: BTreeMap<String, Cluster> =
            self.layers.names("cluster").into_keys().map(|name| (name.clone(), self.cluster(name))).collect();
        let sets = self.layers.names("set").into_keys().map(|name| (name.clone(), self.set(name, &clusters))).collect();
        let repositories = self.layers.names("repo").into_iter().map(|(name, at)| (name.clone(), self.repository(name, at))).collect();
        Config { clusters, sets, repositories, limits: self.limits() }
    }

    fn cluster(&mut self, name: String) -> Cluster {
        let at = |key| ["cluster", name.as_str(), key];
        let (zookeeper_quorum, zookeeper_parent) = self.text(&at("zookeeper")).map(|text| zookeeper_address(&text)).unwrap_or_default();
        let kerberos =
            self.layers.entries().find(|(path, _)| matches!(path, [c, n, k, ..] if c == "cluster" && *n == name && k == "kerberos"));
        Cluster {
            conf_dir: self.path(&at("conf_dir")),
            zookeeper_quorum,
            zookeeper_parent,
            masters: with_port(&self.list(&at("masters")).join(","), "16000"),
            rootdir: self.text(&at("rootdir")),
            wal_dir: self.text(&at("wal_dir")),
            user: self.text(&at("user")),
            offline: self.boolean(&at("offline")),
            deadline_seconds: self.parsed(&at("deadline"), parse_duration_seconds),
            kerberos: kerberos.map(|(_, entry)| entry.origin.clone()),
            name,
        }
    }

    fn set(&mut self, name: String, clusters: &BTreeMap<String, Cluster>) -> TableSet {
        let at = |key| ["set", name.as_str(), key];
        let cluster = self.text(&at("cluster"));
        if let Some(wanted) = &cluster
            && !clusters.contains_key(wanted)
            && let Some(entry) = self.layers.get(&at("cluster"))
        {
            let nearest = nearest(wanted, clusters.keys().map(String::as_str)).map(str::to_string);
            let key = format!("set.{name}.cluster");
            self.problems.push(Problem::UnknownReference { at: entry.origin.clone(), key, name: wanted.clone(), nearest });
        }
        let mut seconds = |key| self.parsed(&["set", name.as_str(), "objectives", key], parse_duration_seconds);
        let objectives = Objectives {
            rpo_seconds: seconds("rpo"),
            rto_seconds: seconds("rto"),
            verify_every_seconds: seconds("verify_every"),
            drill_every_seconds: seconds("drill_every"),
        };
        TableSet { cluster, tables: self.list(&at("tables")), exclude: self.list(&at("exclude")), objectives, name }
    }

    fn repository(&mut self, name: String, written: Origin) -> Repository {
        let at = |key| ["repo", name.as_str(), key];
        let url = self.text(&at("url")).unwrap_or_else(|| {
            let key = format!("repo.{name}.url");
            self.problems.push(Problem::Missing {
                at: written,
                key,
                detail: "a repository needs an address, for example file:///srv/seawall",
            });
            String::new()
        });
        let compression = match self.text(&at("compression")).as_deref() {
            Some("none") => Compression::None,
            Some("zstd") => Compression::Zstd,
            _ => Compression::Auto,
        };
        Repository {
            url: with_scheme(&url),
            endpoint: self.text(&at("endpoint")),
            region: self.text(&at("region")),
            ca_file: self.path(&at("ca_file")),
            conf_dir: self.path(&at("conf_dir")),
            compression,
            credentials: self.credentials(&name),
            key: self.key(&name),
            name,
        }
    }

    fn credentials(&mut self, name: &str) -> Option<Credentials> {
        let at = |key| ["repo", name, "credentials", key];
        if let Some(path) = self.path(&at("file")) {
            return Some(Credentials::Reference(SecretReference::File(path)));
        }
        if let Some(command) = self.text(&at("command")) {
            return Some(Credentials::Reference(SecretReference::Command(command)));
        }
        self.boolean(&at("env")).then_some(Credentials::Environment)
    }

    fn key(&mut self, name: &str) -> Option<KeyReference> {
        let at = |key| ["repo", name, "key", key];
        let given: Vec<KeyReference> = [
            self.path(&at("file")).map(KeyReference::File),
            self.text(&at("passphrase_env")).map(|name| KeyReference::Passphrase(SecretReference::Environment(name))),
            self.path(&at("passphrase_file")).map(|path| KeyReference::Passphrase(SecretReference::File(path))),
            self.text(&at("passphrase_command")).map(|command| KeyReference::Passphrase(SecretReference::Command(command))),
        ]
        .into_iter()
        .flatten()
        .collect();
        // A flag names the key for this run; the file's other reference then does not count.
        let flagged = self.layers.get(&at("file")).is_some_and(|entry| matches!(entry.origin, Origin::Flag(_)));
        if given.len() > 1 && !flagged {
            let written = self.layers.entries().find(|(path, _)| matches!(path, [r, n, k, _] if r == "repo" && n == name && k == "key"));
            let at = written.map_or(Origin::Default, |(_, entry)| entry.origin.clone());
            let detail = "give one reference: file, passphrase_env, passphrase_file or passphrase_command".into();
            self.problems.push(Problem::BadValue { at, key: format!("repo.{name}.key"), detail });
        }
        given.into_iter().next()
    }

    fn limits(&mut self) -> Limits {
        let at = |key| ["limits", key];
        Limits {
            read: self.parsed(&at("read"), parse_rate),
            upload: self.parsed(&at("upload"), parse_rate),
            workers: self.parsed(&at("workers"), |text| text.parse::<u32>().map_err(|_| String::new())),
            memory_bytes: self.parsed(&at("memory"), parse_bytes),
        }
    }

    fn text(&self, path: &[&str]) -> Option<String> {
        match &self.layers.get(path)?.value {
            Value::Text(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn path(&self, path: &[&str]) -> Option<PathBuf> {
        self.text(path).map(PathBuf::from)
    }

    fn list(&self, path: &[&str]) -> Vec<String> {
        match self.layers.get(path).map(|entry| &entry.value) {
            Some(Value::List(items)) => items.clone(),
            Some(Value::Text(text)) => split_list(text),
            _ => Vec::new(),
        }
    }

    fn boolean(&self, path: &[&str]) -> bool {
        match self.layers.get(path).map(|entry| &entry.value) {
            Some(Value::Boolean(value)) => *value,
            Some(Value::Text(text)) => text == "true",
            _ => false,
        }
    }

    /// A value by a parser; `check_kind` has already reported what does not parse.
    fn parsed<T>(&mut self, path: &[&str], parse: impl Fn(&str) -> std::result::Result<T, String>) -> Option<T> {
        self.text(path).and_then(|text| parse(&text).ok())
    }
}

enum Walked {
    Known(Node),
    Reserved(String),
    Unknown { key: String, nearest: Option<String> },
}

fn walk(path: &[String]) -> Walked {
    let mut node = ROOT;
    for (depth, key) in path.iter().enumerate() {
        let until = |last: &str| path.iter().take(depth).map(String::as_str).chain([last]).collect::<Vec<_>>().join(".");
        match node.child(key) {
            Some(Node::Reserved) => return Walked::Reserved(until(key)),
            Some(child) => node = child,
            None => return Walked::Unknown { key: until(key), nearest: node.nearest(key).map(until) },
        }
    }
    Walked::Known(node)
}

fn check_kind(kind: Kind, value: &Value, at: &Origin, key: &str) -> std::result::Result<(), Problem> {
    let bad = |detail: String| Problem::BadValue { at: at.clone(), key: key.to_string(), detail };
    let wrong = || Problem::WrongKind { at: at.clone(), key: key.to_string(), expected: kind.describe(), found: value.describe() };
    match (kind, value) {
        (Kind::Version, Value::Integer(1..)) => Ok(()),
        (Kind::Version, Value::Text(text)) if text == "1" => Ok(()),
        (Kind::Text | Kind::Path, Value::Text(text)) if !text.is_empty() => Ok(()),
        (Kind::Text | Kind::Path, Value::Text(_)) => Err(bad("empty; leave the key out instead".into())),
        (Kind::Url, Value::Text(text)) => check_url(text, at, key),
        (Kind::TextList, Value::List(_) | Value::Text(_)) => Ok(()),
        (Kind::Size, Value::Text(text)) => parse_bytes(text).map(drop).map_err(bad),
        (Kind::Size, Value::Integer(0..)) => Ok(()),
        (Kind::Rate, Value::Text(text)) => parse_rate(text).map(drop).map_err(bad),
        (Kind::Duration, Value::Text(text)) => parse_duration_seconds(text).map(drop).map_err(bad),
        (Kind::Count, Value::Integer(1..=1024)) => Ok(()),
        (Kind::Count, Value::Text(text)) if text.parse::<u32>().is_ok_and(|count| (1..=1024).contains(&count)) => Ok(()),
        (Kind::Boolean, Value::Boolean(_)) => Ok(()),
        (Kind::Boolean, Value::Text(text)) if text == "true" || text == "false" => Ok(()),
        (Kind::Choice(words), Value::Text(text)) if words.contains(&text.as_str()) => Ok(()),
        (Kind::Choice(words), Value::Text(text)) => Err(bad(format!("{text:?} is none of {}", words.join(", ")))),
        _ => Err(wrong()),
    }
}

/// An address may not carry a password, a key or a token: it would end in shell histories, logs and process lists.
fn check_url(text: &str, at: &Origin, key: &str) -> std::result::Result<(), Problem> {
    const TELLING: [&str; 7] = ["secret", "password", "passwd", "token", "signature", "accesskey", "credential"];
    let after_scheme = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?']).next().unwrap_or_default();
    let query = text.split_once('?').map_or("", |(_, query)| query).to_lowercase().replace(['-', '_'], "");
    let has_userinfo = authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    if has_userinfo || TELLING.iter().any(|word| query.contains(word)) || query.contains("sig=") {
        return Err(Problem::SecretInUrl { at: at.clone(), key: key.to_string() });
    }
    if text.starts_with('/') || text.contains(":/") {
        return Ok(());
    }
    let detail = format!("{text:?} is no address; write for example file:///srv/seawall or hdfs://nameservice1/hbase");
    Err(Problem::BadValue { at: at.clone(), key: key.to_string(), detail })
}

/// `zk1:2181,zk2/hbase` as hosts with ports and the znode parent.
fn zookeeper_address(text: &str) -> (Vec<String>, Option<String>) {
    let (hosts, parent) =
        text.split_once('/').map_or((text, None), |(hosts, parent)| (hosts, Some(format!("/{}", parent.trim_end_matches('/')))));
    // "zk1,zk2,zk3:2181" gives its one port to all three, as HBase's own cluster keys do.
    let last_port = hosts.rsplit(',').next().and_then(|last| last.rsplit_once(':')).map_or("2181", |(_, port)| port);
    (with_port(hosts, last_port), parent)
}

fn split_list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_string).collect()
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
