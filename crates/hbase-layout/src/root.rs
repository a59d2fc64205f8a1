//! Where things lie under `hbase.rootdir`. Paths are joined as text, absolute from the root that was given; the root may be a
//! local path, or the path part of a URL.
//!
//! ```text
//! data/<namespace>/<table>/.tabledesc/.tableinfo.<sequence>.<length>
//! data/<namespace>/<table>/<region>/.regioninfo
//! data/<namespace>/<table>/<region>/<family>/<store file>
//! data/<namespace>/<table>/<region>/<family>/.filelist/f1.<stamp>, f2.<stamp>   (FILE tracker)
//! archive/data/…            the same tree, for files no longer in use but perhaps referred to
//! mobdir/data/<namespace>/<table>/<mob region>/<family>/<mob file>
//! .hbase-snapshot/<snapshot>/.snapshotinfo, data.manifest
//! .hbase-snapshot/.tmp/<snapshot>   in progress (elsewhere with hbase.snapshot.working.dir)
//! ```

use hbase_types::TableName;

use crate::LayoutError;

/// The paths under one root directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootLayout {
    root: String,
}

impl RootLayout {
    /// A layout under `root` (a trailing `/` does not matter).
    pub fn new(root: &str) -> Self {
        Self { root: root.trim_end_matches('/').to_owned() }
    }

    pub fn root(&self) -> &str {
        &self.root
    }

    /// `path` relative to the root, or `None` when it lies elsewhere.
    pub fn relative<'path>(&self, path: &'path str) -> Option<&'path str> {
        path.strip_prefix(&self.root)?.strip_prefix('/')
    }

    fn join(&self, relative: &str) -> String {
        format!("{}/{relative}", self.root)
    }

    /// `hbase.id`: the cluster id.
    pub fn cluster_id_file(&self) -> String {
        self.join("hbase.id")
    }

    /// `hbase.version`: the version of this layout (8 since HBase 0.96).
    pub fn version_file(&self) -> String {
        self.join("hbase.version")
    }

    pub fn data_directory(&self) -> String {
        self.join("data")
    }

    pub fn archive_data_directory(&self) -> String {
        self.join("archive/data")
    }

    pub fn mob_data_directory(&self) -> String {
        self.join("mobdir/data")
    }

    pub fn namespace_directory(&self, namespace: &str) -> String {
        self.join(&format!("data/{namespace}"))
    }

    pub fn table_directory(&self, table: &TableName) -> String {
        self.join(&format!("data/{}/{}", table.namespace(), table.qualifier()))
    }

    /// The directory of the table's descriptor files.
    pub fn table_descriptor_directory(&self, table: &TableName) -> String {
        format!("{}/.tabledesc", self.table_directory(table))
    }

    pub fn archive_table_directory(&self, table: &TableName) -> String {
        self.join(&format!("archive/data/{}/{}", table.namespace(), table.qualifier()))
    }

    pub fn mob_table_directory(&self, table: &TableName) -> String {
        self.join(&format!("mobdir/data/{}/{}", table.namespace(), table.qualifier()))
    }

    pub fn region_directory(&self, table: &TableName, encoded_region: &str) -> String {
        format!("{}/{encoded_region}", self.table_directory(table))
    }

    pub fn region_info_file(&self, table: &TableName, encoded_region: &str) -> String {
        format!("{}/.regioninfo", self.region_directory(table, encoded_region))
    }

    pub fn family_directory(&self, table: &TableName, encoded_region: &str, family: &str) -> String {
        format!("{}/{family}", self.region_directory(table, encoded_region))
    }

    pub fn archive_family_directory(&self, table: &TableName, encoded_region: &str, family: &str) -> String {
        format!("{}/{encoded_region}/{family}", self.archive_table_directory(table))
    }

    pub fn mob_family_directory(&self, table: &TableName, encoded_region: &str, family: &str) -> String {
        format!("{}/{encoded_region}/{family}", self.mob_table_directory(table))
    }

    /// `.tmp/data/<namespace>/<table>/…`: where a clone that has not finished keeps its files.
    pub fn temporary_family_directory(&self, table: &TableName, encoded_region: &str, family: &str) -> String {
        self.join(&format!(".tmp/data/{}/{}/{encoded_region}/{family}", table.namespace(), table.qualifier()))
    }

    /// The directory of completed snapshots. Everything in it that is not a complete snapshot stops HFile cleaning.
    pub fn snapshots_directory(&self) -> String {
        self.join(".hbase-snapshot")
    }

    pub fn snapshot_directory(&self, name: &str) -> String {
        self.join(&format!(".hbase-snapshot/{name}"))
    }

    pub fn snapshot_info_file(&self, name: &str) -> String {
        format!("{}/.snapshotinfo", self.snapshot_directory(name))
    }

    pub fn data_manifest_file(&self, name: &str) -> String {
        format!("{}/data.manifest", self.snapshot_directory(name))
    }

    /// Where HBase itself puts snapshots in progress, unless `hbase.snapshot.working.dir` says otherwise. A master that starts
    /// empties it, so nothing of ours lives there.
    pub fn snapshot_working_directory(&self, name: &str) -> String {
        self.join(&format!(".hbase-snapshot/.tmp/{name}"))
    }

    /// Where Seawall stages what is then published by one rename. HBase leaves unknown directories of the root alone.
    pub fn staging_directory(&self) -> String {
        self.join(".seawall")
    }
}

/// Whether `name` can stand as one directory or file name in a path: not empty, no separator, not `.` or `..`, no control character.
pub fn is_path_component(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.chars().any(|letter| letter == '/' || letter.is_control())
}

/// A family name as a directory. HBase allows no `:`, `/` or leading dot and wants it printable; anything else is refused.
pub(crate) fn family_directory_name(family: &[u8]) -> Result<&str, LayoutError> {
    let malformed = |detail: String| LayoutError::Malformed { what: "family name", offset: 0, detail };
    let name = std::str::from_utf8(family).map_err(|_| malformed(format!("{family:02x?} is not UTF-8")))?;
    if !is_path_component(name) || name.starts_with('.') || name.contains(':') {
        return Err(malformed(format!("`{name}`")));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_where_hbase_puts_them() {
        let layout = RootLayout::new("/hbase/");
        let table = TableName::parse("shop:orders").unwrap();
        assert_eq!(layout.family_directory(&table, "abc", "f"), "/hbase/data/shop/orders/abc/f");
        assert_eq!(layout.archive_family_directory(&table, "abc", "f"), "/hbase/archive/data/shop/orders/abc/f");
        assert_eq!(layout.mob_family_directory(&table, "abc", "f"), "/hbase/mobdir/data/shop/orders/abc/f");
        assert_eq!(layout.table_directory(&TableName::parse("t").unwrap()), "/hbase/data/default/t");
        assert_eq!(layout.data_manifest_file("s"), "/hbase/.hbase-snapshot/s/data.manifest");
        assert_eq!(layout.relative("/hbase/data/x"), Some("data/x"));
        assert_eq!(layout.relative("/hbase2/data/x"), None);
    }

    #[test]
    fn a_name_that_leaves_its_directory_is_no_component() {
        for name in ["", ".", "..", "a/b", "/", "a\0", "a\n"] {
            assert!(!is_path_component(name), "{name:?}");
        }
        assert!(family_directory_name(b".hidden").is_err());
        assert!(family_directory_name(b"\xff").is_err());
        assert_eq!(family_directory_name(b"cf-1"), Ok("cf-1"));
    }
}
