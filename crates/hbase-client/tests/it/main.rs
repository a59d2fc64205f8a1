//! The client against real HBase. The cluster is named by the environment:
//! `SEAWALL_LIVE_ZOOKEEPER` = `host:port` of its quorum, `SEAWALL_LIVE_MASTER` = `host:port` of its master. It runs an
//! AccessController with the user `root` as superuser, and two RegionServers.
//! Run: `cargo test -p hbase-client --test it -- --ignored --test-threads 1`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod admin;
mod bad_input;
mod failover;
mod scans;

use std::time::Duration;

use bytes::Bytes;
use hbase_client::{Authentication, ClientOptions, Connection, Discovery};
use hbase_proto::{self as proto, Message};
use hbase_types::TableName;

const WAIT: Duration = Duration::from_secs(60);

fn environment(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("set {name} to run the live tests"))
}

fn by_zookeeper() -> ClientOptions {
    let quorum = vec![environment("SEAWALL_LIVE_ZOOKEEPER")];
    let discovery = Discovery::ZooKeeper { quorum, parent: "/hbase".to_owned() };
    ClientOptions::new(discovery, Authentication::Simple { user: "root".to_owned() })
}

fn by_registry() -> ClientOptions {
    let discovery = Discovery::Masters(vec![environment("SEAWALL_LIVE_MASTER")]);
    ClientOptions::new(discovery, Authentication::Simple { user: "root".to_owned() })
}

fn as_user(user: &str) -> ClientOptions {
    ClientOptions { authentication: Authentication::Simple { user: user.to_owned() }, ..by_zookeeper() }
}

async fn connect() -> Connection {
    Connection::connect(by_zookeeper()).await.unwrap()
}

fn table(name: &str) -> TableName {
    TableName::parse(name).unwrap()
}

fn schema(name: &TableName) -> Bytes {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let message = proto::TableSchema {
        table_name: Some(proto::TableName { namespace: bytes(name.namespace()), qualifier: bytes(name.qualifier()) }),
        column_families: vec![proto::ColumnFamilySchema { name: bytes("f"), attributes: vec![], configuration: vec![] }],
        ..Default::default()
    };
    Bytes::from(message.encode_to_vec())
}

/// Removes a table that an earlier run left.
async fn drop_table(connection: &Connection, name: &TableName) {
    if connection.table_exists(name).await.unwrap() {
        if connection.table_state(name).await.unwrap() != hbase_client::TableState::Disabled {
            connection.disable_table(name, connection.new_nonce(), WAIT).await.unwrap();
        }
        connection.delete_table(name, connection.new_nonce(), WAIT).await.unwrap();
    }
}

/// Makes a table anew, with regions that begin at the given keys.
async fn make_table(connection: &Connection, name: &TableName, split_keys: &[&'static str]) {
    drop_table(connection, name).await;
    let keys: Vec<Bytes> = split_keys.iter().map(|key| Bytes::from(*key)).collect();
    connection.create_table(&schema(name), &keys, connection.new_nonce(), WAIT).await.unwrap();
}
