//! Layers, typos, kinds, secrets, the only one.

use super::*;
use crate::model::Discovery;

fn environment(pairs: &[(&str, &str)]) -> Environment {
    Environment::new(pairs.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())))
}

fn read(text: &str) -> Result<Loaded> {
    load_text(Path::new("/etc/seawall/seawall.toml"), text, &Environment::default(), &[])
}

fn problem(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

const FULL: &str = r#"version = 1
[cluster.prod]
zookeeper = "zk1,zk2,zk3:2191/hbase-prod"
rootdir = "hdfs://nameservice1/hbase"
[set.payments]
cluster = "prod"
tables = ["pay:*"]
objectives = { rpo = "60s", rto = "4h", verify_every = "30d" }
[repo.vault]
url = "file:///srv/seawall"
compression = "zstd"
key = { file = "/etc/seawall/repo.key" }
[limits]
read = "200MB/s"
workers = 8
memory = "1GiB"
"#;

#[test]
fn a_whole_file_is_read() {
    let config = read(FULL).unwrap().config;
    let cluster = config.cluster(None).unwrap().resolve(&environment(&[("USER", "ops")])).unwrap();
    let quorum = ["zk1:2191", "zk2:2191", "zk3:2191"].map(String::from).to_vec();
    assert_eq!(cluster.discovery, Discovery::ZooKeeper { quorum, parent: "/hbase-prod".into() });
    assert_eq!((cluster.rootdir.as_str(), cluster.user.as_str()), ("hdfs://nameservice1/hbase", "ops"));
    let repository = config.repository(None).unwrap();
    assert_eq!((repository.compression, &repository.key), (Compression::Zstd, &Some(KeyReference::File("/etc/seawall/repo.key".into()))));
    assert_eq!(config.limits.read.unwrap().bytes_per_second, 200_000_000);
    assert_eq!((config.limits.workers, config.limits.memory_bytes), (Some(8), Some(1 << 30)));
    assert_eq!(config.set("payments").unwrap().objectives.rpo_seconds, Some(60));
}

#[test]
fn environment_beats_file_and_flag_beats_environment_each_with_its_origin() {
    let variables = environment(&[
        ("SEAWALL__limits__workers", "4"),
        ("SEAWALL__LIMITS__READ", "1MB/s"),
        ("SEAWALL__cluster__prod__masters", "m1, m2:17000"),
    ]);
    let flags = [(vec!["limits".to_string(), "read".to_string()], Value::Text("2MB/s".into()), "--limit-read")];
    let loaded = load_text(Path::new("s.toml"), FULL, &variables, &flags).unwrap();
    assert_eq!(loaded.config.limits.workers, Some(4));
    assert_eq!(loaded.config.limits.read.unwrap().bytes_per_second, 2_000_000);
    assert_eq!(loaded.config.cluster(None).unwrap().masters, ["m1:16000", "m2:17000"]);
    let origin = |path: &[&str]| loaded.layers.get(path).unwrap().origin.to_string();
    assert_eq!(origin(&["limits", "workers"]), "$SEAWALL__limits__workers");
    assert_eq!(origin(&["limits", "read"]), "--limit-read");
    assert_eq!(origin(&["limits", "memory"]), "s.toml:16");
}

#[test]
fn a_typo_is_named_with_file_line_and_the_nearest_key() {
    let text = FULL.replace("workers = 8", "worker = 8");
    assert_eq!(problem(&text), "/etc/seawall/seawall.toml:15: unknown key limits.worker (nearest: limits.workers)");
    assert_eq!(read(&text).unwrap_err().hint().unwrap(), "did you mean limits.workers?");
    assert_eq!(
        problem("version = 1\n[clusters.prod]\nrootdir = \"/a\"\n"),
        "/etc/seawall/seawall.toml:2: unknown key clusters (nearest: cluster)"
    );
    let unknown = load_text(Path::new("s.toml"), "version = 1\n", &environment(&[("SEAWALL__limits__raed", "1MB/s")]), &[]).unwrap_err();
    assert_eq!(unknown.to_string(), "$SEAWALL__limits__raed: unknown key limits.raed (nearest: limits.read)");
}

#[test]
fn all_problems_are_reported_at_once() {
    let text = "version = 1\n[limits]\nread = \"fast\"\nworkers = 0\nmemory = true\n";
    let lines = problem(text);
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert!(lines.contains(":3: limits.read: \"fast\" is no rate"), "{lines}");
    assert!(lines.contains(":4: limits.workers takes a whole number from 1 to 1024, not a number"), "{lines}");
    assert!(lines.contains(":5: limits.memory takes a size such as \"1GiB\", not true or false"), "{lines}");
}

#[test]
fn a_secret_in_an_address_or_inline_is_refused_without_repeating_it() {
    for url in [
        "s3://AKIA:hunter2@bucket/x",
        "s3://bucket/x?secret_access_key=hunter2",
        "https://a/b?X-Amz-Signature=hunter2",
        "az://a/b?sv=1&sig=hunter2",
    ] {
        let message = problem(&format!("version = 1\n[repo.r]\nurl = \"{url}\"\n"));
        assert!(message.contains("repo.r.url holds a secret"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
    let inline = problem("version = 1\n[repo.r]\nurl = \"/srv\"\nkey = \"hunter2\"\n");
    assert!(inline.contains("takes a reference to a secret") && !inline.contains("hunter2"), "{inline}");
    assert!(read("version = 1\n[repo.r]\nurl = \"hdfs://hbase@nn:8020/srv\"\n").is_ok(), "a user alone is no secret");
}

#[test]
fn reserved_tables_are_accepted_and_listed_as_not_built() {
    let loaded = read("version = 1\n[wal.prod]\nrepos = [\"near\"]\non_backlog = { hold = \"7d\" }\n[server]\nport = 1.5\n").unwrap();
    let keys: Vec<&str> = loaded.not_built.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["server", "wal"]);
    let kerberos = read("version = 1\n[cluster.c]\nrootdir = \"/a\"\nkerberos = { principal = \"p\" }\n").unwrap();
    let error = kerberos.config.cluster(None).unwrap().resolve(&Environment::default()).unwrap_err();
    assert_eq!(error.to_string(), "/etc/seawall/seawall.toml:4: cluster.c.kerberos is not built yet");
}

#[test]
fn versions_and_broken_toml() {
    assert_eq!(problem("version = 2\n"), "/etc/seawall/seawall.toml:1: version = 2, this seawall reads version 1");
    assert!(matches!(read("version = 2\n"), Err(ConfigError::NewerVersion { .. })));
    assert!(problem("[limits]\n").contains("version is missing"));
    assert!(problem("version = 1\n\n[limits\n").starts_with("/etc/seawall/seawall.toml:3: "));
}

#[test]
fn the_only_one_is_taken_and_several_must_be_named() {
    let config = read("version = 1\n[repo.near]\nurl = \"/a\"\n[repo.vault]\nurl = \"/b\"\n").unwrap().config;
    assert_eq!(config.repository(None).unwrap_err().to_string(), "2 repos are configured: near, vault");
    assert_eq!(config.repository(Some("vault")).unwrap().url, "file:///b");
    let missing = config.repository(Some("valt")).unwrap_err();
    assert_eq!(missing.hint().unwrap(), "did you mean vault?");
    assert!(matches!(config.cluster(None), Err(ConfigError::NoneConfigured { .. })));
}

#[test]
fn a_rootdir_alone_is_offline_and_nothing_is_incomplete() {
    let config = read("version = 1\n[cluster.dead]\nrootdir = \"/copy/hbase\"\n[cluster.none]\nuser = \"x\"\n").unwrap().config;
    let dead = config.cluster(Some("dead")).unwrap().resolve(&Environment::default()).unwrap();
    assert_eq!((dead.discovery, dead.rootdir.as_str()), (Discovery::Offline, "file:///copy/hbase"));
    let error = config.cluster(Some("none")).unwrap().resolve(&Environment::default()).unwrap_err();
    assert_eq!(error.to_string(), "cluster none: neither conf_dir nor rootdir is set");
}

#[test]
fn a_set_of_an_unknown_cluster_is_refused() {
    let message = problem("version = 1\n[cluster.prod]\nrootdir = \"/a\"\n[set.s]\ncluster = \"prd\"\n");
    assert_eq!(message, "/etc/seawall/seawall.toml:5: set.s.cluster names \"prd\", which is not configured");
}

#[test]
fn a_missing_default_file_is_empty_and_a_named_one_is_an_error() {
    let absent = |required| Located { path: "/nonexistent/seawall.toml".into(), required };
    assert_eq!(load(&absent(false), &Environment::default(), &[]).unwrap().config, Config::default());
    assert!(matches!(load(&absent(true), &Environment::default(), &[]), Err(ConfigError::Unreadable { .. })));
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "(version = 1\n)?[\\[\\]a-z.=\"{} \n0-9]{0,200}") {
        let _ = read(&text);
    }
}
