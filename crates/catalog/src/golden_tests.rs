//! Every record with every field set, as it was stored by the first version: `golden.txt` is never made anew, only lines are added.

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::Bytes;

use crate::record::MobReference;
use crate::*;

/// One record of each kind; no field has its default, and no two fields of a record the same value.
fn samples() -> Vec<Box<dyn Sample>> {
    let text = str::to_owned;
    let bytes = Bytes::from_static;
    let growth = Growth {
        flushed_files: 1,
        flushed_bytes: 2,
        bulk_loaded_files: 3,
        bulk_loaded_bytes: 4,
        compacted_files: 5,
        compacted_bytes: 6,
        major_compacted_files: 7,
        major_compacted_bytes: 8,
        new_region_files: 9,
        new_region_bytes: 10,
        first_files: 11,
        first_bytes: 12,
        compared_with: 13,
        rewritten_regions: 14,
    };
    let row = TableRow {
        table: text("ns:t"),
        regions: 1,
        files: 2,
        bytes: 300,
        read_files: 4,
        read_bytes: 500,
        stored_bytes: 600,
        shared_files: 7,
        shared_bytes: 800,
        snapshot_started_millis: 1_700_000_000_000,
        snapshot_finished_millis: 1_700_000_000_001,
        growth: Some(growth),
    };
    let totals = Totals {
        tables: 1,
        regions: 2,
        files: 3,
        bytes: 400,
        read_files: 5,
        read_bytes: 600,
        stored_bytes: 700,
        shared_files: 8,
        shared_bytes: 900,
    };
    let failed = FailedTable { table: text("ns:u"), message: text("damaged") };
    let omission = Omission { what: text("acls"), reason: text("no master") };
    let pair = Pair { key: text("k"), value: text("v") };
    vec![
        Box::new(BackupRow {
            kind: BackupKind::Snapshot.into(),
            source: SourceKind::Offline.into(),
            cluster: text("prod"),
            cluster_id: text("c1"),
            hbase_version: text("2.6.4"),
            started_millis: 1_700_000_000_000,
            finished_millis: 1_700_000_000_001,
            snapshot_first_millis: 1_700_000_000_002,
            snapshot_last_millis: 1_700_000_000_003,
            tables: vec![row.clone()],
            failed: vec![failed.clone()],
            tags: vec![pair.clone()],
            seawall_version: text("0.1.0"),
            host: text("h"),
            totals: Some(totals),
            tables_elsewhere: true,
            failed_count: 1,
            existing_snapshot: text("s1"),
        }),
        Box::new(ClusterRecord {
            name: text("prod"),
            cluster_id: text("c1"),
            hbase_version: text("2.6.4"),
            source: SourceKind::Live.into(),
            root: text("hdfs://ns/hbase"),
            captured_millis: 1_700_000_000_000,
            layout_version: text("8"),
            region_servers: 3,
            master_coprocessors: vec![text("AccessController")],
            omissions: vec![omission],
            failed: vec![failed],
        }),
        Box::new(NamespaceRecord { name: text("ns"), configuration: vec![pair], raw: bytes(b"\x0a\x02ns") }),
        Box::new(TableRecord {
            table: text("ns:t"),
            schema: bytes(b"schema"),
            state: TableState::Disabled.into(),
            snapshot: bytes(b"snapshot"),
            snapshot_started_millis: 1_700_000_000_000,
            snapshot_finished_millis: 1_700_000_000_001,
            regions: 1,
            files: 2,
            bytes: 300,
            without_memstores: true,
            mob_files: 4,
            row: Some(row),
        }),
        Box::new(RegionRecord {
            info: bytes(b"info"),
            mob: true,
            families: vec![FamilyRecord { name: bytes(b"cf"), files: 2, max_sequence_id: Some(7) }],
        }),
        Box::new(StoreFileRecord {
            kind: StoreFileKind::LinkReference.into(),
            physical_name: text("9f3a"),
            physical_length: 300,
            listed_length: Some(301),
            reference: Some(bytes(b"reference")),
            origin_table: text("ns:origin"),
            origin_region: text("0b"),
            mob: true,
            max_sequence_id: Some(7),
            entries: Some(8),
            codec: text("GZ"),
            raw: bytes(b"raw"),
            mob_references: vec![MobReference { table: text("ns:mob"), file: text("m1") }],
            inspected: true,
        }),
        Box::new(AclRecord {
            permissions: vec![PermissionRecord {
                user: text("@ops"),
                family: Some(bytes(b"cf")),
                qualifier: Some(bytes(b"q")),
                actions: text("RW"),
            }],
        }),
        Box::new(QuotaRecord { value: bytes(b"PBUFquotas") }),
        Box::new(LabelRecord { ordinal: Some(5) }),
        Box::new(GroupRecord { name: text("g"), tables: vec![text("ns:t")], raw: bytes(b"raw") }),
        Box::new(PeerRecord { id: text("1"), enabled: true, cluster_key: text("zk:2181:/hbase"), raw: bytes(b"raw") }),
    ]
}

/// A record of any kind.
trait Sample: Debug {
    fn name(&self) -> &'static str;
    fn encode(&self) -> Bytes;
    /// Whether `stored` reads as this record.
    fn is(&self, stored: &[u8]) -> bool;
}

impl<R: Record + PartialEq + Debug> Sample for R {
    fn name(&self) -> &'static str {
        R::NAME
    }
    fn encode(&self) -> Bytes {
        self.to_bytes().unwrap_or_else(|error| panic!("{}: {error}", R::NAME))
    }
    fn is(&self, stored: &[u8]) -> bool {
        R::from_bytes(Bytes::copy_from_slice(stored)).is_ok_and(|read| read == *self)
    }
}

fn golden() -> BTreeMap<&'static str, Vec<u8>> {
    let lines = include_str!("golden.txt").lines().filter(|line| !line.starts_with('#'));
    let read = |line: &'static str| {
        let (name, digits) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let byte = |place: usize| u8::from_str_radix(&digits[place..place + 2], 16).unwrap_or_else(|error| panic!("{line}: {error}"));
        (name, (0..digits.len()).step_by(2).map(byte).collect())
    };
    lines.map(read).collect()
}

#[test]
fn every_record_has_its_golden_bytes_and_reads_back() {
    let (golden, samples) = (golden(), samples());
    assert_eq!(golden.len(), samples.len(), "each kind has one line");
    for sample in &samples {
        let encoded: String = sample.encode().iter().map(|byte| format!("{byte:02x}")).collect();
        let stored = golden.get(sample.name()).unwrap_or_else(|| panic!("no line for: {} {encoded}", sample.name()));
        let stored_text: String = stored.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(encoded, stored_text, "{}", sample.name());
        assert!(sample.is(stored), "{} does not read back", sample.name());
    }
}

#[test]
fn no_flipped_byte_and_no_cut_reads_as_the_same_record() {
    let golden = golden();
    for sample in samples() {
        let stored = &golden[sample.name()];
        for index in 0..stored.len() {
            // The lowest bit: protobuf takes every other number but 0 for true.
            let mut flipped = stored.clone();
            flipped[index] ^= 1;
            assert!(!sample.is(&flipped), "{}: byte {index} flipped", sample.name());
            assert!(!sample.is(&stored[..index]), "{}: cut at {index}", sample.name());
        }
    }
}

/// A later program's fields are not in the way.
#[test]
fn unknown_fields_are_passed_over() {
    let golden = golden();
    for sample in samples() {
        let later = [golden[sample.name()].as_slice(), b"\xf8\x07\x01"].concat();
        assert!(sample.is(&later), "{}", sample.name());
    }
}
