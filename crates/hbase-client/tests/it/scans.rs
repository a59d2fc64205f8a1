//! Scans that regions move, split and merge under. HBase's own client writes the table `it_rows` and says what is in it.

use std::time::Duration;

use bytes::Bytes;
use hbase_client::{ClientError, Connection, ScanOptions};
use hbase_types::{Cell, TableName};
use testkit::{FamilySpec, TableSpec};

use crate::{WAIT, connect, table, with_site};

const ROWS: &str = "it_rows";

/// A cell as the witness dumps it.
fn line(cell: &Cell) -> String {
    let base64 = |bytes: &[u8]| data_encoding::BASE64.encode(bytes);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &cell.value);
    let kind = match cell.key_type {
        4 => "Put",
        8 => "Delete",
        10 => "DeleteFamilyVersion",
        12 => "DeleteColumn",
        14 => "DeleteFamily",
        other => panic!("key type {other}"),
    };
    let family = String::from_utf8(cell.family.to_vec()).unwrap();
    let (value_length, value) = (cell.value.len(), data_encoding::HEXLOWER.encode(digest.as_ref()));
    let mut json = serde_json::json!({
        "row": base64(&cell.row), "fam": family, "qual": base64(&cell.qualifier), "ts": cell.timestamp, "type": kind,
        "vlen": value_length, "vsha": value,
    });
    if !cell.tags.is_empty() {
        json["tags"] = base64(&cell.tags).into();
    }
    json.to_string()
}

/// Makes the table when the first test asks, and gives its cells as the witness sees them now.
async fn expected() -> Vec<String> {
    let text = with_site(|site| {
        let witness = &site.witness;
        if !witness.table_exists(ROWS).unwrap() {
            witness.create_table(&TableSpec::new(ROWS).family(FamilySpec::new("f").set("VERSIONS", 3)).regions(4)).unwrap();
            witness.load(ROWS, 5000, 200, 1).unwrap();
            let cell = |number: u32| testkit::Cell::new(format!("{number:08x}"), "f", "tagged", "value").tag(65, b"a tag");
            witness.put(ROWS, &(0..500).map(|number| cell(number << 23)).collect::<Vec<_>>()).unwrap();
            witness.delete(ROWS, b"00800000", "columns", Some("f"), Some(b"tagged"), None).unwrap();
            witness.flush(ROWS).unwrap();
        }
        let (_, dump) = witness.dump(ROWS, testkit::Scan::Raw).unwrap();
        std::fs::read_to_string(dump).unwrap()
    })
    .await;
    // Parsed and printed again, so that the order of the keys is ours.
    text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap().to_string()).collect()
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
    let expected = expected().await;
    let (connection, name) = (connect().await, table(ROWS));
    let found = scan_with(&connection, &name, true, async |_, _| {}).await;
    assert_same(&found, &expected);
    let tags = found.iter().filter(|line| line.contains("\"tags\"")).count();
    assert!(tags > 0, "no cell has tags: the codec lost them");
}

#[tokio::test]
#[ignore = "live"]
async fn regions_that_move_under_a_scan_cost_no_cell() {
    let expected = expected().await;
    let (connection, name) = (connect().await, table(ROWS));
    let servers: Vec<_> = connection.cluster_status().await.unwrap().live_servers.into_iter().map(|live| live.name).collect();
    assert!(servers.len() > 1, "moving needs two servers");
    let moves = connection.clone();
    let found = scan_with(&connection, &name, true, async |connection, _| {
        for (info, server) in connection.regions(&table(ROWS)).await.unwrap() {
            let other = servers.iter().find(|candidate| Some(*candidate) != server.as_ref());
            // A region that is still on its way from the last move cannot be moved: it is moving under the scan all the same.
            let _ = moves.move_region(&info, other).await;
        }
    })
    .await;
    assert_same(&found, &expected);
}

#[tokio::test]
#[ignore = "live"]
async fn splits_and_merges_under_a_scan_cost_no_cell() {
    drop(expected().await);
    let (connection, name) = (connect().await, table(ROWS));
    // What is visible only: the compactions that follow splits and merges purge delete markers and what they cover.
    let before = scan_with(&connection, &name, false, async |_, _| {}).await;
    assert!(before.len() > 10_000);
    let mut acts = 0;
    let found = scan_with(&connection, &name, false, async |connection, answers| {
        let regions = connection.regions(&table(ROWS)).await.unwrap();
        let nonce = connection.new_nonce();
        let id = if regions.len() > 3 {
            let pair: Vec<_> = regions.iter().skip(answers % (regions.len() - 1)).take(2).map(|(info, _)| info.clone()).collect();
            connection.merge_regions(&pair, false, nonce).await
        } else {
            let row = Bytes::from(format!("{:08x}", (answers * 37 % 2000) << 21));
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
    let expected = expected().await;
    let (connection, name) = (connect().await, table(ROWS));
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
    assert_same(&lines, &expected);
}

#[tokio::test]
#[ignore = "live"]
async fn ranges_and_missing_tables() {
    drop(expected().await);
    let (connection, name) = (connect().await, table(ROWS));
    let start_row = Bytes::from_static(b"01000000");
    let stop_row = Bytes::from_static(b"02000000");
    let options = ScanOptions { start_row, stop_row, ..ScanOptions::default() };
    let mut rows: Vec<Bytes> = Vec::new();
    let mut scanner = connection.scan(&name, options);
    while let Some(cells) = scanner.next().await.unwrap() {
        rows.extend(cells.into_iter().map(|cell| cell.row));
    }
    rows.dedup();
    assert_eq!(rows.first().unwrap().as_ref(), b"01000000", "the first row is in the range");
    let last = rows.last().unwrap().as_ref();
    assert!((b"01800000".as_slice()..b"02000000".as_slice()).contains(&last), "{last:?}");
    let missing = connection.scan(&table("it_never"), ScanOptions::default()).next().await.unwrap_err();
    assert!(matches!(missing, ClientError::TableNotFound { .. }), "{missing:?}");
}
