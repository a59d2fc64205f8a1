//! Which file: `--config`, else `$SEAWALL_CONFIG`, else `/etc/seawall/seawall.toml`. A file that was named must exist; the default one may be absent.

use std::path::{Path, PathBuf};

use crate::environment::Environment;

/// The file that is read when nobody names one.
pub const DEFAULT_PATH: &str = "/etc/seawall/seawall.toml";

/// A path and whether it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    pub path: PathBuf,
    /// Named by a flag or the environment: its absence is an error.
    pub required: bool,
}

/// The file to read, by flag, environment or default.
pub fn locate(flag: Option<&Path>, environment: &Environment) -> Located {
    if let Some(path) = flag {
        return Located { path: path.to_path_buf(), required: true };
    }
    match environment.get("SEAWALL_CONFIG") {
        Some(path) => Located { path: PathBuf::from(path), required: true },
        None => Located { path: PathBuf::from(DEFAULT_PATH), required: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_beats_the_environment_and_both_must_exist() {
        let environment = Environment::new([("SEAWALL_CONFIG".to_string(), "/a".to_string())]);
        assert_eq!(locate(Some(Path::new("/b")), &environment), Located { path: "/b".into(), required: true });
        assert_eq!(locate(None, &environment), Located { path: "/a".into(), required: true });
        assert_eq!(locate(None, &Environment::default()), Located { path: DEFAULT_PATH.into(), required: false });
    }
}
