//! Cell blocks of `KeyValueCodecWithTags`: per cell 4 bytes length, then a KeyValue:
//! key length 4, value length 4, [row length 2, row, family length 1, family, qualifier, time stamp 8, type 1], value,
//! and, when bytes are left, tags length 2, tags. All big-endian. With this codec a server sends tags to every client;
//! with `KeyValueCodec` to none.

use bytes::{Buf, Bytes};
use hbase_types::Cell;

/// The codec named in the connection header.
pub(crate) const CODEC_CLASS: &str = "org.apache.hadoop.hbase.codec.KeyValueCodecWithTags";

/// Row length, family length, time stamp and type: what a key has besides its three names.
const KEY_FIXED_BYTES: usize = 2 + 1 + 8 + 1;

/// Takes the next cell off `block`; its parts share the block's memory. `None` at the end.
pub(crate) fn next_cell(block: &mut Bytes) -> Result<Option<Cell>, String> {
    if block.is_empty() {
        return Ok(None);
    }
    let length = take_length(block, "cell")?;
    let mut cell = block.split_to(length);
    let key_length = take_u32(&mut cell, "key length")?;
    let value_length = take_u32(&mut cell, "value length")?;
    let mut key = take(&mut cell, key_length, "key")?;
    let value = take(&mut cell, value_length, "value")?;
    let tags = if cell.is_empty() {
        Bytes::new()
    } else {
        let tags_length = take_u16(&mut cell, "tags length")?;
        take(&mut cell, tags_length, "tags")?
    };
    if !cell.is_empty() {
        return Err(format!("{} bytes after a cell's tags", cell.len()));
    }
    if key.len() < KEY_FIXED_BYTES {
        return Err(format!("a key of {} bytes", key.len()));
    }
    let row_length = take_u16(&mut key, "row length")?;
    let row = take(&mut key, row_length, "row")?;
    let family_length = take(&mut key, 1, "family length")?.get_u8() as usize;
    let family = take(&mut key, family_length, "family")?;
    let Some(qualifier_length) = key.len().checked_sub(9) else {
        return Err(format!("{} bytes left for time stamp and type", key.len()));
    };
    let qualifier = key.split_to(qualifier_length);
    let timestamp = key.get_i64();
    let key_type = key.get_u8();
    Ok(Some(Cell { row, family, qualifier, timestamp, key_type, value, tags, sequence_id: 0 }))
}

fn take_length(bytes: &mut Bytes, what: &str) -> Result<usize, String> {
    let length = take_u32(bytes, what)?;
    if length > bytes.len() { Err(format!("a {what} of {length} bytes with {} left", bytes.len())) } else { Ok(length) }
}

fn take_u32(bytes: &mut Bytes, what: &str) -> Result<usize, String> {
    Ok(take(bytes, 4, what)?.get_u32() as usize)
}

fn take_u16(bytes: &mut Bytes, what: &str) -> Result<usize, String> {
    Ok(take(bytes, 2, what)?.get_u16() as usize)
}

fn take(bytes: &mut Bytes, length: usize, what: &str) -> Result<Bytes, String> {
    if length > bytes.len() {
        return Err(format!("{what}: {length} bytes wanted, {} left", bytes.len()));
    }
    Ok(bytes.split_to(length))
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;
    use proptest::prelude::*;

    use super::*;

    fn encode(cell: &Cell) -> Vec<u8> {
        let mut key = Vec::new();
        key.put_u16(cell.row.len() as u16);
        key.put_slice(&cell.row);
        key.put_u8(cell.family.len() as u8);
        key.put_slice(&cell.family);
        key.put_slice(&cell.qualifier);
        key.put_i64(cell.timestamp);
        key.put_u8(cell.key_type);
        let mut body = Vec::new();
        body.put_u32(key.len() as u32);
        body.put_u32(cell.value.len() as u32);
        body.put_slice(&key);
        body.put_slice(&cell.value);
        if !cell.tags.is_empty() {
            body.put_u16(cell.tags.len() as u16);
            body.put_slice(&cell.tags);
        }
        let mut whole = Vec::new();
        whole.put_u32(body.len() as u32);
        whole.put_slice(&body);
        whole
    }

    fn all(mut block: Bytes) -> Result<Vec<Cell>, String> {
        let mut cells = Vec::new();
        while let Some(cell) = next_cell(&mut block)? {
            cells.push(cell);
        }
        Ok(cells)
    }

    fn any_cell() -> impl Strategy<Value = Cell> {
        let bytes = |limit: usize| proptest::collection::vec(any::<u8>(), 0..limit).prop_map(Bytes::from);
        (bytes(40), bytes(10), bytes(40), any::<i64>(), any::<u8>(), bytes(50), bytes(20)).prop_map(
            |(row, family, qualifier, timestamp, key_type, value, tags)| Cell {
                row,
                family,
                qualifier,
                timestamp,
                key_type,
                value,
                tags,
                sequence_id: 0,
            },
        )
    }

    proptest! {
        #[test]
        fn cells_come_back(cells in proptest::collection::vec(any_cell(), 0..6)) {
            let block: Vec<u8> = cells.iter().flat_map(encode).collect();
            prop_assert_eq!(all(Bytes::from(block)), Ok(cells));
        }

        #[test]
        fn a_cut_cell_is_an_error(cell in any_cell(), cut in 1_usize..1000) {
            let mut block = encode(&cell);
            block.truncate(block.len() - 1 - cut % (block.len() - 1));
            prop_assert!(all(Bytes::from(block)).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = all(Bytes::from(bytes));
        }
    }
}
