//! HDFS as HBase's file system.

use async_trait::async_trait;

use super::client::{HdfsClient, HdfsOptions};
use super::error::Asked;
use super::reader::HdfsReader;
use super::writer::HdfsWriter;
use crate::key::check_path;
use crate::{CreateOptions, FileReader, FileStatus, FileSystem, FileWriter, Result, Space, StorageError};

/// A nameservice, or a single NameNode. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HdfsFileSystem {
    client: HdfsClient,
}

impl HdfsFileSystem {
    pub(crate) fn new(options: &HdfsOptions) -> Result<Self> {
        Ok(Self { client: HdfsClient::new(options)? })
    }
}

#[async_trait]
impl FileSystem for HdfsFileSystem {
    fn url(&self) -> String {
        self.client.url().to_owned()
    }

    async fn status(&self, path: &str) -> Result<FileStatus> {
        check_path(path)?;
        self.client.status(path).await
    }

    async fn list(&self, path: &str) -> Result<Vec<FileStatus>> {
        check_path(path)?;
        self.client.list(path).await
    }

    async fn open(&self, path: &str) -> Result<Box<dyn FileReader>> {
        check_path(path)?;
        Ok(Box::new(HdfsReader::open(&self.client, path).await?))
    }

    async fn create_new(&self, path: &str, options: CreateOptions) -> Result<Box<dyn FileWriter>> {
        check_path(path)?;
        // HBase may keep its own files in erasure-coded directories; then they are as durable as HBase's own.
        Ok(Box::new(HdfsWriter::create(&self.client, path, &options, true).await?))
    }

    async fn rename_new(&self, from: &str, to: &str) -> Result<()> {
        check_path(from)?;
        check_path(to)?;
        if to.starts_with(&format!("{from}/")) {
            return Err(StorageError::Invalid { path: to.to_owned(), detail: "lies below what is renamed".to_owned() });
        }
        self.client.rename_new(from, to).await
    }

    async fn make_directories(&self, path: &str) -> Result<()> {
        check_path(path)?;
        self.client.make_directories(path).await
    }

    async fn delete(&self, path: &str, recursive: bool) -> Result<()> {
        check_path(path)?;
        if path == "/" {
            return Err(StorageError::Invalid { path: path.to_owned(), detail: "the root is never deleted".to_owned() });
        }
        self.client.delete(path, recursive).await
    }

    async fn set_owner(&self, path: &str, owner: Option<&str>, group: Option<&str>) -> Result<()> {
        check_path(path)?;
        let asked = Asked { path, operation: "set owner of", right: "superuser" };
        self.client.change(asked, self.client.client.set_owner(path, owner, group)).await
    }

    async fn set_mode(&self, path: &str, mode: u32) -> Result<()> {
        check_path(path)?;
        let asked = Asked { path, operation: "set mode of", right: "be the owner" };
        self.client.change(asked, self.client.client.set_permission(path, mode)).await
    }

    async fn space(&self) -> Result<Option<Space>> {
        // hdfs-native has no call for it; a full HDFS says so when a block is allocated.
        Ok(None)
    }
}
