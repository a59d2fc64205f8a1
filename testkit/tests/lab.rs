//! The lab itself: every version starts, its witness works, and nothing is left when the owner goes.
//!
//! Two standalone labs run always; the ignored tests start the others (`cargo test -p testkit --test lab -- --ignored`).

#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // A test, with files on this machine.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testkit::{
    Cell, FamilySpec, HBaseVersion, Lab, LabSpec, Permission, Profile, Scan, Signal, TableSpec, Witness, build_fixture_tables, difference,
};

#[test]
fn a_table_is_made_lost_and_cloned_back_and_no_process_stays() {
    let lab = Lab::start(LabSpec::standalone(HBaseVersion::V2_6_4)).unwrap();
    let pids = round_trip(&lab);
    drop(lab);
    assert_gone(&pids);
}

#[test]
#[ignore = "long: part of cargo xtask ci"]
fn labs_of_every_other_version() {
    for version in [HBaseVersion::V2_4_18, HBaseVersion::V2_5_13, HBaseVersion::V3_0_0Alpha4] {
        let lab = Lab::start(LabSpec::standalone(version)).unwrap();
        let pids = round_trip(&lab);
        drop(lab);
        assert_gone(&pids);
    }
}

#[test]
#[ignore = "long: part of cargo xtask ci"]
fn every_call_of_the_witness_works_with_every_version() {
    for version in HBaseVersion::ALL {
        let lab = Lab::start(LabSpec::standalone(version)).unwrap();
        other_calls(&Witness::start(&lab).unwrap());
    }
}

/// The calls that no other test makes.
fn other_calls(witness: &Witness) {
    witness.create_namespace("n", &[("key", "value")]).unwrap();
    assert_eq!(witness.namespaces().unwrap()["n"]["key"], "value");
    let spec = TableSpec::new("n:t").family(FamilySpec::new("f")).regions(2);
    witness.create_table(&spec).unwrap();
    witness.load("n:t", 100, 20, 1).unwrap();
    let before = witness.scan("n:t", Scan::Raw).unwrap();
    witness.roll_logs().unwrap();
    witness.snapshot("n-1", "n:t").unwrap();
    let listed = witness.snapshots().unwrap();
    assert_eq!(listed.iter().filter(|snapshot| snapshot.table == "n:t" && snapshot.kind == "FLUSH").count(), 1);
    witness.truncate("n:t", true).unwrap();
    assert_eq!((witness.scan("n:t", Scan::Raw).unwrap().cells, witness.regions("n:t").unwrap().len()), (0, 2));
    witness.disable("n:t").unwrap();
    assert!(!witness.is_enabled("n:t").unwrap());
    witness.restore_snapshot("n-1").unwrap();
    witness.enable("n:t").unwrap();
    assert_eq!(witness.scan("n:t", Scan::Raw).unwrap(), before);
    witness.load("n:t", 100, 20, 2).unwrap();
    witness.flush("n:t").unwrap();
    witness.compact("n:t").unwrap();
    witness.major_compact("n:t").unwrap();
    let regions = witness.regions("n:t").unwrap();
    witness.merge(&[&regions[0].encoded_name, &regions[1].encoded_name]).unwrap();
    assert_eq!(witness.regions("n:t").unwrap().len(), 1);
    witness.run_catalog_janitor().unwrap();
    witness.modify_table(&TableSpec::new("n:t").family(FamilySpec::new("f").set("VERSIONS", 7))).unwrap();
    assert!(witness.descriptor("n:t").unwrap().contains("VERSIONS = 7"));
    for name in ["balancer", "cleaner", "catalog_janitor", "split", "merge", "compaction"] {
        let before = witness.switch(name, false).unwrap();
        assert!(!witness.switch(name, before).unwrap(), "{name}");
    }
    witness.run_cleaner().unwrap();
    witness.balance().unwrap();
    assert_eq!(witness.servers().unwrap().len(), 1);
    assert!(witness.master().unwrap().starts_with("localhost,"));
    let quotas = witness.quotas().unwrap().len();
    witness.set_namespace_quota("n", 1000).unwrap();
    witness.set_user_quota("alice", 1000).unwrap();
    assert_eq!(witness.quotas().unwrap().len(), quotas + 2);
    witness.set_namespace_quota("n", 0).unwrap();
    witness.set_user_quota("alice", 0).unwrap();
    witness.delete_snapshot("n-1").unwrap();
    witness.drop_table("n:t").unwrap();
    assert!(!witness.table_exists("n:t").unwrap());
    witness.drop_namespace("n").unwrap();
}

/// Create, load, snapshot, drop, clone: the witness sees the same cells. Gives the pids that must be gone afterwards.
fn round_trip(lab: &Lab) -> Vec<i32> {
    let witness = Witness::start(lab).unwrap();
    assert!(witness.hbase_version().unwrap().starts_with(lab.version().name()));
    witness.create_table(&TableSpec::new("t").family(FamilySpec::new("f").set("VERSIONS", 5)).regions(3)).unwrap();
    assert_eq!(witness.load("t", 500, 50, 1).unwrap(), 1000);
    witness.put("t", &[Cell::new("row", "f", "q", "one").at(1), Cell::new("row", "f", "q", "two").at(2)]).unwrap();
    witness.delete("t", b"row", "column", Some("f"), Some(b"q"), Some(1)).unwrap();
    witness.flush("t").unwrap();
    // The flush has dropped the deleted cell and kept the marker.
    let (raw, raw_dump) = witness.dump("t", Scan::Raw).unwrap();
    let (view, _) = witness.dump("t", Scan::View).unwrap();
    assert_eq!((raw.cells, view.cells), (1002, 1001));
    let (boundaries, descriptor) = (witness.boundaries("t").unwrap(), witness.descriptor("t").unwrap());
    assert_eq!(boundaries.len(), 3);
    assert!(descriptor.contains("VERSIONS = 5"), "{descriptor}");
    witness.snapshot("s", "t").unwrap();
    witness.drop_table("t").unwrap();
    assert_eq!(witness.tables().unwrap(), Vec::<String>::new());
    witness.clone_snapshot("s", "t", false).unwrap();
    assert_eq!(witness.scan("t", Scan::Raw).unwrap(), raw);
    assert_eq!(witness.boundaries("t").unwrap(), boundaries);
    assert_eq!(witness.descriptor("t").unwrap(), descriptor);
    // The judge must see one cell too few and one too many.
    witness.delete_row("t", b"row").unwrap();
    let (changed, changed_dump) = witness.dump("t", Scan::Raw).unwrap();
    assert_ne!(changed, raw);
    let found = difference(&raw_dump, &changed_dump).unwrap();
    assert_eq!((found.missing.len(), found.extra.len()), (0, 1), "{found}");
    let missing = witness.drop_table("nowhere").unwrap_err();
    assert_eq!(missing.class(), Some("TableNotFoundException"));
    lab.processes().into_iter().map(|(_, pid, _)| pid).collect()
}

fn assert_gone(pids: &[i32]) {
    assert!(!pids.is_empty());
    for pid in pids {
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "process {pid} is left");
    }
}

#[test]
#[ignore = "long: part of cargo xtask ci"]
fn fixture_tables_of_every_version() {
    for version in HBaseVersion::ALL {
        let lab = Lab::start(LabSpec::standalone(version).with_encryption()).unwrap();
        let witness = Witness::start(&lab).unwrap();
        let made = build_fixture_tables(&lab, &witness, Profile { encryption: true, ..Profile::small() }).unwrap();
        for table in &made.tables {
            let cells = witness.scan(table, Scan::Raw).unwrap().cells;
            assert_eq!(cells == 0, table == "lab:empty", "{version} {table}: {cells} cells");
        }
        let root = lab.local_rootdir().unwrap();
        let names = file_names(&root.join("data/lab"));
        assert!(names.iter().any(|name| name.contains("_SeqId_")), "{version}: no bulk-loaded file");
        assert!(names.iter().any(|name| name.starts_with("lab=bulk=")), "{version}: no link");
        assert!(
            file_names(&root.join("data/lab/split")).iter().any(|name| name.contains('.') && !name.starts_with('.')),
            "{version}: no reference"
        );
        assert!(!file_names(&root.join("mobdir")).is_empty(), "{version}: no MOB file");
        assert!(!names.iter().any(|name| name.ends_with(".crc")));
        for codec in version.codecs() {
            let family = codec.to_lowercase();
            let in_family = |path: &std::path::PathBuf| path.parent().is_some_and(|parent| parent.ends_with(&family));
            let file = walk(&root.join("data/lab/codecs")).into_iter().find(in_family).unwrap();
            let summary = witness.read_hfile(&file.display().to_string()).unwrap();
            assert!(summary.cells > 0 && !summary.blocks.is_empty());
            assert_eq!(summary.trailer["getCompressionCodec"], **codec, "{version}");
        }
    }
}

fn file_names(dir: &std::path::Path) -> Vec<String> {
    walk(dir).iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

#[test]
#[ignore = "long: part of cargo xtask ci"]
fn grants_are_made_listed_and_enforced() {
    let lab = Lab::start(LabSpec::standalone(HBaseVersion::V2_6_4).with_access_controller()).unwrap();
    let witness = Witness::start(&lab).unwrap();
    witness.create_table(&TableSpec::new("t").family(FamilySpec::new("f"))).unwrap();
    let alice = witness.as_user("alice");
    let refused = alice.put("t", &[Cell::new("r", "f", "q", "v")]).unwrap_err();
    assert!(refused.to_string().contains("AccessDenied"), "{refused}");
    let grant = Permission { user: "alice".into(), actions: "RW".into(), table: Some("t".into()), ..Permission::default() };
    witness.grant(&grant).unwrap();
    assert!(witness.permissions().unwrap().contains(&grant));
    alice.put("t", &[Cell::new("r", "f", "q", "v")]).unwrap();
    witness.revoke(&grant).unwrap();
    assert!(!witness.permissions().unwrap().contains(&grant));
    witness.set_table_quota("t", 1000).unwrap();
    assert_eq!(witness.quotas().unwrap().len(), 1);
}

#[test]
#[ignore = "long: part of cargo xtask ci"]
fn a_bare_restore_onto_a_taken_name_fails_and_changes_nothing() {
    let lab = Lab::start(LabSpec::standalone(HBaseVersion::V2_6_4)).unwrap();
    let witness = Witness::start(&lab).unwrap();
    for table in ["t", "u"] {
        witness.create_table(&TableSpec::new(table).family(FamilySpec::new("f"))).unwrap();
        witness.load(table, 10, 10, 1).unwrap();
    }
    witness.snapshot("s", "t").unwrap();
    witness.drop_table("t").unwrap();
    let before = witness.scan("u", Scan::Raw).unwrap();
    let failed = match witness.raw_restore_snapshot("s", "u", (1, 2), false) {
        Err(_) => true,
        Ok(id) => witness.wait_procedure(id).unwrap().exception.is_some(),
    };
    assert!(failed);
    assert_eq!(witness.scan("u", Scan::Raw).unwrap(), before);
    let id = witness.raw_restore_snapshot("s", "v", (1, 3), false).unwrap();
    let state = witness.wait_procedure(id).unwrap();
    assert_eq!((state.state.as_str(), &state.exception), ("FINISHED", &None));
    assert_eq!(witness.raw_restore_snapshot("s", "v", (1, 3), false).unwrap(), id, "a repeated nonce is the same procedure");
    assert_eq!(witness.scan("v", Scan::Raw).unwrap().cells, 20);
}

#[test]
#[ignore = "long: part of cargo xtask ci"]
fn a_distributed_lab_survives_its_chaos() {
    let lab = Lab::start(LabSpec::distributed(HBaseVersion::V2_6_4, true, 3)).unwrap();
    let witness = Witness::start(&lab).unwrap();
    witness.create_table(&TableSpec::new("t").family(FamilySpec::new("f")).regions(6)).unwrap();
    witness.load("t", 2000, 100, 1).unwrap();
    let before = witness.scan("t", Scan::Raw).unwrap();
    // Regions move off a decommissioned server and onto an added one.
    let added = lab.add_regionserver().unwrap();
    assert_eq!(added, "rs4");
    lab.wait_for_servers(&witness, 4).unwrap();
    let server = witness.server_of("rs1").unwrap().unwrap();
    witness.decommission(&server, true).unwrap();
    let start = Instant::now();
    while witness.regions("t").unwrap().iter().any(|region| region.server.as_ref() == Some(&server)) {
        assert!(start.elapsed() < Duration::from_secs(60), "regions stay on {server}");
        std::thread::sleep(Duration::from_millis(200));
    }
    witness.recommission(&server).unwrap();
    // Split, merge, move.
    witness.split("t", b"10000000").unwrap();
    let regions = witness.regions("t").unwrap();
    assert_eq!(regions.len(), 7);
    witness.merge(&[&regions[2].encoded_name, &regions[3].encoded_name]).unwrap();
    witness.move_region(&witness.regions("t").unwrap()[0].encoded_name, None).unwrap();
    assert_eq!(witness.scan("t", Scan::Raw).unwrap(), before);
    // A server dies with its memstore; the log brings the cells back.
    lab.kill("rs2", Signal::KILL).unwrap();
    assert_eq!(witness.scan("t", Scan::Raw).unwrap(), before);
    lab.restart_master().unwrap();
    // Planned and unplanned change of the active NameNode.
    assert_eq!(lab.fail_over_namenode().unwrap(), "nn2");
    witness.flush("t").unwrap();
    lab.kill("nn2", Signal::KILL).unwrap();
    lab.activate_namenode("nn1", true).unwrap();
    witness.load("t", 100, 100, 2).unwrap();
    witness.snapshot("s", "t").unwrap();
    witness.clone_snapshot("s", "clone", false).unwrap();
    let clone = witness.scan("clone", Scan::Raw).unwrap();
    assert_eq!(clone, witness.scan("t", Scan::Raw).unwrap());
    assert_eq!(clone.cells, before.cells + 200);
    let pids: Vec<_> = lab.processes().into_iter().map(|(_, pid, _)| pid).collect();
    assert!(pids.len() >= 8, "{:?}", lab.processes());
    drop(lab);
    assert_gone(&pids);
}

/// Not a test of its own: the child of the next one. It starts a lab, tells its pids, and waits to be killed.
#[test]
#[ignore = "run by a_killed_test_leaves_no_server"]
fn owner_of_a_lab_that_gets_killed() {
    let Ok(report) = std::env::var("SEAWALL_TEST_OWNER") else { return };
    let lab =
        Lab::start(LabSpec { dir: Some(std::path::Path::new(&report).join("lab")), ..LabSpec::standalone(HBaseVersion::V2_6_4) }).unwrap();
    let witness = Witness::start(&lab).unwrap();
    let mut pids: Vec<_> = lab.processes().into_iter().map(|(_, pid, _)| pid.to_string()).collect();
    pids.push(witness.process_id().to_string());
    std::fs::write(format!("{report}/writing"), pids.join(" ")).unwrap();
    std::fs::rename(format!("{report}/writing"), format!("{report}/pids")).unwrap();
    std::thread::sleep(Duration::from_secs(600));
}

#[test]
fn a_killed_test_leaves_no_server() {
    let dir = tempfile::tempdir().unwrap();
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "owner_of_a_lab_that_gets_killed", "--ignored"])
        .env("SEAWALL_TEST_OWNER", dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let pids = loop {
        if let Ok(text) = std::fs::read_to_string(dir.path().join("pids")) {
            break text.split(' ').map(|pid| pid.parse().unwrap()).collect::<Vec<i32>>();
        }
        assert!(owner.try_wait().unwrap().is_none(), "the owner ended");
        assert!(start.elapsed() < Duration::from_secs(240), "the owner's lab does not start");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(pids.len(), 2);
    let alive = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    assert!(pids.iter().all(alive));
    owner.kill().unwrap();
    owner.wait().unwrap();
    let start = Instant::now();
    while pids.iter().any(alive) {
        assert!(start.elapsed() < Duration::from_secs(10), "a server outlives its test");
        std::thread::sleep(Duration::from_millis(50));
    }
}
