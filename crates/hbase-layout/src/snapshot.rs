//! `.snapshotinfo`: the description of a snapshot, a bare `SnapshotDescription` message without magic.

use bytes::Bytes;
use hbase_proto as proto;
use hbase_proto::Message;
use hbase_types::TableName;

use crate::LayoutError;
use crate::magic::decode;
use crate::root::is_path_component;
use crate::wire;

const WHAT: &str = ".snapshotinfo";
/// `SnapshotDescription.table`
const TABLE: u32 = 2;

/// How the snapshot was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotKind {
    /// Of a disabled table.
    Disabled,
    /// Every region flushed its memstore first.
    Flush,
    /// What lay in the files, without a flush.
    SkipFlush,
}

/// The description of a snapshot: the raw message, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotDescription {
    pub raw: Bytes,
    pub name: String,
    pub table: TableName,
    /// Milliseconds since the epoch, by the master's clock.
    pub creation_time_millis: i64,
    pub kind: SnapshotKind,
    /// The form of the manifest: 0 = directory tree (HBase's `SnapshotManifestV1`), 2 = `data.manifest`.
    pub version: i32,
    /// 0 = for ever.
    pub ttl_seconds: i64,
    pub owner: String,
    /// `MAX_FILESIZE` of the table when the snapshot was taken, 0 = not kept.
    pub max_file_size_bytes: i64,
}

impl SnapshotDescription {
    /// Reads a `.snapshotinfo` file, or the description of an RPC answer.
    pub fn parse(raw: &Bytes) -> Result<Self, LayoutError> {
        let message: proto::SnapshotDescription = decode(WHAT, raw)?;
        if !is_path_component(&message.name) {
            return Err(LayoutError::Malformed { what: WHAT, offset: 0, detail: format!("impossible name `{}`", message.name) });
        }
        let kind = match message.r#type() {
            proto::snapshot_description::Type::Disabled => SnapshotKind::Disabled,
            proto::snapshot_description::Type::Flush => SnapshotKind::Flush,
            proto::snapshot_description::Type::Skipflush => SnapshotKind::SkipFlush,
        };
        Ok(Self {
            raw: raw.clone(),
            table: TableName::parse(message.table.as_deref().ok_or(LayoutError::MissingField { what: WHAT, field: "table" })?)?,
            creation_time_millis: message.creation_time(),
            kind,
            version: message.version(),
            ttl_seconds: message.ttl(),
            owner: message.owner().to_owned(),
            max_file_size_bytes: message.max_file_size(),
            name: message.name,
        })
    }

    /// A description of our own: version 2, no TTL, no permissions.
    pub(crate) fn create(name: &str, table: &TableName, creation_time_millis: i64, owner: &str) -> Result<Self, LayoutError> {
        let message = proto::SnapshotDescription {
            name: name.to_owned(),
            table: Some(table.to_string()),
            creation_time: Some(creation_time_millis),
            r#type: Some(proto::snapshot_description::Type::Flush.into()),
            version: Some(2),
            owner: Some(owner.to_owned()),
            ttl: Some(0),
            ..Default::default()
        };
        Self::parse(&message.encode_to_vec().into())
    }

    /// The same description for another table name, everything else byte for byte.
    pub fn renamed(&self, table: &TableName) -> Result<Self, LayoutError> {
        Self::parse(&wire::set(&self.raw, &[(TABLE, Some(wire::bytes_field(TABLE, table.to_string().as_bytes())))])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_reads_back_and_renames() {
        let table = TableName::parse("shop:orders").unwrap();
        let made = SnapshotDescription::create("nightly", &table, 1_700_000_000_000, "backup").unwrap();
        assert_eq!((made.version, made.ttl_seconds, made.kind), (2, 0, SnapshotKind::Flush));
        let unknown = wire::bytes_field(60, b"?");
        let raw = Bytes::from([made.raw, unknown.clone()].concat());
        let read = SnapshotDescription::parse(&raw).unwrap();
        let other = read.renamed(&TableName::parse("t").unwrap()).unwrap();
        assert_eq!((other.name.as_str(), other.table.to_string().as_str()), ("nightly", "t"));
        assert!(other.raw.ends_with(&unknown));
        assert_eq!(other.renamed(&table).unwrap(), read);
    }

    #[test]
    fn a_name_that_climbs_is_refused() {
        let table = TableName::parse("t").unwrap();
        assert!(SnapshotDescription::create("../x", &table, 0, "").is_err());
    }
}
