//! Keys of manifest entries, in an order that lets a reader of one table read that table's pages only.
//!
//! ```text
//! a/g  a/n/<namespace>  a/t/<table>         AclRecord         grants by scope
//! c                                          ClusterRecord
//! g/<name>                                   GroupRecord       RegionServer group
//! l/<label>                                  LabelRecord       visibility label
//! n/<namespace>                              NamespaceRecord
//! p/<id>                                     PeerRecord        replication peer
//! q/<row>\0\1<qualifier>                     QuotaRecord       (row escaped)
//! r/<table>\0\1<start key>\0\1<encoded>      RegionRecord      (start key escaped; `encoded` = the region's encoded name)
//! r/<table>\0\1<start key>\0\1<encoded>\0\1<family>\0\1<file>   StoreFileRecord, right behind its region (family escaped)
//! t/<table>                                  TableRecord
//! ```
//! `<table>` is always `namespace:qualifier`, also for namespace `default`. Names of tables, regions and files hold no zero byte.
//! **Escape** (row keys and families may hold any byte): `00` becomes `00 FF`, a part ends with `00 01`. Escaped parts sort as the
//! plain bytes do, so regions come in table order.
//! Of a start key only the first [`crate::limits::START_KEY_BYTES`] bytes are taken (HBase allows 32 767, a manifest key has 4 KiB), so regions that
//! agree in these come in the order of their encoded names: a reader that needs table order sorts by the region infos.

use bytes::Bytes;
use hbase_types::TableName;

use crate::CatalogError;

const END: [u8; 2] = [0, 1];

/// Key of the one [`crate::ClusterRecord`].
pub const CLUSTER: &[u8] = b"c";
/// Prefix of all [`crate::TableRecord`]s.
pub const TABLES: &[u8] = b"t/";
/// Prefix of all [`crate::NamespaceRecord`]s.
pub const NAMESPACES: &[u8] = b"n/";
/// Prefix of all [`crate::AclRecord`]s.
pub const ACLS: &[u8] = b"a/";
/// Prefix of all [`crate::QuotaRecord`]s.
pub const QUOTAS: &[u8] = b"q/";
/// Prefix of all [`crate::LabelRecord`]s.
pub const LABELS: &[u8] = b"l/";
/// Prefix of all [`crate::GroupRecord`]s.
pub const GROUPS: &[u8] = b"g/";
/// Prefix of all [`crate::PeerRecord`]s.
pub const PEERS: &[u8] = b"p/";
/// Prefix of all regions and files.
pub const REGIONS: &[u8] = b"r/";

/// A key, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    AclGlobal,
    AclNamespace(String),
    AclTable(TableName),
    Cluster,
    Group(String),
    Label(Bytes),
    Namespace(String),
    Peer(String),
    Quota {
        row: Bytes,
        qualifier: Bytes,
    },
    /// `start_key`: when decoded, its first bytes only.
    Region {
        table: TableName,
        start_key: Bytes,
        encoded: String,
    },
    StoreFile {
        table: TableName,
        start_key: Bytes,
        encoded: String,
        family: Bytes,
        file: String,
    },
    Table(TableName),
}

impl Key {
    /// The stored form.
    pub fn encode(&self) -> Bytes {
        let mut key = Vec::new();
        match self {
            Self::AclGlobal => key.extend_from_slice(b"a/g"),
            Self::AclNamespace(name) => text(&mut key, b"a/n/", name),
            Self::AclTable(table) => text(&mut key, b"a/t/", &canonical(table)),
            Self::Cluster => key.extend_from_slice(CLUSTER),
            Self::Group(name) => text(&mut key, GROUPS, name),
            Self::Label(label) => {
                key.extend_from_slice(LABELS);
                key.extend_from_slice(label);
            }
            Self::Namespace(name) => text(&mut key, NAMESPACES, name),
            Self::Peer(id) => text(&mut key, PEERS, id),
            Self::Quota { row, qualifier } => {
                key.extend_from_slice(QUOTAS);
                escape(&mut key, row);
                key.extend_from_slice(qualifier);
            }
            Self::Region { table, start_key, encoded } => region(&mut key, table, start_key, encoded),
            Self::StoreFile { table, start_key, encoded, family, file } => {
                region(&mut key, table, start_key, encoded);
                key.extend_from_slice(&END);
                escape(&mut key, family);
                key.extend_from_slice(file.as_bytes());
            }
            Self::Table(table) => text(&mut key, TABLES, &canonical(table)),
        }
        key.into()
    }

    /// Reads a stored key.
    pub fn decode(key: &[u8]) -> Result<Self, CatalogError> {
        if key.len() > crate::limits::KEY_BYTES {
            let (actual, limit) = (key.len() as u64, crate::limits::KEY_BYTES as u64);
            return Err(CatalogError::TooLarge { record: "manifest key", field: "length", actual, limit });
        }
        parse(key).ok_or_else(|| CatalogError::UnknownKey { key: key.escape_ascii().to_string() })
    }
}

/// Prefix of all regions and files of `table`.
pub fn table_regions(table: &TableName) -> Bytes {
    let mut key = REGIONS.to_vec();
    key.extend_from_slice(canonical(table).as_bytes());
    key.extend_from_slice(&END);
    key.into()
}

/// `namespace:qualifier`, for every namespace.
pub fn canonical(table: &TableName) -> String {
    format!("{}:{}", table.namespace(), table.qualifier())
}

fn text(key: &mut Vec<u8>, prefix: &[u8], name: &str) {
    key.extend_from_slice(prefix);
    key.extend_from_slice(name.as_bytes());
}

fn region(key: &mut Vec<u8>, table: &TableName, start_key: &[u8], encoded: &str) {
    key.extend_from_slice(&table_regions(table));
    escape(key, start_key.get(..crate::limits::START_KEY_BYTES).unwrap_or(start_key));
    key.extend_from_slice(encoded.as_bytes());
}

fn escape(key: &mut Vec<u8>, part: &[u8]) {
    for &byte in part {
        key.push(byte);
        if byte == 0 {
            key.push(0xff);
        }
    }
    key.extend_from_slice(&END);
}

/// Splits an escaped part off; `None` when it does not end.
fn unescape(key: &[u8]) -> Option<(Bytes, &[u8])> {
    let mut part = Vec::new();
    let mut rest = key;
    loop {
        match rest {
            [0, 1, after @ ..] => return Some((part.into(), after)),
            [0, 0xff, after @ ..] => {
                part.push(0);
                rest = after;
            }
            [0, ..] | [] => return None,
            [byte, after @ ..] => {
                part.push(*byte);
                rest = after;
            }
        }
    }
}

fn parse(key: &[u8]) -> Option<Key> {
    if key == CLUSTER {
        return Some(Key::Cluster);
    }
    let (prefix, rest) = key.split_at_checked(2)?;
    match prefix {
        ACLS => match rest.split_at_checked(2) {
            None if rest == b"g" => Some(Key::AclGlobal),
            Some((b"n/", name)) => Some(Key::AclNamespace(name_of(name)?)),
            Some((b"t/", name)) => Some(Key::AclTable(table_of(name)?)),
            _ => None,
        },
        GROUPS => Some(Key::Group(name_of(rest)?)),
        LABELS => Some(Key::Label(Bytes::copy_from_slice(rest))),
        NAMESPACES => Some(Key::Namespace(name_of(rest)?)),
        PEERS => Some(Key::Peer(name_of(rest)?)),
        QUOTAS => {
            let (row, qualifier) = unescape(rest)?;
            Some(Key::Quota { row, qualifier: Bytes::copy_from_slice(qualifier) })
        }
        REGIONS => parse_region(rest),
        TABLES => Some(Key::Table(table_of(rest)?)),
        _ => None,
    }
}

fn parse_region(rest: &[u8]) -> Option<Key> {
    let (table, rest) = unescape(rest)?;
    let table = table_of(&table)?;
    let (start_key, rest) = unescape(rest)?;
    let Some((encoded, rest)) = unescape(rest) else {
        return Some(Key::Region { table, start_key, encoded: name_of(rest)? });
    };
    let (family, file) = unescape(rest)?;
    Some(Key::StoreFile { table, start_key, encoded: name_of(&encoded)?, family, file: name_of(file)? })
}

fn name_of(bytes: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(bytes).ok()?;
    (!name.is_empty() && !name.contains('\0')).then(|| name.to_owned())
}

fn table_of(bytes: &[u8]) -> Option<TableName> {
    let (namespace, qualifier) = std::str::from_utf8(bytes).ok()?.split_once(':')?;
    TableName::new(namespace, qualifier).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table() -> TableName {
        TableName::parse("shop:orders").unwrap()
    }

    fn all_kinds() -> Vec<(Key, &'static [u8])> {
        let (row, start_key, family) = (Bytes::from("t.x"), Bytes::from_static(b"a\0b"), Bytes::from("cf"));
        vec![
            (Key::AclGlobal, b"a/g"),
            (Key::AclNamespace("shop".into()), b"a/n/shop"),
            (Key::AclTable(TableName::parse("t").unwrap()), b"a/t/default:t"),
            (Key::Cluster, b"c"),
            (Key::Group("fast".into()), b"g/fast"),
            (Key::Label("secret".into()), b"l/secret"),
            (Key::Namespace("shop".into()), b"n/shop"),
            (Key::Peer("1".into()), b"p/1"),
            (Key::Quota { row, qualifier: "q".into() }, b"q/t.x\0\x01q"),
            (
                Key::Region { table: table(), start_key: start_key.clone(), encoded: "0a1b".into() },
                b"r/shop:orders\0\x01a\0\xffb\0\x010a1b",
            ),
            (
                Key::StoreFile { table: table(), start_key, encoded: "0a1b".into(), family, file: "9f".into() },
                b"r/shop:orders\0\x01a\0\xffb\0\x010a1b\0\x01cf\0\x019f",
            ),
            (Key::Table(table()), b"t/shop:orders"),
        ]
    }

    #[test]
    fn every_key_has_its_golden_bytes_and_reads_back() {
        for (key, golden) in all_kinds() {
            assert_eq!(key.encode().escape_ascii().to_string(), golden.escape_ascii().to_string());
            assert_eq!(Key::decode(golden).unwrap(), key);
        }
    }

    #[test]
    fn keys_of_no_known_form_are_refused() {
        for wrong in [&b""[..], b"x", b"x/y", b"a/", b"a/x/y", b"n/", b"t/noname", b"r/shop:orders", b"r/shop:orders\0\x01a", b"q/t"] {
            assert!(matches!(Key::decode(wrong), Err(CatalogError::UnknownKey { .. })), "{:?}", wrong.escape_ascii().to_string());
        }
        assert!(matches!(Key::decode(&vec![b'r'; crate::limits::KEY_BYTES + 1]), Err(CatalogError::TooLarge { .. })));
    }

    #[test]
    fn a_table_reads_its_own_range_only() {
        let longer = TableName::parse("shop:orders2").unwrap();
        let prefix = table_regions(&table());
        let of = |table| Key::Region { table, start_key: Bytes::new(), encoded: "00".into() }.encode();
        assert!(of(table()).starts_with(&prefix));
        assert!(!of(longer).starts_with(&prefix));
    }

    proptest! {
        #[test]
        fn keys_sort_as_start_keys_do(left in any::<Vec<u8>>(), right in any::<Vec<u8>>()) {
            let key = |start: &[u8]| Key::Region { table: table(), start_key: Bytes::copy_from_slice(start), encoded: "ab".into() };
            prop_assert_eq!(key(&left).encode().cmp(&key(&right).encode()), left.cmp(&right));
            prop_assert_eq!(Key::decode(&key(&left).encode()).unwrap(), key(&left));
        }
    }
}
