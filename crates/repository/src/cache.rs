//! The local copy of the commit log: an authenticated file that saves reading and checking what was checked before.
//!
//! `<directory>/<repository id>.log`: per record u32 length, stored bytes; then 32 bytes keyed hash. Written to a temporary name, then
//! renamed. Anything wrong with it = not there. The caller's pin, not this file, is what a rollback is measured against.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use data_encoding::HEXLOWER;

use crate::keys::keyring::Keyring;
use crate::record::envelope::RECORD_LIMIT_BYTES;
use crate::wire::{Reader, Writer};

const MAC_LABEL: &str = "log cache";
/// The copy is rewritten when so many records are new.
pub(crate) const REWRITE_RECORDS: usize = 64;

fn path(directory: &Path, keyring: &Keyring) -> PathBuf {
    directory.join(format!("{}.log", HEXLOWER.encode(keyring.repository_id())))
}

/// The records of the copy, oldest first; empty if there is no usable copy.
pub(crate) async fn load(directory: &Path, keyring: &Keyring) -> Vec<Bytes> {
    let Ok(bytes) = tokio::fs::read(path(directory, keyring)).await else { return Vec::new() };
    let Some((body, mac)) = bytes.split_at_checked(bytes.len().saturating_sub(32)) else { return Vec::new() };
    if keyring.local_mac(MAC_LABEL, body) != mac {
        return Vec::new();
    }
    let mut reader = Reader::new("log cache", 0, body);
    let mut records = Vec::new();
    while !reader.is_empty() {
        match reader.bytes(RECORD_LIMIT_BYTES as usize) {
            Ok(record) => records.push(Bytes::copy_from_slice(record)),
            Err(_) => return Vec::new(),
        }
    }
    records
}

/// Writes the copy.
pub(crate) async fn save(directory: &Path, keyring: &Keyring, records: &[Bytes]) -> std::io::Result<()> {
    let mut writer = Writer::default();
    for record in records {
        writer.bytes(record);
    }
    let mut bytes = writer.finish();
    let mac = keyring.local_mac(MAC_LABEL, &bytes);
    bytes.extend_from_slice(&mac);
    tokio::fs::create_dir_all(directory).await?;
    let target = path(directory, keyring);
    let temporary = target.with_extension(format!("tmp{}", std::process::id()));
    tokio::fs::write(&temporary, bytes).await?;
    tokio::fs::rename(&temporary, &target).await
}
