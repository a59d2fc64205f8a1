//! The main job on a root directory without a master: back up, lose, restore.

use std::collections::BTreeMap;
use std::path::Path;

use crate::fixture::{Place, files};

/// Store files by bare name: 32 hexadecimal digits, or longer MOB and bulk-load names; no links, references, side files.
pub(crate) fn store_files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let is_store_file = |name: &str| name.len() >= 32 && name.bytes().take(32).all(|byte| byte.is_ascii_hexdigit()) && !name.contains('.');
    let named = files(root).into_iter().filter_map(|path| Some((path.file_name()?.to_str()?.to_string(), path)));
    let found = named.filter(|(name, _)| is_store_file(name)).map(|(name, path)| (name, std::fs::read(path).unwrap()));
    found.filter(|(_, bytes)| !bytes.is_empty()).collect()
}

#[test]
fn backed_up_lost_and_restored_every_byte_is_there() {
    let place = Place::with_repository();
    let first = place.run(&["backup", "--all", "--tag", "release=7", "--json"]).ok().json();
    assert_eq!(first["outcome"], "complete");
    let expected_files = first["totals"]["files"].as_u64().unwrap();
    assert!(expected_files > 100 && first["totals"]["read_files"] == first["totals"]["files"], "{first}");
    assert!(first["totals"]["stored_bytes"].as_u64().unwrap() > 0, "{first}");

    let second = place.run(&["backup", "--all", "--json"]).ok().json();
    assert_eq!((&second["totals"]["read_bytes"], &second["totals"]["shared_files"]), (&0.into(), &expected_files.into()), "{second}");

    let list = place.run(&["list", "--json"]).ok().json();
    let ids: Vec<&str> = list["backups"].as_array().unwrap().iter().map(|backup| backup["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [second["id"].as_str().unwrap(), first["id"].as_str().unwrap()], "newest first");
    let tagged = place.run(&["list", "--tag", "release=7", "--json"]).ok().json();
    assert_eq!(tagged["backups"].as_array().unwrap().len(), 1);
    let shown = place.run(&["show", "oldest", "--json"]).ok().json();
    assert_eq!(shown["tables"].as_array().unwrap().len(), first["tables"].as_array().unwrap().len());

    let before = store_files(&place.path("hbase"));
    std::fs::remove_dir_all(place.path("hbase")).unwrap();
    std::fs::create_dir(place.path("fresh")).unwrap();
    let (url, key, fresh) = (place.text("repository"), place.text("repo.key"), place.text("fresh"));
    let bare = ["restore", "latest", "--all", "--repo-url", &url, "--key-file", &key, "--rootdir", &fresh, "--yes", "--json"];
    let restored = place.run_bare(&bare).ok().json();
    assert!(restored["tables"].as_array().unwrap().iter().all(|table| table["outcome"] == "snapshot_written"), "{restored}");

    let after = store_files(&place.path("fresh"));
    assert_eq!(after.len() as u64, expected_files);
    for (name, bytes) in &after {
        assert_eq!(before.get(name), Some(bytes), "{name}");
    }
}

#[test]
fn plans_change_nothing_and_restores_ask() {
    let place = Place::with_repository();
    let before = files(&place.path("repository"));
    let plan = place.run(&["backup", "--all", "--dry-run", "--json"]).ok().json();
    assert!(plan["totals"]["bytes_to_read"].as_u64().unwrap() > 0);
    assert_eq!(files(&place.path("repository")), before, "a plan stored something");

    place.run(&["backup", "--table", "users"]).ok();
    std::fs::create_dir(place.path("fresh")).unwrap();
    let fresh = place.text("fresh");
    place.run(&["restore", "--all", "--rootdir", &fresh, "--dry-run"]).ok();
    let asked = place.run(&["restore", "--all", "--rootdir", &fresh]);
    asked.fails(13, &["error[REFUSED 13]", "--yes"]);
    assert!(files(&place.path("fresh")).is_empty(), "something was written without consent");
}

#[test]
fn one_table_comes_back_under_another_name_and_a_set_knows_its_tables() {
    let place = Place::with_repository();
    let config = std::fs::read_to_string(place.path("seawall.toml")).unwrap();
    std::fs::write(
        place.path("seawall.toml"),
        config + "\n[set.shop]\ncluster = \"demo\"\ntables = [\"shop:*\"]\nexclude = [\"shop:void\"]\n",
    )
    .unwrap();
    let report = place.run(&["backup", "--set", "shop", "--json"]).ok().json();
    let tables: Vec<&str> = report["tables"].as_array().unwrap().iter().map(|table| table["table"].as_str().unwrap()).collect();
    assert_eq!(tables, ["shop:blobs", "shop:orders", "shop:tags"]);
    std::fs::create_dir(place.path("fresh")).unwrap();
    let fresh = place.text("fresh");
    let restored =
        place.run(&["restore", "--table", "shop:orders", "--as", "orders_old", "--rootdir", &fresh, "--yes", "--json"]).ok().json();
    assert_eq!(restored["tables"][0]["target"], "orders_old");
}

#[test]
fn a_look_needs_no_repository_and_status_is_not_green_without_proof() {
    let place = Place::with_root();
    let look = place.run_bare(&["look", "--rootdir", &place.text("hbase"), "--json"]).ok().json();
    assert_eq!(look["source"]["kind"], "offline");
    assert!(look["tables"].as_array().unwrap().iter().any(|table| table["table"] == "shop:orders"));

    let place = Place::with_repository();
    place.run(&["status"]).fails(6, &["error[OBJECTIVE MISSED 6]"]);
    place.run(&["backup", "--all"]).ok();
    place.run(&["repo", "key", "prove"]).ok();
    let status = place.run(&["status", "--json"]).ok().json();
    assert_eq!((&status["verdict"], &status["keys"]["proved"]), (&"ok".into(), &1.into()), "{status}");
    let nagios = place.run(&["status", "--nagios"]).ok();
    assert!(nagios.out.starts_with("SEAWALL OK") && nagios.out.lines().count() == 1, "{}", nagios.out);
}

#[test]
fn a_second_key_opens_the_repository_and_a_removed_one_does_not() {
    let place = Place::with_repository();
    let second = place.text("second.key");
    place.run(&["repo", "key", "add", "--kind", "file", "--out", &second, "--label", "second"]).ok();
    place.run(&["list", "--key-file", &second]).ok();
    let keys = place.run(&["repo", "key", "list", "--json"]).ok().json();
    let slot = keys["keys"].as_array().unwrap().iter().find(|key| key["label"] == "second").unwrap()["id"].as_str().unwrap().to_string();
    place.run(&["repo", "key", "remove", &slot]).fails(13, &["--yes"]);
    place.run(&["repo", "key", "remove", &slot, "--yes"]).ok();
    place.run(&["list", "--key-file", &second]).fails(10, &["error[WRONG KEY 10]"]);
}

#[test]
fn a_read_limit_is_held() {
    let place = Place::with_repository();
    let began = std::time::Instant::now();
    let report = place.run(&["backup", "--all", "--limit-read", "500KB/s", "--json"]).ok().json();
    let least = (report["totals"]["read_bytes"].as_f64().unwrap() / 500_000.0) - 1.0;
    assert!(least > 2.0 && began.elapsed().as_secs_f64() >= least, "{:?}, at least {least} s", began.elapsed());
}

#[test]
fn a_set_is_as_new_as_the_oldest_of_its_tables() {
    let place = Place::with_repository();
    let config = std::fs::read_to_string(place.path("seawall.toml")).unwrap();
    let set = "[set.main]\ntables = [\"users\", \"shop:*\"]\nobjectives = { rpo = \"24h\" }\n";
    std::fs::write(place.path("seawall.toml"), config + set).unwrap();
    let verdict = |reason: Option<&str>, tables: u64| {
        let report = place.run(&["status", "--json"]).json();
        let set = report["subjects"].as_array().unwrap().iter().find(|subject| subject["name"] == "main").unwrap().clone();
        let codes: Vec<&str> = set["reasons"].as_array().unwrap().iter().filter_map(|reason| reason["code"].as_str()).collect();
        assert_eq!(codes.first().copied(), reason, "{set}");
        assert_eq!(set["tables"], tables, "{set}");
    };
    verdict(Some("no-backup"), 0);
    place.run(&["backup", "--table", "shop:orders"]).ok();
    verdict(Some("no-backup"), 1);
    place.run(&["backup", "--set", "main"]).ok();
    verdict(None, 5);
    place.run(&["backup", "--table", "users"]).ok();
    verdict(Some("table-left-behind"), 5);
}
