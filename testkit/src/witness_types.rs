//! What the witness is told and what it answers.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Byte strings travel as base64.
pub(crate) mod base64_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encode(bytes))
    }

    pub(crate) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        decode(&String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("not base64"))
    }

    pub(crate) fn encode(bytes: &[u8]) -> String {
        data_encoding::BASE64.encode(bytes)
    }

    pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
        data_encoding::BASE64.decode(text.as_bytes()).ok()
    }
}

/// A column family: its name and attributes as HBase stores them (`VERSIONS`, `COMPRESSION`, `IS_MOB`, …).
#[derive(Clone, Debug, Serialize)]
pub struct FamilySpec {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
}

impl FamilySpec {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), attributes: BTreeMap::new() }
    }

    #[must_use]
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        self.attributes.insert(key.to_owned(), value.to_string());
        self
    }
}

/// A table to create: `ns:name` or `name`.
#[derive(Clone, Debug, Serialize)]
pub struct TableSpec {
    pub table: String,
    pub families: Vec<FamilySpec>,
    pub attributes: BTreeMap<String, String>,
    #[serde(serialize_with = "split_keys")]
    pub splits: Vec<Vec<u8>>,
}

fn split_keys<S: serde::Serializer>(keys: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(keys.iter().map(|key| base64_bytes::encode(key)))
}

impl TableSpec {
    pub fn new(table: &str) -> Self {
        Self { table: table.to_owned(), families: Vec::new(), attributes: BTreeMap::new(), splits: Vec::new() }
    }

    #[must_use]
    pub fn family(mut self, family: FamilySpec) -> Self {
        self.families.push(family);
        self
    }

    #[must_use]
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        self.attributes.insert(key.to_owned(), value.to_string());
        self
    }

    /// Region boundaries.
    #[must_use]
    pub fn split_at<K: AsRef<[u8]>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.splits.extend(keys.into_iter().map(|key| key.as_ref().to_vec()));
        self
    }

    /// Boundaries that spread the keys of [`crate::Witness::load`] evenly over `count` regions.
    #[must_use]
    pub fn regions(self, count: u64) -> Self {
        let keys: Vec<_> = (1..count).map(|number| format!("{:08x}", (number << 32) / count)).collect();
        self.split_at(keys)
    }
}

/// A cell to put.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cell {
    #[serde(with = "base64_bytes")]
    pub row: Vec<u8>,
    #[serde(with = "base64_bytes")]
    pub family: Vec<u8>,
    #[serde(with = "base64_bytes")]
    pub qualifier: Vec<u8>,
    #[serde(with = "base64_bytes")]
    pub value: Vec<u8>,
    /// Milliseconds; the server's clock without.
    pub timestamp: Option<i64>,
    /// Time to live of this one cell, kept in a tag of type 8.
    pub ttl_millis: Option<u64>,
    /// Tags of any type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// A cell tag.
#[derive(Clone, Debug, Serialize)]
pub struct Tag {
    #[serde(rename = "type")]
    pub kind: u8,
    #[serde(with = "base64_bytes")]
    pub value: Vec<u8>,
}

impl Cell {
    pub fn new(row: impl AsRef<[u8]>, family: &str, qualifier: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        Self {
            row: row.as_ref().to_vec(),
            family: family.as_bytes().to_vec(),
            qualifier: qualifier.as_ref().to_vec(),
            value: value.as_ref().to_vec(),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn at(mut self, timestamp: i64) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    #[must_use]
    pub fn tag(mut self, kind: u8, value: &[u8]) -> Self {
        self.tags.push(Tag { kind, value: value.to_vec() });
        self
    }
}

/// Which cells a scan sees. Both see all versions that the families keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// Deleted cells and delete markers too.
    Raw,
    /// What an ordinary client sees.
    View,
}

/// A whole scan in three numbers. Equal hashes mean equal cells in equal order, tags included; sequence ids do not count.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ScanSummary {
    pub rows: u64,
    pub cells: u64,
    pub sha256: String,
}

/// A region as hbase:meta has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Region {
    #[serde(with = "base64_bytes")]
    pub start: Vec<u8>,
    #[serde(with = "base64_bytes")]
    pub end: Vec<u8>,
    pub encoded_name: String,
    pub region_id: i64,
    /// `host,port,start code`, where it is assigned.
    pub server: Option<String>,
}

/// A snapshot in HBase's list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Snapshot {
    pub name: String,
    pub table: String,
    /// `FLUSH`, `SKIPFLUSH`, `DISABLED`.
    pub kind: String,
    pub creation_time_millis: i64,
}

/// A grant. No namespace and no table: global.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Permission {
    #[serde(rename(serialize = "grantee"))]
    pub user: String,
    /// Letters out of `RWXCA`.
    pub actions: String,
    pub namespace: Option<String>,
    pub table: Option<String>,
    pub family: Option<String>,
    pub qualifier: Option<String>,
}

/// How far a master procedure is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ProcedureState {
    /// `NOT_FOUND`, `RUNNING`, `FINISHED`.
    pub state: String,
    /// Set when it failed: `class: message`.
    pub exception: Option<String>,
}

/// What [`crate::Witness::read_hfile`] found: HBase's own reader got to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSummary {
    pub cells: u64,
    /// Trailer fields by the getter's name in HBase (`getCompressionCodec`, `getEntryCount`, `getLoadOnOpenDataOffset`, …).
    pub trailer: BTreeMap<String, serde_json::Value>,
    /// Offset and type of each block.
    pub blocks: Vec<(u64, String)>,
}

/// Cells (dump lines) in one dump and not in the other, each as often as it occurs more there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    pub missing: Vec<String>,
    pub extra: Vec<String>,
}

impl Difference {
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty()
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "{} cells missing, {} extra", self.missing.len(), self.extra.len())?;
        for (sign, lines) in [('-', &self.missing), ('+', &self.extra)] {
            for line in lines.iter().take(20) {
                writeln!(formatter, "{sign} {line}")?;
            }
        }
        Ok(())
    }
}

/// Compares two dumps of [`crate::Witness::dump`] as multisets of cells.
pub fn difference(expected: &Path, actual: &Path) -> std::io::Result<Difference> {
    let (expected, actual) = (std::fs::read_to_string(expected)?, std::fs::read_to_string(actual)?);
    let mut counts: HashMap<&str, i64> = HashMap::new();
    for line in expected.lines() {
        *counts.entry(line).or_default() += 1;
    }
    let mut difference = Difference::default();
    for line in actual.lines() {
        let count = counts.entry(line).or_default();
        *count -= 1;
        if *count < 0 {
            difference.extra.push(line.to_owned());
        }
    }
    for line in expected.lines() {
        if let Some(count) = counts.get_mut(line)
            && *count > 0
        {
            *count -= 1;
            difference.missing.push(line.to_owned());
        }
    }
    Ok(difference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_counts_missing_and_extra_cells_with_their_multiplicity() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let expected = write("expected", "a\nb\nb\nc\n");
        let actual = write("actual", "b\na\nd\nd\n");
        let found = difference(&expected, &actual).unwrap();
        assert_eq!(found.missing, ["b", "c"]);
        assert_eq!(found.extra, ["d", "d"]);
        assert!(difference(&expected, &expected).unwrap().is_empty());
    }

    #[test]
    fn load_keys_are_spread_over_the_regions() {
        assert_eq!(TableSpec::new("t").regions(4).splits, ["40000000", "80000000", "c0000000"].map(|key| key.as_bytes().to_vec()));
        assert!(TableSpec::new("t").regions(1).splits.is_empty());
    }
}
