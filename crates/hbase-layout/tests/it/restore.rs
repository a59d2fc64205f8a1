//! Snapshots made for a restore, from the manifests of the fixtures.

use hbase_layout::{
    RestoreFamily, RestoreFile, RestorePlan, RestoreRegion, RestoreSnapshot, RootLayout, SnapshotManifest, StoreFileName, TableSchema,
    restore_table_name,
};
use testkit::fixtures;

use crate::fixtures::{snapshot, snapshot_names};

pub(crate) fn restore_regions(manifest: &SnapshotManifest) -> Vec<RestoreRegion> {
    let file = |file: &hbase_layout::StoreFile| RestoreFile {
        name: file.name.clone(),
        file_size_bytes: file.file_size_bytes.unwrap(),
        reference: file.reference.clone(),
        existing: None,
    };
    let family = |family: &hbase_layout::FamilyManifest| RestoreFamily {
        name: family.name.clone(),
        files: family.store_files.iter().map(file).collect(),
    };
    let region = |region: &hbase_layout::RegionManifest| RestoreRegion {
        raw_info: region.raw_info.clone(),
        families: region.families.iter().map(family).collect(),
    };
    manifest.regions.iter().map(region).collect()
}

#[test]
fn a_restore_holds_every_region_and_file_of_the_snapshot() {
    for version in fixtures::VERSIONS {
        let root = fixtures::root(version).unwrap();
        for name in snapshot_names(&root) {
            let source = snapshot(&root, &name);
            let table = restore_table_name(source.description.table.namespace(), 7).unwrap();
            let about =
                RestoreSnapshot { name: "seawall-7".to_owned(), table: table.clone(), creation_time_millis: 1, owner: "o".to_owned() };
            let layout = RootLayout::new("/target");
            let plan = RestorePlan::build(&about, &source.table_schema, &restore_regions(&source), &layout).unwrap();
            let made = SnapshotManifest::read_v2(&plan.snapshot.snapshot_info, &plan.snapshot.data_manifest).unwrap();
            let old_schema = TableSchema::parse(source.table_schema.clone()).unwrap();
            let new_schema = TableSchema::parse(made.table_schema.clone()).unwrap();
            assert_eq!(new_schema.renamed(old_schema.table()).unwrap(), source.table_schema);
            let regions: Vec<_> = source.regions.iter().filter(|region| !region.is_mob()).collect();
            assert_eq!(made.regions.len(), regions.len());
            for (old, new) in regions.into_iter().zip(&made.regions) {
                assert_eq!(
                    (&old.info.start_key, &old.info.end_key, old.info.region_id),
                    (&new.info.start_key, &new.info.end_key, new.info.region_id)
                );
                assert_eq!(plan.region_names[&old.encoded_name], new.encoded_name);
                assert_eq!(old.families.len(), new.families.len());
                for (old_family, new_family) in old.families.iter().zip(&new.families) {
                    assert_eq!(old_family.store_files.len(), new_family.store_files.len());
                    for (old_file, new_file) in old_family.store_files.iter().zip(&new_family.store_files) {
                        assert_eq!((old_file.file_size_bytes, &old_file.reference), (new_file.file_size_bytes, &new_file.reference));
                        assert_eq!(old_file.parts.physical_name(), new_file.parts.physical_name());
                        // Every file that HBase will look for is one that is written.
                        let wanted = new_file.parts.candidates(&layout, &table, &new.encoded_name, new_family.directory().unwrap());
                        assert!(plan.files.iter().any(|file| wanted.contains(&file.path)), "{version} {name}: nothing at {wanted:?}");
                        assert!(!matches!(new_file.parts, StoreFileName::Link { .. } | StoreFileName::LinkReference { .. }));
                    }
                }
            }
            let mob_files = source
                .regions
                .iter()
                .filter(|region| region.is_mob())
                .flat_map(|region| &region.families)
                .flat_map(|family| &family.store_files)
                .count();
            assert_eq!(plan.mob_files.len(), mob_files, "{version} {name}");
        }
    }
}
