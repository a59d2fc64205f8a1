//! The four traps on the way into a live root directory, each shown to be there, and each stepped over.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use testkit::{FamilySpec, HBaseVersion, LabSpec, TableSpec};

use crate::site::Site;
use crate::vault::{Vault, number};

/// A table of twelve files and a backup of it, on a cluster whose cleaners look every second.
struct Trap {
    site: Site,
    vault: Vault,
    stored_bytes: u64,
}

impl Trap {
    fn new() -> Self {
        let site = Site::start(LabSpec::standalone(HBaseVersion::V2_6_4).eager_cleaners(1000).set("hbase.hstore.compaction.min", 50));
        site.witness.create_table(&TableSpec::new("t").family(FamilySpec::new("f").set("VERSIONS", 3)).regions(4)).unwrap();
        for seed in 0..3 {
            site.witness.load("t", 1000, 1000, seed).unwrap();
            site.witness.flush("t").unwrap();
        }
        let vault = Vault::new(&[&site]);
        let stored_bytes = number(&vault.backup(&["--table", "t"]), "/totals/stored_bytes");
        Self { site, vault, stored_bytes }
    }

    fn root(&self) -> PathBuf {
        self.site.lab.local_rootdir().unwrap()
    }
}

/// Files below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries.flatten().flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] }).collect()
}

fn wait(limit_seconds: u64, condition: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(limit_seconds) {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

/// A1: a snapshot that is not complete and published guards nothing; and a file under a temporary name is deleted whatever guards it.
/// The restore is slowed down so that the cleaners come round several times while its files are on their way.
#[test]
#[ignore = "live"]
fn traps_files_on_their_way_outlive_the_cleaners() {
    let trap = Trap::new();
    let before = trap.site.state("t");
    let archive = trap.root().join("archive/data/default/unguarded/0123456789abcdef0123456789abcdef/f");
    std::fs::create_dir_all(&archive).unwrap();
    let loose = archive.join("00000000000000000000000000000001");
    std::fs::write(&loose, "x").unwrap();
    // What lies there without a published snapshot is gone within seconds: so the cleaners do work here.
    assert!(wait(20, || !loose.exists()), "the cleaner does not clean");
    // Nothing that the target still has may be linked instead of written.
    trap.site.witness.drop_table("t").unwrap();
    assert!(wait(30, || files(&trap.root().join("archive/data/default/t")).is_empty()), "the dropped table's files stay");
    let rate = format!("{}B/s", trap.stored_bytes / 10);
    let restore = ["restore", "latest", "--table", "t", "--as", "u", "--limit-read", &rate, "--yes"];
    let began = Instant::now();
    let mut child = trap.vault.command(&restore).stdout(std::process::Stdio::null()).spawn().unwrap();
    let carriers = trap.root().join("archive/data/default");
    let ours = || files(&carriers).into_iter().filter(|file| file.to_string_lossy().contains("/seawall-restore-")).collect::<Vec<_>>();
    assert!(wait(20, || !ours().is_empty()), "no file of ours shows itself");
    // From the first file on there is a published snapshot that names it, and no name that HBase would not know.
    let snapshots = files(&trap.root().join(".hbase-snapshot"));
    let published =
        |file: &PathBuf| file.ends_with("data.manifest") && file.to_string_lossy().contains("/.hbase-snapshot/seawall-restore-");
    assert!(snapshots.iter().any(published), "{snapshots:?}");
    let is_hfile = |file: &PathBuf| {
        file.file_name().is_some_and(|name| name.len() == 32 && name.to_string_lossy().bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    assert!(ours().iter().all(is_hfile), "{:?}", ours());
    assert!(child.wait().unwrap().success());
    assert!(began.elapsed() > Duration::from_secs(4), "too quick for the cleaners: {:?}", began.elapsed());
    trap.site.assert_state("u", &before, "restored under the cleaners' eyes");
}

/// A2: the RPC restores the table *inside* the snapshot when the requested one exists and is disabled.
#[test]
#[ignore = "live"]
fn traps_a_disabled_namesake_is_left_alone() {
    let trap = Trap::new();
    let witness = &trap.site.witness;
    witness.snapshot("plain", "t").unwrap();
    witness.create_table(&TableSpec::new("victim").family(FamilySpec::new("f"))).unwrap();
    witness.load("t", 100, 100, 9).unwrap();
    let newest = trap.site.state("t");
    witness.disable("t").unwrap();
    witness.disable("victim").unwrap();
    // The trap: "clone `plain` as `victim`" puts `t` back to the snapshot.
    let procedure = witness.raw_restore_snapshot("plain", "victim", (7, 7), false).unwrap();
    let state = witness.wait_procedure(procedure).unwrap();
    assert_eq!(state.exception, None);
    witness.enable("t").unwrap();
    assert_ne!(trap.site.state("t").raw, newest.raw, "the trap is gone: HBase no longer restores the table inside the snapshot");

    // The remedy: a table that exists, disabled too, is refused; and even the bare RPC with our snapshot finds no table inside it.
    let victim = trap.site.state("victim");
    let table = trap.site.state("t");
    witness.disable("t").unwrap();
    trap.vault.run(&["restore", "latest", "--table", "t", "--as", "victim", "--yes"]).fails(13, &["victim", "exists"]);
    let root = trap.vault.path("aside");
    std::fs::create_dir(&root).unwrap();
    trap.vault.run(&["restore", "latest", "--table", "t", "--as", "victim", "--rootdir", root.to_str().unwrap(), "--yes"]).ok();
    let carried = root.join(".hbase-snapshot");
    let snapshot = std::fs::read_dir(&carried)
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .find(|name| name.to_string_lossy().starts_with("seawall-restore-"))
        .unwrap();
    copy_tree(&root, &trap.root());
    let refused = witness
        .raw_restore_snapshot(snapshot.to_str().unwrap(), "victim", (8, 8), false)
        .and_then(|procedure| witness.wait_procedure(procedure));
    assert!(refused.is_err(), "{refused:?}");
    witness.enable("t").unwrap();
    trap.site.assert_state("t", &table, "named by nothing of ours");
    trap.site.assert_state("victim", &victim, "a disabled namesake");
}

fn copy_tree(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_tree(&entry.path(), &target);
        } else if !target.exists() {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// A3: the RPC sent again with another nonce is another restore; with the same nonce it is the same one.
#[test]
#[ignore = "live"]
fn traps_a_retried_call_is_one_clone() {
    let trap = Trap::new();
    let witness = &trap.site.witness;
    witness.snapshot("plain", "t").unwrap();
    let first = witness.raw_restore_snapshot("plain", "u", (1, 1), false).unwrap();
    let again = witness.raw_restore_snapshot("plain", "u", (1, 1), false).unwrap();
    assert_eq!(first, again, "one nonce is one procedure");
    witness.wait_procedure(first).unwrap();
    let other = witness.raw_restore_snapshot("plain", "u", (2, 2), false).and_then(|procedure| witness.wait_procedure(procedure));
    assert!(other.is_err() || other.as_ref().is_ok_and(|state| state.exception.is_some()), "another nonce is another clone: {other:?}");
    // Killed right after its first call to the master, the restore goes on with the nonce in its journal; with as many regions as
    // this the master is still at it when the second run asks, which is to wait.
    witness.create_table(&TableSpec::new("wide").family(FamilySpec::new("f")).regions(100)).unwrap();
    witness.load("wide", 1000, 100, 9).unwrap();
    trap.vault.backup(&["--table", "wide"]);
    let before = trap.site.state("wide");
    let restore = ["restore", "latest", "--table", "wide", "--as", "v", "--yes"];
    let mut child = trap.vault.command(&restore).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let journals = trap.root().join(".seawall");
    let asked = || files(&journals).iter().any(|file| file.file_name().is_some_and(|name| name.to_string_lossy().contains("cloning-")));
    assert!(wait(20, asked), "the restore never noted that it asks for the clone: {:?}", files(&journals));
    assert!(wait(20, || witness.tables().unwrap().contains(&"v".to_owned())), "the master never began");
    child.kill().unwrap();
    child.wait().unwrap();
    trap.vault.run(&restore).ok();
    trap.site.assert_state("v", &before, "asked for twice");
    assert_eq!(trap.site.left_snapshots(), Vec::<String>::new());
}
