//! Does the store keep its promises? Tried with throw-away objects under `probe/`.

use std::sync::Arc;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde::Serialize;
use storage::{ObjectStore, StorageError};

use crate::environment::Environment;
use crate::error::Result;

const RACERS: usize = 16;

/// What the store did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeReport {
    /// Of 16 racing creates exactly one won, and its bytes stayed.
    pub create_if_absent: bool,
    /// A finished multi-part object did not replace an existing one.
    pub multipart_create_if_absent: bool,
    /// A new object is in the listing at once.
    pub list_after_write: bool,
    /// Ranges return the right bytes; a range outside fails.
    pub ranged_reads: bool,
    /// These credentials could delete the probe's object.
    pub can_destroy: bool,
    /// Our clock minus the store's, milliseconds.
    pub clock_difference_millis: i64,
}

impl ProbeReport {
    /// Whether a repository may be written here.
    pub fn is_usable(&self) -> bool {
        self.create_if_absent && self.multipart_create_if_absent && self.list_after_write && self.ranged_reads
    }
}

/// Tries the store. Leaves nothing behind where it may delete; else one small object.
pub async fn probe(store: &Arc<dyn ObjectStore>, environment: &Environment) -> Result<ProbeReport> {
    let prefix = format!("probe/{}/", HEXLOWER.encode(&environment.random::<16>()?));
    let key = format!("{prefix}race");
    let (create_if_absent, winner) = race(store, &key).await?;
    let multipart_create_if_absent = replace_refused(store, &key, &winner).await?;
    let list_after_write = store.list(&prefix, None, 10).await?.iter().map(|object| object.key.as_str()).eq([key.as_str()]);
    let ranged_reads = ranges(store, &key).await?;
    let clock_difference_millis = environment.now_millis().saturating_sub(store.now_millis().await?);
    let can_destroy = match store.delete(&key).await {
        Ok(()) => match store.head(&key).await {
            Ok(_) => false,
            Err(error) if error.is_not_found() => true,
            Err(error) => return Err(error.into()),
        },
        Err(StorageError::PermissionDenied { .. } | StorageError::ReadOnly { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    Ok(ProbeReport { create_if_absent, multipart_create_if_absent, list_after_write, ranged_reads, can_destroy, clock_difference_millis })
}

async fn race(store: &Arc<dyn ObjectStore>, key: &str) -> Result<(bool, Bytes)> {
    let body = |racer: usize| Bytes::from(format!("probe of a create-if-absent store, racer {racer:02}"));
    let results = futures::future::join_all((0..RACERS).map(|racer| {
        let (store, key) = (store.clone(), key.to_owned());
        // Tasks of their own, so that a store with blocking calls really races.
        tokio::spawn(async move { store.put_new(&key, body(racer)).await })
    }))
    .await;
    let mut winners = Vec::new();
    for (racer, result) in results.into_iter().enumerate() {
        match result {
            Ok(Ok(_)) => winners.push(racer),
            Ok(Err(error)) if error.is_already_exists() => {}
            Ok(Err(error)) => return Err(error.into()),
            Err(error) => return Err(crate::RepositoryError::Task { detail: error.to_string() }),
        }
    }
    let stored = store.get(key, 1024).await?;
    let good = matches!(winners.as_slice(), [winner] if stored == body(*winner));
    Ok((good, stored))
}

async fn replace_refused(store: &Arc<dyn ObjectStore>, key: &str, winner: &Bytes) -> Result<bool> {
    let mut upload = store.begin(key).await?;
    upload.write(Bytes::from_static(b"a later multi-part object")).await?;
    let refused = match upload.complete().await {
        Ok(_) => false,
        Err(error) if error.is_already_exists() => true,
        Err(error) => return Err(error.into()),
    };
    Ok(refused && store.get(key, 1024).await? == *winner)
}

async fn ranges(store: &Arc<dyn ObjectStore>, key: &str) -> Result<bool> {
    // What is there now, which is not what it was if the store replaces objects.
    let whole = store.get(key, 1024).await?;
    let length = whole.len() as u64;
    let part = store.get_range(key, 3..7).await?;
    let outside_fails = match store.get_range(key, length - 1..length + 1).await {
        Ok(_) => false,
        Err(StorageError::Short { .. }) => true,
        Err(error) => return Err(error.into()),
    };
    Ok(Some(&part[..]) == whole.get(3..7) && outside_fails)
}
