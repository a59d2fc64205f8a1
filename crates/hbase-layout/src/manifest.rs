//! Snapshot manifests: which regions a table had, and which store files.
//!
//! Three forms, all read, one written:
//! - **version 2, consolidated** (all supported HBase versions): `data.manifest`, one bare `SnapshotDataManifest` message.
//! - **version 2, in progress**: `region-manifest.<encoded region>` files, one bare `SnapshotRegionManifest` each, and the table
//!   descriptor as `.tabledesc/.tableinfo.*`; no `data.manifest` yet. HBase cannot clone such a snapshot.
//! - **version 0** (HBase's class `SnapshotManifestV1`, written up to 0.98): a directory tree `<encoded region>/.regioninfo`,
//!   `<encoded region>/<family>/<store file>` of empty files, reference files with their content.
//!
//! A MOB table has one region more, which is no region of the table: [`crate::mob`].
//!
//! `file_size` of a reference or link is the length of the file it leads to, not of itself (`SnapshotManifestV2.storeFile`).
//! References carry their content in the manifest. Written is what was read, field for field: [`SnapshotManifest::encode`] of
//! an unchanged manifest gives the same bytes.

use std::collections::BTreeSet;

use bytes::{Bytes, BytesMut};
use hbase_proto as proto;
use hbase_types::RegionInfo;

use crate::magic::decode;
use crate::region::{parse_region_info, region_info_from_file};
use crate::root::family_directory_name;
use crate::{LayoutError, Reference, SnapshotDescription, StoreFileName, TableSchema, mob, wire};

const WHAT: &str = "snapshot manifest";
/// `SnapshotDataManifest.table_schema`, `.region_manifests`
const TABLE_SCHEMA: u32 = 1;
const REGION_MANIFESTS: u32 = 2;
/// `SnapshotRegionManifest.version`, `.region_info`, `.family_files`
const VERSION: u32 = 1;
const REGION_INFO: u32 = 2;
const FAMILY_FILES: u32 = 3;
/// `FamilyFiles.family_name`, `.store_files`
const FAMILY_NAME: u32 = 1;
const STORE_FILES: u32 = 2;
/// `StoreFile.name`, `.reference`, `.file_size`
const NAME: u32 = 1;
const REFERENCE: u32 = 2;
const FILE_SIZE: u32 = 3;

/// One store file of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFile {
    /// As it stands in the manifest.
    pub name: String,
    /// [`StoreFile::name`], taken apart.
    pub parts: StoreFileName,
    /// The length of the physical file; absent in version 0.
    pub file_size_bytes: Option<u64>,
    /// The `Reference` message of a reference.
    pub reference: Option<Bytes>,
    /// The whole `StoreFile` message.
    pub raw: Bytes,
}

/// The store files of one family of one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyManifest {
    /// Checked to be usable as a directory name.
    pub name: Bytes,
    pub store_files: Vec<StoreFile>,
}

impl FamilyManifest {
    /// The family's directory.
    pub fn directory(&self) -> Result<&str, LayoutError> {
        family_directory_name(&self.name)
    }
}

/// One region of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionManifest {
    pub info: RegionInfo,
    /// [`RegionInfo::encoded_name`] of `info`, the region's directory.
    pub encoded_name: String,
    /// The `RegionInfo` message.
    pub raw_info: Bytes,
    pub families: Vec<FamilyManifest>,
    /// The whole `SnapshotRegionManifest` message.
    pub raw: Bytes,
}

impl RegionManifest {
    /// Whether this is the pseudo region that lists a table's MOB files.
    pub fn is_mob(&self) -> bool {
        mob::is_mob_region(&self.info)
    }
}

/// A whole snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotManifest {
    pub description: SnapshotDescription,
    /// The raw `TableSchema` message.
    pub table_schema: Bytes,
    /// The regions, split parents and the MOB pseudo region included.
    pub regions: Vec<RegionManifest>,
    /// Fields of `SnapshotDataManifest` that we do not know.
    unknown: Bytes,
}

/// The two files of a version 2 snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedSnapshot {
    /// `.snapshotinfo`
    pub snapshot_info: Bytes,
    /// `data.manifest`
    pub data_manifest: Bytes,
}

/// A region directory of a version 0 snapshot, as the caller found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct V1Region {
    /// The `.regioninfo` file.
    pub region_info_file: Bytes,
    pub families: Vec<(Bytes, Vec<V1StoreFile>)>,
}

/// An entry of a family directory of a version 0 snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct V1StoreFile {
    pub name: String,
    /// The length of the physical file, if it was looked up.
    pub file_size_bytes: Option<u64>,
    /// The content of a reference file.
    pub reference_file: Option<Bytes>,
}

impl SnapshotManifest {
    /// Reads `.snapshotinfo` and `data.manifest`.
    pub fn read_v2(snapshot_info: &Bytes, data_manifest: &Bytes) -> Result<Self, LayoutError> {
        let description = SnapshotDescription::parse(snapshot_info)?;
        let (mut table_schema, mut regions, mut unknown) = (None, Vec::new(), BytesMut::new());
        for field in wire::fields(data_manifest) {
            let field = field?;
            match field.number {
                TABLE_SCHEMA => table_schema = Some(field.value),
                REGION_MANIFESTS => regions.push(read_region(&field.value)?),
                _ => unknown.extend_from_slice(&field.raw),
            }
        }
        let table_schema = table_schema.ok_or(LayoutError::MissingField { what: WHAT, field: "table schema" })?;
        Self { description, table_schema, regions, unknown: unknown.freeze() }.checked()
    }

    /// Reads a version 2 snapshot in progress: `.snapshotinfo`, the `.tableinfo` file and the `region-manifest.*` files.
    pub fn read_region_manifests(snapshot_info: &Bytes, table_info_file: &Bytes, region_manifests: &[Bytes]) -> Result<Self, LayoutError> {
        let description = SnapshotDescription::parse(snapshot_info)?;
        let table_schema = TableSchema::from_file(table_info_file)?.raw().clone();
        let regions = region_manifests.iter().map(read_region).collect::<Result<_, _>>()?;
        Self { description, table_schema, regions, unknown: Bytes::new() }.checked()
    }

    /// Reads a version 0 snapshot: `.snapshotinfo`, the `.tableinfo` file and the region directories.
    pub fn read_v1(snapshot_info: &Bytes, table_info_file: &Bytes, regions: &[V1Region]) -> Result<Self, LayoutError> {
        let description = SnapshotDescription::parse(snapshot_info)?;
        let table_schema = TableSchema::from_file(table_info_file)?.raw().clone();
        let regions = regions.iter().map(read_v1_region).collect::<Result<_, _>>()?;
        Self { description, table_schema, regions, unknown: Bytes::new() }.checked()
    }

    fn checked(self) -> Result<Self, LayoutError> {
        let schema = TableSchema::parse(self.table_schema.clone())?;
        let inconsistent = |detail| Err(LayoutError::Inconsistent { detail });
        if *schema.table() != self.description.table {
            return inconsistent(format!("description of table {}, schema of table {}", self.description.table, schema.table()));
        }
        let mut seen = BTreeSet::new();
        for region in &self.regions {
            if region.info.table != self.description.table {
                return inconsistent(format!("region {} belongs to table {}", region.encoded_name, region.info.table));
            }
            if !seen.insert(&region.encoded_name) {
                return inconsistent(format!("region {} occurs twice", region.encoded_name));
            }
        }
        Ok(self)
    }

    /// The two files of this snapshot as version 2. An unchanged version 2 manifest gives the bytes it was read from, if HBase's
    /// order (schema, regions, then what we do not know) was kept.
    pub fn encode(&self) -> Result<EncodedSnapshot, LayoutError> {
        let version = wire::set(&self.description.raw, &[(5, Some(wire::varint_field(5, 2)))])?;
        let snapshot_info = if self.description.version == 2 { self.description.raw.clone() } else { version };
        let raw_regions = self.regions.iter().map(|region| region.raw.clone());
        Ok(EncodedSnapshot { snapshot_info, data_manifest: encode_data_manifest(&self.table_schema, raw_regions, &self.unknown) })
    }
}

pub(crate) fn encode_data_manifest(table_schema: &[u8], regions: impl Iterator<Item = Bytes>, unknown: &[u8]) -> Bytes {
    let mut out = BytesMut::from(&wire::bytes_field(TABLE_SCHEMA, table_schema)[..]);
    for region in regions {
        out.extend_from_slice(&wire::bytes_field(REGION_MANIFESTS, &region));
    }
    out.extend_from_slice(unknown);
    out.freeze()
}

/// A `SnapshotRegionManifest` message of raw parts: families as (name, raw `StoreFile` messages).
pub(crate) fn encode_region(raw_info: &[u8], families: &[(Bytes, Vec<Bytes>)]) -> Bytes {
    let mut out = BytesMut::from(&wire::varint_field(VERSION, 0)[..]);
    out.extend_from_slice(&wire::bytes_field(REGION_INFO, raw_info));
    for (name, store_files) in families {
        let mut family = BytesMut::from(&wire::bytes_field(FAMILY_NAME, name)[..]);
        for store_file in store_files {
            family.extend_from_slice(&wire::bytes_field(STORE_FILES, store_file));
        }
        out.extend_from_slice(&wire::bytes_field(FAMILY_FILES, &family));
    }
    out.freeze()
}

/// A `StoreFile` message: `raw` (empty for a new one) with name, size and reference set.
pub(crate) fn encode_store_file(
    raw: &Bytes,
    name: &str,
    file_size_bytes: Option<u64>,
    reference: Option<&Bytes>,
) -> Result<Bytes, LayoutError> {
    let mut parts = vec![(NAME, Some(wire::bytes_field(NAME, name.as_bytes())))];
    parts.push((REFERENCE, reference.map(|reference| wire::bytes_field(REFERENCE, reference))));
    parts.push((FILE_SIZE, file_size_bytes.map(|size| wire::varint_field(FILE_SIZE, size))));
    wire::set(raw, &parts)
}

fn read_region(raw: &Bytes) -> Result<RegionManifest, LayoutError> {
    let (mut raw_info, mut families) = (None, Vec::new());
    for field in wire::fields(raw) {
        let field = field?;
        match field.number {
            REGION_INFO => raw_info = Some(field.value),
            FAMILY_FILES => families.push(read_family(&field.value)?),
            _ => {}
        }
    }
    let raw_info = raw_info.ok_or(LayoutError::MissingField { what: WHAT, field: "region info" })?;
    let info = parse_region_info(&raw_info)?;
    Ok(RegionManifest { encoded_name: info.encoded_name(), info, raw_info, families, raw: raw.clone() })
}

fn read_family(raw: &Bytes) -> Result<FamilyManifest, LayoutError> {
    let (mut name, mut store_files) = (None, Vec::new());
    for field in wire::fields(raw) {
        let field = field?;
        match field.number {
            FAMILY_NAME => name = Some(field.value),
            STORE_FILES => store_files.push(read_store_file(&field.value)?),
            _ => {}
        }
    }
    let name = name.ok_or(LayoutError::MissingField { what: WHAT, field: "family name" })?;
    family_directory_name(&name)?;
    Ok(FamilyManifest { name, store_files })
}

fn read_store_file(raw: &Bytes) -> Result<StoreFile, LayoutError> {
    // prost checks the types and that the name is text; the reference is taken raw.
    let message: proto::snapshot_region_manifest::StoreFile = decode(WHAT, raw)?;
    let parts = StoreFileName::parse(&message.name)?;
    let reference = wire::last(raw, REFERENCE)?.map(|field| field.value);
    Ok(StoreFile { name: message.name, parts, file_size_bytes: message.file_size, reference, raw: raw.clone() })
}

fn read_v1_region(region: &V1Region) -> Result<RegionManifest, LayoutError> {
    let raw_info = region_info_from_file(&region.region_info_file)?;
    let mut families = Vec::new();
    for (name, files) in &region.families {
        let mut raw_files = Vec::new();
        for file in files {
            let reference = file.reference_file.as_ref().map(|file| Reference::from_file(file).map(|reference| reference.to_message()));
            raw_files.push(encode_store_file(&Bytes::new(), &file.name, file.file_size_bytes, reference.transpose()?.as_ref())?);
        }
        families.push((name.clone(), raw_files));
    }
    read_region(&encode_region(&raw_info, &families))
}
