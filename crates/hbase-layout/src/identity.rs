//! `hbase.id` and `hbase.version` in the root directory: `PBUF` and one small message each (before 0.96: plain text).

use bytes::Bytes;
use hbase_proto as proto;
use hbase_proto::PROTOBUF_MAGIC;

use crate::LayoutError;
use crate::magic::{decode, strip_magic};

/// The cluster id of an `hbase.id` file.
pub fn cluster_id_from_file(file: &Bytes) -> Result<String, LayoutError> {
    if !file.starts_with(PROTOBUF_MAGIC) {
        return text("hbase.id", file);
    }
    Ok(decode::<proto::ClusterId>("hbase.id", &strip_magic("hbase.id", file)?)?.cluster_id)
}

/// The layout version of an `hbase.version` file: `8` for every HBase since 0.96.
pub fn format_version_from_file(file: &Bytes) -> Result<String, LayoutError> {
    if !file.starts_with(PROTOBUF_MAGIC) {
        return text("hbase.version", file);
    }
    Ok(decode::<proto::HBaseVersionFileContent>("hbase.version", &strip_magic("hbase.version", file)?)?.version)
}

/// The old form: `DataOutputStream.writeUTF`, 2 bytes of length and the text.
fn text(what: &'static str, file: &Bytes) -> Result<String, LayoutError> {
    let length = file.first_chunk::<2>().map(|length| usize::from(u16::from_be_bytes(*length)));
    let text = length.filter(|length| file.len() == length + 2).and_then(|_| file.get(2..)).and_then(|text| std::str::from_utf8(text).ok());
    text.map(str::to_owned).ok_or_else(|| LayoutError::NoMagic { what, found: file.iter().take(4).copied().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_read() {
        assert_eq!(cluster_id_from_file(&Bytes::from_static(b"PBUF\x0a\x03abc")).unwrap(), "abc");
        assert_eq!(cluster_id_from_file(&Bytes::from_static(b"\x00\x03abc")).unwrap(), "abc");
        assert_eq!(format_version_from_file(&Bytes::from_static(b"PBUF\x0a\x018")).unwrap(), "8");
        assert!(cluster_id_from_file(&Bytes::from_static(b"PBUF\x0a\x09abc")).is_err());
        assert!(cluster_id_from_file(&Bytes::from_static(b"hello")).is_err());
        assert!(format_version_from_file(&Bytes::new()).is_err());
    }
}
