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
