//! `cargo xtask ci [SUITE…]`: the suites against real servers, one after the other, with a time table.
//!
//! A suite is a set of ignored tests, most of them in `crates/cli/tests/live`, chosen by the prefix of their names. Each has a share of the hour; one that outgrows its share is named. The last line is `N passed, N failed`.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::workspace;

/// One suite: its name, the cargo arguments that run it, and its share of the time.
struct Suite {
    name: &'static str,
    what: &'static str,
    arguments: &'static [&'static str],
    share_minutes: u64,
    is_quick: bool,
}

/// The tests of `crates/cli/tests/live` whose names begin with a word.
const fn live(name: &'static str, what: &'static str, arguments: &'static [&'static str], share_minutes: u64) -> Suite {
    Suite { name, what, arguments, share_minutes, is_quick: false }
}

/// Arguments of `cargo test` for a suite of the command line's live tests.
macro_rules! of_cli {
    ($filter:literal) => {
        &["--package", "seawall", "--features", "fault-injection", "--test", "live", "--", $filter]
    };
}

/// Shares add up to what `make test` leaves of the hour.
const SUITES: &[Suite] = &[
    Suite { is_quick: true, ..live("quick", "back up, lose, restore on one live HBase 2.6", of_cli!("quick_"), 3) },
    live("versions", "the main job on 2.4, 2.5, 2.6 and 3.0, with grants and eager cleaners", of_cli!("versions_"), 6),
    live("pairs", "from one release to another", of_cli!("pairs_"), 5),
    live("hdfs", "the main job over HDFS with two NameNodes and three RegionServers", of_cli!("hdfs_"), 6),
    live("kill", "SIGKILL at random points of backups and restores", of_cli!("kill_"), 4),
    live("chaos", "servers die, join and leave, regions split, merge and move meanwhile", of_cli!("chaos_"), 8),
    live("concurrency", "eight processes on one repository", of_cli!("concurrency_"), 2),
    live("traps", "the four traps on the way into a live root directory", of_cli!("traps_"), 2),
    live(
        "storage",
        "the conformance suites on HDFS; NameNodes fail over",
        &["--package", "storage", "--features", "conformance", "--test", "hdfs", "--"],
        4,
    ),
    live("client", "the RPC client: scans, admin calls, failover", &["--package", "hbase-client", "--test", "it", "--"], 4),
    live("layout", "snapshots of ours, cloned by every HBase", &["--package", "hbase-layout", "--test", "it", "--", "hbase_"], 6),
    live("lab", "every version of the lab, alone and over HDFS", &["--package", "testkit", "--test", "lab", "--"], 6),
    live("input", "what a live cluster refuses", of_cli!("input_"), 2),
    live("limits", "rate over half a minute; memory under a hard limit", of_cli!("limits_"), 3),
    live("many", "10 000 backups, 100 000 files", &["-p", "repository", "-p", "engine", "--test", "many_backups", "--test", "it", "--"], 4),
];

/// Runs the named suites, or every suite that `make test` does not run.
pub(crate) fn run(names: &[String]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| !SUITES.iter().any(|suite| suite.name == **name)) {
        let known: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
        bail!("no suite {unknown}; there are {}", known.join(", "));
    }
    let chosen: Vec<&Suite> = SUITES
        .iter()
        .filter(|suite| if names.is_empty() { !suite.is_quick } else { names.iter().any(|name| name == suite.name) })
        .collect();
    let mut table = Vec::new();
    let (mut passed, mut failed) = (0, 0);
    for suite in chosen {
        println!("== {}: {}", suite.name, suite.what);
        let started = now();
        let outcome = run_suite(suite)?;
        let taken = started.elapsed();
        passed += outcome.passed;
        failed += outcome.failed;
        table.push((suite, outcome, taken));
    }
    println!();
    for (suite, outcome, taken) in &table {
        let remark = if *taken > Duration::from_secs(suite.share_minutes * 60) { "  OVER ITS SHARE" } else { "" };
        let (seconds, share) = (taken.as_secs(), suite.share_minutes * 60);
        println!("{:<12} {:>4} passed {:>3} failed {seconds:>5} s of {share:>5} s{remark}", suite.name, outcome.passed, outcome.failed);
    }
    println!("{passed} passed, {failed} failed");
    if failed > 0 || passed == 0 { bail!("suites failed") } else { Ok(()) }
}

struct Outcome {
    passed: u64,
    failed: u64,
}

fn run_suite(suite: &Suite) -> Result<Outcome> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["test", "--quiet", "--locked"]).args(suite.arguments).args(["--ignored", "--test-threads=1", "--nocapture"]);
    let mut child = command.current_dir(workspace::root()).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cargo test")?;
    let mut outcome = Outcome { passed: 0, failed: 0 };
    for line in BufReader::new(child.stdout.take().context("stdout")?).lines() {
        let line = line?;
        println!("{line}");
        if let Some(result) = line.strip_prefix("test result: ") {
            outcome.passed += number_before(result, " passed");
            outcome.failed += number_before(result, " failed");
        }
    }
    // A suite that dies before its result line, or that ran nothing, has failed: silence is not success.
    if !child.wait()?.success() && outcome.failed == 0 || outcome.passed + outcome.failed == 0 {
        outcome.failed += 1;
    }
    Ok(outcome)
}

fn number_before(text: &str, word: &str) -> u64 {
    text.split(word)
        .next()
        .and_then(|head| head.rsplit(|c: char| !c.is_ascii_digit()).next())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::number_before;

    #[test]
    fn reads_libtest_result_lines() {
        let line = "ok. 12 passed; 3 failed; 0 ignored; 0 measured; 4 filtered out; finished in 0.10s";
        assert_eq!(number_before(line, " passed"), 12);
        assert_eq!(number_before(line, " failed"), 3);
    }
}
