//! The one call that makes a table appear: RestoreSnapshot, followed to its end, and what proves that the table is the right one.
//!
//! * The target's existence is asked for right before the call. The RPC itself is no guard: it restores *the table inside the
//!   snapshot* when the requested one exists (which is why that is the carrier, see `placement.rs`).
//! * One nonce for all tries of one restore, from its journal: the master does it once, also across its own restart.
//! * An id is no success. Whatever fails, the question "is it there, and is it ours?" is asked of the cluster.
//! * A refusal for missing files, answered before any file exists, tells that everything else was accepted: [`rehearse`].

use std::collections::BTreeSet;

use hbase_client::ClientError;
use hbase_types::{RegionInfo, TableName};

use super::journal::Journal;
use crate::target::Master;
use crate::{EngineError, Result};

/// Set before the first RPC of a restore.
const CLONING: &str = "cloning";
/// Set when the table is there and ours.
pub(super) const CLONED: &str = "cloned";
/// The setting that HBase's message names when it refuses a descriptor.
const SANITY_CHECKS: &str = "hbase.table.sanity.checks";

/// Clones the journal's snapshot as `table`, or finds that an earlier try of this restore did.
pub(super) async fn clone_as(
    master: &dyn Master,
    journal: &Journal,
    table: &TableName,
    nonce: (u64, u64),
    expected: &[RegionInfo],
) -> Result<()> {
    let marker = format!("{CLONING}-{}", table.to_string().replace(':', "="));
    if master.is_enabled(table).await?.is_some() {
        return if journal.is_marked(&marker).await? { ours(master, table, expected).await } else { Err(exists(table)) };
    }
    journal.still_ours().await?;
    journal.mark(&marker).await?;
    let ended = match master.clone_snapshot(&journal.record.snapshot, table, nonce).await {
        Ok(procedure) => master.wait_procedure(procedure).await,
        Err(error) => Err(error),
    };
    let Err(error) = ended else { return Ok(()) };
    if error.is_unavailable() {
        // Nobody can say what happened; the journal and the snapshot stay, and the next run asks.
        return Err(error);
    }
    match master.is_enabled(table).await? {
        Some(_) => ours(master, table, expected).await,
        None => Err(error),
    }
}

/// Asks for the clone before any file is written. The target checks the schema first (codecs, coprocessor and policy classes,
/// encryption), then the files, so what it refuses now it would refuse after the copy, too. `Ok` = only the files are missing.
///
/// The nonce is one of its own, since a master remembers a nonce with its failure. Never called when every file is in place:
/// then it would be the clone.
pub(super) async fn rehearse(master: &dyn Master, snapshot: &str, carrier: &TableName, nonce: (u64, u64)) -> Result<()> {
    match master.clone_snapshot(snapshot, carrier, nonce).await {
        Err(EngineError::Client(ClientError::SnapshotFailed { class, .. })) if class.ends_with("CorruptedSnapshotException") => Ok(()),
        Err(EngineError::Client(error)) if says_missing(&error) => Ok(()),
        Err(EngineError::Client(ClientError::Remote { message, .. })) if message.contains(SANITY_CHECKS) => Err(unsupported(&message)),
        Err(error) => Err(error),
        Ok(procedure) => {
            // It should not have been accepted; follow it, so that nothing of it runs on, and say so.
            master.wait_procedure(procedure).await?;
            master.disable_table(carrier).await?;
            master.delete_table(carrier).await?;
            let detail = "the master accepted a snapshot whose files are not there".to_owned();
            Err(EngineError::TargetChanged { path: carrier.to_string(), detail })
        }
    }
}

/// What a target says whose codec, class or policy for a table is missing (`TableDescriptorChecker`).
fn unsupported(message: &str) -> EngineError {
    let said = message.split(" Set hbase.table").next().unwrap_or(message);
    EngineError::Unsupported {
        message: format!("the target refuses the table's descriptor: {said}"),
        hint: Some("install what is missing on its masters and RegionServers, or restore into another cluster".into()),
    }
}

fn says_missing(error: &ClientError) -> bool {
    let text = error.to_string();
    text.contains("Can't find hfile") || text.contains("Missing parent hfile") || text.contains("CorruptedSnapshotException")
}

/// A table of that name is there: it is ours if its regions are those of the backup. The clone that an earlier try asked for may
/// still be opening them, and until it ends the table cannot be used, nor may its snapshot go.
async fn ours(master: &dyn Master, table: &TableName, expected: &[RegionInfo]) -> Result<()> {
    let names = |regions: &[RegionInfo]| -> BTreeSet<String> { regions.iter().map(RegionInfo::encoded_name).collect() };
    let found = master.regions(table).await?;
    if !names(&found).is_superset(&names(expected)) {
        return Err(exists(table));
    }
    master.wait_settled(table).await
}

/// What is refused when the name is taken.
pub(super) fn exists(table: &TableName) -> EngineError {
    EngineError::Refused {
        message: format!("table {table} exists"),
        hint: Some("give the restored table another name with --as, or put it in its place with --mode replace".into()),
    }
}

/// The regions that a clone of `regions` as `table` has: same keys and ids, other names.
pub(super) fn renamed<'a>(regions: impl IntoIterator<Item = &'a RegionInfo>, table: &TableName) -> Vec<RegionInfo> {
    regions.into_iter().map(|region| RegionInfo { table: table.clone(), ..region.clone() }).collect()
}

/// Compares boundaries. A region that split since the clone has more of them, never fewer; `Ok` holds how many more.
pub(super) fn compare_boundaries(table: &TableName, expected: &[RegionInfo], found: &[RegionInfo]) -> Result<usize> {
    let starts = |regions: &[RegionInfo]| -> BTreeSet<Vec<u8>> {
        regions
            .iter()
            .filter(|region| !region.split && !region.offline && region.replica_id == 0)
            .map(|region| region.start_key.to_vec())
            .collect()
    };
    let (expected, found) = (starts(expected), starts(found));
    let missing: Vec<String> = expected.difference(&found).take(3).map(|key| printable(key)).collect();
    if missing.is_empty() {
        return Ok(found.len() - expected.len());
    }
    let detail = format!(
        "{} of {} region boundaries are not there, first {}",
        expected.difference(&found).count(),
        expected.len(),
        missing.join(", ")
    );
    Err(EngineError::Mismatch { subject: table.to_string(), detail })
}

/// A row key for people: as HBase prints it.
pub(super) fn printable(key: &[u8]) -> String {
    key.iter().flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn region(start: &'static str, end: &'static str, id: i64) -> RegionInfo {
        let table = TableName::parse("t").unwrap();
        let (start_key, end_key) = (Bytes::from_static(start.as_bytes()), Bytes::from_static(end.as_bytes()));
        RegionInfo { table, start_key, end_key, region_id: id, replica_id: 0, offline: false, split: false }
    }

    #[test]
    fn boundaries_may_grow_but_not_vanish() {
        let table = TableName::parse("u").unwrap();
        let expected = [region("", "m", 1), region("m", "", 2)];
        let split = [region("", "g", 3), region("g", "m", 4), region("m", "", 2)];
        assert_eq!(compare_boundaries(&table, &expected, &expected).unwrap(), 0);
        assert_eq!(compare_boundaries(&table, &expected, &split).unwrap(), 1);
        let merged = [region("", "", 5)];
        assert!(compare_boundaries(&table, &expected, &merged).unwrap_err().to_string().contains("1 of 2 region boundaries"));
    }
}
