//! Region infos: `.regioninfo` files and the raw messages of manifests.
//!
//! `.regioninfo` = `PBUF`, then the `RegionInfo` message **with its length before it** (`RegionInfo.toDelimitedByteArray`; the
//! other files of this crate have no length). A snapshot of version 0 keeps the same file.

use bytes::Bytes;
use hbase_proto as proto;
use hbase_types::{RegionInfo, TableName};

use crate::LayoutError;
use crate::magic::{decode, strip_length, strip_magic, with_length, with_magic};
use crate::wire;

const WHAT: &str = "region info";
/// `RegionInfo.table_name`
const TABLE_NAME: u32 = 2;

/// Reads a raw `RegionInfo` message.
pub fn parse_region_info(raw: &Bytes) -> Result<RegionInfo, LayoutError> {
    let message: proto::RegionInfo = decode(WHAT, raw)?;
    RegionInfo::try_from(&message).map_err(|error| convert_error(WHAT, error))
}

/// The raw message in a `.regioninfo` file.
pub fn region_info_from_file(file: &Bytes) -> Result<Bytes, LayoutError> {
    strip_length(WHAT, &strip_magic(WHAT, file)?)
}

/// The `.regioninfo` file of a raw message.
pub fn region_info_file(raw: &Bytes) -> Bytes {
    with_magic(&with_length(raw))
}

/// The same region in another table: the raw message with the table's name replaced. The encoded name changes with it.
pub fn rename_region(raw: &Bytes, table: &TableName) -> Result<(Bytes, RegionInfo), LayoutError> {
    let renamed = wire::set(raw, &[(TABLE_NAME, Some(renamed_table_field(raw, TABLE_NAME, table)?))])?;
    let info = parse_region_info(&renamed)?;
    Ok((renamed, info))
}

/// The field `number` (a `TableName` message) of `message`, with both parts replaced and what else it holds kept.
pub(crate) fn renamed_table_field(message: &Bytes, number: u32, table: &TableName) -> Result<Bytes, LayoutError> {
    let old = wire::last(message, number)?.map(|field| field.value).unwrap_or_default();
    let parts =
        [(1, Some(wire::bytes_field(1, table.namespace().as_bytes()))), (2, Some(wire::bytes_field(2, table.qualifier().as_bytes())))];
    Ok(wire::bytes_field(number, &wire::set(&old, &parts)?))
}

pub(crate) fn convert_error(what: &'static str, error: proto::ConvertError) -> LayoutError {
    match error {
        proto::ConvertError::Name(error) => LayoutError::Name(error),
        other => LayoutError::Malformed { what, offset: 0, detail: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use hbase_proto::Message;

    use super::*;

    #[test]
    fn a_region_info_is_renamed_and_keeps_what_we_do_not_know() {
        let old = TableName::parse("shop:orders").unwrap();
        let new = TableName::parse("seawall-restore-1").unwrap();
        let message =
            proto::RegionInfo { region_id: 17, table_name: (&old).into(), start_key: Some(Bytes::from_static(b"k")), ..Default::default() };
        let unknown = wire::bytes_field(99, b"from the future");
        let raw = Bytes::from([&message.encode_to_vec()[..], &unknown].concat());
        let (renamed, info) = rename_region(&raw, &new).unwrap();
        assert_eq!((&info.table, info.region_id, &info.start_key[..]), (&new, 17, &b"k"[..]));
        assert!(renamed.ends_with(&unknown));
        assert_ne!(info.encoded_name(), parse_region_info(&raw).unwrap().encoded_name());
        assert_eq!(rename_region(&renamed, &old).unwrap().0, raw);

        let file = region_info_file(&raw);
        assert_eq!(region_info_from_file(&file).unwrap(), raw);
        for length in 0..file.len() {
            assert!(region_info_from_file(&file.slice(..length)).is_err(), "cut at {length}");
        }
    }
}
