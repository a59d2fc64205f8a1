//! Values by key path, with where each came from. A later layer replaces an earlier one's value, key by key.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of a file, counted from 1.
    File { path: Arc<Path>, line: usize },
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(&'static str),
    /// Nobody said so: built in.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(out, "{}:{line}", path.display()),
            Self::Environment(name) => write!(out, "${name}"),
            Self::Flag(flag) => out.write_str(flag),
            Self::Default => out.write_str("default"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A value as written, before its key says what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<String>),
    /// A kind no key takes, by its name.
    Other(&'static str),
}

impl Value {
    /// The kind in a message.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::List(_) => "a list",
            Self::Other(what) => what,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(out, "{text:?}"),
            Self::Integer(number) => write!(out, "{number}"),
            Self::Boolean(boolean) => write!(out, "{boolean}"),
            Self::List(items) => write!(out, "{items:?}"),
            Self::Other(what) => out.write_str(what),
        }
    }
}

/// One value with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub value: Value,
    pub origin: Origin,
}

/// All layers, merged.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    entries: BTreeMap<Vec<String>, Entry>,
    tables: BTreeMap<Vec<String>, Origin>,
}

impl Layers {
    /// Sets a value, in place of what an earlier layer said.
    pub fn set(&mut self, path: Vec<String>, value: Value, origin: Origin) {
        self.entries.insert(path, Entry { value, origin });
    }

    /// Notes that a table was written, also when it holds nothing.
    pub(crate) fn set_table(&mut self, path: Vec<String>, origin: Origin) {
        self.tables.entry(path).or_insert(origin);
    }

    /// The value at a path.
    pub(crate) fn get(&self, path: &[&str]) -> Option<&Entry> {
        let path: Vec<String> = path.iter().map(ToString::to_string).collect();
        self.entries.get(&path)
    }

    /// Every value, by path.
    pub fn entries(&self) -> impl Iterator<Item = (&[String], &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_slice(), entry))
    }

    /// Every table that was written, by path.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&[String], &Origin)> {
        self.tables.iter().map(|(path, origin)| (path.as_slice(), origin))
    }

    /// The names the operator chose below `table` (`cluster`, `set`, `repo`), with where each first appears.
    pub(crate) fn names(&self, table: &str) -> BTreeMap<String, Origin> {
        let mut names = BTreeMap::new();
        let entries = self.entries.iter().map(|(path, entry)| (path, &entry.origin));
        for (path, origin) in self.tables.iter().chain(entries) {
            if let [first, name, ..] = path.as_slice()
                && first == table
            {
                names.entry(name.clone()).or_insert_with(|| origin.clone());
            }
        }
        names
    }
}
