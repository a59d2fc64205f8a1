//! The client against real HBase: two RegionServers, an AccessController with the user that runs the tests as superuser. One lab for
//! all tests of a run: `cargo test -p hbase-client --test it -- --ignored --test-threads 1`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod admin;
mod bad_input;
mod failover;
mod scans;

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use hbase_client::{Authentication, ClientOptions, Connection, Discovery};
use hbase_proto::{self as proto, Message};
use hbase_types::TableName;
use testkit::{HBaseVersion, Lab, LabSpec, Witness};

const WAIT: Duration = Duration::from_secs(60);

/// Never dropped: the servers die with this process.
struct Site {
    lab: Lab,
    witness: Witness,
}

static SITE: LazyLock<Site> = LazyLock::new(|| {
    let lab = Lab::start(LabSpec::distributed(HBaseVersion::V2_6_4, false, 2).with_access_controller()).unwrap();
    let witness = Witness::start(&lab).unwrap();
    Site { lab, witness }
});

/// The lab's calls block, so they have threads of their own.
async fn with_site<T: Send + 'static>(act: impl FnOnce(&'static Site) -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(|| act(&SITE)).await.unwrap()
}

fn zookeeper() -> Discovery {
    Discovery::ZooKeeper { quorum: vec![SITE.lab.zookeeper()], parent: "/hbase".to_owned() }
}

fn by_zookeeper() -> ClientOptions {
    ClientOptions::new(zookeeper(), Authentication::Simple { user: "root".to_owned() })
}

fn by_registry() -> ClientOptions {
    ClientOptions::new(Discovery::Masters(vec![SITE.lab.master()]), Authentication::Simple { user: "root".to_owned() })
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
