//! The first configuration, written by `init` when there is none. Never overwrites.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::{ConfigError, Result};

/// What goes into a first configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StarterFile {
    pub cluster: String,
    pub conf_dir: Option<PathBuf>,
    pub zookeeper: Option<String>,
    pub rootdir: Option<String>,
    pub repository: String,
    pub url: String,
    pub repository_conf_dir: Option<PathBuf>,
    pub key_file: PathBuf,
}

impl StarterFile {
    /// The TOML text, with the next steps as comments.
    pub fn render(&self) -> String {
        let mut text =
            String::from("# Written by seawall init. Every key: docs/cli.md. Check it with: seawall config check\nversion = 1\n");
        if self.conf_dir.is_some() || self.zookeeper.is_some() || self.rootdir.is_some() {
            text += &format!("\n[cluster.{}]\n", key(&self.cluster));
            line(&mut text, "conf_dir", self.conf_dir.as_deref());
            line(&mut text, "zookeeper", self.zookeeper.as_deref().map(Path::new));
            line(&mut text, "rootdir", self.rootdir.as_deref().map(Path::new));
        }
        text += &format!("\n[repo.{}]\n", key(&self.repository));
        line(&mut text, "url", Some(Path::new(&self.url)));
        line(&mut text, "conf_dir", self.repository_conf_dir.as_deref());
        text += &format!("key = {{ file = {} }}\n", quoted(&self.key_file.display().to_string()));
        text
    }
}

fn line(text: &mut String, name: &str, value: Option<&Path>) {
    if let Some(value) = value {
        *text += &format!("{name} = {}\n", quoted(&value.display().to_string()));
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_string()).to_string()
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if bare { name.to_string() } else { quoted(name) }
}

/// Writes a file that must not exist, with these permission bits, durable before it returns. Parents are created.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let unwritable = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AlreadyExists => ConfigError::Exists { path: path.to_path_buf() },
        _ => ConfigError::Unwritable { path: path.to_path_buf(), source },
    };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(unwritable)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(unwritable)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(unwritable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::load::load_text;

    #[test]
    fn the_first_configuration_reads_back_as_what_was_asked_for() {
        let starter = StarterFile {
            cluster: "prod".into(),
            conf_dir: Some("/etc/hbase/conf".into()),
            repository: "main \"odd\"".into(),
            url: "file:///srv/seawall".into(),
            key_file: "/etc/seawall/repo.key".into(),
            ..StarterFile::default()
        };
        let loaded = load_text(Path::new("seawall.toml"), &starter.render(), &Environment::default(), &[]).unwrap();
        assert_eq!(loaded.config.cluster(None).unwrap().conf_dir.as_deref(), Some(Path::new("/etc/hbase/conf")));
        assert_eq!(loaded.config.repository(Some("main \"odd\"")).unwrap().url, "file:///srv/seawall");
    }

    #[test]
    fn an_existing_file_is_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b.key");
        write_new(&path, b"one", 0o600).unwrap();
        assert!(matches!(write_new(&path, b"two", 0o600), Err(ConfigError::Exists { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions()) & 0o777, 0o600);
    }
}
