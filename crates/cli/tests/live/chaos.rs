//! A cluster in trouble while Seawall works: servers die, join and leave, the master fails over, regions split, merge and move, files
//! are compacted away and cleaned. No backup may be wrong, no snapshot may stay, and nearly all must succeed.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use testkit::{Cell, FamilySpec, HBaseVersion, LabSpec, Scan, Signal, TableSpec, Witness};

use crate::random::{Random, rounds};
use crate::site::Site;
use crate::vault::{Ran, Vault};

const STILL: [&str; 3] = ["still-a", "still-b", "still-c"];
const WRITTEN: &str = "written";
const SERVERS: usize = 3;

/// Something that goes wrong, or on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    KillServer,
    AddServer,
    Decommission,
    RestartMaster,
    Split,
    Merge,
    Move,
    Flush,
    MajorCompact,
    Clean,
}

const EVENTS: [Event; 10] = [
    Event::KillServer,
    Event::AddServer,
    Event::Decommission,
    Event::RestartMaster,
    Event::Split,
    Event::Merge,
    Event::Move,
    Event::Flush,
    Event::MajorCompact,
    Event::Clean,
];

#[test]
#[ignore = "live"]
fn chaos_while_backing_up_and_restoring() {
    let spec = LabSpec::distributed(HBaseVersion::V2_6_4, false, SERVERS as u8).eager_cleaners(2000);
    let site = Site::start(spec.set("hbase.master.catalog.timeout", 10_000).set("hbase.catalogjanitor.interval", 2000));
    for (seed, table) in STILL.iter().enumerate() {
        // Splits reach parts of the table only, so that a few rounds do not grind it to dust.
        site.witness.create_table(&TableSpec::new(table).family(FamilySpec::new("f")).regions(6)).unwrap();
        for round in 0..3 {
            site.witness.load(table, 400, 500, seed as u64 * 10 + round).unwrap();
            site.witness.flush(table).unwrap();
        }
    }
    site.witness.create_table(&TableSpec::new(WRITTEN).family(FamilySpec::new("f")).regions(4)).unwrap();
    let before: Vec<_> = STILL.iter().map(|table| site.witness.scan(table, Scan::View).unwrap()).collect();
    let writer = Writer::start(site.witness.clone());
    let mut random = Random::new("chaos");
    let rounds = rounds("SEAWALL_CHAOS", 5);
    let mut failed = Vec::new();
    for round in 0..rounds {
        let vault = Vault::new(&[&site]);
        let acknowledged = writer.acknowledged();
        let backup = in_trouble(&site, &vault, &["backup", "--all", "--limit-read", "1MB/s", "--json"], &mut random, &EVENTS);
        heal(&site);
        assert_eq!(site.left_snapshots(), Vec::<String>::new(), "round {round}: {}{}", backup.out, backup.err);
        if backup.code != 0 {
            println!("  round {round}: exit {}: {}", backup.code, backup.err.lines().rev().take(3).collect::<Vec<_>>().join(" | "));
            // What a partial backup holds is right all the same.
            failed.push((round, backup.code));
            continue;
        }
        let attempted = writer.attempted();
        let number = random.below(STILL.len() as u64) as usize;
        let events = [Event::RestartMaster, Event::KillServer, Event::Clean, Event::Move];
        let restore = ["restore", "latest", "--table", STILL[number], "--as", "back", "--yes"];
        let restored = in_trouble(&site, &vault, &restore, &mut random, &events);
        heal(&site);
        if restored.code != 0 && !site.witness.table_exists("back").unwrap() {
            println!("  round {round}: restore exit {}, again: {}", restored.code, restored.err.lines().last().unwrap_or_default());
            vault.run(&restore).ok();
        }
        assert_eq!(site.witness.scan("back", Scan::View).unwrap(), before[number], "round {round}: {}", STILL[number]);
        vault.run(&["restore", "latest", "--table", WRITTEN, "--as", "back2", "--yes"]).ok();
        let rows = rows_of(&site, "back2");
        let (lost, invented) = (acknowledged.difference(&rows).count(), rows.difference(&attempted).count());
        assert_eq!((lost, invented), (0, 0), "round {round}: {} rows of {}", rows.len(), attempted.len());
        for table in ["back", "back2"] {
            site.witness.drop_table(table).unwrap();
        }
        assert_eq!(site.left_snapshots(), Vec::<String>::new(), "round {round}");
    }
    drop(writer);
    println!("chaos: {} of {rounds} backups succeeded; others: {failed:?}", rounds - failed.len() as u64);
    assert!(failed.len() as u64 <= (rounds / 25).max(1), "{failed:?}");
}

/// Runs the binary while two or three events happen.
fn in_trouble(site: &Site, vault: &Vault, arguments: &[&str], random: &mut Random, events: &[Event]) -> Ran {
    let child = vault.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let finished = Arc::clone(&done);
    let waiting = std::thread::spawn(move || {
        let output = child.wait_with_output().unwrap();
        finished.store(true, Ordering::SeqCst);
        output
    });
    let mut happened = Vec::new();
    for _ in 0..2 + random.below(2) {
        std::thread::sleep(Duration::from_millis(random.below(1500)));
        if done.load(Ordering::SeqCst) {
            break;
        }
        let event = *random.choose(events);
        happened.push(event);
        cause(site, event, random);
    }
    let output = waiting.join().unwrap();
    println!("  {} through {happened:?}: exit {:?}", arguments[0], output.status.code());
    Ran::of(output)
}

/// Makes an event happen. HBase may refuse one (a merge of regions that move): that is no matter.
fn cause(site: &Site, event: Event, random: &mut Random) {
    let witness = &site.witness;
    let table = *random.choose(&STILL);
    let server = format!("rs{}", 1 + random.below(SERVERS as u64));
    match event {
        Event::KillServer if site.lab.is_running(&server) => {
            site.lab.kill(&server, Signal::KILL).unwrap();
            site.lab.start_process(&server).unwrap();
        }
        Event::KillServer => {}
        Event::AddServer => drop(site.lab.add_regionserver()),
        Event::Decommission => {
            if let Ok(Some(name)) = witness.server_of(&server) {
                drop(witness.decommission(&name, true));
                std::thread::sleep(Duration::from_secs(1));
                drop(witness.recommission(&name));
            }
        }
        Event::RestartMaster => site.lab.restart_master().unwrap(),
        Event::Split => drop(witness.call("split", serde_json::json!({ "table": table, "point": point(random) }))),
        Event::Merge => {
            if let Ok(regions) = witness.regions(table)
                && regions.len() > 3
            {
                let at = random.below(regions.len() as u64 - 1) as usize;
                drop(witness.merge(&[&regions[at].encoded_name, &regions[at + 1].encoded_name]));
            }
        }
        Event::Move => {
            if let Ok(regions) = witness.regions(table) {
                drop(witness.move_region(&random.choose(&regions).encoded_name, None));
            }
        }
        Event::Flush => drop(witness.flush(WRITTEN)),
        Event::MajorCompact => drop(witness.major_compact(table)),
        Event::Clean => {
            drop(witness.run_catalog_janitor());
            drop(witness.run_cleaner());
        }
    }
}

/// A key among those of `load`, as the protocol wants it.
fn point(random: &mut Random) -> String {
    data_encoding::BASE64.encode(format!("{:08x}", random.below(1 << 32)).as_bytes())
}

/// Brings the cluster back to its size and waits until every region is open.
fn heal(site: &Site) {
    if !site.lab.is_running("hm") {
        site.lab.start_process("hm").unwrap();
        site.lab.wait_ready().unwrap();
    }
    for number in 1..=9 {
        let name = format!("rs{number}");
        match site.lab.is_running(&name) {
            false if number <= SERVERS => site.lab.start_process(&name).unwrap(),
            true if number > SERVERS => site.lab.stop_process(&name).unwrap(),
            _ => {}
        }
    }
    site.lab.wait_for_servers(&site.witness, SERVERS).unwrap();
    for table in site.witness.tables().unwrap() {
        for _ in 0..600 {
            let open = |region: &testkit::Region| region.server.is_some();
            if site.witness.regions(&table).is_ok_and(|regions| regions.iter().all(open)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn rows_of(site: &Site, table: &str) -> BTreeSet<String> {
    let (_, dump) = site.witness.dump(table, Scan::View).unwrap();
    let text = std::fs::read_to_string(dump).unwrap();
    let row = |line: &str| {
        let cell: serde_json::Value = serde_json::from_str(line).unwrap();
        String::from_utf8(data_encoding::BASE64.decode(cell["row"].as_str().unwrap().as_bytes()).unwrap()).unwrap()
    };
    text.lines().map(row).collect()
}

/// Rows that the writer has sent, and those it knows to be written.
#[derive(Default)]
struct Rows {
    attempted: BTreeSet<String>,
    acknowledged: BTreeSet<String>,
}

/// Writes new rows to a table all the time.
struct Writer {
    rows: Arc<Mutex<Rows>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Writer {
    fn start(witness: Witness) -> Self {
        let (rows, stop) = (Arc::<Mutex<Rows>>::default(), Arc::new(AtomicBool::new(false)));
        let (written, ended) = (Arc::clone(&rows), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for batch in 0_u64.. {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let row = |number: u64| format!("{:08x}", (batch * 20 + number).wrapping_mul(2_654_435_761) % (1 << 32));
                let names: Vec<String> = (0..20).map(row).collect();
                let cells: Vec<Cell> = names.iter().map(|row| Cell::new(row, "f", "q", "value")).collect();
                written.lock().unwrap().attempted.extend(names.iter().cloned());
                if witness.put(WRITTEN, &cells).is_ok() {
                    written.lock().unwrap().acknowledged.extend(names);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { rows, stop, thread: Some(thread) }
    }

    fn acknowledged(&self) -> BTreeSet<String> {
        self.rows.lock().unwrap().acknowledged.clone()
    }

    fn attempted(&self) -> BTreeSet<String> {
        self.rows.lock().unwrap().attempted.clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // A thread that panicked has said so itself.
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}
