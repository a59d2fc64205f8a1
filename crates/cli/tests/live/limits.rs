//! Limits hold: bytes per second over half a minute, and memory under a hard limit of the system.

use std::process::Command;
use std::time::Instant;

use testkit::{FamilySpec, HBaseVersion, LabSpec, TableSpec};

use crate::site::Site;
use crate::vault::{Ran, Vault, number};

/// Anonymous memory of the process, stacks and all: the budget, and two parts of 8 MiB for each of eight streams.
const HARD_LIMIT_BYTES: u64 = (64 + 2 * 8 * 8 + 64) << 20;

#[test]
#[ignore = "live"]
fn limits_of_rate_and_memory() {
    let site = Site::start(LabSpec::standalone(HBaseVersion::V2_6_4).eager_cleaners(1000).set("hbase.hstore.compaction.min", 50));
    site.witness.create_table(&TableSpec::new("t").family(FamilySpec::new("f")).regions(8)).unwrap();
    for seed in 0..4 {
        site.witness.load("t", 4000, 8000, seed).unwrap();
        site.witness.flush("t").unwrap();
    }
    let before = site.state("t");
    let plan = Vault::new(&[&site]).json(&["backup", "--table", "t", "--dry-run"]);
    let bytes = number(&plan, "/totals/bytes_to_read");
    assert!(bytes > 100 << 20, "{bytes} bytes are too few");

    // Thirty seconds at the limit, within a tenth.
    let vault = Vault::new(&[&site]);
    let rate = bytes / 30;
    let began = Instant::now();
    vault.backup(&["--table", "t", "--limit-read", &format!("{rate}B/s")]);
    let held = bytes as f64 / began.elapsed().as_secs_f64() / rate as f64;
    println!("  limit held to {held:.3}");
    assert!((0.9..=1.1).contains(&held), "{held}");

    // The kernel refuses memory beyond the limit; the work is done all the same.
    let vault = Vault::new(&[&site]);
    let limited = |arguments: &[&str]| {
        let inner = vault.command(arguments);
        let mut command = Command::new("prlimit");
        command.arg(format!("--data={HARD_LIMIT_BYTES}")).arg(inner.get_program()).args(inner.get_args());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Ran::of(command.output().unwrap())
    };
    limited(&["backup", "--table", "t", "--memory", "64MiB", "--workers", "8"]).ok();
    site.witness.drop_table("t").unwrap();
    site.witness.run_cleaner().unwrap();
    limited(&["restore", "latest", "--table", "t", "--memory", "64MiB", "--workers", "8", "--yes"]).ok();
    site.assert_state("t", &before, "restored in little memory");
}
