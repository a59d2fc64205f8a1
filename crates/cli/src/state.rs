//! What this machine remembers: for each repository the newest commit it has seen, a cache of its log, journals of unfinished runs.
//!
//! Layout, below `$SEAWALL_STATE`, else `/var/lib/seawall` if it can be written, else `$XDG_STATE_HOME/seawall` or `~/.local/state/seawall`:
//!
//! ```text
//! addresses/<blake3 of the address>     the id of the repository that was found there
//! repositories/<id>/pin                 sequence:hash of the newest commit seen
//! repositories/<id>/cache/              the repository's log, authenticated; only speed depends on it
//! repositories/<id>/journals/           what unfinished uploads have stored
//! repositories/<id>/proved/<slot>       when a key was proved to work, milliseconds since the epoch
//! ```
//!
//! A pin is written to a temporary name and renamed, so a crash leaves the old or the new one. Two processes that write at once leave one of their two pins;
//! an older one is still a true one. Losing the whole directory loses the proof of freshness and some speed, never data.

use std::path::{Path, PathBuf};

use config::Environment;
use repository::Pin;

use crate::context::hex;

/// The directory.
#[derive(Debug, Clone)]
pub(crate) struct StateDirectory {
    root: PathBuf,
}

/// What is known of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// Repository id, hex.
    pub(crate) repository: String,
    pub(crate) pin: Pin,
}

impl StateDirectory {
    /// The first place that can be used.
    pub(crate) fn locate(environment: &Environment) -> Option<Self> {
        if let Some(named) = environment.get("SEAWALL_STATE") {
            return usable(PathBuf::from(named));
        }
        let home = environment.get("HOME").map(|home| Path::new(home).join(".local/state"));
        let user = environment.get("XDG_STATE_HOME").map(PathBuf::from).or(home).map(|base| base.join("seawall"));
        usable(PathBuf::from("/var/lib/seawall")).or_else(|| usable(user?))
    }

    /// What was found at an address before.
    pub(crate) fn known(&self, url: &str) -> Option<Known> {
        let repository = std::fs::read_to_string(self.address(url)).ok()?.trim().to_string();
        let pin = std::fs::read_to_string(self.repository(&repository).join("pin")).ok()?;
        Some(Known { repository, pin: parse_pin(pin.trim())? })
    }

    /// Keeps the newest commit seen. Failing to do so costs the next run its proof of freshness, which it then says.
    pub(crate) fn remember_pin(&self, url: &str, repository: &str, pin: Pin) {
        if self.known(url).is_some_and(|known| known.repository == repository && known.pin.sequence >= pin.sequence) {
            return;
        }
        let pinned = replace(&self.repository(repository).join("pin"), &format!("{}:{}\n", pin.sequence, hex(&pin.hash)));
        if let Err(error) = pinned.and_then(|()| replace(&self.address(url), &format!("{repository}\n"))) {
            tracing::warn!("{}: the newest commit cannot be remembered: {error}", self.root.display());
        }
    }

    /// Where the log of a repository is cached.
    pub(crate) fn cache_directory(&self, repository: &str) -> PathBuf {
        self.repository(repository).join("cache")
    }

    /// Where uploads to a repository keep their journals.
    pub(crate) fn journal_directory(&self, repository: &str) -> PathBuf {
        self.repository(repository).join("journals")
    }

    /// Keeps that a key opened the repository.
    pub(crate) fn remember_proof(&self, repository: &str, slot: &str, now_millis: i64) {
        let path = self.repository(repository).join("proved").join(slot);
        if let Err(error) = replace(&path, &format!("{now_millis}\n")) {
            tracing::warn!("{}: the proof cannot be remembered: {error}", path.display());
        }
    }

    /// Keys that were proved from this machine: slot id, when.
    pub(crate) fn proofs(&self, repository: &str) -> Vec<(String, i64)> {
        let Ok(entries) = std::fs::read_dir(self.repository(repository).join("proved")) else { return Vec::new() };
        let proof = |entry: std::fs::DirEntry| {
            let when = std::fs::read_to_string(entry.path()).ok()?.trim().parse().ok()?;
            Some((entry.file_name().into_string().ok()?, when))
        };
        entries.filter_map(|entry| proof(entry.ok()?)).collect()
    }

    fn repository(&self, id: &str) -> PathBuf {
        self.root.join("repositories").join(id)
    }

    fn address(&self, url: &str) -> PathBuf {
        self.root.join("addresses").join(hex(blake3::hash(url.as_bytes()).as_bytes()))
    }
}

fn usable(root: PathBuf) -> Option<StateDirectory> {
    let probe = root.join(format!(".probe-{}", std::process::id()));
    std::fs::create_dir_all(&root).ok()?;
    std::fs::create_dir(&probe).ok()?;
    std::fs::remove_dir(&probe).ok()?;
    Some(StateDirectory { root })
}

fn parse_pin(text: &str) -> Option<Pin> {
    let (sequence, digits) = text.split_once(':')?;
    let mut hash = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(Pin { sequence: sequence.parse().ok()?, hash })
}

#[expect(clippy::disallowed_methods, reason = "the state directory's home: this machine's notes, neither HBase's tree nor the repository")]
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let temporary = path.with_extension(format!("tmp-{}", std::process::id()));
    std::fs::write(&temporary, text)?;
    std::fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_kept_per_repository_and_never_moves_back() {
        let directory = tempfile::tempdir().unwrap();
        let environment = Environment::new([("SEAWALL_STATE".to_string(), directory.path().join("s").display().to_string())]);
        let state = StateDirectory::locate(&environment).unwrap();
        assert_eq!(state.known("file:///r"), None);
        let newer = Pin { sequence: 7, hash: [7; 32] };
        state.remember_pin("file:///r", "aa", newer);
        state.remember_pin("file:///r", "aa", Pin { sequence: 6, hash: [6; 32] });
        assert_eq!(state.known("file:///r"), Some(Known { repository: "aa".into(), pin: newer }));
        assert_eq!(state.known("file:///other"), None);
    }

    #[test]
    fn a_pin_that_is_cut_short_is_no_pin() {
        let whole = format!("7:{}", "0a".repeat(32));
        assert_eq!(parse_pin(&whole), Some(Pin { sequence: 7, hash: [10; 32] }));
        assert_eq!(parse_pin(&whole[..whole.len() - 1]), None);
        assert_eq!(parse_pin("7"), None);
    }
}
