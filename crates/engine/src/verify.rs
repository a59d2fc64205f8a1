//! Verify: the repository's findings in an operator's words. Which backups, tables, regions, families and rows does a damage cost?
//!
//! The repository knows files by a keyed hash of their identity. The names are in the backups' own manifests, so for each backup that
//! a damage concerns its store-file records are read once and matched. A manifest that is itself damaged cannot say; then the
//! damage is reported without regions and with the error as a record.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::{AffectedRegion, Phase, VERIFY_SCHEMA_VERSION, VerifyLevel, VerifyReport, Work};
use catalog::{Entry, decode_entry, key};
use hbase_types::RegionInfo;
use repository::{Damage, FileIdentity, Freshness, Repository, VerifyOptions};
use storage::{Clock, KeepBuffers};

use crate::{Monitor, Result};

/// What to verify.
#[derive(Debug, Clone)]
pub struct VerifyRequest {
    /// How much is read.
    pub level: VerifyLevel,
    /// Only these backups; empty = all.
    pub backups: Vec<u64>,
    /// Objects at a time.
    pub workers: usize,
}

/// Verifies `repository`. Damage is in the report, not an error.
pub async fn verify(repository: &Repository, request: &VerifyRequest, clock: &dyn Clock, monitor: &dyn Monitor) -> Result<VerifyReport> {
    let began_millis = clock.now_millis();
    let _buffers = KeepBuffers::new();
    let level = match request.level {
        VerifyLevel::Quick => repository::VerifyLevel::Quick,
        VerifyLevel::Data => repository::VerifyLevel::Data,
    };
    let options = VerifyOptions { level, backups: request.backups.clone(), workers: request.workers };
    monitor.begin(Phase::Verify, Work::default());
    let seen = std::sync::Mutex::new(Work::default());
    let verified = repository
        .verify(options, &|progress| {
            let now = Work { files: progress.done_objects, bytes: progress.done_bytes };
            if let Ok(mut seen) = seen.lock() {
                let more = Work { files: now.files.saturating_sub(seen.files), bytes: now.bytes.saturating_sub(seen.bytes) };
                *seen = now;
                monitor.advance(Phase::Verify, more);
            }
        })
        .await;
    monitor.end(Phase::Verify);
    let verified = verified?;
    let mut names = Names::default();
    let mut damages = Vec::with_capacity(verified.damages.len());
    for damage in &verified.damages {
        damages.push(names.explain(repository, damage).await?);
    }
    let elapsed_millis = clock.now_millis().saturating_sub(began_millis).max(0);
    Ok(VerifyReport {
        schema_version: VERIFY_SCHEMA_VERSION,
        level: request.level,
        head: crate::time::head(&repository.head()),
        pinned: repository.freshness() == Freshness::Pinned,
        backups: verified.backups,
        objects: verified.objects,
        bytes: verified.read_bytes,
        damages,
        seconds: elapsed_millis as f64 / 1000.0,
    })
}

/// What the backups call their files, read when first needed.
#[derive(Default)]
struct Names {
    by_backup: HashMap<u64, std::result::Result<RegionsByObject, String>>,
}

/// Who uses an object, by its key's digest.
type RegionsByObject = HashMap<[u8; 32], Vec<AffectedRegion>>;

impl Names {
    async fn explain(&mut self, repository: &Repository, damage: &Damage) -> Result<api::Damage> {
        let mut affected = BTreeSet::new();
        let mut records = Vec::new();
        for backup in damage.backups.iter().filter(|_| !damage.files.is_empty()) {
            if !self.by_backup.contains_key(backup) {
                let read = read_names(repository, *backup).await.map_err(|error| error.to_string());
                self.by_backup.insert(*backup, read);
            }
            match self.by_backup.get(backup) {
                Some(Ok(names)) => affected.extend(damage.files.iter().filter_map(|file| names.get(file)).flatten().cloned()),
                Some(Err(error)) => records.push(format!("records of backup {backup:04}: {error}")),
                None => {}
            }
        }
        if damage.files.is_empty() && !damage.backups.is_empty() {
            records.push("a page of the backup's records or references".to_owned());
        }
        Ok(api::Damage {
            object: damage.object.clone(),
            offset: Some(damage.offset),
            detail: damage.detail.clone(),
            backups: damage.backups.iter().map(|backup| format!("{backup:04}")).collect(),
            affected: affected.into_iter().collect(),
            records,
        })
    }
}

async fn read_names(repository: &Repository, backup: u64) -> Result<HashMap<[u8; 32], Vec<AffectedRegion>>> {
    let reader = repository.open_backup(backup).await?;
    let mut regions: BTreeMap<String, RegionInfo> = BTreeMap::new();
    let mut names: HashMap<[u8; 32], Vec<AffectedRegion>> = HashMap::new();
    let mut entries = reader.entries(key::REGIONS);
    while let Some((stored, value)) = entries.next().await? {
        match decode_entry(&stored, value)? {
            Entry::Region { record, .. } => {
                let info = hbase_layout::parse_region_info(&record.info)?;
                // Entries are sorted by region: only the newest is needed.
                regions.clear();
                regions.insert(info.encoded_name(), info);
            }
            Entry::StoreFile { key: key::Key::StoreFile { table, encoded, family, file, .. }, record } => {
                let identity = FileIdentity { name: record.physical_name, length: record.physical_length };
                let Some(found) = reader.file(&identity).await? else { continue };
                let region = regions.get(&encoded);
                names.entry(found.identity).or_default().push(AffectedRegion {
                    table: table.to_string(),
                    start_row: region.map(|region| printable(&region.start_key)).unwrap_or_default(),
                    end_row: region.map(|region| printable(&region.end_key)).unwrap_or_default(),
                    region: encoded,
                    family: printable(&family),
                    file,
                });
            }
            _ => {}
        }
    }
    Ok(names)
}

/// Bytes for people: as HBase prints row keys.
fn printable(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
