//! Scans that deliver each cell once and in order, whatever regions and servers do meanwhile.
//!
//! A scan goes region by region. Where it stands is the last cell *delivered*: after any failure (region moved, split or merged,
//! server lost, lease expired, answer lost) a new scanner is opened at that row, the row included only if it may have more cells,
//! and cells up to the last one are dropped. Within a region the first scanner's read point is asked for again, so that a row
//! delivered in two parts is of one moment. Cells of one row never have the same key, in raw scans neither (`ColumnTracker`
//! skips a second cell of the same time stamp and type), so the key is enough to stand on.
//!
//! Heartbeats (answers without cells from a server that still searches) count as progress.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hbase_proto::{self as proto, Message};
use hbase_types::{Cell, TableName};

use crate::core::{Core, decode};
use crate::error::{ClientError, Result};
use crate::meta::Located;
use crate::retry::Budget;
use crate::rpc::cell_block;
use crate::rpc::exception::Advice;
use crate::rpc::frame::Payload;
use crate::rpc::pool::{CallFailure, CallFailureKind};

/// `Scan.RAW_ATTR`, with `Bytes.toBytes(true)` as its value.
const RAW_ATTRIBUTE: (&str, &[u8]) = ("_raw_", &[0xff]);
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

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

/// A running scan. Dropping a call of [`Scanner::next`] loses nothing: the next call delivers what it would have.
#[derive(Debug)]
pub struct Scanner {
    core: Arc<Core>,
    table: TableName,
    options: ScanOptions,
    position: Position,
    open: Option<OpenScanner>,
    /// The read point of the region at hand, kept over reopening.
    read_point: Option<u64>,
    done: bool,
}

/// Where the scan stands.
#[derive(Debug, Clone, Default)]
struct Position {
    row: Bytes,
    include_row: bool,
    /// The last cell delivered, when its row may have more: everything up to it is dropped after reopening.
    after: Option<Cell>,
}

#[derive(Debug)]
struct OpenScanner {
    region: Located,
    id: u64,
    next_call_sequence: u64,
}

/// What one answer gave.
struct Batch {
    cells: Vec<Cell>,
    last_is_partial: bool,
    region_done: bool,
    scan_done: bool,
}

impl Scanner {
    pub(crate) fn new(core: Arc<Core>, table: TableName, options: ScanOptions) -> Self {
        let position = Position { row: options.start_row.clone(), include_row: true, after: None };
        Self { core, table, options, position, open: None, read_point: None, done: false }
    }

    /// The next cells in table order, never an empty batch; `None` at the end. A row with more cells than one answer holds goes
    /// on in the next batch. The client's deadline counts from the last progress.
    pub async fn next(&mut self) -> Result<Option<Vec<Cell>>> {
        let core = Arc::clone(&self.core);
        let mut budget = Budget::new(&core.options, "scan", core.options.deadline);
        while !self.done {
            match self.fetch(&budget).await {
                Ok(batch) => {
                    let cells = self.advance(batch);
                    if !cells.is_empty() {
                        return Ok(Some(cells));
                    }
                    budget.restart();
                }
                Err(failure) => {
                    let reopen_at_once = failure.kind == CallFailureKind::Answered(Advice::ResetScanner) && self.open.is_some();
                    self.open = None;
                    if !reopen_at_once {
                        core.after_region_failure(&self.table, failure, &mut budget).await?;
                    }
                }
            }
        }
        Ok(None)
    }

    /// Tells the server that the scanner is still wanted. Without it a scan whose consumer is slow is reopened where it stood.
    pub async fn renew_lease(&mut self) -> Result<()> {
        let Some(open) = self.open.as_mut() else { return Ok(()) };
        let request = proto::ScanRequest {
            scanner_id: Some(open.id),
            number_of_rows: Some(0),
            close_scanner: Some(false),
            next_call_seq: Some(open.next_call_sequence),
            client_handles_partials: Some(true),
            client_handles_heartbeats: Some(true),
            renew: Some(true),
            ..proto::ScanRequest::default()
        };
        let budget = Budget::new(&self.core.options, "scan", self.core.options.deadline);
        match self.core.region_try(&open.region, "Scan", &request.encode_to_vec(), &budget).await {
            Ok(_) => open.next_call_sequence += 1,
            // The scanner may be gone or not: the next fetch opens another one.
            Err(failure) if crate::core::may_try_again(&failure) => self.open = None,
            Err(failure) => return Err(failure.error),
        }
        Ok(())
    }

    /// Ends the scan before its end and frees the server's scanner, which would else live until its lease expires.
    pub async fn close(mut self) {
        if let Some(open) = self.open.take() {
            let request =
                proto::ScanRequest { scanner_id: Some(open.id), close_scanner: Some(true), number_of_rows: Some(0), ..Default::default() };
            self.core.tell(&open.region.address, "Scan", &request, CLOSE_LIMIT).await;
        }
    }

    async fn fetch(&mut self, budget: &Budget<'_>) -> std::result::Result<Batch, CallFailure> {
        match self.open.as_ref() {
            Some(open) => {
                let request = proto::ScanRequest {
                    scanner_id: Some(open.id),
                    number_of_rows: Some(self.options.caching),
                    close_scanner: Some(false),
                    next_call_seq: Some(open.next_call_sequence),
                    client_handles_partials: Some(true),
                    client_handles_heartbeats: Some(true),
                    ..proto::ScanRequest::default()
                };
                let payload = self.core.region_try(&open.region, "Scan", &request.encode_to_vec(), budget).await?;
                if let Some(open) = self.open.as_mut() {
                    open.next_call_sequence += 1;
                }
                let (_, batch) = read_answer(&payload)?;
                Ok(batch)
            }
            None => self.open_region(budget).await,
        }
    }

    async fn open_region(&mut self, budget: &Budget<'_>) -> std::result::Result<Batch, CallFailure> {
        let region = self.core.locate(&self.table, &self.position.row, budget).await?;
        let request = proto::ScanRequest {
            region: Some(region.specifier()),
            scan: Some(self.scan_message()),
            number_of_rows: Some(self.options.caching),
            close_scanner: Some(false),
            client_handles_partials: Some(true),
            client_handles_heartbeats: Some(true),
            ..proto::ScanRequest::default()
        };
        let payload = self.core.region_try(&region, "Scan", &request.encode_to_vec(), budget).await?;
        let (answer, batch) = read_answer(&payload)?;
        let Some(id) = answer.scanner_id else {
            return Err(broken("a scanner without an id".to_owned()));
        };
        self.read_point = self.read_point.or(answer.mvcc_read_point.filter(|point| *point > 0));
        self.open = Some(OpenScanner { region, id, next_call_sequence: 0 });
        Ok(batch)
    }

    fn scan_message(&self) -> proto::Scan {
        let options = &self.options;
        let column = |family: &Bytes| proto::Column { family: family.clone(), qualifier: Vec::new() };
        let attribute = options
            .raw
            .then(|| proto::NameBytesPair { name: RAW_ATTRIBUTE.0.to_owned(), value: Some(Bytes::from_static(RAW_ATTRIBUTE.1)) });
        proto::Scan {
            column: options.families.iter().map(column).collect(),
            attribute: attribute.into_iter().collect(),
            start_row: Some(self.position.row.clone()),
            include_start_row: Some(self.position.include_row),
            stop_row: Some(options.stop_row.clone()),
            time_range: options.time_range.map(|(from, to)| proto::TimeRange { from: Some(from), to: Some(to) }),
            max_versions: Some(options.max_versions.min(i32::MAX as u32)),
            cache_blocks: Some(options.cache_blocks),
            max_result_size: Some(options.max_result_bytes),
            caching: Some(options.caching),
            mvcc_read_point: self.read_point,
            ..proto::Scan::default()
        }
    }

    /// Moves the position behind a batch and gives its cells, without those that were delivered before.
    fn advance(&mut self, batch: Batch) -> Vec<Cell> {
        let Batch { mut cells, last_is_partial, region_done, scan_done } = batch;
        if let Some(after) = &self.position.after {
            // All of them may go when a long row fills more than one answer: the position stays then.
            cells.retain(|cell| cell.row != after.row || cell.compare(after) == Ordering::Greater);
        }
        if let Some(last) = cells.last() {
            // A copy of its own: the cell at hand would keep the whole answer in memory.
            let row = Bytes::copy_from_slice(&last.row);
            let after = last_is_partial.then(|| Cell { value: Bytes::new(), tags: Bytes::new(), ..own(last) });
            self.position = Position { row, include_row: last_is_partial, after };
        }
        if scan_done {
            self.done = true;
            self.open = None;
        } else if region_done {
            self.leave_region();
        }
        cells
    }

    fn leave_region(&mut self) {
        let end = self.open.take().map(|open| open.region.info.end_key).unwrap_or_default();
        self.read_point = None;
        let stop = &self.options.stop_row;
        if end.is_empty() || (!stop.is_empty() && end >= *stop) {
            self.done = true;
        }
        self.position = Position { row: end, include_row: true, after: None };
    }
}

fn own(cell: &Cell) -> Cell {
    let copy = Bytes::copy_from_slice;
    Cell { row: copy(&cell.row), family: copy(&cell.family), qualifier: copy(&cell.qualifier), ..cell.clone() }
}

fn read_answer(payload: &Payload) -> std::result::Result<(proto::ScanResponse, Batch), CallFailure> {
    let answer: proto::ScanResponse = decode(payload, "a RegionServer").map_err(failed)?;
    if !answer.results.is_empty() {
        return Err(broken("cells outside the cell block".to_owned()));
    }
    let announced: u64 = answer.cells_per_result.iter().map(|count| u64::from(*count)).sum();
    let mut block = payload.cell_block.clone();
    let mut cells = Vec::new();
    while let Some(cell) = cell_block::next_cell(&mut block).map_err(broken)? {
        cells.push(cell);
    }
    if cells.len() as u64 != announced {
        return Err(broken(format!("{announced} cells announced and {} sent", cells.len())));
    }
    let heartbeat = answer.heartbeat_message.unwrap_or(false);
    let batch = Batch {
        last_is_partial: answer.partial_flag_per_result.last().copied().unwrap_or(false),
        region_done: !answer.more_results_in_region.unwrap_or(!cells.is_empty() || heartbeat),
        scan_done: !answer.more_results.unwrap_or(true),
        cells,
    };
    Ok((answer, batch))
}

fn broken(detail: String) -> CallFailure {
    failed(ClientError::protocol("a RegionServer", detail))
}

fn failed(error: ClientError) -> CallFailure {
    CallFailure { error, kind: CallFailureKind::Answered(Advice::Fail) }
}
