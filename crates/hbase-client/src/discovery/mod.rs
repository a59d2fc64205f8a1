//! Finding the cluster: its id, its active master and the server that has `hbase:meta`.

mod registry;
mod zookeeper;

use hbase_proto as proto;
use hbase_types::ServerName;

use crate::error::{ClientError, Result};
use crate::options::{ClientOptions, Discovery};
use crate::rpc::pool::Pool;

/// One of the two ways to find a cluster.
#[derive(Debug)]
pub(crate) enum Finder {
    ZooKeeper(zookeeper::ZooKeeper),
    Registry(registry::Registry),
}

impl std::fmt::Display for Finder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ZooKeeper(finder) => finder.fmt(formatter),
            Self::Registry(finder) => finder.fmt(formatter),
        }
    }
}

impl Finder {
    pub(crate) fn new(options: &ClientOptions) -> Result<Self> {
        match &options.discovery {
            Discovery::ZooKeeper { quorum, parent } => Ok(Self::ZooKeeper(zookeeper::ZooKeeper::new(quorum, parent, options)?)),
            Discovery::Masters(addresses) => Ok(Self::Registry(registry::Registry::new(addresses, options)?)),
        }
    }

    pub(crate) async fn cluster_id(&self, pool: &Pool) -> Result<String> {
        match self {
            Self::ZooKeeper(finder) => finder.cluster_id().await,
            Self::Registry(finder) => finder.cluster_id(pool).await,
        }
    }

    pub(crate) async fn active_master(&self, pool: &Pool) -> Result<ServerName> {
        match self {
            Self::ZooKeeper(finder) => finder.active_master().await,
            Self::Registry(finder) => finder.active_master(pool).await,
        }
    }

    pub(crate) async fn meta_server(&self, pool: &Pool) -> Result<ServerName> {
        match self {
            Self::ZooKeeper(finder) => finder.meta_server().await,
            Self::Registry(finder) => finder.meta_server(pool).await,
        }
    }
}

/// `host:port` of an address that may lack the port.
fn with_port(address: &str, default_port: u16) -> Result<String> {
    let address = address.trim();
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()),
        _ => (address, Some(default_port)),
    };
    match port {
        Some(port) if !host.is_empty() => Ok(format!("{host}:{port}")),
        _ => Err(ClientError::Options { detail: format!("`{address}` is no host:port") }),
    }
}

/// A server name out of a message; HBase always sets host and port where we read one.
pub(crate) fn server_name(message: &proto::ServerName) -> Result<ServerName> {
    let text = format!("{},{},{}", message.host_name, message.port.unwrap_or(0), message.start_code.unwrap_or(0));
    ServerName::parse(&text).map_err(|error| ClientError::protocol("the cluster", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_get_their_port() {
        assert_eq!(with_port("zk1", 2181).unwrap(), "zk1:2181");
        assert_eq!(with_port(" zk1:99 ", 2181).unwrap(), "zk1:99");
        assert_eq!(with_port("[::1]:99", 2181).unwrap(), "[::1]:99");
        for bad in ["", ":1", "h:x", "h:99999"] {
            assert!(with_port(bad, 1).is_err(), "{bad}");
        }
    }
}
