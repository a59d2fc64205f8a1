//! Messages of which parts are taken as they came: the same field numbers as in HBase's own definitions, with `bytes` where those
//! have a message, so that nothing this client does not know is lost. Also the few messages that only 3.x or an extra module of
//! 2.x defines (`RSGroupAdmin.proto`, `VisibilityLabels.proto`).

use bytes::Bytes;

/// `GetTableDescriptorsResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TableDescriptors {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(crate) table_schema: Vec<Bytes>,
}

/// `CreateTableRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CreateTable {
    #[prost(bytes = "bytes", required, tag = "1")]
    pub(crate) table_schema: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(crate) split_keys: Vec<Bytes>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) nonce_group: Option<u64>,
    #[prost(uint64, optional, tag = "4")]
    pub(crate) nonce: Option<u64>,
}

/// `ListReplicationPeersResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ReplicationPeers {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(crate) peer_desc: Vec<Bytes>,
}

/// `ReplicationPeerDescription`, the part that is given back.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PeerDescription {
    #[prost(bytes = "bytes", required, tag = "3")]
    pub(crate) config: Bytes,
}

/// `AddReplicationPeerRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AddPeer {
    #[prost(string, required, tag = "1")]
    pub(crate) peer_id: String,
    #[prost(bytes = "bytes", required, tag = "2")]
    pub(crate) peer_config: Bytes,
    #[prost(message, required, tag = "3")]
    pub(crate) peer_state: hbase_proto::ReplicationState,
}

/// `ListRSGroupInfosRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ListGroups {}

/// `ListRSGroupInfosResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Groups {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(crate) group: Vec<Bytes>,
}

/// `RSGroupInfo`, the part that is looked at.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Group {
    #[prost(string, required, tag = "1")]
    pub(crate) name: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) tables: Vec<hbase_proto::TableName>,
}

/// `ListLabelsRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ListLabels {
    #[prost(string, optional, tag = "1")]
    pub(crate) regex: Option<String>,
}

/// `ListLabelsResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Labels {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(crate) label: Vec<Bytes>,
}
