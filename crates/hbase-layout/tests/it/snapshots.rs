//! Manifests, descriptors and paths of the fixtures.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hbase_layout::{
    Reference, RootLayout, SnapshotManifest, StoreFileName, TableSchema, cluster_id_from_file, format_version_from_file, newest_table_info,
    parse_region_info, region_info_file, region_info_from_file, rename_region, walk,
};
use hbase_types::TableName;
use serde_json::{Value, json};
use testkit::fixtures;

use crate::fixtures::{json_lines, names, read, snapshot, snapshot_names};

/// The lines that the oracle would print for a manifest (see `testdata/README.md`).
fn lines(manifest: &SnapshotManifest, root: &Path) -> Vec<Value> {
    let layout = RootLayout::new(root.to_str().unwrap());
    let description = &manifest.description;
    let schema = TableSchema::parse(manifest.table_schema.clone()).unwrap();
    let kind = format!("{:?}", description.kind).to_uppercase();
    let table = description.table.to_string();
    let mut lines = vec![
        json!({"k": "snapshot", "name": description.name, "table": table, "type": kind, "creation_time": description.creation_time_millis,
            "version": description.version, "ttl": description.ttl_seconds, "owner": description.owner}),
        json!({"k": "table", "name": table, "values": schema.attributes()}),
    ];
    for family in schema.families() {
        lines.push(json!({"k": "family", "name": family.name_text(), "values": family.attributes, "configuration": family.configuration}));
    }
    for region in &manifest.regions {
        let info = &region.info;
        lines.push(json!({"k": "region", "encoded": region.encoded_name, "id": info.region_id, "replica": info.replica_id,
            "start": BASE64_STANDARD.encode(&info.start_key), "end": BASE64_STANDARD.encode(&info.end_key),
            "offline": info.offline, "split": info.split}));
        for family in &region.families {
            let directory = family.directory().unwrap();
            for file in &family.store_files {
                let candidates = file.parts.candidates(&layout, &description.table, &region.encoded_name, directory);
                let found = candidates.iter().find(|path| Path::new(path).exists()).unwrap_or_else(|| panic!("{} lies nowhere", file.name));
                let length = std::fs::metadata(found).unwrap().len();
                assert_eq!(file.file_size_bytes, Some(length), "{found}");
                let mut line =
                    json!({"k": "storefile", "region": region.encoded_name, "family": directory, "name": file.name, "size": length});
                match &file.reference {
                    None => line["found_at"] = json!(layout.relative(found).unwrap()),
                    Some(message) => {
                        let reference = Reference::from_message(message).unwrap();
                        let range = format!("{:?}", reference.half).to_uppercase();
                        line["reference"] = json!({"splitkey": BASE64_STANDARD.encode(&reference.split_key), "range": range});
                    }
                }
                lines.push(line);
            }
        }
    }
    lines.push(json!({"k": "end", "name": description.name, "regions": manifest.regions.len()}));
    lines
}

#[test]
fn every_manifest_says_what_hbase_reads() {
    for version in fixtures::VERSIONS {
        let root = fixtures::root(version).unwrap();
        let mut ours = BTreeMap::new();
        for name in snapshot_names(&root) {
            ours.insert(name.clone(), lines(&snapshot(&root, &name), &root));
        }
        let mut theirs = BTreeMap::<String, Vec<Value>>::new();
        let mut current = String::new();
        for line in json_lines(&fixtures::oracle(version).unwrap().join("snapshots.jsonl")) {
            if line["k"] == "snapshot" {
                current = line["name"].as_str().unwrap().to_owned();
            }
            theirs.entry(current.clone()).or_default().push(line);
        }
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{version}");
        for (name, mut expected) in theirs {
            let mut actual = ours.remove(&name).unwrap();
            // Regions stand in the manifest in no particular order.
            expected.sort_by_key(ToString::to_string);
            actual.sort_by_key(ToString::to_string);
            for (actual, expected) in actual.iter().zip(&expected) {
                assert_eq!(actual, expected, "{version} {name}");
            }
            assert_eq!(actual.len(), expected.len(), "{version} {name}");
        }
    }
}

#[test]
fn an_unchanged_manifest_encodes_to_its_own_bytes() {
    for version in fixtures::VERSIONS {
        let root = fixtures::root(version).unwrap();
        for name in snapshot_names(&root) {
            let directory = root.join(".hbase-snapshot").join(&name);
            let encoded = snapshot(&root, &name).encode().unwrap();
            assert_eq!(encoded.snapshot_info, read(&directory.join(".snapshotinfo")), "{name}");
            assert_eq!(encoded.data_manifest, read(&directory.join("data.manifest")), "{name}");
        }
    }
}

#[test]
fn a_snapshot_in_progress_and_an_old_tree_read_like_the_whole() {
    let root = fixtures::root("2.6.4").unwrap();
    for name in snapshot_names(&root) {
        let whole = snapshot(&root, &name);
        let table_info = TableSchema::parse(whole.table_schema.clone()).unwrap().to_file();
        let parts: Vec<_> = whole.regions.iter().map(|region| region.raw.clone()).collect();
        let info = &whole.description.raw;
        assert_eq!(SnapshotManifest::read_region_manifests(info, &table_info, &parts).unwrap(), whole);
        let tree: Vec<_> = whole.regions.iter().map(as_tree).collect();
        let old = SnapshotManifest::read_v1(info, &table_info, &tree).unwrap();
        assert_eq!(
            old.regions.iter().map(|region| &region.families).collect::<Vec<_>>(),
            whole.regions.iter().map(|region| &region.families).collect::<Vec<_>>()
        );
    }
}

fn as_tree(region: &hbase_layout::RegionManifest) -> hbase_layout::V1Region {
    let file = |file: &hbase_layout::StoreFile| hbase_layout::V1StoreFile {
        name: file.name.clone(),
        file_size_bytes: file.file_size_bytes,
        reference_file: file.reference.as_ref().map(|reference| Reference::from_message(reference).unwrap().to_file()),
    };
    let families = region.families.iter().map(|family| (family.name.clone(), family.store_files.iter().map(file).collect())).collect();
    hbase_layout::V1Region { region_info_file: region_info_file(&region.raw_info), families }
}

#[test]
fn a_damaged_manifest_is_refused_or_read_but_never_a_panic() {
    let root = fixtures::root("2.6.4").unwrap();
    let directory = root.join(".hbase-snapshot/shop.orders-s2");
    let (info, manifest) = (read(&directory.join(".snapshotinfo")), read(&directory.join("data.manifest")));
    for position in 0..manifest.len() {
        let mut flipped = manifest.to_vec();
        flipped[position] ^= 0x10;
        let _ = SnapshotManifest::read_v2(&info, &flipped.into());
        // Cut between two regions the rest is a valid message: nothing in the file says how many there are.
        let _ = SnapshotManifest::read_v2(&info, &manifest.slice(..position));
    }
}

#[test]
fn tables_of_a_root_are_found_by_walking_it() {
    for version in fixtures::VERSIONS {
        let root = fixtures::root(version).unwrap();
        let layout = RootLayout::new(root.to_str().unwrap());
        assert_eq!(cluster_id_from_file(&read(&root.join("hbase.id"))).unwrap().len(), 36);
        assert_eq!(format_version_from_file(&read(&root.join("hbase.version"))).unwrap(), "8");
        let mut tables = Vec::new();
        for namespace in names(&root.join("data")).iter().filter(|name| walk::is_namespace_directory(name)) {
            for name in names(Path::new(&layout.namespace_directory(namespace))) {
                let table = walk::table_of_directory(namespace, &name).unwrap();
                check_table(&layout, &table);
                tables.push(table.to_string());
            }
        }
        let expected =
            ["bin", "bulk", "deep", "enc", "users", "hbase:meta", "hbase:namespace", "shop:blobs", "shop:orders", "shop:tags", "shop:void"];
        assert_eq!(tables, expected, "{version}");
    }
}

fn check_table(layout: &RootLayout, table: &TableName) {
    let descriptors = layout.table_descriptor_directory(table);
    let sizes: Vec<_> = names(Path::new(&descriptors))
        .into_iter()
        .map(|name| (std::fs::metadata(format!("{descriptors}/{name}")).unwrap().len(), name))
        .collect();
    let newest = newest_table_info(sizes.iter().map(|(length, name)| (name.as_str(), *length))).unwrap();
    let schema = TableSchema::from_file(&read(Path::new(&format!("{descriptors}/{newest}")))).unwrap();
    assert_eq!(schema.table(), table);
    for region in names(Path::new(&layout.table_directory(table))).iter().filter(|name| walk::is_region_directory(name)) {
        let file = read(Path::new(&layout.region_info_file(table, region)));
        let raw = region_info_from_file(&file).unwrap();
        let info = parse_region_info(&raw).unwrap();
        assert_eq!((&info.table, &info.encoded_name()), (table, region));
        // Renamed and back: the same bytes.
        let (renamed, _) = rename_region(&raw, &TableName::parse("other:name").unwrap()).unwrap();
        assert_eq!(rename_region(&renamed, table).unwrap().0, raw);
        let directory = layout.region_directory(table, region);
        for family in names(Path::new(&directory)).iter().filter(|name| walk::is_family_directory(name)) {
            assert!(schema.family(family.as_bytes()).is_some(), "{directory}/{family}");
            for name in names(Path::new(&format!("{directory}/{family}"))) {
                let metadata = std::fs::metadata(format!("{directory}/{family}/{name}")).unwrap();
                let parts: Option<StoreFileName> = walk::store_file_of_entry(&name, metadata.len(), metadata.is_dir()).unwrap();
                assert!(parts.is_some() || name.starts_with('.'), "{directory}/{family}/{name}");
            }
        }
    }
}
