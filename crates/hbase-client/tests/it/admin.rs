//! Calls to the master.

use bytes::Bytes;
use hbase_client::{
    ClientError, Connection, Permission, PermissionAction, PermissionQuery, PermissionScope, ProcedureState, SecurityCapability,
    SnapshotKind, SnapshotRequest, TableState,
};

use crate::{WAIT, as_user, by_registry, connect, drop_table, make_table, schema, table, with_site};

#[tokio::test]
#[ignore = "live"]
async fn both_ways_of_discovery_find_the_same_cluster() {
    let (first, second) = (connect().await, Connection::connect(by_registry()).await.unwrap());
    assert_eq!(first.cluster_id(), second.cluster_id());
    assert_eq!(first.active_master().await.unwrap(), second.active_master().await.unwrap());
    let status = second.cluster_status().await.unwrap();
    assert_eq!(status.cluster_id, first.cluster_id());
    assert_eq!(status.version, first.hbase_version().text);
    assert_eq!(status.master, Some(first.active_master().await.unwrap()));
    assert!(!status.live_servers.is_empty());
    assert!(first.security_capabilities().await.unwrap().contains(&SecurityCapability::Authorization));
    // Each of the two finds hbase:meta in its own way.
    assert_eq!(first.regions(&table("hbase:acl")).await.unwrap(), second.regions(&table("hbase:acl")).await.unwrap());
}

#[tokio::test]
#[ignore = "live"]
async fn namespaces_are_made_listed_and_deleted() {
    let connection = connect().await;
    let settings = vec![("hbase.namespace.quota.maxtables".to_owned(), "7".to_owned())];
    connection.create_namespace("it_space", &settings, connection.new_nonce()).await.unwrap();
    let listed = connection.namespaces().await.unwrap();
    assert!(listed.contains(&("it_space".to_owned(), settings.clone())), "{listed:?}");
    let again = connection.create_namespace("it_space", &[], connection.new_nonce()).await.unwrap_err();
    assert!(matches!(again, ClientError::NamespaceExists { .. }), "{again:?}");
    connection.delete_namespace("it_space", connection.new_nonce()).await.unwrap();
    let gone = connection.delete_namespace("it_space", connection.new_nonce()).await.unwrap_err();
    assert!(matches!(gone, ClientError::NamespaceNotFound { .. }), "{gone:?}");
}

#[tokio::test]
#[ignore = "live"]
async fn a_table_lives_from_making_to_deleting() {
    let (connection, name) = (connect().await, table("it_life"));
    drop_table(&connection, &name).await;
    assert_eq!(connection.table_schema_raw(&name).await.unwrap(), None);
    let nonce = connection.new_nonce();
    connection.create_table(&schema(&name), &[], nonce, WAIT).await.unwrap();
    // The same act again is done once; a new one is refused.
    connection.create_table(&schema(&name), &[], nonce, WAIT).await.unwrap();
    let exists = connection.create_table(&schema(&name), &[], connection.new_nonce(), WAIT).await.unwrap_err();
    assert!(matches!(exists, ClientError::TableExists { .. }), "{exists:?}");
    assert!(connection.list_tables().await.unwrap().contains(&name));
    assert!(!connection.list_tables().await.unwrap().contains(&table("hbase:acl")));
    assert!(connection.list_all_tables().await.unwrap().contains(&table("hbase:acl")));
    let enabled = connection.delete_table(&name, connection.new_nonce(), WAIT).await.unwrap_err();
    assert!(matches!(enabled, ClientError::TableNotDisabled { .. }), "{enabled:?}");
    connection.disable_table(&name, connection.new_nonce(), WAIT).await.unwrap();
    assert_eq!(connection.table_state(&name).await.unwrap(), TableState::Disabled);
    connection.enable_table(&name, connection.new_nonce(), WAIT).await.unwrap();
    assert_eq!(connection.table_state(&name).await.unwrap(), TableState::Enabled);
    connection.flush_table(&name, WAIT).await.unwrap();
    drop_table(&connection, &name).await;
    assert!(!connection.table_exists(&name).await.unwrap());
    let missing = connection.table_state(&name).await.unwrap_err();
    assert!(matches!(missing, ClientError::TableNotFound { .. }), "{missing:?}");
}

#[tokio::test]
#[ignore = "live"]
async fn a_snapshot_is_taken_cloned_and_deleted() {
    let (connection, name, clone) = (connect().await, table("it_snap"), table("it_snap_clone"));
    drop_table(&connection, &clone).await;
    make_table(&connection, &name, &["g", "n"]).await;
    for (kind, snapshot) in [(SnapshotKind::Flush, "it_snap_flush"), (SnapshotKind::SkipFlush, "it_snap_skip")] {
        // Left by an earlier run, or not there.
        let _ = connection.delete_snapshot(snapshot).await;
        let request = SnapshotRequest { name: snapshot.to_owned(), table: name.clone(), kind, ttl_seconds: 3600, owner: None };
        connection.take_snapshot(&request, WAIT).await.unwrap();
        let listed = connection.list_snapshots().await.unwrap();
        let found = listed.iter().find(|listed| listed.name == snapshot).unwrap();
        assert_eq!((found.table.as_ref(), found.kind, found.ttl_seconds), (Some(&name), kind, 3600));
        let again = connection.take_snapshot(&request, WAIT).await.unwrap_err();
        assert!(matches!(again, ClientError::SnapshotExists { .. }), "{again:?}");
    }
    let nonce = connection.new_nonce();
    let id = connection.clone_snapshot("it_snap_flush", &clone, nonce, false).await.unwrap();
    connection.wait_procedure(id, WAIT).await.unwrap();
    assert_eq!(connection.clone_snapshot("it_snap_flush", &clone, nonce, false).await.unwrap(), id, "one nonce, one act");
    assert_eq!(connection.procedure_result(id).await.unwrap(), ProcedureState::Finished);
    let keys =
        |regions: Vec<hbase_client::LocatedRegion>| regions.into_iter().map(|(info, _)| (info.start_key, info.end_key)).collect::<Vec<_>>();
    let expected = [("", "g"), ("g", "n"), ("n", "")].map(|(start, end)| (Bytes::from(start), Bytes::from(end)));
    assert_eq!(keys(connection.regions(&name).await.unwrap()), expected);
    assert_eq!(keys(connection.regions(&clone).await.unwrap()), keys(connection.regions(&name).await.unwrap()));
    for snapshot in ["it_snap_flush", "it_snap_skip"] {
        connection.delete_snapshot(snapshot).await.unwrap();
    }
    let gone = connection.delete_snapshot("it_snap_flush").await.unwrap_err();
    assert!(matches!(gone, ClientError::SnapshotNotFound { .. }), "{gone:?}");
    let unknown = connection.snapshot_done("it_snap_never", &name).await.unwrap_err();
    assert!(matches!(unknown, ClientError::SnapshotNotFound { .. }), "{unknown:?}");
    drop_table(&connection, &clone).await;
    drop_table(&connection, &name).await;
}

#[tokio::test]
#[ignore = "live"]
async fn grants_go_in_and_come_out() {
    let (connection, name) = (connect().await, table("it_grants"));
    make_table(&connection, &name, &[]).await;
    let denied = Connection::connect(as_user("it_nobody")).await.unwrap();
    let error = denied.disable_table(&name, denied.new_nonce(), WAIT).await.unwrap_err();
    assert!(matches!(&error, ClientError::AccessDenied { message } if message.contains("it_nobody")), "{error:?}");
    let scope = PermissionScope::Table { table: name.clone(), family: None, qualifier: None };
    let actions = vec![PermissionAction::Read, PermissionAction::Admin];
    let permission = Permission { user: "it_nobody".to_owned(), scope, actions };
    connection.grant(&permission, false).await.unwrap();
    assert!(connection.permissions(&PermissionQuery::Table(name.clone())).await.unwrap().contains(&permission));
    assert!(connection.permissions(&PermissionQuery::All).await.unwrap().contains(&permission));
    let space = Permission { scope: PermissionScope::Namespace("default".to_owned()), ..permission.clone() };
    connection.grant(&space, false).await.unwrap();
    assert!(connection.permissions(&PermissionQuery::Namespace("default".to_owned())).await.unwrap().contains(&space));
    let global = Permission { scope: PermissionScope::Global, ..permission.clone() };
    connection.grant(&global, false).await.unwrap();
    assert!(connection.permissions(&PermissionQuery::Global).await.unwrap().contains(&global));
    for granted in [&permission, &space, &global] {
        connection.revoke(granted).await.unwrap();
    }
    let left = connection.permissions(&PermissionQuery::All).await.unwrap();
    assert!(left.iter().all(|left| left.user != "it_nobody"), "{left:?}");
    drop_table(&connection, &name).await;
}

#[tokio::test]
#[ignore = "live"]
async fn switches_are_set_and_give_the_state_before() {
    let connection = connect().await;
    assert!(connection.set_cleaner(false).await.unwrap());
    assert!(!connection.is_cleaner_enabled().await.unwrap());
    assert!(!connection.set_cleaner(true).await.unwrap());
    // False only says that the run left something, which may be as it should be.
    connection.run_cleaner().await.unwrap();
    let balancer = connection.set_balancer(false).await.unwrap();
    assert!(!connection.is_balancer_enabled().await.unwrap());
    assert!(!connection.set_balancer(balancer).await.unwrap());
    let (splits, merges) = (connection.set_splits(false).await.unwrap(), connection.set_merges(false).await.unwrap());
    assert!(!connection.set_splits(splits).await.unwrap());
    assert!(!connection.set_merges(merges).await.unwrap());
    let normalizer = connection.set_normalizer(false).await.unwrap();
    assert!(!connection.set_normalizer(normalizer).await.unwrap());
    let cleanup = connection.set_snapshot_cleanup(false).await.unwrap();
    assert!(!connection.set_snapshot_cleanup(cleanup).await.unwrap());
}

#[tokio::test]
#[ignore = "live"]
async fn settings_can_be_read_and_wals_rolled() {
    let connection = connect().await;
    assert_eq!(connection.replication_peers().await.unwrap(), []);
    with_site(|site| site.witness.add_peer("7", true).unwrap()).await;
    let [peer] = <[_; 1]>::try_from(connection.replication_peers().await.unwrap()).unwrap();
    assert!(peer.id == "7" && peer.enabled && peer.cluster_key.ends_with(":/elsewhere"), "{peer:?}");
    let seen = with_site(|site| {
        let seen = site.witness.peers().unwrap();
        site.witness.remove_peer("7").unwrap();
        seen
    })
    .await;
    connection.add_replication_peer("7", &peer.raw, WAIT).await.unwrap();
    let again = with_site(|site| {
        let again = site.witness.peers().unwrap();
        site.witness.remove_peer("7").unwrap();
        again
    })
    .await;
    assert_eq!(again, [seen[0].replace(" true ", " false ")], "the same, disabled");
    // 3.x always has the default group.
    let groups: Vec<String> = connection.region_server_groups().await.unwrap().into_iter().map(|group| group.name).collect();
    assert_eq!(groups, if connection.hbase_version().major >= 3 { vec!["default".to_owned()] } else { vec![] });
    assert_eq!(connection.visibility_labels().await.unwrap().len(), 0);
    connection.quotas().await.unwrap();
    for server in connection.cluster_status().await.unwrap().live_servers {
        connection.roll_wal(&server.name).await.unwrap();
        assert_eq!(connection.server_at(&server.name).await.unwrap(), server.name);
    }
}
