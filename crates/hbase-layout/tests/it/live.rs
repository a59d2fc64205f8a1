//! Snapshots made by [`RestorePlan`] are cloned by a real HBase, in two ways: with files written into the archive, and with links to
//! files that the cluster has already. Then everything the files came from is dropped, HFile cleaners with a TTL of one second
//! run, and the clones must still be whole. Ignored by default: `cargo test -p hbase-layout --test it live -- --ignored`.

use std::path::Path;
use std::time::{Duration, SystemTime};

use hbase_layout::mob::MobFile;
use hbase_layout::{EncodedSnapshot, RestorePlan, RestoreSnapshot, RootLayout, SnapshotManifest, restore_table_name};
use hbase_types::TableName;
use testkit::{HBaseVersion, Lab, LabSpec, Profile, Scan, Witness, build_fixture_tables};

use crate::fixtures::snapshot;
use crate::restore::restore_regions;

#[test]
#[ignore = "starts HBase 2.4.18"]
fn hbase_2_4_clones_what_we_make() {
    clones_what_we_make(HBaseVersion::V2_4_18);
}

#[test]
#[ignore = "starts HBase 2.5.13"]
fn hbase_2_5_clones_what_we_make() {
    clones_what_we_make(HBaseVersion::V2_5_13);
}

#[test]
#[ignore = "starts HBase 2.6.4"]
fn hbase_2_6_clones_what_we_make() {
    clones_what_we_make(HBaseVersion::V2_6_4);
}

#[test]
#[ignore = "starts HBase 3.0.0-alpha-4"]
fn hbase_3_0_clones_what_we_make() {
    clones_what_we_make(HBaseVersion::V3_0_0Alpha4);
}

struct Cluster {
    witness: Witness,
    layout: RootLayout,
    unique: u64,
    /// What cells of the clones need under the names of their sources.
    mob_files: Vec<MobFile>,
}

#[expect(clippy::print_stderr, reason = "says how much a passed test has seen")]
fn clones_what_we_make(version: HBaseVersion) {
    // A compaction that starts when a clone opens would purge cells that the raw scan of its source shows.
    let spec = LabSpec::standalone(version).eager_cleaners(1000).set("hbase.regionserver.compaction.enabled", false);
    let lab = Lab::start(spec).unwrap();
    let witness = Witness::start(&lab).unwrap();
    let tables = build_fixture_tables(&lab, &witness, Profile::small()).unwrap().tables;
    let layout = RootLayout::new(lab.local_rootdir().unwrap().to_str().unwrap());
    let mut cluster = Cluster { witness, layout, unique: 0xfeed_0000, mob_files: Vec::new() };
    let (mut clones, mut references, mut links) = (Vec::new(), 0, 0);
    for table in &tables {
        let name = table.replace(':', "-");
        cluster.witness.snapshot(&name, table).unwrap();
        let source = snapshot(Path::new(cluster.layout.root()), &name);
        let files = || source.regions.iter().flat_map(|region| &region.families).flat_map(|family| &family.store_files);
        references += files().filter(|file| file.parts.is_reference()).count();
        links += files().filter(|file| file.name.contains('=')).count();
        cluster.guard_mob_files(&source);
        let expected = (cluster.witness.scan(table, Scan::Raw).unwrap(), cluster.witness.boundaries(table).unwrap());
        for linked in [false, true] {
            let clone = format!("{table}-{}", if linked { "linked" } else { "written" });
            cluster.restore(&source, linked, &clone);
            let actual = (cluster.witness.scan(&clone, Scan::Raw).unwrap(), cluster.witness.boundaries(&clone).unwrap());
            assert_eq!(actual, expected, "{clone}");
            clones.push((clone, expected.clone()));
        }
    }
    assert!(references > 0 && links > 0, "{references} references and {links} links");
    for table in &tables {
        cluster.witness.delete_snapshot(&table.replace(':', "-")).unwrap();
        cluster.witness.drop_table(table).unwrap();
    }
    for _ in 0..4 {
        std::thread::sleep(Duration::from_secs(2));
        cluster.witness.run_cleaner().unwrap();
    }
    // A server that has a MOB file open goes on reading it, so the file itself is looked for.
    assert!(!cluster.mob_files.is_empty());
    for file in &cluster.mob_files {
        assert!(file.candidates(&cluster.layout).iter().any(|path| Path::new(path).exists()), "{file:?} was deleted");
    }
    // Opened anew, the clones find every file at its place or not at all.
    for (clone, expected) in &clones {
        cluster.witness.disable(clone).unwrap();
        cluster.witness.enable(clone).unwrap();
        let actual = (cluster.witness.scan(clone, Scan::Raw).unwrap(), cluster.witness.boundaries(clone).unwrap());
        assert_eq!(actual, *expected, "{clone}, after its sources were dropped");
    }
    eprintln!("{version:?}: {} clones whole, {references} references, {links} links", clones.len());
}

impl Cluster {
    fn restore(&mut self, source: &SnapshotManifest, linked: bool, clone: &str) {
        self.unique += 1;
        let source_table = &source.description.table;
        let mut regions = restore_regions(source);
        let entries = source.regions.iter().map(|region| &region.families);
        if linked {
            for ((region, families), manifest) in regions.iter_mut().zip(entries).zip(&source.regions) {
                for (family, manifest_family) in region.families.iter_mut().zip(families) {
                    for (file, entry) in family.files.iter_mut().zip(&manifest_family.store_files) {
                        let (table, region) = entry.parts.home(source_table, &manifest.encoded_name);
                        file.existing = Some((table.clone(), region.to_owned()));
                    }
                }
            }
        }
        let about = self.about("restore", source_table.namespace());
        let plan = RestorePlan::build(&about, &source.table_schema, &regions, &self.layout).unwrap();
        self.publish(&about.name, &plan.snapshot);
        assert_eq!(
            plan.files.is_empty(),
            linked || regions.iter().all(|region| region.families.iter().all(|family| family.files.is_empty()))
        );
        for file in &plan.files {
            let (region, family, index) = file.source;
            let (region, family) = (&source.regions[region], &source.regions[region].families[family]);
            let candidates =
                family.store_files[index].parts.candidates(&self.layout, source_table, &region.encoded_name, family.directory().unwrap());
            let found = candidates.iter().find(|path| Path::new(path).exists()).unwrap();
            std::fs::create_dir_all(Path::new(&file.path).parent().unwrap()).unwrap();
            std::fs::copy(found, &file.path).unwrap();
        }
        // The MOB files of a table that lives here are where its cells point already.
        assert!(plan.mob_files.iter().all(|file| Path::new(&file.path).exists()));
        let procedure = self.witness.raw_restore_snapshot(&about.name, clone, (7, self.unique), false).unwrap();
        let state = self.witness.wait_procedure(procedure).unwrap();
        assert_eq!((state.state.as_str(), &state.exception), ("FINISHED", &None), "{clone}");
        self.witness.delete_snapshot(&about.name).unwrap();
    }

    fn about(&self, kind: &str, namespace: &str) -> RestoreSnapshot {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        RestoreSnapshot {
            name: format!("seawall-{kind}-{:016x}", self.unique),
            table: restore_table_name(namespace, self.unique).unwrap(),
            creation_time_millis: i64::try_from(now.as_millis()).unwrap(),
            owner: "root".to_owned(),
        }
    }

    /// One rename makes a snapshot complete.
    fn publish(&self, name: &str, snapshot: &EncodedSnapshot) {
        let staged = format!("{}/{name}", self.layout.staging_directory());
        std::fs::create_dir_all(&staged).unwrap();
        std::fs::write(format!("{staged}/.snapshotinfo"), &snapshot.snapshot_info).unwrap();
        std::fs::write(format!("{staged}/data.manifest"), &snapshot.data_manifest).unwrap();
        std::fs::rename(&staged, self.layout.snapshot_directory(name)).unwrap();
    }

    fn guard_mob_files(&mut self, source: &SnapshotManifest) {
        let table: &TableName = &source.description.table;
        let mut files = Vec::new();
        for family in source.regions.iter().filter(|region| region.is_mob()).flat_map(|region| &region.families) {
            for file in &family.store_files {
                let name = file.parts.physical_name().to_owned();
                let mob_file = MobFile { table: table.clone(), family: family.directory().unwrap().to_owned(), name };
                files.push((mob_file, file.file_size_bytes.unwrap()));
            }
        }
        self.mob_files.extend(files.iter().map(|(file, _)| file.clone()));
        if !files.is_empty() {
            self.unique += 1;
            let about = self.about("mob", table.namespace());
            let guard = RestorePlan::mob_guard(&about, &source.table_schema, &files).unwrap();
            self.publish(&about.name, &guard);
        }
    }
}
