//! The master is killed and started again under running calls.

use std::time::Duration;

use hbase_client::{ClientError, ClientOptions, Connection, SnapshotKind, SnapshotRequest};

use crate::{WAIT, by_zookeeper, drop_table, make_table, table, with_site};

#[tokio::test]
#[ignore = "live"]
async fn calls_outlive_a_master_that_is_killed() {
    let options = ClientOptions { deadline: Duration::from_secs(150), ..by_zookeeper() };
    let (connection, name, clone) = (Connection::connect(options).await.unwrap(), table("it_failover"), table("it_failover_clone"));
    drop_table(&connection, &clone).await;
    make_table(&connection, &name, &["m"]).await;
    let restarted = tokio::spawn(with_site(|site| site.lab.restart_master().and_then(|()| site.lab.restart_master())));
    let (mut reads, mut snapshots, mut lost) = (0, Vec::new(), 0);
    while !restarted.is_finished() {
        assert!(connection.list_tables().await.unwrap().contains(&name));
        let regions = connection.regions(&name).await.unwrap();
        assert_eq!(regions.len(), 2, "round {reads}: {regions:?}");
        reads += 1;
        let snapshot = format!("it_failover_{reads}_{}", connection.new_nonce().0);
        let request =
            SnapshotRequest { name: snapshot.clone(), table: name.clone(), kind: SnapshotKind::Flush, ttl_seconds: 0, owner: None };
        match connection.take_snapshot(&request, WAIT).await {
            Ok(()) => snapshots.push(snapshot),
            // Before 2.6 a snapshot in the making dies with its master; a RegionServer that dies too fails it in any version.
            Err(ClientError::SnapshotNotFound { .. } | ClientError::SnapshotFailed { .. } | ClientError::ProcedureFailed { .. }) => {
                lost += 1
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    restarted.await.unwrap().unwrap();
    assert!(reads > 0 && lost < 3, "{reads} rounds, {lost} snapshots lost");
    let listed: Vec<String> = connection.list_snapshots().await.unwrap().into_iter().map(|snapshot| snapshot.name).collect();
    assert!(snapshots.iter().all(|taken| listed.contains(taken)), "{snapshots:?} of {listed:?}");
    let id = connection.clone_snapshot(snapshots.last().unwrap(), &clone, connection.new_nonce(), false).await.unwrap();
    connection.wait_procedure(id, WAIT).await.unwrap();
    for snapshot in &snapshots {
        connection.delete_snapshot(snapshot).await.unwrap();
    }
    drop_table(&connection, &clone).await;
    drop_table(&connection, &name).await;
}
