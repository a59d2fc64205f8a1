//! `hbase:meta`: one row per region, keyed by the region's full name, family `info`:
//! `regioninfo` = `PBUF` + `RegionInfo`, `server` = `host:port`, `serverstartcode` = 8 bytes big-endian. Rows sort by table, start
//! key, region id (not as plain bytes), so the last row not after `table,row,99999999999999` is the region that holds `row`:
//! a reversed scan gives it, and of a split parent and its first daughter the daughter, which has the higher id.

use bytes::{Bytes, BytesMut};
use hbase_proto::{self as proto, Message, PROTOBUF_MAGIC, region_specifier::RegionSpecifierType};
use hbase_types::{Cell, RegionInfo, ServerName, TableName};

use crate::error::ClientError;
use crate::rpc::cell_block;
use crate::rpc::exception::Advice;
use crate::rpc::frame::Payload;
use crate::rpc::pool::{CallFailure, CallFailureKind};

pub(crate) const FAMILY: &[u8] = b"info";

/// One row per table, keyed by its name: `state` = `TableState`.
pub(crate) const TABLE_FAMILY: &[u8] = b"table";

/// A parent whose daughters are open stands between two live rows at most; a few rows are enough to pass it.
const ROWS_TO_LOOK_AT: u32 = 4;
/// Sorts behind every region id.
const AFTER_ALL_IDS: &[u8] = b"99999999999999";

/// A region and the address of the server that has it open.
#[derive(Debug, Clone)]
pub(crate) struct Located {
    pub(crate) info: RegionInfo,
    /// `host:port`.
    pub(crate) address: String,
}

impl Located {
    /// For RegionServers, which take the value for a full name whatever the type says (`RSRpcServices.getRegion`).
    pub(crate) fn specifier(&self) -> proto::RegionSpecifier {
        proto::RegionSpecifier { r#type: RegionSpecifierType::RegionName as i32, value: Bytes::from(self.info.region_name()) }
    }
}

/// For the master, which wants encoded names.
pub(crate) fn region_specifier(region: &RegionInfo) -> proto::RegionSpecifier {
    proto::RegionSpecifier { r#type: RegionSpecifierType::EncodedRegionName as i32, value: Bytes::from(region.encoded_name()) }
}

/// The only region of `hbase:meta` (`RegionInfoBuilder.FIRST_META_REGIONINFO`).
pub(crate) fn meta_region() -> RegionInfo {
    RegionInfo {
        table: TableName::meta(),
        start_key: Bytes::new(),
        end_key: Bytes::new(),
        region_id: 1,
        replica_id: 0,
        offline: false,
        split: false,
    }
}

/// The first and the stop row of a table's regions, as `MetaTableAccessor` makes them: with fewer commas the comparator of
/// `hbase:meta` puts the start behind the first region.
pub(crate) fn table_rows(table: &TableName) -> (Bytes, Bytes) {
    let name = table.to_string();
    (Bytes::from(format!("{name},,")), Bytes::from(format!("{name} ,,")))
}

/// The scan request, encoded, that [`located`] reads the answer of.
pub(crate) fn locate_request(table: &TableName, row: &[u8]) -> Vec<u8> {
    let name = table.to_string();
    let mut start = BytesMut::from(name.as_bytes());
    start.extend_from_slice(b",");
    start.extend_from_slice(row);
    start.extend_from_slice(b",");
    start.extend_from_slice(AFTER_ALL_IDS);
    let scan = proto::Scan {
        column: vec![proto::Column { family: Bytes::from_static(FAMILY), qualifier: Vec::new() }],
        start_row: Some(start.freeze()),
        stop_row: Some(Bytes::from(format!("{name},,"))),
        include_stop_row: Some(true),
        reversed: Some(true),
        caching: Some(ROWS_TO_LOOK_AT),
        ..proto::Scan::default()
    };
    let request = proto::ScanRequest {
        region: Some(Located { info: meta_region(), address: String::new() }.specifier()),
        scan: Some(scan),
        number_of_rows: Some(ROWS_TO_LOOK_AT),
        close_scanner: Some(true),
        ..proto::ScanRequest::default()
    };
    request.encode_to_vec()
}

/// The region of `row` out of the answer to [`locate_request`].
pub(crate) fn located(table: &TableName, row: &[u8], payload: &Payload) -> Result<Located, CallFailure> {
    let answered = |error, advice| CallFailure { error, kind: CallFailureKind::Answered(advice) };
    let broken = |detail: String| answered(ClientError::protocol("hbase:meta", detail), Advice::Fail);
    let mut cells = Vec::new();
    let mut block = payload.cell_block.clone();
    while let Some(cell) = cell_block::next_cell(&mut block).map_err(broken)? {
        cells.push(cell);
    }
    let mut of_this_table = false;
    for row_cells in cells.chunk_by(|left, right| left.row == right.row) {
        let Some((info, server)) = region_of_row(row_cells).map_err(broken)? else { continue };
        if info.table != *table {
            break;
        }
        of_this_table = true;
        if info.split || info.offline {
            continue;
        }
        if !info.end_key.is_empty() && info.end_key <= row {
            break;
        }
        return match server {
            Some(server) => Ok(Located { info, address: crate::error::address_of(&server) }),
            None => Err(answered(missing(table, row, "its region is not open anywhere"), Advice::Rediscover)),
        };
    }
    if of_this_table {
        Err(answered(missing(table, row, "hbase:meta has a hole there"), Advice::Rediscover))
    } else {
        Err(answered(ClientError::TableNotFound { table: table.to_string() }, Advice::Fail))
    }
}

fn missing(table: &TableName, row: &[u8], detail: &str) -> ClientError {
    ClientError::RegionNotFound { table: table.clone(), row: row.escape_ascii().to_string(), detail: detail.to_owned() }
}

/// The region a row describes and its server; `None` for rows that describe none (table states, replication barriers).
pub(crate) fn region_of_row(cells: &[Cell]) -> Result<Option<(RegionInfo, Option<ServerName>)>, String> {
    let value = |qualifier: &[u8]| {
        let column = |cell: &&Cell| cell.family == FAMILY && cell.qualifier == qualifier;
        cells.iter().find(column).map(|cell| &cell.value)
    };
    let Some(raw) = value(b"regioninfo") else { return Ok(None) };
    let message = raw.strip_prefix(PROTOBUF_MAGIC).ok_or("a region info without PBUF")?;
    let message = proto::RegionInfo::decode(message).map_err(|error| error.to_string())?;
    let info = region_info(&message)?;
    let server = match (value(b"server"), value(b"serverstartcode")) {
        (Some(address), Some(start_code)) if !address.is_empty() => Some(server(address, start_code)?),
        _ => None,
    };
    Ok(Some((info, server)))
}

fn server(address: &[u8], start_code: &[u8]) -> Result<ServerName, String> {
    let address = std::str::from_utf8(address).map_err(|error| error.to_string())?;
    let (host, port) = address.rsplit_once(':').ok_or_else(|| format!("`{address}` is no host:port"))?;
    let port = port.parse().map_err(|_| format!("`{address}` is no host:port"))?;
    let start_code = start_code.try_into().map(u64::from_be_bytes).map_err(|_| "a start code that is not 8 bytes long")?;
    Ok(ServerName { host: host.to_owned(), port, start_code })
}

pub(crate) fn table_name(message: &proto::TableName) -> Result<TableName, String> {
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string());
    TableName::new(&text(&message.namespace)?, &text(&message.qualifier)?).map_err(|error| error.to_string())
}

pub(crate) fn table_name_message(table: &TableName) -> proto::TableName {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    proto::TableName { namespace: bytes(table.namespace()), qualifier: bytes(table.qualifier()) }
}

fn region_info(message: &proto::RegionInfo) -> Result<RegionInfo, String> {
    Ok(RegionInfo {
        table: table_name(&message.table_name)?,
        start_key: message.start_key.clone().unwrap_or_default(),
        end_key: message.end_key.clone().unwrap_or_default(),
        region_id: i64::try_from(message.region_id).map_err(|error| error.to_string())?,
        replica_id: message.replica_id.unwrap_or(0),
        offline: message.offline.unwrap_or(false),
        split: message.split.unwrap_or(false),
    })
}

pub(crate) fn region_info_message(region: &RegionInfo) -> proto::RegionInfo {
    proto::RegionInfo {
        region_id: region.region_id as u64,
        table_name: table_name_message(&region.table),
        start_key: Some(region.start_key.clone()),
        end_key: Some(region.end_key.clone()),
        offline: Some(region.offline),
        split: Some(region.split),
        replica_id: Some(region.replica_id),
    }
}
