//! SIGKILL in the middle of a backup and of a restore on a live cluster, at storage calls and at moments: nothing half-made is
//! visible, and the same command finishes.

use std::time::Duration;

use testkit::{FamilySpec, HBaseVersion, LabSpec, Signal, TableSpec};

use crate::random::{Random, rounds};
use crate::site::Site;
use crate::vault::{Ran, Vault, number};

const TABLES: [&str; 2] = ["a", "b"];

fn site() -> Site {
    let site = Site::start(LabSpec::standalone(HBaseVersion::V2_6_4).eager_cleaners(1000).set("hbase.hstore.compaction.min", 50));
    for (seed, table) in TABLES.iter().enumerate() {
        let family = |name: &str| FamilySpec::new(name);
        site.witness.create_table(&TableSpec::new(table).family(family("f")).family(family("g")).regions(8)).unwrap();
        for round in 0..3 {
            site.witness.load(table, 200, 200, seed as u64 * 10 + round).unwrap();
            site.witness.flush(table).unwrap();
        }
    }
    site
}

/// What a run without a kill costs: storage calls and milliseconds.
fn cost(vault: &Vault, arguments: &[&str]) -> (u64, u64) {
    let began = std::time::Instant::now();
    let ran = Ran::of(vault.command(arguments).env("SEAWALL_FAULT", "count").output().unwrap()).ok();
    let calls = ran.err.lines().find_map(|line| line.strip_prefix("storage calls: ")).unwrap().parse().unwrap();
    (calls, began.elapsed().as_millis() as u64)
}

/// Kills a run at a random storage call or after a random time; gives whether it was killed.
fn kill(vault: &Vault, arguments: &[&str], (calls, millis): (u64, u64), random: &mut Random) -> bool {
    if random.below(2) == 0 {
        let call = 1 + random.below(calls);
        println!("  {} killed at storage call {call} of {calls}", arguments[0]);
        let word = if random.below(2) == 0 { "die" } else { "die-after" };
        let ran = Ran::of(vault.command(arguments).env("SEAWALL_FAULT", format!("{word}:{call}")).output().unwrap());
        return ran.code != 0;
    }
    let after = random.below(millis);
    println!("  {} killed after {after} of {millis} ms", arguments[0]);
    let mut child = vault.command(arguments).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(after));
    let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
    // It may have ended by itself.
    let _ = rustix::process::kill_process(pid, Signal::KILL);
    !child.wait().unwrap().success()
}

#[test]
#[ignore = "live"]
fn kill_backups_anywhere() {
    let site = site();
    let mut random = Random::new("kill_backups");
    let (all, before) = (["backup", "--all"], site.states(&TABLES.map(str::to_owned)));
    let price = cost(&Vault::new(&[&site]), &all);
    for round in 0..rounds("SEAWALL_KILLS", 10) {
        let vault = Vault::new(&[&site]);
        let killed = kill(&vault, &all, price, &mut random);
        let listed = vault.json(&["list"])["backups"].as_array().unwrap().len();
        assert!(listed == 1 || listed == 0 && killed, "round {round}: {listed} backups");
        let report = vault.backup(&["--all"]);
        assert_eq!(number(&report, "/totals/tables"), 2);
        if listed == 1 {
            assert_eq!(number(&report, "/totals/read_bytes"), 0, "the killed one was committed: {report}");
        }
        assert_eq!(site.left_snapshots(), Vec::<String>::new(), "round {round}: the dead run's snapshots are known as such");
        vault.run(&["verify", "--level", "data"]).ok();
        let table = random.choose(&TABLES);
        vault.restore(&["latest", "--table", table, "--as", "restored"]);
        site.assert_state("restored", &before[*table], "backed up after a kill");
        site.witness.drop_table("restored").unwrap();
    }
}

#[test]
#[ignore = "live"]
fn kill_restores_anywhere() {
    let site = site();
    let mut random = Random::new("kill_restores");
    let before = site.states(&TABLES.map(str::to_owned));
    let vault = Vault::new(&[&site]);
    vault.backup(&["--all"]);
    let restore = ["restore", "latest", "--all", "--as-namespace", "back", "--with", "namespaces", "--yes"];
    let drop_all = || {
        for table in site.witness.tables().unwrap().iter().filter(|table| table.starts_with("back:")) {
            site.witness.drop_table(table).unwrap();
        }
    };
    let price = cost(&vault, &restore);
    for round in 0..rounds("SEAWALL_KILLS", 10) {
        drop_all();
        kill(&vault, &restore, price, &mut random);
        let journals = site.lab.local_rootdir().unwrap().join(".seawall");
        let journals_left = || std::fs::read_dir(&journals).is_ok_and(|mut left| left.next().is_some());
        let there = before.keys().filter(|table| site.witness.table_exists(&format!("back:{table}")).unwrap()).count();
        // Killed on its way out: everything is done, and nothing says that it was this run's doing.
        let finished = there == before.len() && !journals_left();
        // A table that shows itself is whole, before the next run too.
        for (table, before) in &before {
            let restored = format!("back:{table}");
            if site.witness.table_exists(&restored).unwrap() {
                wait_enabled(&site, &restored);
                site.assert_state(&restored, before, "restored by a run that was killed");
            }
        }
        if !finished {
            vault.run(&restore).ok();
        }
        for (table, before) in &before {
            site.assert_state(&format!("back:{table}"), before, "restored after a kill");
        }
        assert_eq!(site.left_snapshots(), Vec::<String>::new(), "round {round}");
        assert!(!journals_left(), "round {round}: journals left");
    }
}

/// A clone under way may go on after its caller died; before its regions are assigned the table has no state, which counts as enabled.
fn wait_enabled(site: &Site, table: &str) {
    let is_open = || {
        let open = |region: &testkit::Region| region.server.is_some();
        site.witness.is_enabled(table).unwrap_or(false) && site.witness.regions(table).is_ok_and(|regions| regions.iter().all(open))
    };
    let mut seen_open = 0;
    for _ in 0..300 {
        seen_open = if is_open() { seen_open + 1 } else { 0 };
        if seen_open == 10 {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{table} does not open");
}
