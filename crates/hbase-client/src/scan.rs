//! Scans. (bodies follow)
use bytes::Bytes;
use hbase_types::Cell;
use std::time::Duration;

use crate::error::Result;

/// What to scan. `Default` = every visible cell of the table, newest version only.
#[derive(Debug, Clone)]
pub struct ScanOptions {
    /// Delete markers and deleted cells too.
    pub raw: bool,
    /// Versions per column; `u32::MAX` = all.
    pub max_versions: u32,
    /// The first row; empty = from the beginning.
    pub start_row: Bytes,
    /// The row before which the scan ends; empty = to the end.
    pub stop_row: Bytes,
    /// Only these families; empty = all.
    pub families: Vec<Bytes>,
    /// Time stamps in `[from, to)`, milliseconds.
    pub time_range: Option<(u64, u64)>,
    /// Rows per answer at most.
    pub caching: u32,
    /// Bytes per answer, about: a larger row comes in parts.
    pub max_result_bytes: u64,
    /// Whether the servers keep the blocks in their cache. Off for whole-table scans.
    pub cache_blocks: bool,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self {
            raw: false,
            max_versions: 1,
            start_row: Bytes::new(),
            stop_row: Bytes::new(),
            families: Vec::new(),
            time_range: None,
            caching: 10_000,
            max_result_bytes: 2 << 20,
            cache_blocks: false,
        }
    }
}

impl ScanOptions {
    /// Every cell and every delete marker that the table still has: what fingerprints are made of.
    pub fn everything() -> Self {
        Self { raw: true, max_versions: u32::MAX, ..Self::default() }
    }
}

/// A running scan: cells in table order, whatever happens to regions and servers meanwhile.
#[derive(Debug)]
pub struct Scanner {
    idle: Duration,
}

impl Scanner {
    /// The next cells, in order, never an empty batch; `None` at the end. A row with more cells than one answer holds goes on in the next batch.
    pub async fn next(&mut self) -> Result<Option<Vec<Cell>>> {
        let _ = self.idle;
        todo!()
    }

    /// Tells the server that the scanner is still wanted. Without it a scan whose consumer is slow is reopened where it stood.
    pub async fn renew_lease(&mut self) -> Result<()> {
        todo!()
    }
}
