//! Names of store files, and where the physical file behind a name may lie.
//!
//! ```text
//! <hex>                                    HFile
//! <hex>_SeqId_<n>_                         bulk-loaded HFile; n is the sequence id of all its cells
//! <72 hex>[_<encoded region>]              MOB file: md5(start key), yyyymmdd, uuid; from 2.5 on also the region that wrote it
//! [<namespace>=]<table>=<region>-<file>    HFileLink: an empty file (or a manifest entry) naming a file of another table
//! <file>.<parent region>                   reference to half of a file of a split or merged parent; the file holds a split key
//! [<namespace>=]<table>=<region>-<file>.<parent region>   reference to half of a linked file
//! ```
//! Source: `StoreFileInfo` (`HFILE_NAME_REGEX`, `REF_NAME_PATTERN`), `HFileLink.LINK_NAME_PATTERN`, `MobFileName`; the same in
//! 2.4.18, 2.5.13, 2.6.4 and 3.0.0-alpha-4. One difference on purpose: HBase's link pattern does not match a link to a MOB file
//! with a region suffix (HBase takes such a link for a MOB file of its own, see [`crate::mob`]); here it is read as the link it is.
//!
//! Everything accepted here is safe as a path component: hexadecimal digits, checked table names, no separators.

use std::fmt;

use hbase_types::TableName;

use crate::{LayoutError, RootLayout};

/// A store file's name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StoreFileName {
    /// A file written by a flush or a compaction.
    HFile { name: String },
    /// A file taken over by a bulk load. Its name must be kept: it carries the sequence id.
    BulkLoaded { name: String, sequence_id: u64 },
    /// A file of values above the MOB threshold, under `mobdir/`.
    Mob { name: String },
    /// A file of another table or region.
    Link { table: TableName, region: String, file: String },
    /// Half of a file of a parent region of the same table.
    Reference { file: String, parent_region: String },
    /// Half of a linked file. `parent_region` is the parent in this table; the file itself lies in `region` of `table`.
    LinkReference { table: TableName, region: String, file: String, parent_region: String },
}

impl StoreFileName {
    /// Reads a name as it stands in a manifest, a store-file list or a directory.
    pub fn parse(name: &str) -> Result<Self, LayoutError> {
        Self::try_parse(name).ok_or_else(|| LayoutError::StoreFileName { name: name.to_owned() })
    }

    fn try_parse(name: &str) -> Option<Self> {
        let Some((tables, rest)) = name.rsplit_once('=') else {
            return match name.split_once('.') {
                Some((file, parent)) if is_file(file) && is_hex(parent) => {
                    Some(Self::Reference { file: file.to_owned(), parent_region: parent.to_owned() })
                }
                Some(_) => None,
                None => Self::parse_plain(name),
            };
        };
        let table = match tables.split_once('=') {
            Some((namespace, qualifier)) => TableName::new(namespace, qualifier).ok()?,
            None => TableName::new(TableName::DEFAULT_NAMESPACE, tables).ok()?,
        };
        let (region, file) = rest.split_once('-')?;
        if !is_hex(region) {
            return None;
        }
        let region = region.to_owned();
        match file.split_once('.') {
            Some((file, parent)) if is_file(file) && is_hex(parent) => {
                Some(Self::LinkReference { table, region, file: file.to_owned(), parent_region: parent.to_owned() })
            }
            None if is_file(file) => Some(Self::Link { table, region, file: file.to_owned() }),
            _ => None,
        }
    }

    fn parse_plain(name: &str) -> Option<Self> {
        let owned = name.to_owned();
        if let Some(sequence_id) = bulk_sequence_id(name) {
            return Some(Self::BulkLoaded { name: owned, sequence_id });
        }
        if is_mob_file(name) {
            return Some(Self::Mob { name: owned });
        }
        is_file(name).then_some(Self::HFile { name: owned })
    }

    /// The bare name of the file that holds the bytes: what identifies the content.
    pub fn physical_name(&self) -> &str {
        match self {
            Self::HFile { name } | Self::BulkLoaded { name, .. } | Self::Mob { name } => name,
            Self::Link { file, .. } | Self::Reference { file, .. } | Self::LinkReference { file, .. } => file,
        }
    }

    /// Whether only half of the physical file belongs to the region.
    pub fn is_reference(&self) -> bool {
        matches!(self, Self::Reference { .. } | Self::LinkReference { .. })
    }

    /// The table and region whose directory the physical file belongs to, for a name listed in `region` of `table`.
    pub fn home<'name>(&'name self, table: &'name TableName, region: &'name str) -> (&'name TableName, &'name str) {
        match self {
            Self::HFile { .. } | Self::BulkLoaded { .. } | Self::Mob { .. } => (table, region),
            Self::Reference { parent_region, .. } => (table, parent_region),
            Self::Link { table, region, .. } | Self::LinkReference { table, region, .. } => (table, region),
        }
    }

    /// Every place the physical file may lie, likeliest first, for a name listed in `family` of `region` (encoded) of `table`.
    /// A file moves from the first to the archive at any moment, so a file found nowhere is looked for a second time.
    pub fn candidates(&self, layout: &RootLayout, table: &TableName, region: &str, family: &str) -> Vec<String> {
        let (table, region) = self.home(table, region);
        let data = layout.family_directory(table, region, family);
        let archive = layout.archive_family_directory(table, region, family);
        let mob = layout.mob_family_directory(table, region, family);
        let temporary = layout.temporary_family_directory(table, region, family);
        let directories = if is_mob_file(self.physical_name()) { [mob, archive, data, temporary] } else { [data, archive, mob, temporary] };
        directories.into_iter().map(|directory| format!("{directory}/{}", self.physical_name())).collect()
    }
}

impl fmt::Display for StoreFileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HFile { name } | Self::BulkLoaded { name, .. } | Self::Mob { name } => formatter.write_str(name),
            Self::Link { table, region, file } => formatter.write_str(&link_name(table, region, file)),
            Self::Reference { file, parent_region } => write!(formatter, "{file}.{parent_region}"),
            Self::LinkReference { table, region, file, parent_region } => {
                write!(formatter, "{}.{parent_region}", link_name(table, region, file))
            }
        }
    }
}

/// The name of a link to `file` of `region` of `table` (`HFileLink.createHFileLinkName`).
pub fn link_name(table: &TableName, region: &str, file: &str) -> String {
    format!("{}={region}-{file}", table.to_string().replace(':', "="))
}

/// The name of a back reference: which region (encoded) of which table links to a file (`HFileLink.createBackReferenceName`).
pub fn back_reference_name(linking_table: &TableName, linking_region: &str) -> String {
    format!("{linking_region}.{}", linking_table.to_string().replace(':', "="))
}

/// Where the back references of an archived file stand: an empty file per link, in this directory beside the file. HBase's
/// cleaner keeps the file as long as one of them leads to a link that exists.
pub fn back_reference_directory(archive_family_directory: &str, file: &str) -> String {
    format!("{archive_family_directory}/.links-{file}")
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_file(name: &str) -> bool {
    is_hex(name.strip_suffix("_del").unwrap_or(name)) || bulk_sequence_id(name).is_some() || is_mob_file(name)
}

fn bulk_sequence_id(name: &str) -> Option<u64> {
    let (file, sequence_id) = name.strip_suffix('_')?.split_once("_SeqId_")?;
    let digits = !sequence_id.is_empty() && sequence_id.bytes().all(|byte| byte.is_ascii_digit());
    (is_hex(file) && digits).then(|| sequence_id.parse().ok()).flatten()
}

/// 32 digits of MD5, 8 of date, 32 of UUID, and from 2.5 on `_` and the region that wrote it.
fn is_mob_file(name: &str) -> bool {
    const PREFIX_DIGITS: usize = 32 + 8 + 32;
    let (file, region) = name.split_once('_').map_or((name, None), |(file, region)| (file, Some(region)));
    file.len() == PREFIX_DIGITS && is_hex(file) && region.is_none_or(is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: &str = "5e1b5a9dd1a0d7d3e1ce1e5ac1f3d7aa";
    const FILE: &str = "b6dc3292a4e247d886c9fdd6a7ea9ff0";
    const MOB: &str = "d41d8cd98f00b204e9800998ecf8427e2023111418778ccbef054333b3cdeb9eb245d179";

    fn table(name: &str) -> TableName {
        TableName::parse(name).unwrap()
    }

    #[test]
    fn every_form_reads_back() {
        let (file, region) = (FILE.to_owned(), REGION.to_owned());
        let forms = [
            (FILE.to_owned(), StoreFileName::HFile { name: file.clone() }),
            (format!("{FILE}_SeqId_42_"), StoreFileName::BulkLoaded { name: format!("{FILE}_SeqId_42_"), sequence_id: 42 }),
            (MOB.to_owned(), StoreFileName::Mob { name: MOB.to_owned() }),
            (format!("{MOB}_{REGION}"), StoreFileName::Mob { name: format!("{MOB}_{REGION}") }),
            (format!("t={REGION}-{FILE}"), StoreFileName::Link { table: table("t"), region: region.clone(), file: file.clone() }),
            (
                format!("n=a-b.c={REGION}-{FILE}"),
                StoreFileName::Link { table: table("n:a-b.c"), region: region.clone(), file: file.clone() },
            ),
            (
                format!("t={REGION}-{MOB}_{REGION}"),
                StoreFileName::Link { table: table("t"), region: region.clone(), file: format!("{MOB}_{REGION}") },
            ),
            (format!("{FILE}.{REGION}"), StoreFileName::Reference { file: file.clone(), parent_region: region.clone() }),
            (
                format!("n=t.x={REGION}-{FILE}_SeqId_7_.abc"),
                StoreFileName::LinkReference {
                    table: table("n:t.x"),
                    region,
                    file: format!("{FILE}_SeqId_7_"),
                    parent_region: "abc".to_owned(),
                },
            ),
        ];
        for (name, form) in forms {
            assert_eq!(StoreFileName::parse(&name), Ok(form.clone()), "{name}");
            assert_eq!(form.to_string(), name);
        }
    }

    #[test]
    fn what_is_no_store_file_is_refused() {
        let names = [
            "",
            ".",
            "..",
            "../x",
            ".filelist",
            "recovered.edits",
            "abc.tmp",
            "abc/def",
            "ABC",
            "t=xyz-abc",
            "=abc-abc",
            "a=b=c=abc-abc",
            "t=abc-",
            "abc.",
            ".abc",
            "abc_SeqId__",
            "abc_SeqId_x_",
            "t=abc-abc.tmp",
        ];
        for name in names {
            assert!(StoreFileName::parse(name).is_err(), "{name:?} was accepted");
        }
    }

    #[test]
    fn candidates_follow_the_name() {
        let layout = RootLayout::new("/r");
        let shop = table("shop:orders");
        let at = |name: &str| StoreFileName::parse(name).unwrap().candidates(&layout, &shop, "aa", "f");
        assert_eq!(at("0f")[..2], ["/r/data/shop/orders/aa/f/0f", "/r/archive/data/shop/orders/aa/f/0f"]);
        assert_eq!(at("0f.bb")[0], "/r/data/shop/orders/bb/f/0f");
        assert_eq!(at("t=cc-0f")[1], "/r/archive/data/default/t/cc/f/0f");
        assert_eq!(at("t=cc-0f.bb")[0], "/r/data/default/t/cc/f/0f");
        assert_eq!(at(&format!("{MOB}_bb"))[0], format!("/r/mobdir/data/shop/orders/aa/f/{MOB}_bb"));
    }
}
