//! The file info block: keys and values that HBase's writers leave about a file.
//!
//! Data: `PBUF`, then a `FileInfoProto` with its length before it. It is compressed like every block of the file, and encrypted
//! in an encrypted one. Source: `HFileInfo`.

use std::collections::BTreeMap;

use bytes::Bytes;
use hbase_proto::{FileInfoProto, Message, PROTOBUF_MAGIC};
use hbase_types::TableName;

use crate::HFileError;
use crate::trailer::prost_length;

/// The entries of a file info block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileInfo {
    entries: BTreeMap<Bytes, Bytes>,
}

impl FileInfo {
    /// Reads the data of a file info block (uncompressed). `offset` is the block's, for errors.
    pub fn parse(data: &Bytes, offset: u64) -> Result<Self, HFileError> {
        let wrong = |detail: String| HFileError::FileInfo { offset, detail };
        if !data.starts_with(PROTOBUF_MAGIC) {
            return Err(HFileError::Unsupported { offset, detail: "file info from before HBase 0.96".to_owned() });
        }
        let mut rest = data.slice(PROTOBUF_MAGIC.len()..);
        let length = prost_length(&mut rest).filter(|length| *length <= rest.len()).ok_or_else(|| wrong("cut off".to_owned()))?;
        let message = FileInfoProto::decode(rest.slice(..length)).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { entries: message.map_entry.into_iter().map(|entry| (entry.first, entry.second)).collect() })
    }

    /// All entries, by key.
    pub fn entries(&self) -> &BTreeMap<Bytes, Bytes> {
        &self.entries
    }

    pub fn get(&self, key: &str) -> Option<&Bytes> {
        self.entries.get(key.as_bytes())
    }

    /// `MAX_SEQ_ID_KEY`: the highest sequence id of the file. Bulk-loaded files have it in their name instead.
    pub fn max_sequence_id(&self) -> Option<u64> {
        self.get("MAX_SEQ_ID_KEY").and_then(|value| <[u8; 8]>::try_from(value.as_ref()).ok()).map(u64::from_be_bytes)
    }

    /// `hfile.LASTKEY`: the key of the last cell.
    pub fn last_key(&self) -> Option<&Bytes> {
        self.get("hfile.LASTKEY")
    }

    /// `MOB_FILE_REFS`: the MOB files that cells of this file lead to, each with the table whose directory holds it. `None` when
    /// the file does not say (written before 2.5, bulk-loaded, or no MOB family); the empty list when it has none.
    ///
    /// Value: `table/file,file//table/file`, or one zero byte for none (`MobUtils.serializeMobFileRefs`).
    pub fn mob_file_references(&self) -> Result<Option<Vec<(TableName, String)>>, HFileError> {
        let Some(value) = self.get("MOB_FILE_REFS") else {
            return Ok(None);
        };
        if value.len() <= 1 {
            return Ok(Some(Vec::new()));
        }
        let wrong = |detail: String| HFileError::FileInfo { offset: 0, detail: format!("MOB_FILE_REFS: {detail}") };
        let text = std::str::from_utf8(value).map_err(|error| wrong(error.to_string()))?;
        let mut references = Vec::new();
        for part in text.split("//") {
            let (table, files) = part.split_once('/').ok_or_else(|| wrong(format!("`{part}` names no table")))?;
            let table = TableName::parse(table).map_err(|error| wrong(error.to_string()))?;
            references.extend(files.split(',').map(|file| (table.clone(), file.to_owned())));
        }
        Ok(Some(references))
    }
}

#[cfg(test)]
mod tests {
    use hbase_proto::BytesBytesPair;

    use super::*;

    fn block(entries: &[(&'static str, &'static [u8])]) -> Bytes {
        let pair =
            |(key, value): &(&'static str, &'static [u8])| BytesBytesPair { first: Bytes::from(*key), second: Bytes::from_static(value) };
        let message = FileInfoProto { map_entry: entries.iter().map(pair).collect() };
        [PROTOBUF_MAGIC.to_vec(), message.encode_length_delimited_to_vec()].concat().into()
    }

    #[test]
    fn entries_read_back_and_a_cut_block_does_not() {
        let data = block(&[("MAX_SEQ_ID_KEY", &[0, 0, 0, 0, 0, 0, 1, 2]), ("hfile.LASTKEY", b"k")]);
        let info = FileInfo::parse(&data, 0).unwrap();
        assert_eq!((info.max_sequence_id(), info.last_key()), (Some(258), Some(&Bytes::from_static(b"k"))));
        assert_eq!(info.mob_file_references(), Ok(None));
        for length in 0..data.len() {
            assert!(FileInfo::parse(&data.slice(..length), 0).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn mob_references_name_their_tables() {
        let references = |value: &'static [u8]| FileInfo::parse(&block(&[("MOB_FILE_REFS", value)]), 0).unwrap().mob_file_references();
        let table = |name: &str| TableName::parse(name).unwrap();
        let expected = vec![(table("t"), "aa".to_owned()), (table("t"), "bb_cc".to_owned()), (table("n:u"), "dd".to_owned())];
        assert_eq!(references(b"t/aa,bb_cc//n:u/dd"), Ok(Some(expected)));
        assert_eq!(references(&[0]), Ok(Some(vec![])));
        assert!(references(b"no table").is_err());
    }
}
