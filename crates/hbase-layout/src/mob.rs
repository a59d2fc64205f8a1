//! MOB: values above a threshold live in files of their own under `mobdir/`, and what HBase does with them when tables are cloned.
//!
//! ## Where a value is found
//! The cell in the store file holds 4 bytes of length and the **bare name** of the MOB file; its tags are `MOB_REFERENCE` (5) and
//! `MOB_TABLE_NAME` (6), the name of the table that wrote the MOB file. `HMobStore.resolve` looks for the file at exactly two
//! places, both of **the table in the tag**, in all four versions:
//!
//! ```text
//! mobdir/data/<tag's namespace>/<tag's table>/<mob region of that table>/<family>/<file>
//! archive/data/<tag's namespace>/<tag's table>/<mob region of that table>/<family>/<file>
//! ```
//! It never looks into the directory of the table that is read, and links there are not followed. A file that is missing gives
//! an exception, or silently an **empty value** when the scan has the attribute `empty.value.on.mobcell.miss`. So cells of a cloned or restored
//! table keep needing files under the *original* name, and a MOB table that was itself a clone needs files of several tables.
//!
//! ## The MOB region
//! A pseudo region per table: start key `.mob`, no end key, region id 0; its encoded name follows from the table's name. A
//! snapshot lists it with the names found under `mobdir/`.
//!
//! ## Why a manifest does not list all MOB files
//! From 2.5 on the names have `_<region>` behind, which `HFileLink.LINK_NAME_PATTERN` does not match. A clone's
//! `<table>=<region>-<mob file>` is therefore no link to HBase: the snapshot of a cloned MOB table leaves it out
//! (`StoreFileInfo.isValid`: contains `-` and is no link, empty). The complete list is in the store files: file info
//! `MOB_FILE_REFS` (2.5 and later; `hfile::FileInfo::mob_file_references`), table names included. 2.4 writes no such key there
//! and its names do match the pattern.
//!
//! ## What a restore does
//! - It **leaves the MOB region out of the manifest** it publishes: HBase would check the files under the snapshot's table, and
//!   make links that no reader follows. Region files alone are cloned.
//! - It writes every MOB file under the *tag's* table into `mobdir/` ([`MobFile::path`]) before the clone. `mobdir/` is not
//!   looked at by the HFile cleaner, so nothing has to guard it; a table restored under its own name has its files exactly where
//!   its own writer put them.
//! - Restored under another name while the original table lives in the same cluster, the file is usually there already (and
//!   only checked). But the original's `MobFileCleanerChore` moves files to the archive, an hour after they were written,
//!   when their region suffix is no current region of it (2.5 and later), or that region has no reference to them any more, and the
//!   HFile cleaner then deletes them, since no back reference exists. For this case [`crate::RestorePlan::mob_guard`] is a second snapshot that names them and is *kept*; it can go after
//!   a major compaction of the MOB families with MOB compaction of the restored table, which rewrites the values under its own name.
//!   (HBase's own clones have the same weakness: the links that back its references are moved away by the clone's chore.)

use bytes::Bytes;
use hbase_proto as proto;
use hbase_proto::Message;
use hbase_types::{RegionInfo, TableName};

use crate::RootLayout;

/// The start key of every MOB region.
const MOB_START_KEY: &[u8] = b".mob";

/// One MOB file: whose it is, and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MobFile {
    /// The table in the cells' tags.
    pub table: TableName,
    pub family: String,
    pub name: String,
}

impl MobFile {
    /// The place in `mobdir/` where readers look first.
    pub fn path(&self, layout: &RootLayout) -> String {
        format!("{}/{}", layout.mob_family_directory(&self.table, &mob_region_name(&self.table), &self.family), self.name)
    }

    /// Both places where readers look.
    pub fn candidates(&self, layout: &RootLayout) -> [String; 2] {
        let archive = layout.archive_family_directory(&self.table, &mob_region_name(&self.table), &self.family);
        [self.path(layout), format!("{archive}/{}", self.name)]
    }
}

/// The MOB region of a table.
pub fn mob_region(table: &TableName) -> RegionInfo {
    RegionInfo {
        table: table.clone(),
        start_key: Bytes::from_static(MOB_START_KEY),
        end_key: Bytes::new(),
        region_id: 0,
        replica_id: 0,
        offline: false,
        split: false,
    }
}

/// The encoded name of a table's MOB region.
pub fn mob_region_name(table: &TableName) -> String {
    mob_region(table).encoded_name()
}

/// Whether this is a MOB region (of whatever table it names).
pub fn is_mob_region(region: &RegionInfo) -> bool {
    region.encoded_name() == mob_region_name(&region.table)
}

pub(crate) fn raw_mob_region(table: &TableName) -> Bytes {
    let message = proto::RegionInfo {
        region_id: 0,
        table_name: table.into(),
        start_key: Some(Bytes::from_static(MOB_START_KEY)),
        end_key: Some(Bytes::new()),
        offline: Some(false),
        split: Some(false),
        replica_id: Some(0),
    };
    message.encode_to_vec().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mob_region_is_the_one_hbase_made() {
        // From the 2.6.4 fixture: mobdir/data/shop/blobs/0a8354971dbc8a105006e331624f0f8c.
        let table = TableName::parse("shop:blobs").unwrap();
        assert_eq!(mob_region_name(&table), "0a8354971dbc8a105006e331624f0f8c");
        assert!(is_mob_region(&mob_region(&table)));
        assert_eq!(crate::parse_region_info(&raw_mob_region(&table)).unwrap(), mob_region(&table));
        assert!(!is_mob_region(&RegionInfo { region_id: 1, ..mob_region(&table) }));
    }
}
