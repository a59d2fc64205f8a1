//! A cluster as the engine sees it: its files, and its master when there is one.

use std::sync::Arc;

use hbase_client::Connection;
use storage::FileSystem;

/// A cluster. Built by the caller from its configuration; cheap to clone.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Name in the configuration.
    pub name: String,
    /// The master and the RegionServers; `None` = offline.
    pub connection: Option<Connection>,
    /// File system of `hbase.rootdir`.
    pub file_system: Arc<dyn FileSystem>,
    /// `hbase.rootdir`, absolute inside `file_system`, without a slash at the end.
    pub root: String,
    /// File system and path of `hbase.wal.dir`, when it is not `hbase.rootdir`.
    pub wal: Option<(Arc<dyn FileSystem>, String)>,
}

impl Cluster {
    /// A cluster whose WALs lie under its root directory.
    pub fn new(name: impl Into<String>, connection: Option<Connection>, file_system: Arc<dyn FileSystem>, root: impl Into<String>) -> Self {
        let root: String = root.into();
        let root = root.trim_end_matches('/').to_owned();
        Self { name: name.into(), connection, file_system, root, wal: None }
    }

    /// The same with its WALs elsewhere.
    #[must_use]
    pub fn with_wal_directory(mut self, file_system: Arc<dyn FileSystem>, path: impl Into<String>) -> Self {
        self.wal = Some((file_system, path.into()));
        self
    }

    /// Address of the root directory, for messages.
    pub fn root_url(&self) -> String {
        let url = self.file_system.url();
        // `file://` has no authority to follow; its slashes belong to the scheme.
        let base = if url.ends_with("://") { url.as_str() } else { url.trim_end_matches('/') };
        format!("{base}{}", self.root)
    }

    /// File system and directory that hold `WALs` and `oldWALs`.
    pub fn wal_root(&self) -> (&Arc<dyn FileSystem>, &str) {
        self.wal.as_ref().map_or((&self.file_system, self.root.as_str()), |(file_system, path)| (file_system, path))
    }
}
