//! Looking inside: statistics, raw objects, decoded objects.

use bytes::Bytes;
use serde::Serialize;

use crate::error::Result;
use crate::repository::Repository;

/// What the repository holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RepositoryStats {
    /// Live backups.
    pub backups: u64,
    /// Records in the log.
    pub records: u64,
    /// Data objects that live backups use, and their bytes.
    pub live_objects: u64,
    pub live_bytes: u64,
    /// All data objects in the store, and their bytes.
    pub data_objects: u64,
    pub data_bytes: u64,
    /// Page objects and prepared records.
    pub page_objects: u64,
    pub page_bytes: u64,
    /// Distinct files in live backups, and their bytes as the source has them.
    pub files: u64,
    pub logical_bytes: u64,
    /// Data objects of no committed upload (running or dead uploads).
    pub uncommitted_objects: u64,
    pub uncommitted_bytes: u64,
}

impl Repository {
    /// Counts and sizes, from the pages of all live backups and a listing.
    pub async fn stats(&self) -> Result<RepositoryStats> {
        todo!()
    }

    /// An object as it is stored.
    pub async fn cat(&self, _key: &str) -> Result<Bytes> {
        todo!()
    }

    /// An object decoded and decrypted: config, slot, record, pages, or a data object's header and frame table.
    pub async fn decode(&self, _key: &str) -> Result<serde_json::Value> {
        todo!()
    }
}
