//! Reading fixtures.

use std::path::Path;

use bytes::Bytes;
use hbase_layout::SnapshotManifest;
use serde_json::Value;

pub(crate) fn read(path: &Path) -> Bytes {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into()
}

pub(crate) fn json_lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The completed snapshots of a root.
pub(crate) fn snapshot_names(root: &Path) -> Vec<String> {
    names(&root.join(".hbase-snapshot")).into_iter().filter(|name| !name.starts_with('.')).collect()
}

pub(crate) fn snapshot(root: &Path, name: &str) -> SnapshotManifest {
    let directory = root.join(".hbase-snapshot").join(name);
    SnapshotManifest::read_v2(&read(&directory.join(".snapshotinfo")), &read(&directory.join("data.manifest"))).unwrap()
}
