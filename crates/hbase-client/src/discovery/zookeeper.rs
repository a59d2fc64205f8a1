//! Discovery by ZooKeeper: the nodes `hbaseid`, `master` and `meta-region-server` below HBase's parent node.
//!
//! A node's data (`RecoverableZooKeeper`): byte 0xFF, 4 bytes length big-endian and that many bytes of the writer's id, then
//! `PBUF` and the protobuf message. All three nodes can be read without authentication, in secure clusters too.

use std::time::Duration;

use hbase_proto::{self as proto, Message, PROTOBUF_MAGIC};
use hbase_types::ServerName;
use tokio::sync::Mutex;
use zookeeper_client::Client;

use super::{server_name, with_port};
use crate::error::{ClientError, Result};
use crate::options::ClientOptions;

const DEFAULT_PORT: u16 = 2181;
const SESSION_TIMEOUT: Duration = Duration::from_secs(30);
const ID_MAGIC: u8 = 0xFF;

pub(crate) struct ZooKeeper {
    /// As the ZooKeeper client wants it: `host:port,host:port`.
    quorum: String,
    parent: String,
    timeout: Duration,
    session: Mutex<Option<Client>>,
}

impl std::fmt::Debug for ZooKeeper {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ZooKeeper({}{})", self.quorum, self.parent)
    }
}

impl std::fmt::Display for ZooKeeper {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ZooKeeper {}{}", self.quorum, self.parent)
    }
}

impl ZooKeeper {
    pub(crate) fn new(quorum: &[String], parent: &str, options: &ClientOptions) -> Result<Self> {
        if quorum.is_empty() || !parent.starts_with('/') {
            let detail = format!("a ZooKeeper quorum and a parent node are needed, got `{}{parent}`", quorum.join(","));
            return Err(ClientError::Options { detail });
        }
        let addresses: Vec<String> = quorum.iter().map(|address| with_port(address, DEFAULT_PORT)).collect::<Result<_>>()?;
        let parent = parent.trim_end_matches('/').to_owned();
        Ok(Self { quorum: addresses.join(","), parent, timeout: options.connect_timeout, session: Mutex::default() })
    }

    pub(crate) async fn cluster_id(&self) -> Result<String> {
        let message: proto::ClusterId = self.read("hbaseid").await?;
        Ok(message.cluster_id)
    }

    pub(crate) async fn active_master(&self) -> Result<ServerName> {
        let message: proto::Master = self.read("master").await?;
        server_name(&message.master)
    }

    pub(crate) async fn meta_server(&self) -> Result<ServerName> {
        let message: proto::MetaRegionServer = self.read("meta-region-server").await?;
        server_name(&message.server)
    }

    async fn read<M: Message + Default>(&self, node: &str) -> Result<M> {
        let path = format!("{}/{node}", self.parent);
        let data = match tokio::time::timeout(self.timeout, self.data(&path)).await {
            Ok(data) => data?,
            Err(_) => {
                // The session may hang on a dead server: the next try makes its own.
                if let Ok(mut session) = self.session.try_lock() {
                    *session = None;
                }
                return Err(self.failed(format!("no answer within {} s", self.timeout.as_secs_f32())));
            }
        };
        decode(&data).map_err(|detail| self.failed(format!("node {path}: {detail}")))
    }

    async fn data(&self, path: &str) -> Result<Vec<u8>> {
        let mut session = self.session.lock().await;
        let client = match session.as_ref() {
            Some(client) => client.clone(),
            None => {
                let connector = Client::connector().with_session_timeout(SESSION_TIMEOUT).with_connection_timeout(self.timeout);
                let client = connector.connect(&self.quorum).await.map_err(|error| self.failed(error.to_string()))?;
                session.insert(client).clone()
            }
        };
        match client.get_data(path).await {
            Ok((data, _)) => Ok(data),
            Err(zookeeper_client::Error::NoNode) if path.ends_with("/master") => {
                Err(ClientError::NoMaster { detail: format!("ZooKeeper has no node {path}") })
            }
            Err(zookeeper_client::Error::NoNode) => {
                Err(self.failed(format!("there is no node {path}: is the parent node right, and has HBase ever run?")))
            }
            Err(error) => {
                *session = None;
                Err(self.failed(format!("node {path}: {error}")))
            }
        }
    }

    fn failed(&self, detail: String) -> ClientError {
        ClientError::Discovery { through: self.to_string(), detail }
    }
}

/// The message in a node's data.
fn decode<M: Message + Default>(data: &[u8]) -> std::result::Result<M, String> {
    let rest = match data.split_first() {
        Some((&ID_MAGIC, rest)) => {
            let (length, rest) = rest.split_first_chunk::<4>().ok_or("the data ends in its id prefix")?;
            let length = u32::from_be_bytes(*length) as usize;
            rest.get(length..).ok_or("the data ends in its id prefix")?
        }
        _ => data,
    };
    let message = rest.strip_prefix(PROTOBUF_MAGIC).ok_or("no PBUF before the message")?;
    M::decode(message).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> Vec<u8> {
        let id = proto::ClusterId { cluster_id: "5d9e".to_owned() };
        let mut data = vec![ID_MAGIC, 0, 0, 0, 3, b'm', b'@', b'h'];
        data.extend_from_slice(PROTOBUF_MAGIC);
        data.extend_from_slice(&id.encode_to_vec());
        data
    }

    #[test]
    fn the_message_stands_behind_id_and_magic() {
        assert_eq!(decode::<proto::ClusterId>(&node()).unwrap().cluster_id, "5d9e");
        assert_eq!(decode::<proto::ClusterId>(&node()[8..]).unwrap().cluster_id, "5d9e");
    }

    #[test]
    fn every_cut_or_wrong_prefix_is_an_error() {
        let whole = node();
        for length in 0..whole.len() - 1 {
            // A cut exactly behind the magic leaves an empty message, which protobuf takes for one with nothing set.
            if length != 12 {
                assert!(decode::<proto::ClusterId>(&whole[..length]).is_err(), "{length}");
            }
        }
        let mut long_id = whole;
        long_id[1] = 0x7f;
        assert!(decode::<proto::ClusterId>(&long_id).is_err());
    }
}
