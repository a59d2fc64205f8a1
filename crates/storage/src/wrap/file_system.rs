//! Carries a hook to every call of a file system.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::call::{Call, CallKind, Hook, through, through_read};
use crate::{CreateOptions, FileReader, FileStatus, FileSystem, FileWriter, Result, Space};

#[derive(Debug)]
pub(crate) struct HookedFileSystem {
    pub(crate) inner: Arc<dyn FileSystem>,
    pub(crate) hook: Arc<dyn Hook>,
}

fn call(kind: CallKind, path: &str, bytes: u64) -> Call<'_> {
    Call { kind, path, bytes }
}

#[async_trait]
impl FileSystem for HookedFileSystem {
    fn url(&self) -> String {
        self.inner.url()
    }

    async fn status(&self, path: &str) -> Result<FileStatus> {
        through(&*self.hook, call(CallKind::Status, path, 0), self.inner.status(path)).await
    }

    async fn list(&self, path: &str) -> Result<Vec<FileStatus>> {
        through(&*self.hook, call(CallKind::ListDirectory, path, 0), self.inner.list(path)).await
    }

    async fn open(&self, path: &str) -> Result<Box<dyn FileReader>> {
        let inner = through(&*self.hook, call(CallKind::Open, path, 0), self.inner.open(path)).await?;
        Ok(Box::new(HookedReader { inner, hook: self.hook.clone(), path: path.to_owned() }))
    }

    async fn create_new(&self, path: &str, options: CreateOptions) -> Result<Box<dyn FileWriter>> {
        let inner = through(&*self.hook, call(CallKind::Create, path, 0), self.inner.create_new(path, options)).await?;
        Ok(Box::new(HookedWriter { inner, hook: self.hook.clone(), path: path.to_owned() }))
    }

    async fn rename_new(&self, from: &str, to: &str) -> Result<()> {
        through(&*self.hook, call(CallKind::Rename, from, 0), self.inner.rename_new(from, to)).await
    }

    async fn make_directories(&self, path: &str) -> Result<()> {
        through(&*self.hook, call(CallKind::MakeDirectories, path, 0), self.inner.make_directories(path)).await
    }

    async fn delete(&self, path: &str, recursive: bool) -> Result<()> {
        through(&*self.hook, call(CallKind::Delete, path, 0), self.inner.delete(path, recursive)).await
    }

    async fn set_owner(&self, path: &str, owner: Option<&str>, group: Option<&str>) -> Result<()> {
        through(&*self.hook, call(CallKind::SetOwner, path, 0), self.inner.set_owner(path, owner, group)).await
    }

    async fn set_mode(&self, path: &str, mode: u32) -> Result<()> {
        through(&*self.hook, call(CallKind::SetMode, path, 0), self.inner.set_mode(path, mode)).await
    }

    async fn space(&self) -> Result<Option<Space>> {
        through(&*self.hook, call(CallKind::Space, "", 0), self.inner.space()).await
    }
}

#[derive(Debug)]
struct HookedReader {
    inner: Box<dyn FileReader>,
    hook: Arc<dyn Hook>,
    path: String,
}

#[async_trait]
impl FileReader for HookedReader {
    fn length_bytes(&self) -> u64 {
        self.inner.length_bytes()
    }

    async fn read_range(&self, offset: u64, length: usize) -> Result<Bytes> {
        let call = call(CallKind::Read, &self.path, length as u64);
        through_read(&*self.hook, call, self.inner.read_range(offset, length)).await
    }
}

#[derive(Debug)]
struct HookedWriter {
    inner: Box<dyn FileWriter>,
    hook: Arc<dyn Hook>,
    path: String,
}

#[async_trait]
impl FileWriter for HookedWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let call = call(CallKind::Write, &self.path, bytes.len() as u64);
        through(&*self.hook, call, self.inner.write(bytes)).await
    }

    async fn close(self: Box<Self>) -> Result<FileStatus> {
        through(&*self.hook, call(CallKind::Close, &self.path, 0), self.inner.close()).await
    }
}
