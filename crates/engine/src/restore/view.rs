//! What a restore reads from a backup: tables with their regions and files, as values.

use bytes::Bytes;
use catalog::{Entry, Record, RegionRecord, StoreFileRecord, TableRecord, TableState, decode_entry, key};
use hbase_layout::{RestoreFamily, RestoreFile, RestoreRegion, StoreFileName, parse_region_info};
use hbase_types::{RegionInfo, TableName};
use repository::{BackupReader, FileIdentity};

use crate::{EngineError, Result};

/// One table of a backup.
#[derive(Debug, Clone)]
pub struct BackupTable {
    /// Name.
    pub name: TableName,
    /// `TableSchema` as the cluster gave it.
    pub schema: Bytes,
    /// Whether it was enabled; a state that nobody told counts as enabled.
    pub enabled: bool,
    /// Whether memstores are not in it.
    pub without_memstores: bool,
    /// Regions in table order, split parents and the MOB region included, with the files they list.
    pub regions: Vec<RestoreRegion>,
    /// The regions' infos, in the same order.
    pub infos: Vec<RegionInfo>,
}

impl BackupTable {
    /// Reads a table's records.
    pub async fn read(backup: &BackupReader, name: &TableName) -> Result<Self> {
        let table = match super::source::get(backup, &key::Key::Table(name.clone())).await? {
            Some(value) => TableRecord::from_bytes(value)?,
            None => return Err(EngineError::NotFound { message: format!("no table {name} in this backup") }),
        };
        let mut read = Self {
            name: name.clone(),
            enabled: table.state() != TableState::Disabled,
            without_memstores: table.without_memstores,
            schema: table.schema,
            regions: Vec::new(),
            infos: Vec::new(),
        };
        let mut entries = backup.entries(&key::table_regions(name));
        while let Some((key, value)) = entries.next().await? {
            match decode_entry(&key, value)? {
                Entry::Region { record, .. } => read.add_region(record)?,
                Entry::StoreFile { key: key::Key::StoreFile { family, file, .. }, record } => read.add_file(&family, file, record)?,
                _ => return Err(bad(name, "a record that does not belong there")),
            }
        }
        Ok(read)
    }

    fn add_region(&mut self, record: RegionRecord) -> Result<()> {
        let families = record.families.into_iter().map(|family| RestoreFamily { name: family.name, files: Vec::new() }).collect();
        self.infos.push(parse_region_info(&record.info)?);
        self.regions.push(RestoreRegion { raw_info: record.info, families });
        Ok(())
    }

    /// Files come right behind their region.
    fn add_file(&mut self, family: &Bytes, name: String, record: StoreFileRecord) -> Result<()> {
        let families = self.regions.last_mut().map(|region| &mut region.families);
        let Some(store) = families.and_then(|families| families.iter_mut().find(|store| store.name == *family)) else {
            return Err(bad(&self.name, "a store file without its region or family"));
        };
        store.files.push(RestoreFile { name, file_size_bytes: record.physical_length, reference: record.reference, existing: None });
        Ok(())
    }

    /// The physical file behind an entry, and where it belongs at the source: table, region (encoded), family.
    pub fn origin(&self, entry: (usize, usize, usize)) -> Result<(FileIdentity, TableName, String, String)> {
        let (region, family, file) = entry;
        let found = self.regions.get(region).zip(self.infos.get(region)).and_then(|(stores, info)| {
            let store = stores.families.get(family)?;
            Some((info, store.name.clone(), store.files.get(file)?))
        });
        let (info, family, file) = found.ok_or_else(|| bad(&self.name, "an entry that is not there"))?;
        let parts = StoreFileName::parse(&file.name)?;
        let encoded = info.encoded_name();
        let (table, region) = parts.home(&self.name, &encoded);
        let identity = FileIdentity { name: parts.physical_name().to_owned(), length: file.file_size_bytes };
        Ok((identity, table.clone(), region.to_owned(), String::from_utf8_lossy(&family).into_owned()))
    }

    /// Regions that a clone of this table has, split parents included.
    pub fn clone_regions(&self) -> impl Iterator<Item = &RegionInfo> {
        self.infos.iter().filter(|info| !hbase_layout::mob::is_mob_region(info))
    }
}

fn bad(table: &TableName, message: &str) -> EngineError {
    EngineError::Damage { path: format!("records of table {table}"), message: message.to_owned() }
}
