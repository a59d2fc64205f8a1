//! What every verb works with: environment, configuration, clusters and repositories opened as asked, the state directory, the signals.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::{Cluster, Config, Environment, KeyReference, Loaded, ResolvedCluster, SecretReference, Value};
use repository::{OpenOptions, Pin, Repository, Unlock};
use storage::{Clock, SystemClock};

use crate::command_line::{AddressOptions, GlobalOptions, LimitOptions, RepositoryOptions};
use crate::open::Wrappers;
use crate::outcome::Failure;
use crate::output::Output;
use crate::signals::Signals;
use crate::state::StateDirectory;

/// Name of a cluster or repository that flags alone describe.
pub(crate) const UNNAMED: &str = "default";

/// One command's surroundings.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) global: GlobalOptions,
    pub(crate) environment: Environment,
    pub(crate) output: Output,
    pub(crate) signals: Signals,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) wrappers: Wrappers,
}

/// A value that a flag sets: key path, value, the flag's name.
pub(crate) type FlagValue = (Vec<String>, Value, &'static str);

/// An open repository with where its pin is kept.
#[derive(Clone)]
pub(crate) struct OpenedRepository {
    pub(crate) repository: Repository,
    pub(crate) state: Option<StateDirectory>,
}

impl OpenedRepository {
    /// Remembers the newest commit as seen from this machine.
    pub(crate) fn pin(&self) {
        if let Some(state) = &self.state {
            state.remember_pin(&self.repository.url(), &hex(&self.repository.id()), self.repository.head());
        }
    }

    /// `seq:hash8`, as every summary prints it.
    pub(crate) fn head_words(&self) -> String {
        head_words(self.repository.head())
    }
}

/// `142:9f3a01c2`.
pub(crate) fn head_words(head: Pin) -> String {
    format!("{}:{}", head.sequence, hex(head.hash.split_at(4).0))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Context {
    /// The process's own surroundings.
    pub(crate) fn new(global: GlobalOptions, output: Output) -> Result<Self, Failure> {
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        // As Hadoop does: the login name is that of the user id. $USER is often absent (cron, containers) or another's (su).
        let login = whoami::username().ok().map(|name| ("USER".to_owned(), name));
        let environment = Environment::new(variables.chain(login));
        let wrappers = Wrappers::from_environment(&environment)?;
        Ok(Self { global, environment, output, signals: Signals::default(), clock: Arc::new(SystemClock), wrappers })
    }

    /// The configuration file that applies.
    pub(crate) fn located(&self) -> config::Located {
        config::locate(self.global.config.as_deref(), &self.environment)
    }

    /// The configuration with these flags over it.
    pub(crate) fn load(&self, flags: &[FlagValue]) -> Result<Loaded, Failure> {
        let loaded = config::load(&self.located(), &self.environment, flags)?;
        for (key, at) in &loaded.not_built {
            tracing::info!("{at}: {key} is accepted and does nothing yet");
        }
        Ok(loaded)
    }

    /// The repository as configured or as flags say, not opened.
    pub(crate) fn repository_config(
        &self,
        options: &RepositoryOptions,
        limits: &LimitOptions,
    ) -> Result<(config::Repository, Config), Failure> {
        let name = options.repo.clone().or_else(|| options.repo_url.as_ref().map(|_| UNNAMED.to_string()));
        let mut flags = limit_flags(limits);
        if let (Some(name), Some(url)) = (&name, &options.repo_url) {
            flags.push((path(&["repo", name, "url"]), Value::Text(url.clone()), "--repo-url"));
        }
        let chosen = match &name {
            Some(name) => name.clone(),
            // A key alone on the command line opens the only repository there is.
            None => self.load(&[])?.config.repository(None)?.name.clone(),
        };
        let mut set = |key: &[&str], value: &Option<PathBuf>, flag| {
            if let Some(value) = value {
                let keys = [&["repo", chosen.as_str()], key].concat();
                flags.push((path(&keys), Value::Text(value.display().to_string()), flag));
            }
        };
        set(&["key", "file"], &options.key_file, "--key-file");
        set(&["conf_dir"], &options.repo_conf_dir, "--repo-conf-dir");
        let config = self.load(&flags)?.config;
        Ok((config.repository(Some(&chosen))?.clone(), config))
    }

    /// Opens the repository, checks it against what this machine has seen, and remembers what it is now.
    pub(crate) async fn open_repository(
        &self,
        options: &RepositoryOptions,
        limits: &LimitOptions,
        read_only: bool,
    ) -> Result<OpenedRepository, Failure> {
        let (configured, config) = self.repository_config(options, limits)?;
        let unlock = self.unlock(&configured, options)?;
        let store = crate::open::object_store(&self.wrappers, &configured, &config.limits)?;
        let state = StateDirectory::locate(&self.environment);
        if state.is_none() {
            tracing::warn!("no state directory ($SEAWALL_STATE): a rollback of the repository cannot be seen from here");
        }
        let known = state.as_ref().and_then(|state| state.known(&store.url()));
        let open = OpenOptions {
            pin: known.as_ref().map(|known| known.pin),
            expect: options.expect.as_deref().map(parse_expect).transpose()?,
            read_only,
            cache_directory: state.as_ref().zip(known.as_ref()).map(|(state, known)| state.cache_directory(&known.repository)),
        };
        let repository = Repository::open(store, crate::open::environment(&self.clock), unlock, open).await?;
        let opened = OpenedRepository { repository, state };
        opened.pin();
        Ok(opened)
    }

    /// What opens the repository, read now.
    pub(crate) fn unlock(&self, configured: &config::Repository, options: &RepositoryOptions) -> Result<Unlock, Failure> {
        if let Some(path) = &options.recovery_file {
            return Ok(Unlock::Recovery(SecretReference::File(path.clone()).resolve_text(&self.environment)?));
        }
        match &configured.key {
            Some(KeyReference::File(path)) => self.key_file(path),
            Some(KeyReference::Passphrase(reference)) => Ok(Unlock::Passphrase(reference.resolve_text(&self.environment)?)),
            None => Err(Failure::usage(format!("repository {} has no key", configured.name))
                .with_hint(format!("set repo.{}.key = {{ file = \"…\" }} in the configuration, or give --key-file", configured.name))),
        }
    }

    fn key_file(&self, path: &Path) -> Result<Unlock, Failure> {
        warn_of_open_key(path);
        Ok(Unlock::KeyFile(SecretReference::File(path.to_path_buf()).resolve_bytes(&self.environment)?))
    }

    /// The cluster as configured or as flags say, its XML read, not connected.
    pub(crate) fn cluster_config(
        &self,
        name: Option<&str>,
        address: &AddressOptions,
        limits: &LimitOptions,
    ) -> Result<(ResolvedCluster, Config), Failure> {
        let name = name.map(str::to_string).or_else(|| address.is_given().then(|| UNNAMED.to_string()));
        let mut flags = limit_flags(limits);
        if let Some(name) = &name {
            flags.extend(address_flags(name, address));
        }
        let config = self.load(&flags)?.config;
        let cluster = config.cluster(name.as_deref())?;
        let cluster = Cluster { offline: cluster.offline || address.offline, ..cluster.clone() };
        Ok((cluster.resolve(&self.environment)?, config))
    }
}

/// A key that others on the machine can read is no secret.
fn warn_of_open_key(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    if let Ok(metadata) = std::fs::metadata(path)
        && metadata.permissions().mode() & 0o077 != 0
    {
        tracing::warn!("{} can be read by others on this machine: chmod 600 {}", path.display(), path.display());
    }
}

fn path(keys: &[&str]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

fn address_flags(name: &str, address: &AddressOptions) -> Vec<FlagValue> {
    let at = |key: &str| path(&["cluster", name, key]);
    let mut flags = Vec::new();
    if let Some(directory) = &address.conf_dir {
        flags.push((at("conf_dir"), Value::Text(directory.display().to_string()), "--conf-dir"));
    }
    if let Some(url) = &address.rootdir {
        flags.push((at("rootdir"), Value::Text(url.clone()), "--rootdir"));
    }
    if let Some(hosts) = &address.zookeeper {
        flags.push((at("zookeeper"), Value::Text(hosts.clone()), "--zookeeper"));
    }
    if !address.masters.is_empty() {
        flags.push((at("masters"), Value::List(address.masters.clone()), "--masters"));
    }
    flags
}

fn limit_flags(limits: &LimitOptions) -> Vec<FlagValue> {
    let texts = [
        ("read", &limits.limit_read, "--limit-read"),
        ("upload", &limits.limit_upload, "--limit-upload"),
        ("memory", &limits.memory, "--memory"),
    ];
    let texts = texts.into_iter().filter_map(|(key, value, flag)| Some((path(&["limits", key]), Value::Text(value.clone()?), flag)));
    let workers = limits.workers.map(|workers| (path(&["limits", "workers"]), Value::Integer(i64::from(workers)), "--workers"));
    texts.chain(workers).collect()
}

/// `142:9f3a…`: a sequence and the first 8 or more hexadecimal digits of its hash; 64 are needed to be compared whole.
fn parse_expect(text: &str) -> Result<Pin, Failure> {
    let wrong = || {
        Failure::usage(format!("--expect {text}: expected SEQ:HASH with all 64 digits of the hash"))
            .with_hint("`seawall status --json` and the end summary with --json print it whole")
    };
    let (sequence, digits) = text.split_once(':').ok_or_else(wrong)?;
    let mut hash = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return Err(wrong());
    }
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = digits.get(2 * index..2 * index + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or_else(wrong)?;
    }
    Ok(Pin { sequence: sequence.parse().map_err(|_| wrong())?, hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expected_commit_is_read_whole_or_refused() {
        let pin = parse_expect(&format!("142:{}", "9f".repeat(32))).unwrap();
        assert_eq!((pin.sequence, head_words(pin).as_str()), (142, "142:9f9f9f9f"));
        assert!(parse_expect("142:9f9f9f9f").is_err());
        assert!(parse_expect(&format!("x:{}", "9f".repeat(32))).is_err());
        assert!(parse_expect(&format!("1:{}", "zz".repeat(32))).is_err());
    }
}
