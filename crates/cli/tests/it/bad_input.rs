//! Bad input: each with its own message, hint and exit code, in time, and with nothing changed.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use crate::fixture::{Place, files};

#[test]
fn a_wrong_key_names_both_sides() {
    let place = Place::with_repository();
    let other = Place::with_repository();
    let key = other.text("repo.key");
    place.run(&["list", "--key-file", &key]).fails(10, &["error[WRONG KEY 10]", "needs", "got"]);
    std::fs::write(place.path("junk.key"), "not a key\n").unwrap();
    place.run(&["list", "--key-file", &place.text("junk.key")]).fails(10, &["error[WRONG KEY 10]"]);
    place.run(&["list", "--key-file", &place.text("absent.key")]).fails(8, &["absent.key"]);
}

#[test]
fn what_does_not_exist_is_named_with_what_does() {
    let place = Place::with_repository();
    place.run(&["backup", "--table", "orders"]).fails(4, &["error[NOT FOUND 4]", "orders", "shop:orders"]);
    place.run(&["backup", "--namespace", "pay"]).fails(4, &["pay"]);
    place.run(&["backup", "--set", "pay"]).fails(2, &["pay"]);
    place.run(&["backup", "--cluster", "dmeo", "--all"]).fails(2, &["dmeo", "demo"]);
    place.run(&["show", "0042"]).fails(4, &["0042"]);
    place.run(&["backup", "--table", "users"]).ok();
    let fresh = place.text("fresh");
    std::fs::create_dir(&fresh).unwrap();
    place.run(&["restore", "--table", "carts", "--rootdir", &fresh, "--yes"]).fails(4, &["carts"]);
    assert!(files(&place.path("fresh")).is_empty());
}

#[test]
fn a_wrong_rootdir_and_a_wrong_repository_are_told_apart() {
    let place = Place::with_repository();
    place.run(&["look", "--rootdir", &place.text("nowhere")]).fails(4, &["nowhere"]);
    let key = place.text("repo.key");
    place.run(&["list", "--repo-url", &place.text("nowhere"), "--key-file", &key]).fails(4, &["not a Seawall repository"]);
    assert!(!place.path("nowhere").exists(), "something was made there");
}

#[test]
fn an_existing_repository_and_an_existing_key_are_left_alone() {
    let place = Place::with_repository();
    let (repository, key) = (files(&place.path("repository")), std::fs::read(place.path("repo.key")).unwrap());
    place.run(&["init"]).fails(13, &["error[REFUSED 13]", "repo.key"]);
    place.run(&["init", "--key-file", &place.text("other.key")]).fails(13, &["exists"]);
    assert_eq!((files(&place.path("repository")), std::fs::read(place.path("repo.key")).unwrap()), (repository, key));
    assert!(!place.path("other.key").exists(), "the reserved key file stayed");
}

#[test]
fn nobody_answers_and_the_deadline_holds() {
    let place = Place::with_repository();
    // A port of this machine that nobody listens on: bound, then given up.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = std::fs::read_to_string(place.path("seawall.toml")).unwrap();
    let rootdir = place.text("hbase");
    for (name, address) in [("zk", format!("zookeeper = \"127.0.0.1:{port}\"")), ("masters", format!("masters = [\"127.0.0.1:{port}\"]"))] {
        let cluster = format!("\n[cluster.{name}]\nrootdir = \"{rootdir}\"\ndeadline = \"3s\"\n{address}\n");
        std::fs::write(place.path("seawall.toml"), config.clone() + &cluster).unwrap();
        let began = Instant::now();
        place.run(&["backup", "--cluster", name, "--all"]).fails(12, &["error[CLUSTER UNAVAILABLE 12]", "127.0.0.1"]);
        assert!(began.elapsed() < Duration::from_secs(15), "{name}: {:?}", began.elapsed());
    }
}

#[test]
fn typing_errors_in_the_configuration_name_line_and_nearest_key() {
    let place = Place::empty();
    std::fs::write(place.path("seawall.toml"), "version = 1\n[limits]\nworker = 4\n").unwrap();
    place.run(&["config", "check"]).fails(2, &["seawall.toml:3: unknown key limits.worker", "did you mean limits.workers?"]);
    std::fs::write(place.path("seawall.toml"), "version = 2\n").unwrap();
    place.run(&["config", "check"]).fails(14, &["error[UNSUPPORTED 14]"]);
    place.run(&["--config", &place.text("absent.toml"), "config", "check"]).fails(2, &["absent.toml"]);
}

#[test]
fn a_secret_in_an_address_is_refused_and_not_repeated() {
    let place = Place::empty();
    let ran = place.run_bare(&["list", "--repo-url", "s3://AKIA:hunter2@bucket/x", "--key-file", "/k"]);
    ran.fails(2, &["--repo-url", "secret"]);
    assert!(!ran.err.contains("hunter2"));
}

#[test]
fn an_offline_restore_beside_a_table_of_that_name_leaves_its_files_alone() {
    let place = Place::with_repository();
    place.run(&["backup", "--table", "users"]).ok();
    let read =
        |name: &str| files(&place.path(name)).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect::<Vec<_>>();
    let before = read("hbase/data");
    let report = place.run(&["restore", "--table", "users", "--yes", "--json"]).ok().json();
    assert_eq!(report["tables"][0]["outcome"], "snapshot_written", "only a master may put it in place");
    assert_eq!(read("hbase/data"), before);
}

/// A config of format version 2, signed as a later seawall would sign it: not damage, and not to be touched.
#[test]
fn a_repository_of_a_newer_format_is_left_alone() {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    let place = Place::with_repository();
    let path = place.path("repository/cfg/0000000001");
    let admin = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let mut config = std::fs::read(&path).unwrap();
    config[8..10].copy_from_slice(&2u16.to_le_bytes());
    config[66..98].copy_from_slice(admin.public_key().as_ref());
    let signed = config.len() - 64;
    let signature = admin.sign(&config[..signed]);
    config[signed..].copy_from_slice(signature.as_ref());
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::write(&path, config).unwrap();
    let read = || files(&place.path("repository")).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect::<Vec<_>>();
    let before = read();
    let fresh = place.text("fresh");
    std::fs::create_dir(&fresh).unwrap();
    for verb in [&["list"][..], &["backup", "--all"], &["verify", "--level", "data"], &["restore", "--all", "--rootdir", &fresh, "--yes"]] {
        place.run(verb).fails(14, &["error[UNSUPPORTED 14]", "newer", "cfg/0000000001", "use a newer seawall"]);
    }
    assert_eq!(read(), before);
    assert!(files(&place.path("fresh")).is_empty());
}

#[test]
fn a_rolled_back_repository_is_found_by_the_pin() {
    let place = Place::with_repository();
    place.run(&["backup", "--table", "users"]).ok();
    let log = files(&place.path("repository/commit"));
    place.run(&["backup", "--table", "users"]).ok();
    for newer in files(&place.path("repository/commit")).into_iter().filter(|path| !log.contains(path)) {
        std::fs::remove_file(newer).unwrap();
    }
    place.run(&["list"]).fails(5, &["error[DAMAGE 5]", "rolled back"]);
    // A machine that never saw it cannot know, and says so.
    let (url, key) = (place.text("repository"), place.text("repo.key"));
    let unproven = place.run_bare(&["list", "--repo-url", &url, "--key-file", &key]).ok();
    assert!(unproven.out.contains("freshness unproven"), "{}", unproven.out);
}

#[test]
fn another_repository_at_a_known_address_is_found() {
    let place = Place::with_repository();
    std::fs::remove_dir_all(place.path("repository")).unwrap();
    std::fs::rename(place.path("repo.key"), place.path("old.key")).unwrap();
    let elsewhere = place.command().env("SEAWALL_STATE", place.path("elsewhere")).arg("init").output().unwrap();
    crate::fixture::ran(elsewhere).ok();
    place.run(&["list"]).fails(5, &["history was replaced"]);
}

#[test]
fn a_read_only_repository_lists_and_restores_but_takes_no_backup() {
    if rustix::process::geteuid().is_root() {
        // Root writes through permission bits: the same is run as another user below.
        return as_nobody();
    }
    read_only(&Place::with_repository(), &|command| command);
}

/// Runs the binary as user 65534, who owns nothing here.
fn as_nobody() {
    let place = Place::with_repository();
    std::fs::set_permissions(place.path(""), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(place.path("repo.key"), PermissionsExt::from_mode(0o644)).unwrap();
    read_only(&place, &|mut command| {
        command.uid(65534);
        command
    });
}

fn read_only(place: &Place, user: &dyn Fn(std::process::Command) -> std::process::Command) {
    place.run(&["backup", "--table", "users"]).ok();
    for (path, mode) in [("repository", 0o555), ("state", 0o777)] {
        std::fs::set_permissions(place.path(path), PermissionsExt::from_mode(mode)).unwrap();
    }
    std::fs::create_dir(place.path("fresh")).unwrap();
    std::fs::set_permissions(place.path("fresh"), PermissionsExt::from_mode(0o777)).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("seawall"));
        command.env("SEAWALL_STATE", place.path("nobody")).env("SEAWALL_CONFIG", place.path("seawall.toml")).args(arguments);
        let mut command = user(command);
        // The test's own working directory may be closed to others.
        command.current_dir("/").process_group(0);
        crate::fixture::ran(command.output().unwrap())
    };
    run(&["list"]).ok();
    run(&["restore", "--all", "--rootdir", &place.text("fresh"), "--yes"]).ok();
    run(&["backup", "--table", "users"]).fails(8, &["error[AUTH 8]", "permission denied"]);
}

#[test]
fn a_full_disk_fails_before_the_commit_and_the_next_run_finishes() {
    let place = Place::with_repository();
    let limited = "ulimit -f 40; trap '' XFSZ; exec \"$0\" \"$@\"";
    let mut command = std::process::Command::new("bash");
    command.args(["-c", limited]).arg(assert_cmd::cargo::cargo_bin("seawall")).args(["backup", "--all"]);
    command.env("SEAWALL_STATE", place.path("state")).env("SEAWALL_CONFIG", place.path("seawall.toml"));
    let ran = crate::fixture::ran(command.output().unwrap());
    ran.fails(11, &["error[NO SPACE 11]"]);
    assert_eq!(place.run(&["list", "--json"]).ok().json()["backups"].as_array().unwrap().len(), 0, "a failed backup is visible");
    place.run(&["backup", "--all"]).ok();
}
