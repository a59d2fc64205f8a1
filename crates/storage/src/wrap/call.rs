//! One call, as wrappers see it, and the hook that sees it.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use crate::{Result, StorageError};

/// What is called. The first group belongs to object stores, the second to file systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is a call of ObjectStore, Upload, FileSystem, FileReader or FileWriter of that name")]
pub enum CallKind {
    PutNew,
    Begin,
    UploadWrite,
    Complete,
    Abort,
    Get,
    GetRange,
    Head,
    ListObjects,
    DeleteObject,
    Now,
    Settle,
    Status,
    ListDirectory,
    Open,
    Read,
    Create,
    Write,
    Close,
    Rename,
    MakeDirectories,
    Delete,
    SetOwner,
    SetMode,
    Space,
}

impl CallKind {
    /// Whether the call brings bytes of objects or files.
    pub fn reads_bytes(self) -> bool {
        matches!(self, Self::Get | Self::GetRange | Self::Read)
    }

    /// Whether the call sends bytes of objects or files.
    pub fn writes_bytes(self) -> bool {
        matches!(self, Self::PutNew | Self::UploadWrite | Self::Write)
    }

    /// Whether the call can change what others see.
    pub fn changes(self) -> bool {
        self.writes_bytes()
            || matches!(
                self,
                Self::Begin
                    | Self::Complete
                    | Self::Abort
                    | Self::DeleteObject
                    | Self::Create
                    | Self::Close
                    | Self::Rename
                    | Self::MakeDirectories
                    | Self::Delete
                    | Self::SetOwner
                    | Self::SetMode
            )
    }
}

/// One call.
#[derive(Debug, Clone, Copy)]
pub struct Call<'call> {
    /// What is called.
    pub kind: CallKind,
    /// Key, prefix or path.
    pub path: &'call str,
    /// Bytes sent or asked for; 0 where that is not known beforehand ([`CallKind::Get`]) or there are none.
    pub bytes: u64,
}

/// What a hook wants done with a call.
#[derive(Debug, Default)]
pub(crate) struct Decision {
    /// Fails with this error: instead of the call, or after it.
    pub(crate) error: Option<StorageError>,
    /// Whether the call is made although it fails.
    pub(crate) apply: bool,
    /// What happens to bytes that are read.
    pub(crate) damage: Option<Damage>,
    /// Runs after the call was made.
    pub(crate) afterwards: Option<Afterwards>,
    /// Held until the call is over.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

/// Something to run.
pub(crate) struct Afterwards(pub(crate) Arc<dyn Fn() + Send + Sync>);

impl Debug for Afterwards {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Afterwards")
    }
}

/// Damage to bytes that were read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Damage {
    Shorten,
    Flip,
}

impl Damage {
    fn apply(self, call: &Call<'_>, bytes: Bytes) -> Result<Bytes> {
        let expected = bytes.len() as u64;
        match self {
            Self::Shorten => Err(StorageError::Short { path: call.path.to_owned(), offset: 0, expected, actual: expected / 2 }),
            Self::Flip => {
                let mut changed = bytes.to_vec();
                let middle = changed.len() / 2;
                if let Some(byte) = changed.get_mut(middle) {
                    *byte ^= 0x40;
                }
                Ok(Bytes::from(changed))
            }
        }
    }
}

/// Sees every call before and after it is made.
#[async_trait]
pub(crate) trait Hook: Send + Sync + Debug {
    async fn before(&self, call: &Call<'_>) -> Decision;

    /// `bytes` were sent or received; 0 if the call failed.
    fn after(&self, call: &Call<'_>, bytes: u64, failed: bool);
}

/// Makes one call under the eyes of `hook`.
pub(crate) async fn through<T>(hook: &dyn Hook, call: Call<'_>, run: impl Future<Output = Result<T>>) -> Result<T> {
    let decision = hook.before(&call).await;
    decided(hook, call, decision, run, Ok, |_| call.bytes).await
}

/// The same for a call that brings bytes.
pub(crate) async fn through_read(hook: &dyn Hook, call: Call<'_>, run: impl Future<Output = Result<Bytes>>) -> Result<Bytes> {
    let decision = hook.before(&call).await;
    let damage = decision.damage;
    let change = |bytes: Bytes| match damage {
        Some(damage) => damage.apply(&call, bytes),
        None => Ok(bytes),
    };
    decided(hook, call, decision, run, change, |bytes| bytes.len() as u64).await
}

async fn decided<T>(
    hook: &dyn Hook,
    call: Call<'_>,
    decision: Decision,
    run: impl Future<Output = Result<T>>,
    change: impl FnOnce(T) -> Result<T>,
    bytes: impl FnOnce(&T) -> u64,
) -> Result<T> {
    let result = match decision.error {
        None => run.await.and_then(change),
        Some(error) if decision.apply => run.await.and(Err(error)),
        Some(error) => Err(error),
    };
    if let Some(afterwards) = decision.afterwards {
        (afterwards.0)();
    }
    let count = result.as_ref().map_or(0, bytes);
    hook.after(&call, count, result.is_err());
    drop(decision.permit);
    result
}
