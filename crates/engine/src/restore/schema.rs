//! Comparing descriptors: what the cluster says of a table against what the backup holds.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use hbase_layout::TableSchema;
use hbase_types::TableName;

use crate::{EngineError, Result};

/// Attributes that a master adds to every table it makes, or that only say where the descriptor came from.
const NOT_COMPARED: [&str; 3] = ["IS_META", "hbase.store.file-tracker.impl", "METADATA"];

/// What every HBase writes into a family that does not say otherwise (`ColumnFamilyDescriptorBuilder.DEFAULT_VALUES` of 2.4 to 3.0).
/// The list grew with the releases, so an attribute that is absent on one side says the same as the default on the other.
const FAMILY_DEFAULTS: [(&str, &str); 12] = [
    ("BLOOMFILTER", "ROW"),
    ("REPLICATION_SCOPE", "0"),
    ("VERSIONS", "1"),
    ("MIN_VERSIONS", "0"),
    ("COMPRESSION", "NONE"),
    ("TTL", "2147483647"),
    ("BLOCKSIZE", "65536"),
    ("IN_MEMORY", "false"),
    ("BLOCKCACHE", "true"),
    ("KEEP_DELETED_CELLS", "FALSE"),
    ("DATA_BLOCK_ENCODING", "NONE"),
    ("INDEX_BLOCK_ENCODING", "NONE"),
];

/// Fails, naming the differences, unless both descriptors say the same but for the table's name.
pub(super) fn same(table: &TableName, expected: &Bytes, found: &Bytes) -> Result<()> {
    let differences = differences(&TableSchema::parse(expected.clone())?, &TableSchema::parse(found.clone())?);
    if differences.is_empty() {
        return Ok(());
    }
    let shown = differences.iter().take(5).cloned().collect::<Vec<_>>().join("; ");
    let detail = format!("its descriptor differs from the backup's in {} places: {shown}", differences.len());
    Err(EngineError::Mismatch { subject: table.to_string(), detail })
}

/// Differences in words, `expected` first.
pub(super) fn differences(expected: &TableSchema, found: &TableSchema) -> Vec<String> {
    let mut differences = Vec::new();
    compare("table", expected.attributes(), found.attributes(), &[], &mut differences);
    compare("table configuration", expected.configuration(), found.configuration(), &[], &mut differences);
    let names = |schema: &TableSchema| -> BTreeSet<Bytes> { schema.families().iter().map(|family| family.name.clone()).collect() };
    for name in names(expected).union(&names(found)) {
        let text = String::from_utf8_lossy(name);
        match (expected.family(name), found.family(name)) {
            (Some(left), Some(right)) => {
                compare(&format!("family {text}"), &left.attributes, &right.attributes, &FAMILY_DEFAULTS, &mut differences);
                compare(&format!("family {text} configuration"), &left.configuration, &right.configuration, &[], &mut differences);
            }
            (Some(_), None) => differences.push(format!("family {text} is missing")),
            _ => differences.push(format!("family {text} is not in the backup")),
        }
    }
    differences
}

fn compare(
    what: &str,
    expected: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
    defaults: &[(&str, &str)],
    differences: &mut Vec<String>,
) {
    let keys: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    for key in keys.into_iter().filter(|key| !NOT_COMPARED.contains(&key.as_str())) {
        let (left, right) = (expected.get(key), found.get(key));
        let is_default = |value: Option<&String>| {
            let Some((_, default)) = defaults.iter().find(|(name, _)| name == key) else { return value.is_none() };
            value.is_none_or(|value| value.eq_ignore_ascii_case(default))
        };
        if left != right && !(is_default(left) && is_default(right)) {
            let show = |value: Option<&String>| value.map_or("nothing", String::as_str).to_owned();
            differences.push(format!("{what} {key}: {} in the backup, {} in the cluster", show(left), show(right)));
        }
    }
}

/// What a live table has that the backup's descriptor does not: families, and what they set. Replacing the table loses it.
pub(super) fn lost_by_replacing(live: &TableSchema, backup: &TableSchema) -> Vec<String> {
    let missing = live.families().iter().filter(|family| backup.family(&family.name).is_none());
    let mut lost: Vec<String> = missing.map(|family| format!("family {}", family.name_text())).collect();
    let gone = live.coprocessors().into_iter().filter(|class| !backup.coprocessors().contains(class));
    lost.extend(gone.map(|class| format!("coprocessor {class}")));
    lost
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(expected: &[(&str, &str)], found: &[(&str, &str)]) -> Vec<String> {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut differences = Vec::new();
        compare("family f", &map(expected), &map(found), &FAMILY_DEFAULTS, &mut differences);
        differences
    }

    #[test]
    fn a_default_that_another_release_writes_down_is_no_difference() {
        assert!(found(&[], &[("INDEX_BLOCK_ENCODING", "NONE"), ("TTL", "2147483647")]).is_empty());
        assert!(found(&[("KEEP_DELETED_CELLS", "false")], &[]).is_empty());
        assert_eq!(found(&[], &[("INDEX_BLOCK_ENCODING", "PREFIX_TREE")]).len(), 1);
        assert_eq!(found(&[("VERSIONS", "3")], &[]).len(), 1);
        assert_eq!(found(&[("VERSIONS", "1")], &[("VERSIONS", "3")]).len(), 1);
        assert_eq!(found(&[], &[("IS_MOB", "false")]).len(), 1, "not one of the defaults");
    }
}
