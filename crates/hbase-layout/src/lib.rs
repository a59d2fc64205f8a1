//! What HBase keeps under `hbase.rootdir`, as bytes and names: paths, store-file names, links and references, descriptors,
//! store-file lists and snapshot manifests. No socket and no file is opened here; the caller brings bytes and takes paths.
//!
//! Rules of this crate:
//! - **What must be given back is kept as raw bytes** and changed by [`wire`] alone, so that fields a newer HBase added survive.
//! - Names read from a manifest are checked before they become part of a path.
//! - A list of store files comes from a manifest or a `.filelist`, and from a directory only for the default tracker.

mod error;
mod file_list;
mod identity;
mod magic;
mod manifest;
pub mod mob;
mod reference;
mod region;
mod restore;
mod root;
mod snapshot;
mod store_file_name;
mod table_schema;
pub mod walk;
pub mod wire;

pub use error::LayoutError;
pub use file_list::{StoreFileList, TrackedFile, newest_track_files};
pub use identity::{cluster_id_from_file, format_version_from_file};
pub use manifest::{EncodedSnapshot, FamilyManifest, RegionManifest, SnapshotManifest, StoreFile, V1Region, V1StoreFile};
pub use reference::{Half, Reference};
pub use region::{parse_region_info, region_info_file, region_info_from_file, rename_region};
pub use restore::{
    FilePlacement, MobPlacement, RestoreFamily, RestoreFile, RestorePlan, RestoreRegion, RestoreSnapshot, restore_table_name,
};
pub use root::{RootLayout, is_path_component};
pub use snapshot::{SnapshotDescription, SnapshotKind};
pub use store_file_name::{StoreFileName, back_reference_directory, back_reference_name, link_name};
pub use table_schema::{FamilyView, TableSchema, newest_table_info, table_info_file_name};
