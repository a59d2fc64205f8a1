//! A reference to a secret, resolved at the moment of use and wiped afterwards. The secret itself is in no file of ours, no address, no message.

use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use crate::environment::Environment;
use crate::error::{ConfigError, Result};

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretReference {
    /// The content of a file, without its last line break.
    File(PathBuf),
    /// The value of an environment variable.
    Environment(String),
    /// What a command prints, without its last line break. Run by `sh -c`, its standard error passes through.
    Command(String),
}

impl fmt::Display for SecretReference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(out, "file {}", path.display()),
            Self::Environment(name) => write!(out, "environment variable {name}"),
            Self::Command(_) => out.write_str("secret command"),
        }
    }
}

impl SecretReference {
    /// The secret's bytes. An empty one is an error: it is never what was meant.
    pub fn resolve_bytes(&self, environment: &Environment) -> Result<Zeroizing<Vec<u8>>> {
        let bytes = match self {
            Self::File(path) => Zeroizing::new(read_file(path).map_err(|error| self.unavailable(error.to_string()))?),
            Self::Environment(name) => {
                let value = environment.get(name).ok_or_else(|| self.unavailable("not set".into()))?;
                Zeroizing::new(value.as_bytes().to_vec())
            }
            Self::Command(command) => self.run(command)?,
        };
        if bytes.is_empty() { Err(self.unavailable("empty".into())) } else { Ok(bytes) }
    }

    /// The secret as text, without its last line break.
    pub fn resolve_text(&self, environment: &Environment) -> Result<Zeroizing<String>> {
        let bytes = self.resolve_bytes(environment)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| self.unavailable("not text".into()))?;
        let trimmed = text.strip_suffix('\n').unwrap_or(text);
        let trimmed = trimmed.strip_suffix('\r').unwrap_or(trimmed);
        if trimmed.is_empty() { Err(self.unavailable("empty".into())) } else { Ok(Zeroizing::new(trimmed.to_string())) }
    }

    fn run(&self, command: &str) -> Result<Zeroizing<Vec<u8>>> {
        let output = Command::new("sh").arg("-c").arg(command).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let output = output.map_err(|error| self.unavailable(error.to_string()))?;
        let printed = Zeroizing::new(output.stdout);
        if output.status.success() { Ok(printed) } else { Err(self.unavailable(format!("ended with {}", output.status))) }
    }

    fn unavailable(&self, detail: String) -> ConfigError {
        ConfigError::SecretUnavailable { reference: self.to_string(), detail }
    }
}

#[expect(clippy::disallowed_methods, reason = "a secret on this machine is configuration, not HBase's or the repository's data")]
fn read_file(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    std::fs::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_resolves_and_loses_one_line_break() {
        let environment = Environment::new([("PASS".to_string(), "from env".to_string())]);
        assert_eq!(SecretReference::Environment("PASS".into()).resolve_text(&environment).unwrap().as_str(), "from env");
        assert_eq!(
            SecretReference::Command("printf 'from command\\n'".into()).resolve_text(&environment).unwrap().as_str(),
            "from command"
        );
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::io::Write::write_all(&mut std::fs::OpenOptions::new().create_new(true).write(true).open(&path).unwrap(), b"from file\r\n")
            .unwrap();
        assert_eq!(SecretReference::File(path).resolve_text(&environment).unwrap().as_str(), "from file");
    }

    #[test]
    fn what_is_missing_empty_or_failing_is_an_error_that_names_the_reference_only() {
        let environment = Environment::default();
        let unset = SecretReference::Environment("PASS".into()).resolve_text(&environment).unwrap_err();
        assert_eq!(unset.to_string(), "environment variable PASS: not set");
        let failing = SecretReference::Command("echo s3cr3t; exit 3".into()).resolve_text(&environment).unwrap_err();
        assert_eq!(failing.to_string(), "secret command: ended with exit status: 3");
        let empty = SecretReference::Command("true".into()).resolve_text(&environment).unwrap_err();
        assert_eq!(empty.to_string(), "secret command: empty");
        assert!(
            SecretReference::File("/nonexistent/key".into())
                .resolve_bytes(&environment)
                .unwrap_err()
                .to_string()
                .contains("/nonexistent/key")
        );
    }
}
