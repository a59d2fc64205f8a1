//! Bad input that needs a live cluster to be bad: each has its own message, hint and exit code, in time, and nothing is changed.

use std::time::{Duration, Instant};

use testkit::{FamilySpec, HBaseVersion, LabSpec, Permission, Signal, TableSpec};

use crate::site::Site;
use crate::vault::{Ran, Vault};

#[test]
#[ignore = "live"]
fn input_that_a_live_cluster_refuses() {
    let site = Site::start(LabSpec::standalone(HBaseVersion::V2_6_4).with_access_controller());
    let witness = &site.witness;
    for table in ["open", "secret"] {
        witness.create_table(&TableSpec::new(table).family(FamilySpec::new("f"))).unwrap();
        witness.load(table, 50, 50, 1).unwrap();
        witness.flush(table).unwrap();
    }
    let vault = Vault::new(&[&site]);
    vault.backup(&["--all"]);
    let as_alice = |arguments: &[&str]| Ran::of(vault.command(arguments).env("HADOOP_USER_NAME", "alice").output().unwrap());

    // Without any right the tables are not even shown; with a right on one of them, the other is not left out in silence.
    as_alice(&["backup", "--all"]).fails(8, &["open, secret", "hint: ", "grant "]);
    witness
        .grant(&Permission { user: "alice".into(), actions: "RWXCA".into(), table: Some("open".into()), ..Permission::default() })
        .unwrap();
    as_alice(&["backup", "--all"]).fails(8, &["secret", "hint: ", "grant "]);
    as_alice(&["backup", "--table", "open"]).ok();
    as_alice(&["restore", "latest", "--table", "open", "--as", "other", "--yes"]).fails(8, &["hint: "]);
    assert!(!witness.table_exists("other").unwrap());
    assert_eq!(site.left_snapshots(), Vec::<String>::new());

    vault.run(&["backup", "--table", "opem"]).fails(4, &["opem", "open", "hint: "]);
    vault.run(&["restore", "latest", "--table", "open", "--as", "no:where", "--yes"]).fails(4, &["namespace no", "hint: "]);
    vault.run(&["restore", "latest", "--table", "open", "--yes"]).fails(13, &["table open exists", "hint: "]);

    // The files of another cluster.
    let other = vault.path("other");
    std::fs::create_dir(&other).unwrap();
    let conf = site.lab.conf_dir().display().to_string();
    let wrong = vault.run(&["backup", "--all", "--conf-dir", &conf, "--rootdir", &format!("file://{}", other.display())]);
    assert!([4, 13].contains(&wrong.code), "{}{}", wrong.out, wrong.err);
    assert!(wrong.err.contains("hint: "), "{}", wrong.err);

    // A NameNode that is not there.
    let config = std::fs::read_to_string(vault.path("seawall.toml")).unwrap();
    let more = format!(
        "[cluster.gone]\nrootdir = \"hdfs://127.0.0.1:1/hbase\"\ndeadline = \"5s\"\n[cluster.slow]\nconf_dir = \"{conf}\"\ndeadline = \"5s\"\n"
    );
    std::fs::write(vault.path("seawall.toml"), config + &more).unwrap();
    let within = |cluster: &str, words: &[&str]| {
        let began = Instant::now();
        vault.run(&["backup", "--cluster", cluster, "--all"]).fails(12, words);
        assert!(began.elapsed() < Duration::from_secs(30), "{cluster}: {:?}", began.elapsed());
    };
    within("gone", &["127.0.0.1", "hint: "]);
    // A master that accepts connections and answers nothing.
    site.lab.kill("hbase", Signal::STOP).unwrap();
    within("slow", &["hint: "]);
    site.lab.kill("hbase", Signal::CONT).unwrap();
    let listed = vault.json(&["list"]);
    assert_eq!(listed["backups"].as_array().unwrap().len(), 2, "{listed}");
}

/// Discovery, the rights and the files would do; what it cannot do is said before anything is asked of it.
#[test]
#[ignore = "live"]
fn input_of_an_hbase_too_old() {
    let lab = testkit::Lab::start(LabSpec::standalone(HBaseVersion::V2_3_6)).unwrap();
    let vault = Vault::of_labs(&[&lab]);
    let words = "HBase 2.3.6 is too old: 2.4 or newer is needed";
    for verb in [&["backup", "--all"][..], &["look"]] {
        vault.run(verb).fails(14, &[words, "hint: "]);
    }
    let checked = vault.run(&["check"]);
    checked.fails(13, &["1 of 9 checks failed: master"]);
    assert!(checked.out.contains(words), "{}", checked.out);
    assert_eq!(vault.json(&["list"])["backups"].as_array().unwrap().len(), 0);
}
