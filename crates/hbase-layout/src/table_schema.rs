//! Table descriptors: a view over the raw `TableSchema` message, and the `.tabledesc` directory.
//!
//! `.tabledesc/.tableinfo.<10 digits>.<length>` = `PBUF` and the message; the highest number counts. Since 2.5.? the file's
//! length stands in the name so that a cut file is recognised; older files have no length (`.tableinfo.<10 digits>`), oldest
//! no number at all (`.tableinfo`). Source: `FSTableDescriptors`.

use std::collections::BTreeMap;

use bytes::Bytes;
use hbase_proto as proto;
use hbase_types::TableName;

use crate::LayoutError;
use crate::magic::{decode, strip_magic, with_magic};
use crate::region::{convert_error, renamed_table_field};
use crate::wire;

const WHAT: &str = "table descriptor";
/// `TableSchema.table_name`
const TABLE_NAME: u32 = 1;

/// A table descriptor: the raw message, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSchema {
    raw: Bytes,
    table: TableName,
    attributes: BTreeMap<String, String>,
    configuration: BTreeMap<String, String>,
    families: Vec<FamilyView>,
}

/// One column family of a descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyView {
    pub name: Bytes,
    /// `BLOOMFILTER`, `COMPRESSION`, `VERSIONS`, … as HBase writes them; bytes that are no UTF-8 are replaced.
    pub attributes: BTreeMap<String, String>,
    pub configuration: BTreeMap<String, String>,
}

impl FamilyView {
    fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.get(key).map(String::as_str)
    }

    /// The name as text, for people and paths.
    pub fn name_text(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }

    pub fn compression(&self) -> &str {
        self.attribute("COMPRESSION").unwrap_or("NONE")
    }

    pub fn data_block_encoding(&self) -> &str {
        self.attribute("DATA_BLOCK_ENCODING").unwrap_or("NONE")
    }

    pub fn bloom_filter(&self) -> &str {
        self.attribute("BLOOMFILTER").unwrap_or("ROW")
    }

    /// How many versions of a cell are kept; HBase's default is 1.
    pub fn versions(&self) -> u32 {
        self.attribute("VERSIONS").and_then(|text| text.parse().ok()).unwrap_or(1)
    }

    /// Seconds a cell lives, `None` = for ever.
    pub fn ttl_seconds(&self) -> Option<u64> {
        const FOR_EVER: u64 = i32::MAX as u64;
        self.attribute("TTL").and_then(|text| text.parse().ok()).filter(|ttl| *ttl < FOR_EVER)
    }

    /// Whether values above [`FamilyView::mob_threshold_bytes`] go to MOB files.
    pub fn is_mob(&self) -> bool {
        self.attribute("IS_MOB").is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// Values longer than this many bytes go to MOB files (default 100 KiB). HBase stores the number as 8 bytes or as text.
    pub fn mob_threshold_bytes(&self) -> u64 {
        self.attribute("MOB_THRESHOLD").and_then(|text| text.parse().ok()).unwrap_or(100 << 10)
    }

    /// `AES` and the like, when cells are encrypted at rest by HBase.
    pub fn encryption(&self) -> Option<&str> {
        self.attribute("ENCRYPTION")
    }

    pub fn replication_scope(&self) -> i32 {
        self.attribute("REPLICATION_SCOPE").and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

impl TableSchema {
    /// Reads a raw `TableSchema` message.
    pub fn parse(raw: Bytes) -> Result<Self, LayoutError> {
        let message: proto::TableSchema = decode(WHAT, &raw)?;
        let table = message.table_name.as_ref().ok_or(LayoutError::MissingField { what: WHAT, field: "table name" })?;
        let table = TableName::try_from(table).map_err(|error| convert_error(WHAT, error))?;
        let families = message
            .column_families
            .iter()
            .map(|family| FamilyView {
                name: family.name.clone(),
                attributes: attributes(&family.attributes),
                configuration: configuration(&family.configuration),
            })
            .collect();
        let (attributes, configuration) = (attributes(&message.attributes), configuration(&message.configuration));
        Ok(Self { raw, table, attributes, configuration, families })
    }

    /// Reads a `.tableinfo` file.
    pub fn from_file(file: &Bytes) -> Result<Self, LayoutError> {
        Self::parse(strip_magic(WHAT, file)?)
    }

    /// The `.tableinfo` file.
    pub fn to_file(&self) -> Bytes {
        with_magic(&self.raw)
    }

    /// The message as it was read.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    pub fn table(&self) -> &TableName {
        &self.table
    }

    pub fn families(&self) -> &[FamilyView] {
        &self.families
    }

    pub fn family(&self, name: &[u8]) -> Option<&FamilyView> {
        self.families.iter().find(|family| family.name == name)
    }

    /// The table's own attributes: `MAX_FILESIZE`, `hbase.store.file-tracker.impl`, `coprocessor$1`, ….
    pub fn attributes(&self) -> &BTreeMap<String, String> {
        &self.attributes
    }

    pub fn configuration(&self) -> &BTreeMap<String, String> {
        &self.configuration
    }

    /// The classes of the table's coprocessors, in their order: the target needs them, or opening the table fails.
    /// An attribute `coprocessor$N` is `jar path|class|priority|arguments`.
    pub fn coprocessors(&self) -> Vec<String> {
        let is_coprocessor = |key: &str| key.to_ascii_lowercase().starts_with("coprocessor$");
        let values = self.attributes.iter().filter(|(key, _)| is_coprocessor(key));
        values.filter_map(|(_, value)| value.split('|').nth(1).map(|class| class.trim().to_owned())).collect()
    }

    /// The raw message for another table name, everything else byte for byte.
    pub fn renamed(&self, table: &TableName) -> Result<Bytes, LayoutError> {
        wire::set(&self.raw, &[(TABLE_NAME, Some(renamed_table_field(&self.raw, TABLE_NAME, table)?))])
    }
}

fn attributes(pairs: &[proto::BytesBytesPair]) -> BTreeMap<String, String> {
    pairs.iter().map(|pair| (String::from_utf8_lossy(&pair.first).into_owned(), attribute_text(&pair.first, &pair.second))).collect()
}

/// `MOB_THRESHOLD` may be 8 big-endian bytes (the Java API writes `Bytes.toBytes(long)`); everything else is text.
fn attribute_text(key: &[u8], value: &[u8]) -> String {
    match <[u8; 8]>::try_from(value) {
        Ok(number) if key == b"MOB_THRESHOLD" && !value.iter().all(u8::is_ascii_digit) => u64::from_be_bytes(number).to_string(),
        _ => String::from_utf8_lossy(value).into_owned(),
    }
}

fn configuration(pairs: &[proto::NameStringPair]) -> BTreeMap<String, String> {
    pairs.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect()
}

/// The name of the descriptor file with this sequence number.
pub fn table_info_file_name(sequence: u32, length: usize) -> String {
    format!(".tableinfo.{sequence:010}.{length}")
}

/// The descriptor that counts, out of the names in a `.tabledesc` directory with their lengths. A file whose length is not the
/// one in its name was being written.
pub fn newest_table_info<'name>(files: impl IntoIterator<Item = (&'name str, u64)>) -> Option<&'name str> {
    let candidates = files.into_iter().filter_map(|(name, length)| {
        let rest = name.strip_prefix(".tableinfo")?;
        let Some(rest) = rest.strip_prefix('.') else {
            return rest.is_empty().then_some((0, name));
        };
        let (sequence, expected) = rest.split_once('.').map_or((rest, None), |(sequence, expected)| (sequence, Some(expected)));
        let whole = expected.is_none_or(|expected| expected.parse() == Ok(length));
        whole.then(|| sequence.parse::<u64>().ok()).flatten().map(|sequence| (sequence, name))
    });
    candidates.max_by_key(|(sequence, _)| *sequence).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use hbase_proto::Message;

    use super::*;

    fn pair(first: &'static str, second: &'static [u8]) -> proto::BytesBytesPair {
        proto::BytesBytesPair { first: Bytes::from(first), second: Bytes::from_static(second) }
    }

    fn schema() -> Bytes {
        let table = TableName::parse("shop:blobs").unwrap();
        let attributes =
            vec![pair("IS_MOB", b"true"), pair("MOB_THRESHOLD", &[0, 0, 0, 0, 0, 0, 3, 232]), pair("TTL", b"60"), pair("VERSIONS", b"3")];
        let families = vec![proto::ColumnFamilySchema { name: Bytes::from_static(b"m"), attributes, configuration: vec![] }];
        let attributes = vec![pair("coprocessor$1", b"|org.example.Audit|1073741823|")];
        proto::TableSchema { table_name: Some((&table).into()), attributes, column_families: families, configuration: vec![] }
            .encode_to_vec()
            .into()
    }

    #[test]
    fn a_schema_says_what_it_holds() {
        let schema = TableSchema::parse(schema()).unwrap();
        let family = schema.family(b"m").unwrap();
        assert!(family.is_mob());
        assert_eq!((family.mob_threshold_bytes(), family.versions(), family.ttl_seconds()), (1000, 3, Some(60)));
        assert_eq!((family.compression(), family.bloom_filter(), family.encryption()), ("NONE", "ROW", None));
        assert_eq!(schema.coprocessors(), ["org.example.Audit"]);
        assert_eq!(TableSchema::from_file(&schema.to_file()).unwrap(), schema);
        assert!(TableSchema::from_file(schema.raw()).is_err());
    }

    #[test]
    fn renaming_keeps_unknown_fields_in_place() {
        let unknown = wire::varint_field(77, 5);
        let raw = Bytes::from([unknown.clone(), schema(), unknown].concat());
        let before = TableSchema::parse(raw.clone()).unwrap();
        let other = TableName::parse("x").unwrap();
        let renamed = TableSchema::parse(before.renamed(&other).unwrap()).unwrap();
        assert_eq!((renamed.table(), renamed.families()), (&other, before.families()));
        assert_eq!(renamed.renamed(before.table()).unwrap(), raw);
    }

    #[test]
    fn the_newest_whole_descriptor_counts() {
        let files = [(".tableinfo.0000000001.10", 10), (".tableinfo.0000000003.10", 9), (".tableinfo.0000000002", 4), (".tmp", 1)];
        assert_eq!(newest_table_info(files), Some(".tableinfo.0000000002"));
        assert_eq!(newest_table_info([(".tableinfo", 3)]), Some(".tableinfo"));
        assert_eq!(newest_table_info([("x", 3)]), None);
        assert_eq!(table_info_file_name(7, 12), ".tableinfo.0000000007.12");
    }
}
