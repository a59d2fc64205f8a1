//! From one release to another: what a restore says beforehand, and what the target's own client sees afterwards.

use testkit::{FamilySpec, HBaseVersion, LabSpec, Profile, TableSpec, build_fixture_tables};

use crate::site::{Site, TableState};
use crate::vault::Vault;

/// What a pair must give.
enum Verdict {
    /// Every table is there, cell for cell.
    Whole,
    /// The plan names this before anything is changed.
    Warned(&'static str),
}

fn pair(from: HBaseVersion, to: HBaseVersion, verdict: &Verdict) {
    let source = Site::start(LabSpec::standalone(from).set("hbase.hstore.compaction.min", 50));
    let target = Site::start(LabSpec::standalone(to).eager_cleaners(1000).set("hbase.hstore.compaction.min", 50));
    let tables = build_fixture_tables(&source.lab, &source.witness, Profile::small()).unwrap().tables;
    for table in &tables {
        source.witness.flush(table).unwrap();
    }
    let before = source.states(&tables);
    let vault = Vault::new(&[&source, &target]);
    vault.backup(&["--cluster", "one", "--all"]);
    drop(source);
    let arguments = ["latest", "--all", "--target", "two", "--with", "namespaces"];
    let plan = vault.json(&[&["restore"], &arguments[..], &["--dry-run"]].concat());
    assert_eq!(plan["blockers"].as_array().unwrap().len(), 0, "{plan}");
    let warnings: Vec<&str> = plan["warnings"].as_array().unwrap().iter().filter_map(|warning| warning["code"].as_str()).collect();
    match verdict {
        Verdict::Whole => assert!(!warnings.iter().any(|code| code.contains("version")), "{plan}"),
        Verdict::Warned(code) => assert!(warnings.contains(code), "{plan}"),
    }
    assert_eq!(target.witness.tables().unwrap(), Vec::<String>::new(), "a dry run changes nothing");
    vault.restore(&arguments);
    for (table, before) in before {
        let after = target.state(&table);
        // A newer release writes down more defaults; nothing may be lost.
        let lost: Vec<&str> = before.descriptor.lines().filter(|line| !after.descriptor.lines().any(|other| other == *line)).collect();
        assert_eq!(lost, Vec::<&str>::new(), "{table}: {}", after.descriptor);
        assert_eq!(after, TableState { descriptor: after.descriptor.clone(), ..before }, "{table} on another release");
    }
}

#[test]
#[ignore = "live"]
fn pairs_2_4_to_2_6() {
    pair(HBaseVersion::V2_4_18, HBaseVersion::V2_6_4, &Verdict::Whole);
}

#[test]
#[ignore = "live"]
fn pairs_2_5_to_3_0() {
    pair(HBaseVersion::V2_5_13, HBaseVersion::V3_0_0Alpha4, &Verdict::Whole);
}

/// 2.4 knows ZSTD only by a native library that is not there: the master says so before a file is written.
#[test]
#[ignore = "live"]
fn pairs_2_5_to_2_4_without_the_codec() {
    let source = Site::start(LabSpec::standalone(HBaseVersion::V2_5_13));
    let spec = LabSpec::standalone(HBaseVersion::V2_4_18).eager_cleaners(1000);
    let target = Site::start(spec.set("hbase.table.sanity.checks", true));
    let family = |codec: &str| FamilySpec::new("f").set("COMPRESSION", codec);
    source.witness.create_table(&TableSpec::new("packed").family(family("ZSTD"))).unwrap();
    source.witness.create_table(&TableSpec::new("plain").family(family("GZ"))).unwrap();
    for table in ["packed", "plain"] {
        source.witness.load(table, 100, 100, 1).unwrap();
    }
    let vault = Vault::new(&[&source, &target]);
    vault.backup(&["--cluster", "one", "--all"]);
    vault.run(&["restore", "latest", "--all", "--target", "two", "--yes"]).fails(3, &["packed", "zStandard", "hint: install"]);
    vault.run(&["restore", "latest", "--table", "packed", "--target", "two", "--yes"]).fails(14, &["zstd", "hint: install"]);
    assert_eq!(target.witness.tables().unwrap(), ["plain"]);
    assert_eq!(target.left_snapshots(), Vec::<String>::new());
    let archived = target.lab.local_rootdir().unwrap().join("archive/data/default");
    let left: Vec<String> = std::fs::read_dir(archived)
        .map(|all| all.flatten().map(|one| one.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    assert!(!left.iter().any(|name| name.contains("packed")), "{left:?}");
}

#[test]
#[ignore = "live"]
fn pairs_2_6_to_2_5() {
    pair(HBaseVersion::V2_6_4, HBaseVersion::V2_5_13, &Verdict::Warned("older-hbase"));
}
