//! One connection to a nameservice, with a deadline on every call.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hdfs_native::{Client, ClientBuilder, HdfsError};
use tokio::sync::OnceCell;

use super::error::{Asked, translate};
use crate::{ByteBudget, FileStatus, Result, StorageError};

/// What one open stream may buffer inside `hdfs-native`: 100 packets of 64 KiB.
pub(super) const STREAM_BYTES: u64 = 100 * (64 << 10);
/// Memory of all reading streams, and of all writing streams, of one client.
const STREAMS_BYTES: u64 = 128 << 20;

/// How HDFS is reached.
#[derive(Debug, Clone)]
pub(crate) struct HdfsOptions {
    /// `nameservice`, or `host:port`.
    pub(crate) authority: String,
    pub(crate) conf_dir: Option<PathBuf>,
    pub(crate) user: Option<String>,
    pub(crate) deadline: Duration,
}

/// A client. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct HdfsClient {
    pub(super) client: Client,
    url: String,
    pub(super) deadline: Duration,
    pub(super) readers: ByteBudget,
    pub(super) writers: ByteBudget,
    /// The server's block size, learned from the first file created.
    pub(super) block_bytes: Arc<OnceCell<u64>>,
}

impl HdfsClient {
    /// Reads the configuration; contacts nobody. Must be called inside a tokio runtime, which then runs the connections.
    pub(crate) fn new(options: &HdfsOptions) -> Result<Self> {
        let url = format!("hdfs://{}", options.authority);
        let mut builder = ClientBuilder::new().with_url(url.clone()).with_config(overrides(options));
        if let Some(directory) = &options.conf_dir {
            builder = builder.with_config_dir(directory.display().to_string());
        }
        if let Some(user) = &options.user {
            builder = builder.with_user(user.clone());
        }
        let client = builder.build().map_err(|error| {
            let configuration =
                options.conf_dir.as_ref().map_or_else(|| "HADOOP_CONF_DIR".to_owned(), |directory| directory.display().to_string());
            let detail = match error {
                HdfsError::InvalidArgument(detail) if detail.contains("No NameNode") => {
                    format!("`{}` is no nameservice of hdfs-site.xml in {configuration}; a single NameNode is host:port", options.authority)
                }
                other => format!("{other} (configuration from {configuration})"),
            };
            StorageError::Invalid { path: url.clone(), detail }
        })?;
        Ok(Self {
            client,
            url,
            deadline: options.deadline,
            readers: ByteBudget::new(STREAMS_BYTES),
            writers: ByteBudget::new(STREAMS_BYTES),
            block_bytes: Arc::default(),
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A call that may be made again: no answer in time is `Unreachable`.
    pub(super) async fn ask<T>(&self, asked: Asked<'_>, call: impl Future<Output = hdfs_native::Result<T>>) -> Result<T> {
        match tokio::time::timeout(self.deadline, call).await {
            Ok(result) => result.map_err(|error| translate(&self.url, asked, error)),
            Err(_) => Err(self.silent()),
        }
    }

    /// A call that changes something: no answer in time is `TimedOut`.
    pub(super) async fn change<T>(&self, asked: Asked<'_>, call: impl Future<Output = hdfs_native::Result<T>>) -> Result<T> {
        match tokio::time::timeout(self.deadline, call).await {
            Ok(result) => result.map_err(|error| translate(&self.url, asked, error)),
            Err(_) => Err(StorageError::TimedOut { path: asked.path.to_owned(), seconds: self.deadline.as_secs() }),
        }
    }

    pub(super) fn silent(&self) -> StorageError {
        let detail = format!("no active NameNode or DataNode answered within {} s", self.deadline.as_secs());
        StorageError::Unreachable { endpoint: self.url.clone(), detail }
    }

    /// Status of a path.
    pub(super) async fn status(&self, path: &str) -> Result<FileStatus> {
        let asked = Asked { path, operation: "status", right: "search" };
        let found = self.ask(asked, self.client.get_file_info(path)).await.map_err(missing_below_file)?;
        Ok(status(found))
    }

    /// Entries of a directory, sorted by path.
    pub(super) async fn list(&self, path: &str) -> Result<Vec<FileStatus>> {
        let asked = Asked { path, operation: "list", right: "read" };
        let listing = self.client.list_status_iter(path, false);
        let mut entries = Vec::new();
        // The deadline is for each batch of a long directory.
        while let Some(entry) = self.ask(asked, async { listing.next().await.transpose() }).await.map_err(missing_below_file)? {
            entries.push(status(entry));
        }
        if let [only] = entries.as_slice()
            && only.path == path
            && !only.is_directory
        {
            return Err(StorageError::NotFound { path: path.to_owned() });
        }
        entries.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(entries)
    }

    /// Deletes; a missing path is success.
    pub(super) async fn delete(&self, path: &str, recursive: bool) -> Result<()> {
        let asked = Asked { path, operation: "delete", right: "write on the directory" };
        match self.change(asked, self.client.delete(path, recursive)).await.map_err(missing_below_file) {
            Ok(_) | Err(StorageError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes a directory and its parents.
    pub(super) async fn make_directories(&self, path: &str) -> Result<()> {
        let asked = Asked { path, operation: "make", right: "write on the parent directory" };
        self.change(asked, self.client.mkdirs(path, 0o755, true)).await
    }

    /// Renames; the target must not exist, its parent must.
    pub(super) async fn rename_new(&self, from: &str, to: &str) -> Result<()> {
        let asked = Asked { path: to, operation: "rename", right: "write on both directories" };
        self.change(asked, self.client.rename(from, to, false)).await
    }
}

/// Settings that follow from our deadline, so that the cause of a failure is heard before time is up.
fn overrides(options: &HdfsOptions) -> Vec<(&'static str, String)> {
    let millis = u64::try_from(options.deadline.as_millis()).unwrap_or(u64::MAX);
    // Pauses between rounds over all NameNodes: 1, 2, 4, 8, 15, 15 … s, give or take half.
    let mut rounds = 1u64;
    let mut total_millis = 1_500u64;
    while total_millis.saturating_add(1_500 << rounds.min(4)) < millis / 10 * 9 && rounds < 100 {
        total_millis = total_millis.saturating_add((1_500 << rounds.min(4)).min(22_500));
        rounds += 1;
    }
    // Two NameNodes per nameservice is the rule; with more, time may be up first.
    let name_nodes = if options.authority.contains(':') { 1 } else { 2 };
    vec![
        ("dfs.client.failover.max.attempts", (rounds * name_nodes).to_string()),
        ("dfs.client.failover.sleep.base.millis", "500".to_owned()),
        ("dfs.client.failover.sleep.max.millis", "15000".to_owned()),
        ("dfs.client.socket-timeout", (millis / 3).clamp(1_000, 60_000).to_string()),
    ]
}

/// Below a file there is nothing.
pub(super) fn missing_below_file(error: StorageError) -> StorageError {
    match error {
        StorageError::Invalid { path, detail } if detail == super::error::PARENT_IS_FILE => StorageError::NotFound { path },
        other => other,
    }
}

fn status(found: hdfs_native::client::FileStatus) -> FileStatus {
    FileStatus {
        path: found.path,
        length_bytes: if found.isdir { 0 } else { found.length as u64 },
        is_directory: found.isdir,
        modified_millis: i64::try_from(found.modification_time).unwrap_or(i64::MAX),
        owner: Some(found.owner),
        group: Some(found.group),
        mode: Some(u32::from(found.permission)),
    }
}
