//! A directory with a configuration, a repository and its key, and the binary that uses them.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use testkit::Lab;

use crate::site::Site;

/// What one operator has on a machine.
pub(crate) struct Vault {
    directory: tempfile::TempDir,
}

/// What a run left behind.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {}{}", self.out, self.err))
    }

    /// Ends unless the run was successful.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    /// Ends unless the run failed with this code and these words.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in: {}", self.err);
        }
    }
}

impl Vault {
    /// A configuration that names the sites' clusters `one`, `two`, …, and a fresh repository.
    pub(crate) fn new(sites: &[&Site]) -> Self {
        let directory = tempfile::Builder::new().prefix("seawall-vault-").tempdir().unwrap();
        let url = format!("file://{}", directory.path().join("repository").display());
        Self::with_repository(directory, &sites.iter().map(|site| &site.lab).collect::<Vec<_>>(), &url)
    }

    /// The same for clusters that no witness looks at.
    pub(crate) fn of_labs(labs: &[&Lab]) -> Self {
        let directory = tempfile::Builder::new().prefix("seawall-vault-").tempdir().unwrap();
        let url = format!("file://{}", directory.path().join("repository").display());
        Self::with_repository(directory, labs, &url)
    }

    /// The same, with the repository on a site's HDFS.
    pub(crate) fn on_hdfs(site: &Site, path: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("seawall-vault-").tempdir().unwrap();
        let root = site.lab.rootdir();
        let authority = root.split('/').nth(2).unwrap();
        Self::with_repository(directory, &[&site.lab], &format!("hdfs://{authority}{path}"))
    }

    fn with_repository(directory: tempfile::TempDir, labs: &[&Lab], url: &str) -> Self {
        let vault = Self { directory };
        let mut text = "version = 1\n".to_owned();
        for (name, lab) in ["one", "two", "three"].iter().zip(labs) {
            write!(text, "[cluster.{name}]\nconf_dir = \"{}\"\n", lab.conf_dir().display()).unwrap();
        }
        write!(text, "[repo.main]\nurl = \"{url}\"\nkey = {{ file = \"{}\" }}\n", vault.path("repo.key").display()).unwrap();
        if url.starts_with("hdfs:") {
            writeln!(text, "conf_dir = \"{}\"", labs[0].conf_dir().display()).unwrap();
        }
        std::fs::write(vault.path("seawall.toml"), text).unwrap();
        vault.run(&["init"]).ok();
        vault
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// The binary with this vault's configuration and state, and no other environment of ours.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seawall"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SEAWALL")) {
            command.env_remove(name);
        }
        command.env("SEAWALL_STATE", self.path("state")).env("SEAWALL_CONFIG", self.path("seawall.toml")).env("RUST_BACKTRACE", "0");
        command.args(arguments).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Runs with `--json` and gives the document.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        self.run(&arguments).ok().json()
    }

    /// Backs up and gives the report of a complete backup.
    #[track_caller]
    pub(crate) fn backup(&self, arguments: &[&str]) -> Value {
        let report = self.json(&[&["backup"], arguments].concat());
        assert_eq!(report["outcome"], "complete", "{report}");
        report
    }

    /// Restores and gives the report of a whole restore.
    #[track_caller]
    pub(crate) fn restore(&self, arguments: &[&str]) -> Value {
        self.json(&[&["restore"], arguments, &["--yes"]].concat())
    }

    /// The digest of a live table's cells, as Seawall scans it.
    #[track_caller]
    pub(crate) fn fingerprint(&self, cluster: &str, table: &str) -> Value {
        let mut found = self.json(&["fingerprint", "--live", "--cluster", cluster, "--table", table]);
        found["tables"][0]["fingerprint"].take()
    }
}

/// A number in a report.
#[track_caller]
pub(crate) fn number(report: &Value, pointer: &str) -> u64 {
    report.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {pointer} in {report}"))
}
