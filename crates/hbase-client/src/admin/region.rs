//! Regions: where they are, moving, splitting and merging them; rolling a server's WAL.

use bytes::Bytes;
use hbase_proto as proto;
use hbase_types::{Cell, RegionInfo, ServerName, TableName};

use crate::connection::Connection;
use crate::core::Repeat;
use crate::discovery::server_name;
use crate::error::{ClientError, Result};
use crate::meta;
use crate::rpc::pool::Service;
use crate::scan::ScanOptions;
use crate::types::{LocatedRegion, Nonce, ProcedureId};

impl Connection {
    /// The live regions of a table (no split parents, no read replicas) in order, each with the server that has it open. Empty
    /// when there is no such table.
    pub async fn regions(&self, table: &TableName) -> Result<Vec<LocatedRegion>> {
        if *table == TableName::meta() {
            return Ok(vec![(meta::meta_region(), None)]);
        }
        let (start_row, stop_row) = meta::table_rows(table);
        let families = vec![Bytes::from_static(meta::FAMILY)];
        let mut scanner = self.scan(&TableName::meta(), ScanOptions { start_row, stop_row, families, ..ScanOptions::default() });
        let mut cells: Vec<Cell> = Vec::new();
        while let Some(batch) = scanner.next().await? {
            cells.extend(batch);
        }
        let mut regions = Vec::new();
        for row in cells.chunk_by(|left, right| left.row == right.row) {
            let region = meta::region_of_row(row).map_err(|detail| ClientError::protocol("hbase:meta", detail))?;
            regions.extend(region.filter(|(info, _)| info.table == *table && !info.split && !info.offline));
        }
        Ok(regions)
    }

    /// The tables that `hbase:meta` has a state of (column `table:state`), whoever may see them; `hbase:meta` itself has none.
    pub async fn tables_in_meta(&self) -> Result<Vec<TableName>> {
        let families = vec![Bytes::from_static(meta::TABLE_FAMILY)];
        let mut scanner = self.scan(&TableName::meta(), ScanOptions { families, ..ScanOptions::default() });
        let mut tables = Vec::new();
        while let Some(batch) = scanner.next().await? {
            for cell in batch {
                let name = std::str::from_utf8(&cell.row).map_err(|error| ClientError::protocol("hbase:meta", error.to_string()))?;
                tables.push(TableName::parse(name).map_err(|error| ClientError::protocol("hbase:meta", error.to_string()))?);
            }
        }
        tables.dedup();
        Ok(tables)
    }

    /// Asks for a split of a region at a row inside it.
    pub async fn split_region(&self, region: &RegionInfo, split_row: &Bytes, nonce: Nonce) -> Result<ProcedureId> {
        let request = proto::SplitTableRegionRequest {
            region_info: meta::region_info_message(region),
            split_row: Some(split_row.clone()),
            nonce_group: Some(nonce.0),
            nonce: Some(nonce.1),
        };
        let answer: proto::SplitTableRegionResponse = self.core.master_call("SplitRegion", &request, Repeat::Harmless).await?;
        procedure(answer.proc_id)
    }

    /// Asks for a merge of regions, neighbours unless `forcible`.
    pub async fn merge_regions(&self, regions: &[RegionInfo], forcible: bool, nonce: Nonce) -> Result<ProcedureId> {
        let request = proto::MergeTableRegionsRequest {
            region: regions.iter().map(meta::region_specifier).collect(),
            forcible: Some(forcible),
            nonce_group: Some(nonce.0),
            nonce: Some(nonce.1),
        };
        let answer: proto::MergeTableRegionsResponse = self.core.master_call("MergeTableRegions", &request, Repeat::Harmless).await?;
        procedure(answer.proc_id)
    }

    /// Moves a region to a server, or to one of the master's choice.
    pub async fn move_region(&self, region: &RegionInfo, destination: Option<&ServerName>) -> Result<()> {
        let dest_server_name = destination.map(|server| proto::ServerName {
            host_name: server.host.clone(),
            port: Some(u32::from(server.port)),
            start_code: Some(server.start_code),
        });
        let request = proto::MoveRegionRequest { region: meta::region_specifier(region), dest_server_name };
        // A region moved twice to one place is moved once; to a place of the master's choice it may move twice, and is as well off.
        let _: proto::MoveRegionResponse = self.core.master_call("MoveRegion", &request, Repeat::Harmless).await?;
        Ok(())
    }

    /// Rolls a RegionServer's WAL; gives the encoded names of the regions that must be flushed so that old WALs can go.
    pub async fn roll_wal(&self, server: &ServerName) -> Result<Vec<String>> {
        let request = proto::RollWalWriterRequest {};
        let answer: proto::RollWalWriterResponse = self.core.server_call(server, Service::Admin, "RollWALWriter", &request).await?;
        Ok(answer.region_to_flush.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect())
    }

    /// The name, with its start code, of the server that answers at a server's address now.
    pub async fn server_at(&self, server: &ServerName) -> Result<ServerName> {
        let request = proto::GetServerInfoRequest {};
        let answer: proto::GetServerInfoResponse = self.core.server_call(server, Service::Admin, "GetServerInfo", &request).await?;
        server_name(&answer.server_info.server_name)
    }
}

fn procedure(id: Option<u64>) -> Result<ProcedureId> {
    id.map(ProcedureId).ok_or_else(|| ClientError::protocol("the master", "an answer without a procedure id"))
}
