//! The root directories and oracle dumps of `testdata/hbase`, unpacked once per target directory and shared by all tests, which
//! only read them. A test that writes takes a [`copy`].

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// The versions there are fixtures of.
pub const VERSIONS: [&str; 2] = ["2.5.13", "2.6.4"];

/// The unpacked root archive of a version: `root/`, `zk/`, `wal-variants/`, `seawall.jceks`.
pub fn root_archive(version: &str) -> Result<PathBuf> {
    unpacked(&format!("hbase-{version}.root"))
}

/// `hbase.rootdir` of a version.
pub fn root(version: &str) -> Result<PathBuf> {
    Ok(root_archive(version)?.join("root"))
}

/// What HBase's readers said: `hfiles.jsonl`, `snapshots.jsonl`, `wals.jsonl`, `scan/`.
pub fn oracle(version: &str) -> Result<PathBuf> {
    Ok(unpacked(&format!("hbase-{version}.oracle"))?.join("oracle"))
}

/// A root directory of one's own to change: `<directory>/root` and what lies beside it.
pub fn copy(version: &str) -> Result<TempDir> {
    let directory = TempDir::new()?;
    copy_tree(&root_archive(version)?, directory.path())?;
    Ok(directory)
}

#[expect(clippy::disallowed_methods, reason = "the fixtures are files of the source tree")]
fn unpacked(name: &str) -> Result<PathBuf> {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/hbase").join(format!("{name}.tar.zst"));
    let length = std::fs::metadata(&archive).with_context(|| format!("{}", archive.display()))?.len();
    let base = target_directory()?.join("fixtures");
    let target = base.join(format!("{name}-{length}"));
    if target.exists() {
        return Ok(target);
    }
    std::fs::create_dir_all(&base)?;
    let staged = TempDir::new_in(&base)?;
    let mut decoder = zstd::stream::read::Decoder::new(std::fs::File::open(&archive)?)?;
    decoder.window_log_max(27)?;
    tar::Archive::new(decoder).unpack(staged.path()).with_context(|| format!("unpacking {}", archive.display()))?;
    // Another test process may have been faster: then its copy is the one that stays.
    match std::fs::rename(staged.path(), &target) {
        Ok(()) => {
            let _ = staged.keep();
            Ok(target)
        }
        Err(_) if target.exists() => Ok(target),
        Err(error) => Err(error).context("publishing the unpacked fixtures"),
    }
}

/// `…/target`, from `…/target/debug/deps/test-0123`.
fn target_directory() -> Result<PathBuf> {
    let executable = std::env::current_exe()?;
    let deps = executable.ancestors().find(|directory| directory.ends_with("deps"));
    let target = deps.and_then(Path::parent).and_then(Path::parent).or_else(|| executable.parent());
    target.map(Path::to_owned).context("this program lies nowhere")
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
