//! The snapshot a restore publishes: complete, for a table that exists nowhere, and the list of where its files must lie.
//!
//! ## Names
//! The RestoreSnapshot RPC overwrites the table named *in* the snapshot if the requested one exists, so that name is
//! `<namespace>:seawall-restore-<16 hex>` ([`restore_table_name`]). The descriptor, every region info and the description are
//! renamed on the wire; with the table's name every region's encoded name changes. Files lie in
//! `archive/data/<namespace>/seawall-restore-…/<new encoded region>/<family>/<bare name>`.
//!
//! ## What HBase does with the names in the manifest
//! Read in `SnapshotReferenceUtil.verifyStoreFile`, `RestoreSnapshotHelper.restoreStoreFile` / `restoreReferenceFile`,
//! `HFileLink`; the same in 2.4.18, 2.5.13, 2.6.4 and 3.0.0-alpha-4 (2.6 writes references through the store-file tracker).
//! S is the table of the snapshot, R the region (encoded) that lists the file:
//!
//! | name | must exist, with `file_size` | becomes in the clone |
//! |---|---|---|
//! | `f` | `S/R/f` in data or archive | link `S=R-f`, back reference under `archive/S/R/.links-f/` |
//! | `T=Q-f` | `T/Q/f` | the same link, back reference under `archive/T/Q/` |
//! | `f.P` | `S/P/f`; length not compared, content taken from the manifest | reference `S=P-f.P'` |
//! | `T=Q-f.P` | `T/Q/f` | reference `T=Q-f.P'` |
//!
//! P' is the clone's region made from the manifest's region P, and P itself when the manifest has no such region (a merged
//! parent is gone; its name is only a label then). For a split parent that is in the manifest, P must be its name *in this
//! snapshot*, that is the new one, else the clone's `hbase:meta` would not connect the daughters with their parent.
//! Hence:
//! - a plain or bulk-loaded file stays plain;
//! - a link `T=Q-f` of a cloned source table is written as the plain file `f` of its region;
//! - a reference `f.P` or `T=Q-f.P` becomes `f.P″`, P″ = the new name of P if P is in the manifest, else P, and `f` is written
//!   to `S/P″`. References need no file of their own: their content is in the manifest;
//! - a file that the target has already, in region Q of T, is named `T=Q-f` or `T=Q-f.P″`, and nothing is written for it;
//! - MOB regions are left out ([`crate::mob`]).
//!
//! ## Guarding
//! HBase's cleaner keeps a file whose bare name stands in any *complete* published snapshot. For a link or reference
//! `SnapshotReferenceUtil.getHFileNames` adds the bare name of the physical file, so all of the above are guarded.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use hbase_types::TableName;

use crate::manifest::{encode_data_manifest, encode_region, encode_store_file};
use crate::mob::{self, MobFile};
use crate::region::{parse_region_info, rename_region};
use crate::root::family_directory_name;
use crate::{EncodedSnapshot, LayoutError, RootLayout, SnapshotDescription, StoreFileName, TableSchema, link_name};

/// What the restored snapshot is called and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreSnapshot {
    /// The name of the snapshot.
    pub name: String,
    /// A table that exists nowhere: [`restore_table_name`].
    pub table: TableName,
    pub creation_time_millis: i64,
    /// Our user at the target: HBase lets the owner clone with fewer rights.
    pub owner: String,
}

/// A region of the backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreRegion {
    /// The `RegionInfo` message as it was in the source.
    pub raw_info: Bytes,
    pub families: Vec<RestoreFamily>,
}

/// A family of a region of the backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreFamily {
    pub name: Bytes,
    pub files: Vec<RestoreFile>,
}

/// A store file of the backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreFile {
    /// As it stood in the source's manifest.
    pub name: String,
    /// The length of the physical file.
    pub file_size_bytes: u64,
    /// The `Reference` message, present exactly for references.
    pub reference: Option<Bytes>,
    /// Table and encoded region that hold the physical file at the target already (read and compared by the caller).
    pub existing: Option<(TableName, String)>,
}

/// A physical file to be written, once, however many entries lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePlacement {
    /// The bare name.
    pub physical_name: String,
    pub file_size_bytes: u64,
    /// The final path. Parents may be missing, and may vanish again while they are empty.
    pub path: String,
    /// An entry that leads to the file: indexes into the regions, families and files that were given.
    pub source: (usize, usize, usize),
}

/// A MOB file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MobPlacement {
    pub file: MobFile,
    pub file_size_bytes: u64,
    /// The final path, under `mobdir/`.
    pub path: String,
    /// The entry in the backup's MOB region, as in [`FilePlacement::source`].
    pub source: (usize, usize, usize),
}

/// What to publish and where to put the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestorePlan {
    /// The snapshot to publish before the first file is written.
    pub snapshot: EncodedSnapshot,
    pub files: Vec<FilePlacement>,
    /// The MOB files that the backup's manifest listed. Those only found in `MOB_FILE_REFS` have a [`MobFile`] each.
    pub mob_files: Vec<MobPlacement>,
    /// Encoded region names: source → snapshot.
    pub region_names: BTreeMap<String, String>,
}

/// `<namespace>:seawall-restore-<16 hex>`.
pub fn restore_table_name(namespace: &str, unique: u64) -> Result<TableName, LayoutError> {
    Ok(TableName::new(namespace, &format!("seawall-restore-{unique:016x}"))?)
}

impl RestorePlan {
    /// Makes the snapshot out of a backup's raw records. `table_schema` is the raw `TableSchema` of the source (attributes that
    /// the target shall not get are removed by the caller), `layout` the target's.
    pub fn build(
        snapshot: &RestoreSnapshot,
        table_schema: &Bytes,
        regions: &[RestoreRegion],
        layout: &RootLayout,
    ) -> Result<Self, LayoutError> {
        let schema = TableSchema::parse(table_schema.clone())?;
        let mut builder = Builder::new(snapshot, schema.table(), layout, regions)?;
        let mut encoded_regions = Vec::with_capacity(regions.len());
        for (index, region) in regions.iter().enumerate() {
            if let Some(encoded) = builder.region(index, region)? {
                encoded_regions.push(encoded);
            }
        }
        let description = SnapshotDescription::create(&snapshot.name, &snapshot.table, snapshot.creation_time_millis, &snapshot.owner)?;
        let renamed_schema = schema.renamed(&snapshot.table)?;
        let snapshot = EncodedSnapshot {
            snapshot_info: description.raw,
            data_manifest: encode_data_manifest(&renamed_schema, encoded_regions.into_iter(), &[]),
        };
        Ok(Self { snapshot, files: builder.files, mob_files: builder.mob_files, region_names: builder.region_names })
    }

    /// A snapshot that is never cloned and only guards MOB files by name while it stands (see [`crate::mob`] for when).
    pub fn mob_guard(snapshot: &RestoreSnapshot, table_schema: &Bytes, files: &[(MobFile, u64)]) -> Result<EncodedSnapshot, LayoutError> {
        let mut families = BTreeMap::<&str, Vec<Bytes>>::new();
        for (file, file_size_bytes) in files {
            let entry = encode_store_file(&Bytes::new(), &file.name, Some(*file_size_bytes), None)?;
            families.entry(&file.family).or_default().push(entry);
        }
        let families: Vec<_> = families.into_iter().map(|(name, files)| (Bytes::copy_from_slice(name.as_bytes()), files)).collect();
        let region = encode_region(&mob::raw_mob_region(&snapshot.table), &families);
        let schema = TableSchema::parse(table_schema.clone())?.renamed(&snapshot.table)?;
        let description = SnapshotDescription::create(&snapshot.name, &snapshot.table, snapshot.creation_time_millis, &snapshot.owner)?;
        let data_manifest = encode_data_manifest(&schema, std::iter::once(region), &[]);
        Ok(EncodedSnapshot { snapshot_info: description.raw, data_manifest })
    }
}

struct Builder<'input> {
    snapshot: &'input RestoreSnapshot,
    source_table: &'input TableName,
    layout: &'input RootLayout,
    region_names: BTreeMap<String, String>,
    placed: BTreeSet<String>,
    files: Vec<FilePlacement>,
    mob_files: Vec<MobPlacement>,
}

impl<'input> Builder<'input> {
    fn new(
        snapshot: &'input RestoreSnapshot,
        source_table: &'input TableName,
        layout: &'input RootLayout,
        regions: &[RestoreRegion],
    ) -> Result<Self, LayoutError> {
        let mut region_names = BTreeMap::new();
        for region in regions {
            let info = parse_region_info(&region.raw_info)?;
            if info.table != *source_table {
                return Err(LayoutError::Inconsistent {
                    detail: format!("region {} belongs to table {}", info.encoded_name(), info.table),
                });
            }
            let (_, renamed) = rename_region(&region.raw_info, &snapshot.table)?;
            if region_names.insert(info.encoded_name(), renamed.encoded_name()).is_some() {
                return Err(LayoutError::Inconsistent { detail: format!("region {} occurs twice", info.encoded_name()) });
            }
        }
        let (files, mob_files) = (Vec::new(), Vec::new());
        Ok(Self { snapshot, source_table, layout, region_names, placed: BTreeSet::new(), files, mob_files })
    }

    /// The region's message, or `None` for the MOB region, which only gives placements.
    fn region(&mut self, index: usize, region: &RestoreRegion) -> Result<Option<Bytes>, LayoutError> {
        let info = parse_region_info(&region.raw_info)?;
        if mob::is_mob_region(&info) {
            self.mob_region(index, region)?;
            return Ok(None);
        }
        let (raw_info, renamed) = rename_region(&region.raw_info, &self.snapshot.table)?;
        let encoded_region = renamed.encoded_name();
        let mut families = Vec::with_capacity(region.families.len());
        for (family_index, family) in region.families.iter().enumerate() {
            let directory = family_directory_name(&family.name)?;
            let mut entries = Vec::with_capacity(family.files.len());
            for (file_index, file) in family.files.iter().enumerate() {
                entries.push(self.file(directory, &encoded_region, file, (index, family_index, file_index))?);
            }
            families.push((family.name.clone(), entries));
        }
        Ok(Some(encode_region(&raw_info, &families)))
    }

    /// The entry of a file, and its placement.
    fn file(&mut self, family: &str, region: &str, file: &RestoreFile, source: (usize, usize, usize)) -> Result<Bytes, LayoutError> {
        let parts = StoreFileName::parse(&file.name)?;
        if parts.is_reference() != file.reference.is_some() {
            let detail = format!("{} {} a reference's content", file.name, if parts.is_reference() { "lacks" } else { "has" });
            return Err(LayoutError::Inconsistent { detail });
        }
        let parent = match &parts {
            StoreFileName::Reference { parent_region, .. } | StoreFileName::LinkReference { parent_region, .. } => {
                Some(self.region_names.get(parent_region).unwrap_or(parent_region).clone())
            }
            _ => None,
        };
        let physical_name = parts.physical_name();
        let mut name = match &file.existing {
            Some((table, region)) => link_name(table, region, physical_name),
            None => {
                self.place(family, parent.as_deref().unwrap_or(region), physical_name, file.file_size_bytes, source);
                physical_name.to_owned()
            }
        };
        if let Some(parent) = parent {
            name = format!("{name}.{parent}");
        }
        // Read back, so that what HBase would not take for a store file (an impossible `existing`) is found now.
        StoreFileName::parse(&name)?;
        encode_store_file(&Bytes::new(), &name, Some(file.file_size_bytes), file.reference.as_ref())
    }

    fn place(&mut self, family: &str, region: &str, physical_name: &str, file_size_bytes: u64, source: (usize, usize, usize)) {
        let path = format!("{}/{physical_name}", self.layout.archive_family_directory(&self.snapshot.table, region, family));
        if self.placed.insert(path.clone()) {
            self.files.push(FilePlacement { physical_name: physical_name.to_owned(), file_size_bytes, path, source });
        }
    }

    fn mob_region(&mut self, index: usize, region: &RestoreRegion) -> Result<(), LayoutError> {
        for (family_index, family) in region.families.iter().enumerate() {
            let directory = family_directory_name(&family.name)?;
            for (file_index, file) in family.files.iter().enumerate() {
                let parts = StoreFileName::parse(&file.name)?;
                let (table, _) = parts.home(self.source_table, "");
                let file_name = parts.physical_name().to_owned();
                let mob_file = MobFile { table: table.clone(), family: directory.to_owned(), name: file_name };
                let path = mob_file.path(self.layout);
                if self.placed.insert(path.clone()) {
                    let source = (index, family_index, file_index);
                    self.mob_files.push(MobPlacement { file: mob_file, file_size_bytes: file.file_size_bytes, path, source });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hbase_proto as proto;
    use hbase_proto::Message;

    use super::*;
    use crate::SnapshotManifest;

    const FILE: &str = "b6dc3292a4e247d886c9fdd6a7ea9ff0";

    fn raw_region(start_key: &'static str, split: bool) -> Bytes {
        let table = TableName::parse("shop:t").unwrap();
        let start_key = Some(Bytes::from(start_key));
        proto::RegionInfo { region_id: 5, table_name: (&table).into(), start_key, split: Some(split), ..Default::default() }
            .encode_to_vec()
            .into()
    }

    fn region(raw_info: Bytes, files: Vec<RestoreFile>) -> RestoreRegion {
        RestoreRegion { raw_info, families: vec![RestoreFamily { name: Bytes::from_static(b"f"), files }] }
    }

    fn file(name: String, reference: bool) -> RestoreFile {
        let reference = reference.then(|| proto::Reference { splitkey: Bytes::from_static(b"k"), range: 0 }.encode_to_vec().into());
        RestoreFile { name, file_size_bytes: 9, reference, existing: None }
    }

    fn build(regions: &[RestoreRegion]) -> Result<(RestorePlan, SnapshotManifest), LayoutError> {
        let table = TableName::parse("shop:t").unwrap();
        let schema: Bytes = proto::TableSchema { table_name: Some((&table).into()), ..Default::default() }.encode_to_vec().into();
        let table = restore_table_name("shop", 0xabc).unwrap();
        let snapshot = RestoreSnapshot { name: "restore-1".to_owned(), table, creation_time_millis: 5, owner: "me".to_owned() };
        let plan = RestorePlan::build(&snapshot, &schema, regions, &RootLayout::new("/r"))?;
        let manifest = SnapshotManifest::read_v2(&plan.snapshot.snapshot_info, &plan.snapshot.data_manifest)?;
        Ok((plan, manifest))
    }

    #[test]
    fn names_follow_the_renamed_table() {
        let parent = raw_region("", true);
        let parent_name = parse_region_info(&parent).unwrap().encoded_name();
        let gone = "0123456789abcdef0123456789abcdef";
        let regions = [
            region(parent, vec![file(FILE.to_owned(), false)]),
            region(raw_region("a", false), vec![file(format!("{FILE}.{parent_name}"), true), file(format!("aa.{gone}"), true)]),
            region(
                raw_region("m", false),
                vec![file(format!("old={gone}-bb"), false), file(format!("old={gone}-{FILE}.{parent_name}"), true)],
            ),
        ];
        let (plan, manifest) = build(&regions).unwrap();
        let new_parent = &plan.region_names[&parent_name];
        assert_ne!(*new_parent, parent_name);
        let names =
            |region: usize| manifest.regions[region].families[0].store_files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>();
        assert_eq!(manifest.regions[0].encoded_name, *new_parent);
        assert_eq!(names(0), [FILE]);
        assert_eq!(names(1), [format!("{FILE}.{new_parent}"), format!("aa.{gone}")]);
        assert_eq!(names(2), ["bb".to_owned(), format!("{FILE}.{new_parent}")]);
        assert!(manifest.regions.iter().all(|region| region.families[0].store_files.iter().all(|file| file.file_size_bytes == Some(9))));
        let third = &manifest.regions[2].encoded_name;
        let base = "/r/archive/data/shop/seawall-restore-0000000000000abc";
        let paths: Vec<&str> = plan.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, [format!("{base}/{new_parent}/f/{FILE}"), format!("{base}/{gone}/f/aa"), format!("{base}/{third}/f/bb")]);
    }

    #[test]
    fn a_file_at_the_target_is_linked_and_not_written() {
        let mut present = file(FILE.to_owned(), false);
        present.existing = Some((TableName::parse("live:x").unwrap(), "cafe".to_owned()));
        let (plan, manifest) = build(&[region(raw_region("", false), vec![present.clone()])]).unwrap();
        assert!(plan.files.is_empty());
        assert_eq!(manifest.regions[0].families[0].store_files[0].name, format!("live=x=cafe-{FILE}"));
        present.existing = Some((TableName::parse("live:x").unwrap(), "no region".to_owned()));
        assert!(build(&[region(raw_region("", false), vec![present])]).is_err());
    }

    #[test]
    fn mob_files_go_where_their_tag_points() {
        let table = TableName::parse("shop:t").unwrap();
        let name = format!("{}20231114{FILE}_{FILE}", "d41d8cd98f00b204e9800998ecf8427e");
        let regions = [region(raw_region("", false), vec![]), region(mob::raw_mob_region(&table), vec![file(name.clone(), false)])];
        let (plan, manifest) = build(&regions).unwrap();
        assert_eq!(manifest.regions.len(), 1);
        assert_eq!(plan.mob_files.len(), 1);
        assert_eq!(plan.mob_files[0].path, format!("/r/mobdir/data/shop/t/{}/f/{name}", mob::mob_region_name(&table)));
    }

    #[test]
    fn contradictions_are_refused() {
        let twice = [region(raw_region("", false), vec![]), region(raw_region("", false), vec![])];
        assert!(matches!(build(&twice), Err(LayoutError::Inconsistent { .. })));
        let bare_reference = [region(raw_region("", false), vec![file(format!("{FILE}.abc"), false)])];
        assert!(matches!(build(&bare_reference), Err(LayoutError::Inconsistent { .. })));
    }
}
