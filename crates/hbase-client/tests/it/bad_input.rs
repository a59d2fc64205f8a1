//! What cannot be reached says so within its deadline.

use std::time::{Duration, Instant};

use hbase_client::{ClientError, ClientOptions, Connection, Discovery};

use crate::by_zookeeper;

async fn refused(discovery: Discovery) -> ClientError {
    let limits = ClientOptions { deadline: Duration::from_secs(3), connect_timeout: Duration::from_secs(1), ..by_zookeeper() };
    #[expect(clippy::disallowed_methods, reason = "measures how long the client really takes")]
    let started = Instant::now();
    let error = Connection::connect(ClientOptions { discovery, ..limits }).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5), "took {:?}: {error}", started.elapsed());
    error
}

#[tokio::test]
#[ignore = "live"]
async fn an_unreachable_cluster_is_an_error_within_the_deadline() {
    // Port 1 refuses; 192.0.2.1 (TEST-NET) swallows.
    for address in ["127.0.0.1:1", "192.0.2.1:2181"] {
        let zookeeper = refused(Discovery::ZooKeeper { quorum: vec![address.to_owned()], parent: "/hbase".to_owned() }).await;
        assert!(matches!(zookeeper, ClientError::DeadlineExceeded { .. }), "{zookeeper:?}");
        assert!(zookeeper.to_string().contains(address), "{zookeeper}");
        let registry = refused(Discovery::Masters(vec![address.to_owned()])).await;
        assert!(matches!(registry, ClientError::DeadlineExceeded { .. }), "{registry:?}");
        assert!(registry.to_string().contains(address), "{registry}");
    }
    let quorum = vec![crate::SITE.lab.zookeeper()];
    let wrong_parent = refused(Discovery::ZooKeeper { quorum, parent: "/nohbase".to_owned() }).await;
    assert!(wrong_parent.to_string().contains("/nohbase/hbaseid"), "{wrong_parent}");
}
