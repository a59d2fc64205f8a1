//! A place with a root directory that HBase wrote, and the binary.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

const ROOT: &str = "../../testdata/hbase/hbase-2.6.4.root.tar.zst";

/// A directory with `hbase` (a real root directory), and room for a repository, a key, a state directory.
pub(crate) struct Place {
    directory: tempfile::TempDir,
}

/// What a run left behind.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {}", self.out))
    }

    /// Ends unless the run was successful.
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
        assert!(self.err.contains("hint: "), "no hint: {}", self.err);
    }
}

impl Place {
    /// Without a cluster.
    pub(crate) fn empty() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// With a root directory.
    pub(crate) fn with_root() -> Self {
        let place = Self::empty();
        let packed = std::fs::File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(ROOT)).unwrap();
        tar::Archive::new(zstd::Decoder::new(packed).unwrap()).unpack(place.path("packed")).unwrap();
        std::fs::rename(place.path("packed/root"), place.path("hbase")).unwrap();
        place
    }

    /// With a root directory, a configuration, a repository and its key.
    pub(crate) fn with_repository() -> Self {
        let place = Self::with_root();
        place.run(&["init", "--cluster", "demo", "--rootdir", &place.text("hbase"), "--repo-url", &place.text("repository")]).ok();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// The binary with this place's configuration and state, and no other environment of ours.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::cargo_bin("seawall").unwrap();
        let ours = std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("SEAWALL"));
        ours.for_each(|name| {
            command.env_remove(name);
        });
        command.env("SEAWALL_STATE", self.path("state")).env("SEAWALL_CONFIG", self.path("seawall.toml")).env("RUST_BACKTRACE", "0");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command().args(arguments).output().unwrap())
    }

    /// The same on a machine that knows nothing: no configuration, another state directory.
    pub(crate) fn run_bare(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command();
        command.env_remove("SEAWALL_CONFIG").env("SEAWALL_STATE", self.path("elsewhere"));
        ran(command.args(arguments).output().unwrap())
    }
}

pub(crate) fn ran(output: Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// Every file below a directory, by path relative to it.
pub(crate) fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}
