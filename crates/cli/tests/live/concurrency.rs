//! Eight processes back up the same tables into one repository at once, round after round.

use std::process::Stdio;

use testkit::{FamilySpec, HBaseVersion, LabSpec, TableSpec};

use crate::random::{Random, rounds};
use crate::site::Site;
use crate::vault::{Ran, Vault};

const TABLES: [&str; 3] = ["one", "two", "three"];
const PROCESSES: usize = 8;

#[test]
#[ignore = "live"]
fn concurrency_of_eight_processes_on_one_repository() {
    let site = Site::start(LabSpec::standalone(HBaseVersion::V2_6_4).eager_cleaners(1000).set("hbase.hstore.compaction.min", 50));
    for table in TABLES {
        site.witness.create_table(&TableSpec::new(table).family(FamilySpec::new("f").set("VERSIONS", 3)).regions(3)).unwrap();
    }
    let vault = Vault::new(&[&site]);
    let mut random = Random::new("concurrency");
    let mut known = Vec::new();
    for round in 0..rounds("SEAWALL_CONCURRENCY", 3) {
        for (seed, table) in TABLES.iter().enumerate() {
            site.witness.load(table, 300, 300, round * 10 + seed as u64).unwrap();
            site.witness.flush(table).unwrap();
        }
        let states = site.states(&TABLES.map(str::to_owned));
        let start = |_| vault.command(&["backup", "--all", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let children: Vec<_> = (0..PROCESSES).map(start).collect();
        for child in children {
            let report = Ran::of(child.wait_with_output().unwrap()).ok().json();
            assert_eq!(report["outcome"], "complete", "{report}");
            known.push((report["id"].as_str().unwrap().to_owned(), states.clone()));
        }
        let read: u64 = known.len() as u64;
        println!("  round {round}: {read} backups so far");
    }
    let ids: std::collections::BTreeSet<&String> = known.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), known.len(), "two runs were told the same id");
    assert_eq!(vault.json(&["list"])["backups"].as_array().unwrap().len(), known.len());
    vault.run(&["verify", "--level", "data"]).ok();
    for _ in 0..10 {
        let (id, states) = random.choose(&known);
        let table = random.choose(&TABLES);
        vault.restore(&[id, "--table", table, "--as", "restored"]);
        site.assert_state("restored", &states[*table], id);
        site.witness.drop_table("restored").unwrap();
    }
    assert_eq!(site.left_snapshots(), Vec::<String>::new());
}
