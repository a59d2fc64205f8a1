//! Carries a hook to every call of an object store.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::call::{Call, CallKind, Hook, through, through_read};
use crate::{ObjectInfo, ObjectStore, Result, Upload};

#[derive(Debug)]
pub(crate) struct HookedStore {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) hook: Arc<dyn Hook>,
}

fn call(kind: CallKind, path: &str, bytes: u64) -> Call<'_> {
    Call { kind, path, bytes }
}

#[async_trait]
impl ObjectStore for HookedStore {
    fn url(&self) -> String {
        self.inner.url()
    }

    async fn put_new(&self, key: &str, body: Bytes) -> Result<ObjectInfo> {
        let call = call(CallKind::PutNew, key, body.len() as u64);
        through(&*self.hook, call, self.inner.put_new(key, body)).await
    }

    async fn begin(&self, key: &str) -> Result<Box<dyn Upload>> {
        let inner = through(&*self.hook, call(CallKind::Begin, key, 0), self.inner.begin(key)).await?;
        Ok(Box::new(HookedUpload { inner, hook: self.hook.clone(), key: key.to_owned() }))
    }

    async fn get(&self, key: &str, limit_bytes: u64) -> Result<Bytes> {
        through_read(&*self.hook, call(CallKind::Get, key, 0), self.inner.get(key, limit_bytes)).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let call = call(CallKind::GetRange, key, range.end.saturating_sub(range.start));
        through_read(&*self.hook, call, self.inner.get_range(key, range)).await
    }

    async fn head(&self, key: &str) -> Result<ObjectInfo> {
        through(&*self.hook, call(CallKind::Head, key, 0), self.inner.head(key)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<ObjectInfo>> {
        through(&*self.hook, call(CallKind::ListObjects, prefix, 0), self.inner.list(prefix, after, limit)).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        through(&*self.hook, call(CallKind::DeleteObject, key, 0), self.inner.delete(key)).await
    }

    async fn now_millis(&self) -> Result<i64> {
        through(&*self.hook, call(CallKind::Now, "", 0), self.inner.now_millis()).await
    }

    async fn settle(&self, key: &str) -> Result<()> {
        through(&*self.hook, call(CallKind::Settle, key, 0), self.inner.settle(key)).await
    }
}

#[derive(Debug)]
struct HookedUpload {
    inner: Box<dyn Upload>,
    hook: Arc<dyn Hook>,
    key: String,
}

#[async_trait]
impl Upload for HookedUpload {
    async fn write(&mut self, part: Bytes) -> Result<()> {
        let call = call(CallKind::UploadWrite, &self.key, part.len() as u64);
        through(&*self.hook, call, self.inner.write(part)).await
    }

    async fn complete(self: Box<Self>) -> Result<ObjectInfo> {
        through(&*self.hook, call(CallKind::Complete, &self.key, 0), self.inner.complete()).await
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        through(&*self.hook, call(CallKind::Abort, &self.key, 0), self.inner.abort()).await
    }
}
