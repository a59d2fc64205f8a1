//! Region infos and the two names of a region: the full one (the row in `hbase:meta`) and the encoded one (its directory).
//!
//! Full name: `table,start key,region id[_replica as 4 hex digits].encoded.`; the encoded name is the MD5 (hex) of what stands
//! before the dot, so **it depends on the table's name**: a region of a renamed table has another directory. The regions of
//! `hbase:meta` keep the old form: no encoded part in the name, and the encoded name is a 32-bit Jenkins hash in decimal
//! (`1588230740` for the first). Source: `RegionInfo.createRegionName`, `RegionInfo.encodeRegionName`.

use bytes::Bytes;
use md5::{Digest, Md5};

use crate::TableName;

/// What HBase knows of a region: `[start_key, end_key)` of `table`; an empty key is the end of the table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RegionInfo {
    pub table: TableName,
    pub start_key: Bytes,
    pub end_key: Bytes,
    /// Milliseconds since the epoch when the region was made, moved on so that a name is never used twice.
    pub region_id: i64,
    /// 0 for the region itself, above it for read replicas, which own no files.
    pub replica_id: i32,
    pub offline: bool,
    /// A split parent: its data is read through its daughters' references.
    pub split: bool,
}

impl RegionInfo {
    /// The full name, as in `hbase:meta`.
    pub fn region_name(&self) -> Vec<u8> {
        let mut name = self.hashed_part();
        if self.table != TableName::meta() {
            let encoded = encode_hex(&Md5::digest(&name));
            name.push(b'.');
            name.extend_from_slice(encoded.as_bytes());
            name.push(b'.');
        }
        name
    }

    /// The name of the region's directory: 32 hex digits (for `hbase:meta` a decimal number).
    pub fn encoded_name(&self) -> String {
        let hashed = self.hashed_part();
        if self.table == TableName::meta() {
            jenkins_hash(&hashed).cast_signed().unsigned_abs().to_string()
        } else {
            encode_hex(&Md5::digest(&hashed))
        }
    }

    fn hashed_part(&self) -> Vec<u8> {
        let mut name = self.table.to_string().into_bytes();
        name.push(b',');
        name.extend_from_slice(&self.start_key);
        name.push(b',');
        name.extend_from_slice(self.region_id.to_string().as_bytes());
        if self.replica_id > 0 {
            name.extend_from_slice(format!("_{:04X}", self.replica_id).as_bytes());
        }
        name
    }
}

fn encode_hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bob Jenkins' `lookup3` with a zero seed, as in `org.apache.hadoop.hbase.util.JenkinsHash`.
fn jenkins_hash(key: &[u8]) -> u32 {
    let seed = 0xdead_beef_u32.wrapping_add(u32::try_from(key.len()).unwrap_or(u32::MAX));
    let (mut a, mut b, mut c) = (seed, seed, seed);
    let mut blocks = key.chunks(12).peekable();
    while let Some(block) = blocks.next() {
        let mut words = [0_u32; 3];
        for (word, bytes) in words.iter_mut().zip(block.chunks(4)) {
            *word = bytes.iter().rev().fold(0, |word, byte| (word << 8) | u32::from(*byte));
        }
        a = a.wrapping_add(words[0]);
        b = b.wrapping_add(words[1]);
        c = c.wrapping_add(words[2]);
        if blocks.peek().is_none() {
            return jenkins_final(a, b, c);
        }
        a = a.wrapping_sub(c) ^ c.rotate_left(4);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(6);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(8);
        b = b.wrapping_add(a);
        a = a.wrapping_sub(c) ^ c.rotate_left(16);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(19);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(4);
        b = b.wrapping_add(a);
    }
    c
}

fn jenkins_final(mut a: u32, mut b: u32, mut c: u32) -> u32 {
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(table: TableName, start_key: &'static [u8], region_id: i64) -> RegionInfo {
        let start_key = Bytes::from_static(start_key);
        RegionInfo { table, start_key, end_key: Bytes::new(), region_id, replica_id: 0, offline: false, split: false }
    }

    #[test]
    fn the_first_region_of_meta_has_its_well_known_name() {
        let meta = region(TableName::meta(), b"", 1);
        assert_eq!(meta.region_name(), b"hbase:meta,,1");
        assert_eq!(meta.encoded_name(), "1588230740");
    }

    #[test]
    fn the_encoded_name_is_the_hash_of_what_stands_before_it() {
        let namespace = region(TableName::parse("hbase:namespace").unwrap(), b"", 1_500_000_000_000);
        let encoded = namespace.encoded_name();
        assert_eq!(namespace.region_name(), format!("hbase:namespace,,1500000000000.{encoded}.").into_bytes());
        let renamed = RegionInfo { table: TableName::parse("x").unwrap(), ..namespace.clone() };
        assert_ne!(renamed.encoded_name(), encoded);
        let replica = RegionInfo { replica_id: 10, ..namespace };
        assert!(replica.region_name().starts_with(b"hbase:namespace,,1500000000000_000A."));
    }
}
