//! Killed at a storage call (builds with `fault-injection`): nothing half-made is visible, the next run finishes.
//!
//! `SEAWALL_KILL_STEP` sets how many calls apart the kills are; 1 = at every call.

use crate::fixture::{Place, files};
use crate::offline::store_files;

const BACKUP_STEP: u64 = 41;
const RESTORE_STEP: u64 = 123;
/// What a table gets besides the files it has.
const MORE_FILES: usize = 200;

/// A repository, and a root directory of a few hundred store files.
fn many_files() -> Place {
    let place = Place::with_repository();
    let users = files(&place.path("hbase/data/default/users"));
    let is_store_file = |name: &str| name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let real: Vec<_> = users.iter().filter(|path| path.file_name().is_some_and(|name| is_store_file(&name.to_string_lossy()))).collect();
    for (number, path) in (0..MORE_FILES).zip(real.iter().cycle()) {
        std::fs::copy(path, path.with_file_name(format!("{number:032x}"))).unwrap();
    }
    place
}

fn step(default: u64) -> usize {
    std::env::var("SEAWALL_KILL_STEP").ok().and_then(|step| step.parse().ok()).unwrap_or(default) as usize
}

fn calls(err: &str) -> u64 {
    err.lines().find_map(|line| line.strip_prefix("storage calls: ")).and_then(|number| number.parse().ok()).unwrap()
}

/// Complete HBase snapshots in a root directory: what an offline restore makes of each table.
fn snapshots(place: &Place, root: &str) -> usize {
    let manifests = files(&place.path(root)).into_iter().filter(|path| path.ends_with("data.manifest"));
    manifests.filter(|path| !path.to_string_lossy().contains("/.tmp/")).count()
}

fn backups(place: &Place) -> usize {
    place.run(&["list", "--json"]).ok().json()["backups"].as_array().unwrap().len()
}

#[test]
fn a_backup_killed_anywhere_is_invisible_and_the_next_one_finishes() {
    let place = many_files();
    let counted = place.command().env("SEAWALL_FAULT", "count").args(["backup", "--all"]).output().unwrap();
    let total = calls(&crate::fixture::ran(counted).ok().err);
    assert!(total > 50, "{total} calls");
    for number in (1..=total).step_by(step(BACKUP_STEP)) {
        let place = many_files();
        let killed = place.command().env("SEAWALL_FAULT", format!("die:{number}")).args(["backup", "--all"]).output().unwrap();
        assert!(!killed.status.success(), "call {number} of {total} did not kill");
        assert!(backups(&place) <= 1, "after call {number}");
        let next = place.run(&["backup", "--all", "--json"]).ok().json();
        assert!(next["totals"]["files"].as_u64().unwrap() > 300, "{next}");
        place.run(&["verify", "--level", "data"]).ok();
    }
}

#[test]
fn a_restore_killed_anywhere_is_finished_by_the_same_command() {
    let place = many_files();
    place.run(&["backup", "--all"]).ok();
    let restore = |fresh: &str, fault: Option<String>| {
        let mut command = place.command();
        if let Some(fault) = fault {
            command.env("SEAWALL_FAULT", fault);
        }
        let target = place.text(fresh);
        std::fs::create_dir_all(&target).unwrap();
        crate::fixture::ran(command.args(["restore", "latest", "--all", "--rootdir", &target, "--yes"]).output().unwrap())
    };
    let total = calls(&restore("whole", Some("count".into())).ok().err);
    let whole = files(&place.path("whole")).len();
    let bytes = store_files(&place.path("whole"));
    assert!(bytes.len() > 300, "{} store files", bytes.len());
    for number in (1..=total).step_by(step(RESTORE_STEP)) {
        let fresh = format!("fresh-{number}");
        let killed = restore(&fresh, Some(format!("die:{number}")));
        // How often it asks depends on who is faster: the last numbers may not come.
        assert!(killed.code != 0 || number > total - total / 10, "call {number} of {total} did not kill");
        let was_done = snapshots(&place, &fresh) == snapshots(&place, "whole");
        restore(&fresh, None).ok();
        let found = files(&place.path(&fresh)).len();
        assert!(store_files(&place.path(&fresh)) == bytes, "other store files after a kill at call {number} of {total}");
        // Killed while its notes were cleared away: everything was there, and the second run is a second restore.
        assert!(found == whole || was_done && found > whole, "{found} files, expected {whole}, after a kill at call {number} of {total}");
        std::fs::remove_dir_all(place.path(&fresh)).unwrap();
    }
}
