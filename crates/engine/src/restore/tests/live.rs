//! Restores into a running cluster, compared with HBase's own clones. Run by hand or by the lab:
//! `SEAWALL_LIVE_REFERENCE` and `SEAWALL_LIVE_TARGET` are `ZOOKEEPER|ROOT` of two clusters on this machine's disk: the reference
//! runs on a copy of the fixture root, the target on an empty one. Both with an HFile cleaner TTL and interval of 1 s.

use std::time::Duration;

use api::RestoreMode;
use hbase_client::{Authentication, ClientOptions, Connection, Discovery};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::Cluster;
use crate::target::Master;
use crate::target::live;

const WAIT: Duration = Duration::from_secs(120);

struct Live {
    connection: Connection,
    target: Target,
}

async fn live(variable: &str) -> Live {
    let value = std::env::var(variable).expect("the variable names a running cluster");
    let (quorum, root) = value.split_once('|').unwrap();
    let discovery = Discovery::ZooKeeper { quorum: vec![quorum.to_owned()], parent: "/hbase".into() };
    let connection = Connection::connect(ClientOptions::new(discovery, Authentication::Simple { user: "root".into() })).await.unwrap();
    let cluster = Cluster::new("live", Some(connection.clone()), Tree::shared(Path::new("/"), Fuse::never()), root);
    let target = live::target(&cluster, TargetOptions { user: "root".into(), ..TargetOptions::default() }, WAIT);
    Live { connection, target }
}

async fn digest(connection: &Connection, table: &TableName) -> String {
    crate::fingerprint::live_table(connection, table, &SystemClock, &CancellationToken::new()).await.unwrap().digest
}

async fn drop_table(master: &dyn Master, table: &TableName) {
    if let Some(enabled) = master.is_enabled(table).await.unwrap() {
        if enabled {
            master.disable_table(table).await.unwrap();
        }
        master.delete_table(table).await.unwrap();
    }
}

struct Wanted<'a> {
    id: u64,
    name: &'a str,
    mode: RestoreMode,
    replaces: bool,
}

async fn restore_live(target: &Target, backup: &BackupTable, source: &Source, wanted: Wanted<'_>) -> api::RestoreTableReport {
    let id = format!("{:016x}", wanted.id);
    let table = TableName::parse(wanted.name).unwrap();
    let master = target.master.clone().unwrap();
    let record = JournalRecord {
        id: id.clone(),
        mode: wanted.mode,
        replaces: wanted.replaces,
        carrier: TableName::new(table.namespace(), &format!("seawall-restore-{id}")).unwrap().to_string(),
        snapshot: format!("seawall-restore-{id}"),
        nonce: master.new_nonce(),
        created_millis: storage::Clock::now_millis(&SystemClock),
        ..record(&backup.name, wanted.name)
    };
    let live: BTreeSet<TableName> = master.tables().await.unwrap().into_iter().collect();
    let plan = assemble(target, backup.clone(), record, None, &live).await.unwrap();
    let plan =
        Plan { summary: summary(), tables: vec![plan], namespaces: vec![], metadata: Metadata::default(), ownership: Ownership::default() };
    let cancel = CancellationToken::new();
    let run = Run { target, source, limits: CopyLimits::default(), monitor: &Silent, clock: &SystemClock, cancel: &cancel };
    run.run(plan).await.unwrap().tables.remove(0)
}

fn seed() -> u64 {
    u64::try_from(storage::Clock::now_millis(&SystemClock)).unwrap() << 8
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "live"]
async fn a_restored_table_is_what_hbase_itself_clones() {
    let (reference, restored) = (live("SEAWALL_LIVE_REFERENCE").await, live("SEAWALL_LIVE_TARGET").await);
    let (theirs, ours) = (reference.target.master.clone().unwrap(), restored.target.master.clone().unwrap());
    let root = fixture();
    for namespace in ["shop", "copy"] {
        if !ours.namespaces().await.unwrap().iter().any(|(name, _)| name == namespace) {
            ours.create_namespace(&(namespace.to_owned(), vec![])).await.unwrap();
        }
    }
    let mut id = seed();
    let snapshots = std::env::var("SEAWALL_LIVE_SNAPSHOTS")
        .unwrap_or_else(|_| "users-s3 shop.orders-s2 shop.blobs-s4 bin-s2 bulk-s3 shop.void-s1 deep-s1 enc-s4".into());
    let mut compared = 0;
    for snapshot in snapshots.split(' ') {
        let (backup, source) = backup_of(&root, snapshot);
        let clone = TableName::new(backup.name.namespace(), &format!("reference-{}", backup.name.qualifier())).unwrap();
        drop_table(theirs.as_ref(), &clone).await;
        let procedure = theirs.clone_snapshot(snapshot, &clone, theirs.new_nonce()).await.unwrap();
        theirs.wait_procedure(procedure).await.unwrap();
        let expected = digest(&reference.connection, &clone).await;
        // The same name, another name, another namespace; each into a cluster that never had the table.
        let elsewhere = format!("copy:{}", backup.name.qualifier());
        for name in [backup.name.to_string(), format!("{}-b", backup.name), elsewhere] {
            let table = TableName::parse(&name).unwrap();
            drop_table(ours.as_ref(), &table).await;
            id += 1;
            let report =
                restore_live(&restored.target, &backup, &source, Wanted { id, name: &name, mode: RestoreMode::New, replaces: false }).await;
            assert_eq!(report.outcome, RestoreOutcome::Restored, "{snapshot} as {name}: {:?}, left {:?}", report.error, report.left);
            tokio::time::sleep(Duration::from_secs(3)).await;
            assert_eq!(digest(&restored.connection, &table).await, expected, "{snapshot} as {name}");
            let starts = |regions: Vec<hbase_types::RegionInfo>| -> Vec<Bytes> {
                regions.into_iter().filter(|region| !region.split).map(|region| region.start_key).collect()
            };
            assert_eq!(starts(ours.regions(&table).await.unwrap()), starts(theirs.regions(&clone).await.unwrap()));
            let snapshots = ours.snapshots().await.unwrap();
            assert!(!snapshots.iter().any(|left| left.name.starts_with("seawall-restore-")), "{snapshots:?}");
            assert!(!Path::new(&restored.target.root).join(".seawall").exists());
            compared += 1;
            if name != backup.name.to_string() {
                drop_table(ours.as_ref(), &table).await;
            }
        }
    }
    assert!(compared >= 3);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "live"]
async fn a_live_table_is_replaced_and_kept_as_a_snapshot() {
    let restored = live("SEAWALL_LIVE_TARGET").await;
    let ours = restored.target.master.clone().unwrap();
    let root = fixture();
    let table = TableName::parse("users").unwrap();
    let mut digests = Vec::new();
    for (id, snapshot) in (seed() + 1..).zip(["users-s1", "users-s4"]) {
        let (backup, source) = backup_of(&root, snapshot);
        let exists = ours.is_enabled(&table).await.unwrap().is_some();
        let mode = if exists { RestoreMode::Replace } else { RestoreMode::New };
        let report = restore_live(&restored.target, &backup, &source, Wanted { id, name: "users", mode, replaces: exists }).await;
        assert_eq!(report.outcome, RestoreOutcome::Restored, "{:?}, left {:?}", report.error, report.left);
        assert_eq!(report.safety_snapshot.is_some(), exists);
        digests.push((digest(&restored.connection, &table).await, report.safety_snapshot));
    }
    assert_ne!(digests[0].0, digests[1].0, "the second is another state");
    // The safety snapshot holds what was replaced.
    let safety = digests[1].1.clone().unwrap();
    let back = TableName::parse("users-back").unwrap();
    drop_table(ours.as_ref(), &back).await;
    let procedure = ours.clone_snapshot(&safety, &back, ours.new_nonce()).await.unwrap();
    ours.wait_procedure(procedure).await.unwrap();
    assert_eq!(digest(&restored.connection, &back).await, digests[0].0);
    drop_table(ours.as_ref(), &back).await;
    for (_, safety) in digests {
        if let Some(safety) = safety {
            ours.delete_snapshot(&safety).await.unwrap();
        }
    }
    let tables = ours.tables().await.unwrap();
    assert!(!tables.iter().any(|table| table.qualifier().starts_with("seawall-")), "{tables:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "live"]
async fn a_name_that_is_taken_is_refused_and_left_alone() {
    let restored = live("SEAWALL_LIVE_TARGET").await;
    let ours = restored.target.master.clone().unwrap();
    let (backup, source) = backup_of(&fixture(), "users-s3");
    let table = TableName::parse("users").unwrap();
    for enabled in [false, true] {
        if enabled {
            ours.enable_table(&table).await.unwrap()
        } else {
            ours.disable_table(&table).await.unwrap()
        }
        let report = restore_live(
            &restored.target,
            &backup,
            &source,
            Wanted { id: seed() + u64::from(enabled), name: "users", mode: RestoreMode::New, replaces: false },
        )
        .await;
        assert_eq!(report.error.map(|error| error.code), Some(13));
        assert!(report.left.is_empty(), "{:?}", report.left);
        assert_eq!(ours.is_enabled(&table).await.unwrap(), Some(enabled));
    }
}
