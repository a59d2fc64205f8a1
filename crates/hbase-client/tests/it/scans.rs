//! Scans that regions move, split and merge under. The table `it_rows` is written beforehand by HBase's own client: its raw cells,
//! in order, are the lines that `SEAWALL_LIVE_CELLS` (a file) has, as `row family qualifier timestamp type value tags` in hex.

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use hbase_client::{ClientError, Connection, ScanOptions};
use hbase_types::{Cell, TableName};

use crate::{WAIT, connect, environment, table};

fn line(cell: &Cell) -> String {
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    };
    let (row, family, qualifier) = (hex(&cell.row), hex(&cell.family), hex(&cell.qualifier));
    format!("{row} {family} {qualifier} {} {} {} {}", cell.timestamp, cell.key_type, hex(&cell.value), hex(&cell.tags))
}

fn expected() -> Vec<String> {
    std::fs::read_to_string(environment("SEAWALL_LIVE_CELLS")).unwrap().lines().map(str::to_owned).collect()
}

fn assert_same(found: &[String], expected: &[String]) {
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found, expected, "cell {index}");
    }
}

/// Scans everything in small answers and does `act` after every 20th.
async fn scan_with(connection: &Connection, name: &TableName, raw: bool, mut act: impl AsyncFnMut(&Connection, usize)) -> Vec<String> {
    let options = ScanOptions { raw, caching: 500, max_result_bytes: 16 << 10, ..ScanOptions::everything() };
    let mut scanner = connection.scan(name, options);
    let (mut lines, mut answers) = (Vec::new(), 0);
    while let Some(cells) = scanner.next().await.unwrap() {
        lines.extend(cells.iter().map(line));
        answers += 1;
        if answers % 20 == 0 {
            act(connection, answers).await;
        }
    }
    lines
}

#[tokio::test]
#[ignore = "live"]
async fn a_raw_scan_gives_what_hbases_own_client_gives() {
    let (connection, name) = (connect().await, table("it_rows"));
    let found = scan_with(&connection, &name, true, async |_, _| {}).await;
    assert_same(&found, &expected());
    let tags = found.iter().filter(|line| !line.ends_with(' ')).count();
    assert!(tags > 0, "no cell has tags: the codec lost them");
}

#[tokio::test]
#[ignore = "live"]
async fn regions_that_move_under_a_scan_cost_no_cell() {
    let (connection, name) = (connect().await, table("it_rows"));
    let servers: Vec<_> = connection.cluster_status().await.unwrap().live_servers.into_iter().map(|live| live.name).collect();
    assert!(servers.len() > 1, "moving needs two servers");
    let moves = connection.clone();
    let found = scan_with(&connection, &name, true, async |connection, _| {
        for (info, server) in connection.regions(&table("it_rows")).await.unwrap() {
            let other = servers.iter().find(|candidate| Some(*candidate) != server.as_ref());
            // A region that is still on its way from the last move cannot be moved: it is moving under the scan all the same.
            let _ = moves.move_region(&info, other).await;
        }
    })
    .await;
    assert_same(&found, &expected());
}

#[tokio::test]
#[ignore = "live"]
async fn splits_and_merges_under_a_scan_cost_no_cell() {
    let (connection, name) = (connect().await, table("it_rows"));
    // What is visible only: the compactions that follow splits and merges purge delete markers and what they cover.
    let before = scan_with(&connection, &name, false, async |_, _| {}).await;
    assert!(before.len() > 10_000);
    let mut acts = 0;
    let found = scan_with(&connection, &name, false, async |connection, answers| {
        let regions = connection.regions(&table("it_rows")).await.unwrap();
        let nonce = connection.new_nonce();
        let id = if regions.len() > 3 {
            let pair: Vec<_> = regions.iter().skip(answers % (regions.len() - 1)).take(2).map(|(info, _)| info.clone()).collect();
            connection.merge_regions(&pair, false, nonce).await
        } else {
            let row = Bytes::from(format!("row-{:05}", (answers * 37) % 2000));
            let holds = |info: &hbase_types::RegionInfo| info.start_key < row && (info.end_key.is_empty() || row < info.end_key);
            // No region can be split at its own first row.
            let Some((info, _)) = regions.iter().find(|(info, _)| holds(info)) else { return };
            connection.split_region(info, &row, nonce).await
        };
        // A region with references cannot be split or merged again before its compaction.
        if let Ok(id) = id {
            acts += usize::from(connection.wait_procedure(id, WAIT).await.is_ok());
        }
    })
    .await;
    assert_same(&found, &before);
    assert!(acts > 0, "nothing was split or merged");
}

#[tokio::test]
#[ignore = "live"]
async fn a_slow_consumer_gets_every_cell() {
    let (connection, name) = (connect().await, table("it_rows"));
    // The lab's scanner leases end after some seconds: longer pauses than that, one with and one without renewing.
    let options = ScanOptions { caching: 500, max_result_bytes: 64 << 10, ..ScanOptions::everything() };
    let mut scanner = connection.scan(&name, options);
    let (mut lines, mut answers) = (Vec::new(), 0);
    while let Some(cells) = scanner.next().await.unwrap() {
        lines.extend(cells.iter().map(line));
        answers += 1;
        match answers {
            5 => tokio::time::sleep(Duration::from_secs(25)).await,
            10 => {
                for _ in 0..5 {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    scanner.renew_lease().await.unwrap();
                }
            }
            _ => {}
        }
    }
    assert_same(&lines, &expected());
}

#[tokio::test]
#[ignore = "live"]
async fn ranges_and_missing_tables() {
    let (connection, name) = (connect().await, table("it_rows"));
    let start_row = Bytes::from_static(b"row-00010");
    let stop_row = Bytes::from_static(b"row-00020");
    let options = ScanOptions { start_row, stop_row, ..ScanOptions::default() };
    let mut rows: Vec<Bytes> = Vec::new();
    let mut scanner = connection.scan(&name, options);
    while let Some(cells) = scanner.next().await.unwrap() {
        rows.extend(cells.into_iter().map(|cell| cell.row));
    }
    rows.dedup();
    assert_eq!((rows.first().unwrap().as_ref(), rows.last().unwrap().as_ref()), (b"row-00010".as_slice(), b"row-00019".as_slice()));
    let missing = connection.scan(&table("it_never"), ScanOptions::default()).next().await.unwrap_err();
    assert!(matches!(missing, ClientError::TableNotFound { .. }), "{missing:?}");
}
