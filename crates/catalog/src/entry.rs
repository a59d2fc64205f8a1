//! Encoding and bounded decoding of records.
//!
//! A value is `kind (1 byte) | version (1 byte) | protobuf`. The kind is the letter of its key, so that a value under a wrong key is
//! seen; a version above the known one is refused. Fields that a later program adds within a version are ignored.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

use crate::key::Key;
use crate::record::*;
use crate::{CatalogError, limits};

/// Version that is written.
const VERSION: u8 = 1;

/// A message that is stored as a record.
pub trait Record: Message + Default + Sized {
    /// First byte of the stored form.
    const KIND: u8;
    /// Name for errors.
    const NAME: &'static str;

    /// Whether every list and text is within bounds and every field that must be there is.
    fn check(&self) -> Result<(), CatalogError>;

    /// The stored form. A record beyond its bounds is refused here, not when somebody needs it back.
    fn to_bytes(&self) -> Result<Bytes, CatalogError> {
        self.check()?;
        at_most::<Self>("length", self.encoded_len() + 2, limits::RECORD_BYTES)?;
        let mut bytes = BytesMut::with_capacity(self.encoded_len() + 2);
        bytes.put_slice(&[Self::KIND, VERSION]);
        self.encode(&mut bytes).map_err(|error| CatalogError::Malformed { record: Self::NAME, detail: error.to_string() })?;
        Ok(bytes.freeze())
    }

    /// Reads the stored form.
    fn from_bytes(mut value: Bytes) -> Result<Self, CatalogError> {
        at_most::<Self>("length", value.len(), limits::RECORD_BYTES)?;
        match *value {
            [kind, version, ..] if kind == Self::KIND => {
                if version == 0 || version > VERSION {
                    return Err(CatalogError::UnknownVersion { record: Self::NAME, version, known: VERSION });
                }
            }
            [actual, _, ..] => return Err(CatalogError::WrongKind { record: Self::NAME, expected: Self::KIND, actual }),
            _ => return Err(CatalogError::Malformed { record: Self::NAME, detail: format!("{} bytes long", value.len()) }),
        }
        let message = value.split_off(2);
        let record = Self::decode(message).map_err(|error| CatalogError::Malformed { record: Self::NAME, detail: error.to_string() })?;
        record.check()?;
        Ok(record)
    }
}

/// A manifest entry, key and value.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    Acl(Key, AclRecord),
    Cluster(ClusterRecord),
    Group(GroupRecord),
    Label(Bytes, LabelRecord),
    Namespace(NamespaceRecord),
    Peer(PeerRecord),
    Quota { row: Bytes, qualifier: Bytes, record: QuotaRecord },
    Region { key: Key, record: RegionRecord },
    StoreFile { key: Key, record: StoreFileRecord },
    Table(TableRecord),
}

/// Reads one manifest entry.
pub fn decode_entry(key: &[u8], value: Bytes) -> Result<Entry, CatalogError> {
    let key = Key::decode(key)?;
    Ok(match key {
        Key::AclGlobal | Key::AclNamespace(_) | Key::AclTable(_) => Entry::Acl(key, AclRecord::from_bytes(value)?),
        Key::Cluster => Entry::Cluster(ClusterRecord::from_bytes(value)?),
        Key::Group(_) => Entry::Group(GroupRecord::from_bytes(value)?),
        Key::Label(label) => Entry::Label(label, LabelRecord::from_bytes(value)?),
        Key::Namespace(_) => Entry::Namespace(NamespaceRecord::from_bytes(value)?),
        Key::Peer(_) => Entry::Peer(PeerRecord::from_bytes(value)?),
        Key::Quota { row, qualifier } => Entry::Quota { row, qualifier, record: QuotaRecord::from_bytes(value)? },
        Key::Region { .. } => Entry::Region { key, record: RegionRecord::from_bytes(value)? },
        Key::StoreFile { .. } => Entry::StoreFile { key, record: StoreFileRecord::from_bytes(value)? },
        Key::Table(_) => Entry::Table(TableRecord::from_bytes(value)?),
    })
}

fn at_most<R: Record>(field: &'static str, actual: usize, limit: usize) -> Result<(), CatalogError> {
    if actual > limit {
        return Err(CatalogError::TooLarge { record: R::NAME, field, actual: actual as u64, limit: limit as u64 });
    }
    Ok(())
}

fn name<R: Record>(field: &'static str, name: &str) -> Result<(), CatalogError> {
    at_most::<R>(field, name.len(), limits::NAME_BYTES)
}

fn needed<R: Record>(field: &'static str, present: bool) -> Result<(), CatalogError> {
    if present { Ok(()) } else { Err(CatalogError::Missing { record: R::NAME, field }) }
}

impl Record for BackupRow {
    const KIND: u8 = b'B';
    const NAME: &'static str = "backup row";

    fn check(&self) -> Result<(), CatalogError> {
        needed::<Self>("kind", self.kind() != BackupKind::Unknown)?;
        name::<Self>("cluster", &self.cluster)?;
        at_most::<Self>("tables", self.tables.len(), limits::TABLES)?;
        at_most::<Self>("failed tables", self.failed.len(), limits::TABLES)?;
        at_most::<Self>("tags", self.tags.len(), limits::PAIRS)?;
        at_most::<Self>("row", self.encoded_len() + 2, limits::ROW_BYTES)?;
        for table in &self.tables {
            needed::<Self>("table name", !table.table.is_empty())?;
            name::<Self>("table name", &table.table)?;
        }
        Ok(())
    }
}

impl Record for ClusterRecord {
    const KIND: u8 = b'c';
    const NAME: &'static str = "cluster record";

    fn check(&self) -> Result<(), CatalogError> {
        name::<Self>("name", &self.name)?;
        at_most::<Self>("omissions", self.omissions.len(), limits::PAIRS)?;
        at_most::<Self>("failed tables", self.failed.len(), limits::TABLES)?;
        at_most::<Self>("coprocessors", self.master_coprocessors.len(), limits::PAIRS)
    }
}

impl Record for NamespaceRecord {
    const KIND: u8 = b'n';
    const NAME: &'static str = "namespace record";

    fn check(&self) -> Result<(), CatalogError> {
        needed::<Self>("name", !self.name.is_empty())?;
        name::<Self>("name", &self.name)?;
        at_most::<Self>("configuration", self.configuration.len(), limits::PAIRS)?;
        at_most::<Self>("raw descriptor", self.raw.len(), limits::RAW_BYTES)
    }
}

impl Record for TableRecord {
    const KIND: u8 = b't';
    const NAME: &'static str = "table record";

    fn check(&self) -> Result<(), CatalogError> {
        needed::<Self>("table", !self.table.is_empty())?;
        needed::<Self>("descriptor", !self.schema.is_empty())?;
        name::<Self>("table", &self.table)?;
        at_most::<Self>("descriptor", self.schema.len(), limits::RAW_BYTES)?;
        at_most::<Self>("snapshot description", self.snapshot.len(), limits::RAW_BYTES)
    }
}

impl Record for RegionRecord {
    const KIND: u8 = b'r';
    const NAME: &'static str = "region record";

    fn check(&self) -> Result<(), CatalogError> {
        needed::<Self>("region info", !self.info.is_empty())?;
        at_most::<Self>("region info", self.info.len(), limits::RAW_BYTES)?;
        at_most::<Self>("families", self.families.len(), limits::FAMILIES)
    }
}

impl Record for StoreFileRecord {
    const KIND: u8 = b'f';
    const NAME: &'static str = "store file record";

    fn check(&self) -> Result<(), CatalogError> {
        needed::<Self>("kind", self.kind() != StoreFileKind::Unknown)?;
        needed::<Self>("physical name", !self.physical_name.is_empty())?;
        let half = matches!(self.kind(), StoreFileKind::Reference | StoreFileKind::LinkReference);
        needed::<Self>("reference", !half || self.reference.is_some())?;
        for text in [&self.physical_name, &self.origin_table, &self.origin_region, &self.codec] {
            name::<Self>("name", text)?;
        }
        at_most::<Self>("MOB references", self.mob_references.len(), limits::MOB_REFERENCES)?;
        at_most::<Self>("reference", self.reference.as_ref().map_or(0, Bytes::len), limits::RAW_BYTES)?;
        at_most::<Self>("raw store file", self.raw.len(), limits::RAW_BYTES)
    }
}

impl Record for AclRecord {
    const KIND: u8 = b'a';
    const NAME: &'static str = "grants record";

    fn check(&self) -> Result<(), CatalogError> {
        at_most::<Self>("permissions", self.permissions.len(), limits::PERMISSIONS)?;
        self.permissions.iter().try_for_each(|permission| {
            needed::<Self>("user", !permission.user.is_empty())?;
            name::<Self>("user", &permission.user)
        })
    }
}

impl Record for QuotaRecord {
    const KIND: u8 = b'q';
    const NAME: &'static str = "quota record";

    fn check(&self) -> Result<(), CatalogError> {
        at_most::<Self>("value", self.value.len(), limits::RAW_BYTES)
    }
}

impl Record for LabelRecord {
    const KIND: u8 = b'l';
    const NAME: &'static str = "label record";

    fn check(&self) -> Result<(), CatalogError> {
        Ok(())
    }
}

impl Record for GroupRecord {
    const KIND: u8 = b'g';
    const NAME: &'static str = "group record";

    fn check(&self) -> Result<(), CatalogError> {
        needed::<Self>("name", !self.name.is_empty())?;
        name::<Self>("name", &self.name)?;
        at_most::<Self>("tables", self.tables.len(), limits::TABLES)?;
        at_most::<Self>("raw group", self.raw.len(), limits::RAW_BYTES)
    }
}

impl Record for PeerRecord {
    const KIND: u8 = b'p';
    const NAME: &'static str = "peer record";

    fn check(&self) -> Result<(), CatalogError> {
        needed::<Self>("id", !self.id.is_empty())?;
        name::<Self>("id", &self.id)?;
        at_most::<Self>("raw peer", self.raw.len(), limits::RAW_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half() -> StoreFileRecord {
        StoreFileRecord {
            kind: StoreFileKind::Reference.into(),
            physical_name: "9f3a".into(),
            physical_length: 300,
            listed_length: Some(300),
            reference: Some(Bytes::from_static(b"\x0a\x01m\x10\x01")),
            origin_table: "default:t".into(),
            origin_region: "0b".into(),
            max_sequence_id: Some(7),
            inspected: true,
            ..StoreFileRecord::default()
        }
    }

    fn golden() -> &'static [u8] {
        b"f\x01\x08\x04\x12\x049f3a\x18\xac\x02\x20\xac\x02\x2a\x05\x0a\x01m\x10\x01\x32\x09default:t\x3a\x020b\x48\x07\x70\x01"
    }

    #[test]
    fn a_store_file_has_its_golden_bytes() {
        assert_eq!(half().to_bytes().unwrap().escape_ascii().to_string(), golden().escape_ascii().to_string());
        assert_eq!(StoreFileRecord::from_bytes(Bytes::from_static(golden())).unwrap(), half());
    }

    #[test]
    fn no_flipped_byte_and_no_cut_reads_as_the_same_record() {
        for index in 0..golden().len() {
            let mut flipped = golden().to_vec();
            flipped[index] ^= 1;
            assert_ne!(StoreFileRecord::from_bytes(flipped.into()), Ok(half()), "byte {index} flipped");
            let cut = Bytes::copy_from_slice(&golden()[..index]);
            assert_ne!(StoreFileRecord::from_bytes(cut), Ok(half()), "cut at {index}");
        }
    }

    #[test]
    fn kind_version_and_needed_fields_are_checked() {
        let with = |index: usize, byte: u8| {
            let mut bytes = golden().to_vec();
            bytes[index] = byte;
            StoreFileRecord::from_bytes(bytes.into()).unwrap_err()
        };
        assert!(matches!(with(0, b'r'), CatalogError::WrongKind { actual: b'r', .. }));
        assert!(matches!(with(1, 2), CatalogError::UnknownVersion { version: 2, .. }));
        let without = StoreFileRecord { reference: None, ..half() };
        assert!(matches!(without.to_bytes(), Err(CatalogError::Missing { field: "reference", .. })));
        assert!(matches!(TableRecord::default().to_bytes(), Err(CatalogError::Missing { field: "table", .. })));
    }

    #[test]
    fn a_list_row_beyond_its_bound_is_refused() {
        let tables = (0..2_000).map(|number| TableRow { table: format!("default:t{number}"), ..TableRow::default() }).collect();
        let row = BackupRow { kind: BackupKind::Snapshot.into(), tables, ..BackupRow::default() };
        assert!(matches!(row.to_bytes(), Err(CatalogError::TooLarge { field: "row", .. })));
        let small = BackupRow { tables: Vec::new(), tables_elsewhere: true, ..row };
        assert_eq!(BackupRow::from_bytes(small.to_bytes().unwrap()).unwrap(), small);
    }

    #[test]
    fn an_entry_is_read_by_its_key() {
        let key = b"r/default:t\0\x01\0\x010b\0\x01cf\0\x019f3a.0b";
        assert!(matches!(decode_entry(key, Bytes::from_static(golden())), Ok(Entry::StoreFile { .. })));
        assert!(matches!(decode_entry(b"t/default:t", Bytes::from_static(golden())), Err(CatalogError::WrongKind { .. })));
    }
}
