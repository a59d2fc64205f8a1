//! `init`: a repository, its key file, and a first configuration when there is none.
//!
//! Order, so that no crash loses a key: the key file is reserved (created empty, 0600) before the repository exists, filled right after, and only then is
//! the configuration written. A crash in between leaves an empty key file beside a repository that holds nothing yet.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use config::{ConfigError, KeyReference, SecretReference, StarterFile, write_new};
use repository::{InitOptions, InitReport, Kdf, OpenOptions, Repository, Unlock};
use serde_json::json;
use storage::ObjectStore;

use crate::command_line::{LimitOptions, RepositoryOptions};
use crate::context::{Context, UNNAMED, hex};
use crate::outcome::{Answer, Failure};
use crate::state::StateDirectory;

/// Flags of `init`.
#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    #[command(flatten)]
    repository: RepositoryOptions,
    /// For the first configuration: directory of the cluster's hbase-site.xml
    #[arg(long, value_name = "DIR")]
    conf_dir: Option<PathBuf>,
    /// For the first configuration: hbase.rootdir of an offline cluster
    #[arg(long, value_name = "URL")]
    rootdir: Option<String>,
    /// For the first configuration: the cluster's name
    #[arg(long, value_name = "NAME", default_value = UNNAMED)]
    cluster: String,
    /// Write the recovery key to this file (0600) instead of printing it
    #[arg(long, value_name = "FILE")]
    write_recovery: Option<PathBuf>,
    /// Make no recovery key: status stays AT RISK until a second key exists
    #[arg(long, conflicts_with = "write_recovery")]
    no_recovery: bool,
    /// Label of the key file's slot
    #[arg(long, value_name = "TEXT", default_value = "key-file")]
    label: String,
}

pub(crate) async fn run(context: &Context, arguments: InitArguments) -> Result<Answer, Failure> {
    let located = context.located();
    let has_config = located.path.exists();
    if !has_config && arguments.repository.repo_url.is_none() {
        return Err(Failure::usage(format!("{} does not exist, and no repository was named", located.path.display()))
            .with_hint("seawall init --conf-dir /etc/hbase/conf --repo-url file:///srv/seawall"));
    }
    // A configuration that was named and is absent is what init is going to write.
    let options = if has_config { arguments.repository.clone() } else { with_key_file(&arguments.repository, &located.path) };
    let (configured, limits) = described(context, &options, has_config)?;
    let Some(KeyReference::File(key_path)) = configured.key.clone() else {
        return Err(Failure::usage(format!("repository {} has no key file configured", configured.name))
            .with_hint("give --key-file FILE: init writes the key there; a passphrase can be added later with repo key add"));
    };
    let store = crate::open::object_store(&context.wrappers, &configured, &limits)?;
    write_new(&key_path, b"", 0o600)?;
    let init = InitOptions { label: arguments.label.clone(), passphrase: None, kdf: Kdf::Standard, recovery: !arguments.no_recovery };
    let report = match Repository::init(store.clone(), crate::open::environment(&context.clock), init).await {
        Ok(report) => report,
        Err(error) => {
            // Ours and still empty; leaving it would stop the next try.
            let _ = remove_reserved(&key_path);
            return Err(error.into());
        }
    };
    fill_key(&key_path, &report)?;
    prove(context, &key_path, store).await?;
    if let (Some(path), Some(recovery)) = (&arguments.write_recovery, &report.recovery) {
        write_new(path, format!("{}\n", recovery.as_str()).as_bytes(), 0o600)?;
    }
    let config_path = if has_config { None } else { Some(write_config(&located.path, &arguments, &configured.url, &key_path)?) };
    Ok(answer(&arguments, &configured.url, &key_path, config_path.as_deref(), &report))
}

/// Where the key goes when nobody says: beside the configuration.
fn with_key_file(options: &RepositoryOptions, config: &Path) -> RepositoryOptions {
    let beside = || config.parent().unwrap_or(Path::new(".")).join("repo.key");
    RepositoryOptions { key_file: Some(options.key_file.clone().unwrap_or_else(beside)), ..options.clone() }
}

fn described(context: &Context, options: &RepositoryOptions, has_config: bool) -> Result<(config::Repository, config::Limits), Failure> {
    if has_config {
        let (repository, config) = context.repository_config(options, &LimitOptions::default())?;
        return Ok((repository, config.limits));
    }
    let name = options.repo.as_deref().unwrap_or(UNNAMED);
    let flag = |key: &[&str], value: String, flag| {
        let path = ["repo", name].iter().chain(key).map(ToString::to_string).collect();
        (path, config::Value::Text(value), flag)
    };
    let mut flags = Vec::new();
    flags.extend(options.repo_url.clone().map(|url| flag(&["url"], url, "--repo-url")));
    flags.extend(options.key_file.as_ref().map(|file| flag(&["key", "file"], file.display().to_string(), "--key-file")));
    flags.extend(options.repo_conf_dir.as_ref().map(|directory| flag(&["conf_dir"], directory.display().to_string(), "--repo-conf-dir")));
    let absent = config::Located { path: context.located().path, required: false };
    let config = config::load(&absent, &context.environment, &flags)?.config;
    Ok((config.repository(Some(name))?.clone(), config.limits))
}

/// The key as it lies on disk opens the repository; from here on this machine knows it.
async fn prove(context: &Context, key_path: &Path, store: Arc<dyn ObjectStore>) -> Result<(), Failure> {
    let url = store.url();
    let unlock = Unlock::KeyFile(SecretReference::File(key_path.to_path_buf()).resolve_bytes(&context.environment)?);
    let repository = Repository::open(store, crate::open::environment(&context.clock), unlock, OpenOptions::default()).await?;
    if let Some(state) = StateDirectory::locate(&context.environment) {
        state.remember_pin(&url, &hex(&repository.id()), repository.head());
    }
    Ok(())
}

fn fill_key(path: &Path, report: &InitReport) -> Result<(), Failure> {
    use std::io::Write;
    let written = std::fs::OpenOptions::new().write(true).open(path).and_then(|mut file| {
        file.write_all(&report.key_file)?;
        file.sync_all()
    });
    written.map_err(|source| {
        let lost = Failure::from(ConfigError::Unwritable { path: path.to_path_buf(), source });
        lost.with_hint("the repository was made and its key could not be kept: empty the repository's directory, then init again")
    })
}

#[expect(clippy::disallowed_methods, reason = "the reserved key file on this machine, neither HBase's tree nor the repository")]
fn remove_reserved(path: &Path) -> std::io::Result<()> {
    std::fs::remove_file(path)
}

fn write_config(path: &Path, arguments: &InitArguments, url: &str, key_file: &Path) -> Result<PathBuf, Failure> {
    let starter = StarterFile {
        cluster: arguments.cluster.clone(),
        conf_dir: arguments.conf_dir.clone(),
        zookeeper: None,
        rootdir: arguments.rootdir.clone(),
        repository: arguments.repository.repo.clone().unwrap_or_else(|| UNNAMED.to_string()),
        url: url.to_string(),
        repository_conf_dir: arguments.repository.repo_conf_dir.clone(),
        key_file: key_file.to_path_buf(),
    };
    write_new(path, starter.render().as_bytes(), 0o644)?;
    Ok(path.to_path_buf())
}

fn answer(arguments: &InitArguments, url: &str, key_path: &Path, config_path: Option<&Path>, report: &InitReport) -> Answer {
    let id = hex(&report.repository_id);
    let mut text = format!("Repository {id} made at {url}\n");
    text += &format!("Key file:      {} (only its owner can read it)\n", key_path.display());
    if let Some(path) = config_path {
        text += &format!("Configuration: {}\n", path.display());
    }
    match (&report.recovery, &arguments.write_recovery) {
        (Some(_), Some(path)) => text += &format!("Recovery key:  {} (print it, store it elsewhere, delete the file)\n", path.display()),
        (Some(recovery), None) => text += &format!("Recovery key, shown only now:\n\n    {}\n", recovery.as_str()),
        (None, _) => text += "No recovery key was made.\n",
    }
    text += "\nWithout a key nobody can read the repository, we neither. Keep the key file and the recovery key in two other places,\n\
             then prove that they open it: seawall repo key prove. Status stays AT RISK until two keys exist and one was proved.\n";
    let printed = report.recovery.as_ref().filter(|_| arguments.write_recovery.is_none()).map(|recovery| recovery.as_str());
    let json = json!({
        "schema_version": 1, "repository": id, "url": url, "key_file": key_path, "config": config_path,
        "recovery_file": arguments.write_recovery, "recovery_key": printed,
    });
    Answer::new(text, json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_beside_the_configuration_unless_told_otherwise() {
        let beside = with_key_file(&RepositoryOptions::default(), Path::new("/etc/seawall/seawall.toml"));
        assert_eq!(beside.key_file.as_deref(), Some(Path::new("/etc/seawall/repo.key")));
        let told = RepositoryOptions { key_file: Some("/k".into()), ..RepositoryOptions::default() };
        assert_eq!(with_key_file(&told, Path::new("/etc/x")).key_file.as_deref(), Some(Path::new("/k")));
        assert_eq!(Failure::from(ConfigError::Exists { path: "/k".into() }).kind(), api::ErrorKind::Refused);
    }
}
