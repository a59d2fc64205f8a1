//! Fingerprints of live tables: what a client's raw scan of all versions sees, delete markers included.
//!
//! Regions are scanned apart, several at a time, and their sums combined; the order does not matter. What time to live has expired is
//! not in a scan, so the report says when the scan began. The scan is no consistent cut: tables that are written to meanwhile give
//! a digest that nothing else will ever equal.

use api::{FINGERPRINT_SCHEMA_VERSION, FingerprintReport, TableFingerprint};
use bytes::Bytes;
use cells::Fingerprint;
use futures::{StreamExt, TryStreamExt};
use hbase_client::{Connection, ScanOptions};
use hbase_types::TableName;
use storage::Clock;
use tokio_util::sync::CancellationToken;

use crate::{EngineError, Result};

/// Regions scanned at a time.
const PARALLEL_REGIONS: usize = 4;

/// Scans `tables` of the cluster called `cluster`.
pub async fn live(
    connection: &Connection,
    cluster: &str,
    tables: &[TableName],
    clock: &dyn Clock,
    cancel: &CancellationToken,
) -> Result<FingerprintReport> {
    let mut report = FingerprintReport { schema_version: FINGERPRINT_SCHEMA_VERSION, cluster: cluster.to_owned(), tables: Vec::new() };
    for table in tables {
        report.tables.push(live_table(connection, table, clock, cancel).await?);
    }
    Ok(report)
}

/// Scans one table.
pub async fn live_table(
    connection: &Connection,
    table: &TableName,
    clock: &dyn Clock,
    cancel: &CancellationToken,
) -> Result<TableFingerprint> {
    let began_millis = clock.now_millis();
    if !connection.table_exists(table).await? {
        return Err(EngineError::NotFound { message: format!("no table {table} in the cluster") });
    }
    let regions = connection.regions(table).await?;
    let open = regions.into_iter().map(|(region, _)| region).filter(|region| !region.split && !region.offline && region.replica_id == 0);
    let ranges: Vec<(Bytes, Bytes)> = open.map(|region| (region.start_key, region.end_key)).collect();
    let count = ranges.len() as u64;
    let scans = futures::stream::iter(ranges).map(|(start, stop)| scan_range(connection, table, start, stop, cancel));
    let parts: Vec<Part> = scans.buffer_unordered(PARALLEL_REGIONS).try_collect().await?;
    let (mut sum, mut rows) = (Fingerprint::new(), 0);
    for part in &parts {
        sum.combine(&part.fingerprint);
        rows += part.rows;
    }
    let elapsed_millis = clock.now_millis().saturating_sub(began_millis).max(0);
    Ok(TableFingerprint {
        table: table.to_string(),
        digest: sum.to_string(),
        cells: sum.cells(),
        rows,
        regions: count,
        scanned: crate::time::rfc3339(began_millis),
        seconds: elapsed_millis as f64 / 1000.0,
    })
}

struct Part {
    fingerprint: Fingerprint,
    rows: u64,
}

async fn scan_range(connection: &Connection, table: &TableName, start: Bytes, stop: Bytes, cancel: &CancellationToken) -> Result<Part> {
    let mut scanner = connection.scan(table, ScanOptions { start_row: start, stop_row: stop, ..ScanOptions::everything() });
    let mut part = Part { fingerprint: Fingerprint::new(), rows: 0 };
    let mut last: Option<Bytes> = None;
    while let Some(cells) = scanner.next().await? {
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        for cell in &cells {
            part.fingerprint.push(cell);
            if last.as_ref() != Some(&cell.row) {
                part.rows += 1;
                last = Some(cell.row.clone());
            }
        }
    }
    Ok(part)
}
