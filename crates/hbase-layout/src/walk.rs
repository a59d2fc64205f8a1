//! Which entries of a root directory are namespaces, tables, regions, families and store files. Used for offline sources; the
//! rules are those of HBase's own filters (`FSUtils.UserTableDirFilter`, `RegionDirFilter`, `FamilyDirFilter`,
//! `StoreFileInfo.isValid`), so that neither leftovers are taken for data nor data is passed over.

use crate::{LayoutError, StoreFileName};
use hbase_types::TableName;

/// Whether a directory under `data/` is a namespace.
pub fn is_namespace_directory(name: &str) -> bool {
    TableName::new(name, "t").is_ok()
}

/// The table of a directory under `data/<namespace>/`, if it is one.
pub fn table_of_directory(namespace: &str, name: &str) -> Option<TableName> {
    TableName::new(namespace, name).ok()
}

/// Whether a directory under a table's is a region: hexadecimal (in `hbase:meta` decimal) digits only. `.tabledesc`, `.tmp`, `.splits` and the
/// like are not. A region without `.regioninfo` was being made or deleted.
pub fn is_region_directory(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a directory under a region's is a family: not hidden (`.tmp`, `.splits`, `.merges`, `.regioninfo`) and not
/// `recovered.edits` or `recovered.hfiles`.
pub fn is_family_directory(name: &str) -> bool {
    crate::root::family_directory_name(name.as_bytes()).is_ok() && name != "recovered.edits" && name != "recovered.hfiles"
}

/// The store file behind a directory entry of a family, if it is one.
///
/// - directories and hidden names (`.filelist`, `.tmp`) are none: `Ok(None)`;
/// - an empty file that is no link is none, as HBase decides too (it is what a crash of HDFS left);
/// - any other name that no HBase writes is an error, since passing it over could lose data.
pub fn store_file_of_entry(name: &str, length: u64, is_directory: bool) -> Result<Option<StoreFileName>, LayoutError> {
    if is_directory || name.starts_with('.') {
        return Ok(None);
    }
    let parts = StoreFileName::parse(name)?;
    Ok((length > 0 || matches!(parts, StoreFileName::Link { .. })).then_some(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_not_data() {
        for name in [".tabledesc", ".tmp", ".splits", "", "recovered.edits", "ABC", "xyz"] {
            assert!(!is_region_directory(name), "{name}");
        }
        assert!(is_region_directory("1588230740"));
        for name in [".tmp", ".splits", ".merges", "recovered.edits", "recovered.hfiles", ".filelist"] {
            assert!(!is_family_directory(name), "{name}");
        }
        assert!(is_family_directory("cf"));
        assert!(is_namespace_directory("default"));
        assert!(!is_namespace_directory(".tmp"));
        assert_eq!(table_of_directory("default", ".tmp"), None);
    }

    #[test]
    fn entries_of_a_family_are_told_apart() {
        assert_eq!(store_file_of_entry(".filelist", 0, true), Ok(None));
        assert_eq!(store_file_of_entry("abc", 0, false), Ok(None));
        assert!(store_file_of_entry("abc", 5, false).unwrap().is_some());
        assert!(store_file_of_entry("t=abc-def", 0, false).unwrap().is_some());
        assert!(store_file_of_entry("something", 5, false).is_err());
    }
}
