//! From an address to a store or a file system.
//!
//! | address | object store | file system |
//! |---|---|---|
//! | `/abs/path`, `file:///abs/path`, `file:/abs/path` | yes | yes |
//! | `hdfs://host:port/path`, `hdfs://nameservice/path` | yes | yes |
//!
//! Nothing is contacted here: a wrong address shows with the first call. An HDFS address must be opened inside a tokio runtime, which
//! then runs its connections.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::hdfs::{HdfsFileSystem, HdfsOptions, HdfsStore};
use crate::{FileSystem, LocalFileSystem, LocalStore, ObjectStore, Result, StorageError};

/// How long one call may take when nothing else is said.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(60);

/// How an object store is reached.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Directory of `core-site.xml` and `hdfs-site.xml`; `None` = what `HADOOP_CONF_DIR` names.
    pub conf_dir: Option<PathBuf>,
    /// User where the store believes what it is told (HDFS without Kerberos); `None` = `HADOOP_USER_NAME`, then the login name.
    pub user: Option<String>,
    /// Longest one call may take.
    pub deadline: Duration,
    /// Key prefixes whose objects may lie in an erasure-coded HDFS directory, where nothing can be synced before it is closed.
    pub erasure_coded_prefixes: Vec<String>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { conf_dir: None, user: None, deadline: DEFAULT_DEADLINE, erasure_coded_prefixes: vec!["d/".to_owned()] }
    }
}

/// How a file system is reached.
#[derive(Debug, Clone)]
pub struct FileSystemOptions {
    /// Directory of `core-site.xml` and `hdfs-site.xml`; `None` = what `HADOOP_CONF_DIR` names.
    pub conf_dir: Option<PathBuf>,
    /// User where the file system believes what it is told; `None` = `HADOOP_USER_NAME`, then the login name.
    pub user: Option<String>,
    /// Longest one call may take.
    pub deadline: Duration,
}

impl Default for FileSystemOptions {
    fn default() -> Self {
        Self { conf_dir: None, user: None, deadline: DEFAULT_DEADLINE }
    }
}

/// The store at `url`.
pub fn open_object_store(url: &str, options: &StoreOptions) -> Result<Arc<dyn ObjectStore>> {
    match Address::parse(url)? {
        Address::Local { path } => Ok(Arc::new(LocalStore::new(path, options.deadline))),
        Address::Hdfs { authority, path } => {
            let StoreOptions { conf_dir, user, deadline, erasure_coded_prefixes } = options.clone();
            let reached = HdfsOptions { authority, conf_dir, user, deadline };
            Ok(Arc::new(HdfsStore::new(&reached, &path, erasure_coded_prefixes)?))
        }
    }
}

/// The file system that holds `url`. Its paths are whole paths, as in `url` ([`url_path`]); a local one serves only what is at or
/// below `url`.
pub fn open_file_system(url: &str, options: &FileSystemOptions) -> Result<Arc<dyn FileSystem>> {
    match Address::parse(url)? {
        Address::Local { path } => Ok(Arc::new(LocalFileSystem::new(path, options.deadline))),
        Address::Hdfs { authority, path: _ } => {
            let FileSystemOptions { conf_dir, user, deadline } = options.clone();
            Ok(Arc::new(HdfsFileSystem::new(&HdfsOptions { authority, conf_dir, user, deadline })?))
        }
    }
}

/// The path of `url` inside its file system: absolute, without a slash at the end (`/` itself excepted).
pub fn url_path(url: &str) -> Result<String> {
    match Address::parse(url)? {
        Address::Local { path } | Address::Hdfs { path, .. } => Ok(path),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Address {
    Local { path: String },
    Hdfs { authority: String, path: String },
}

impl Address {
    fn parse(url: &str) -> Result<Self> {
        if let Some(rest) = url.strip_prefix("file:") {
            // `file:///path` and Hadoop's own `file:/path`; a host between the slashes would be another machine's file.
            let path = rest.strip_prefix("//").unwrap_or(rest);
            return if path.starts_with('/') {
                Ok(Self::Local { path: plain_path(url, path)? })
            } else {
                Err(invalid(url, "a file address is file:///absolute/path"))
            };
        }
        if let Some(rest) = url.strip_prefix("hdfs://") {
            let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
            if authority.is_empty() {
                return Err(invalid(url, "an HDFS address is hdfs://nameservice/path or hdfs://host:port/path"));
            }
            return Ok(Self::Hdfs { authority: authority.to_owned(), path: plain_path(url, path)? });
        }
        if url.starts_with('/') {
            return Ok(Self::Local { path: plain_path(url, url)? });
        }
        match url.split_once(':') {
            Some((scheme, _)) => Err(unsupported(url, &format!("no backend for `{scheme}:`; there are file: and hdfs:"))),
            None => Err(invalid(url, "an address is an absolute path, file:///path or hdfs://host/path")),
        }
    }
}

fn plain_path(url: &str, path: &str) -> Result<String> {
    let path = path.trim_end_matches('/');
    let path = if path.is_empty() { "/" } else { path };
    crate::key::check_path(path).map_err(|_| invalid(url, "the path has an empty part, `.` or `..`"))?;
    Ok(path.to_owned())
}

fn invalid(url: &str, detail: &str) -> StorageError {
    StorageError::Invalid { path: url.to_owned(), detail: detail.to_owned() }
}

fn unsupported(url: &str, detail: &str) -> StorageError {
    StorageError::Unsupported { path: url.to_owned(), detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_hadoop_reads_them() {
        let local = |path: &str| Address::Local { path: path.to_owned() };
        let hdfs = |authority: &str, path: &str| Address::Hdfs { authority: authority.to_owned(), path: path.to_owned() };
        for (url, address) in [
            ("/a/b", local("/a/b")),
            ("file:///a/b/", local("/a/b")),
            ("file:/a", local("/a")),
            ("file:///", local("/")),
            ("hdfs://ns", hdfs("ns", "/")),
            ("hdfs://host:8020/hbase/", hdfs("host:8020", "/hbase")),
        ] {
            assert_eq!(Address::parse(url).expect(url), address, "{url}");
        }
        for bad in ["", "a/b", "file://host/a", "hdfs:///a", "s3://bucket", "file:///a/../b", "file:///a//b"] {
            assert!(Address::parse(bad).is_err(), "{bad} was accepted");
        }
        assert_eq!(url_path("hdfs://ns/hbase").expect("path"), "/hbase");
    }
}
