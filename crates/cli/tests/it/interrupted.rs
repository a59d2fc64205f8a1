//! SIGINT and SIGTERM: a clean end, exit code 128 + signal, a word on how to go on, and the next run finishes.

use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::{Place, ran};

fn interrupted(place: &Place, arguments: &[&str], signal: Signal) -> crate::fixture::Ran {
    let template = place.command();
    let mut command = Command::new(template.get_program());
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, value) in template.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    kill_process(Pid::from_raw(child.id() as i32).unwrap(), signal).unwrap();
    ran(child.wait_with_output().unwrap())
}

#[test]
fn a_signal_ends_a_backup_and_a_restore_cleanly() {
    let place = Place::with_repository();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let stopped = interrupted(&place, &["backup", "--all", "--limit-read", "100KB/s"], signal);
        stopped.fails(code, &[]);
        assert_eq!(place.run(&["list", "--json"]).ok().json()["backups"].as_array().unwrap().len(), 0);
    }
    place.run(&["backup", "--all"]).ok();
    let target = place.text("fresh");
    std::fs::create_dir(&target).unwrap();
    let restore = ["restore", "latest", "--all", "--rootdir", &target, "--yes"];
    let slow = [&restore[..], &["--limit-read", "100KB/s"]].concat();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        interrupted(&place, &slow, signal).fails(code, &[]);
    }
    let report = place.run(&[&restore[..], &["--json"]].concat()).ok().json();
    let outcomes: Vec<&str> = report["tables"].as_array().unwrap().iter().filter_map(|table| table["outcome"].as_str()).collect();
    assert!(outcomes.iter().all(|outcome| ["snapshot_written", "already_restored"].contains(outcome)), "{report}");
}
