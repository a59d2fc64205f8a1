//! Settings of the cluster that a backup keeps as they are: replication peers, RegionServer groups, visibility labels.

use std::time::Duration;

use bytes::Bytes;
use hbase_proto::{self as proto, Message};
use hbase_types::TableName;

use super::raw;
use crate::connection::Connection;
use crate::core::Repeat;
use crate::error::{ClientError, Result};
use crate::meta::table_name;
use crate::types::{ProcedureId, RegionServerGroup, ReplicationPeer};

const GROUP_SERVICE: &str = "RSGroupAdminService";
const GROUP_ENDPOINT: &str = "RSGroupAdminEndpoint";
const LABELS_TABLE: &str = "hbase:labels";
const LABELS_SERVICE: &str = "VisibilityLabelsService";

impl Connection {
    /// The replication peers, sorted by id.
    pub async fn replication_peers(&self) -> Result<Vec<ReplicationPeer>> {
        let request = proto::ListReplicationPeersRequest::default();
        let answer: raw::ReplicationPeers = self.core.master_call("ListReplicationPeers", &request, Repeat::Harmless).await?;
        let peer = |raw: Bytes| {
            let message = proto::ReplicationPeerDescription::decode(raw.clone()).map_err(broken)?;
            let enabled = message.state.state == proto::replication_state::State::Enabled as i32;
            Ok(ReplicationPeer { id: message.id, enabled, cluster_key: message.config.clusterkey.unwrap_or_default(), raw })
        };
        let mut peers = answer.peer_desc.into_iter().map(peer).collect::<Result<Vec<ReplicationPeer>>>()?;
        peers.sort_by(|left, right| left.id.cmp(&right.id));
        Ok(peers)
    }

    /// Adds a replication peer as a [`ReplicationPeer::raw`] describes it, whatever its state there: *disabled*. Waits until it is there.
    pub async fn add_replication_peer(&self, id: &str, description: &Bytes, deadline: Duration) -> Result<()> {
        let config = raw::PeerDescription::decode(description.clone()).map_err(broken)?.config;
        let peer_state = proto::ReplicationState { state: proto::replication_state::State::Disabled as i32 };
        let request = raw::AddPeer { peer_id: id.to_owned(), peer_config: config, peer_state };
        let answer: proto::AddReplicationPeerResponse = self.core.master_call("AddReplicationPeer", &request, Repeat::Never).await?;
        match answer.proc_id {
            Some(id) => self.wait_procedure(ProcedureId(id), deadline).await,
            None => Ok(()),
        }
    }

    /// The RegionServer groups, sorted by name; none where groups are not in use (in 2.x: no endpoint of theirs in the master).
    pub async fn region_server_groups(&self) -> Result<Vec<RegionServerGroup>> {
        let groups = if self.hbase_version().major >= 3 {
            self.core.master_call::<raw::Groups>("ListRSGroupInfos", &raw::ListGroups {}, Repeat::Harmless).await?
        } else {
            let loaded = self.cluster_status().await?.master_coprocessors;
            if !loaded.iter().any(|name| name.ends_with(GROUP_ENDPOINT)) {
                return Ok(Vec::new());
            }
            let request = service_request(proto::RegionSpecifier::default(), GROUP_SERVICE, "ListRSGroupInfos", &raw::ListGroups {});
            let answer: proto::CoprocessorServiceResponse = self.core.master_call("ExecMasterService", &request, Repeat::Harmless).await?;
            raw::Groups::decode(answer.value.value.unwrap_or_default()).map_err(broken)?
        };
        let group = |raw: Bytes| {
            let message = raw::Group::decode(raw.clone()).map_err(broken)?;
            let tables = message.tables.iter().map(table_name).collect::<std::result::Result<Vec<TableName>, String>>();
            let tables = tables.map_err(|detail| ClientError::protocol("the master", detail))?;
            Ok(RegionServerGroup { name: message.name, tables, raw })
        };
        let mut groups = groups.group.into_iter().map(group).collect::<Result<Vec<RegionServerGroup>>>()?;
        groups.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(groups)
    }

    /// The visibility labels, sorted; none on a cluster without the VisibilityController.
    pub async fn visibility_labels(&self) -> Result<Vec<Bytes>> {
        let table = TableName::parse(LABELS_TABLE).map_err(|error| ClientError::protocol(LABELS_TABLE, error.to_string()))?;
        if !self.table_exists(&table).await? {
            return Ok(Vec::new());
        }
        let answer: proto::CoprocessorServiceResponse = self
            .core
            .region_call(&table, &[], "ExecService", |located| {
                service_request(located.specifier(), LABELS_SERVICE, "listLabels", &raw::ListLabels::default()).encode_to_vec()
            })
            .await?;
        let mut labels = raw::Labels::decode(answer.value.value.unwrap_or_default()).map_err(broken)?.label;
        labels.sort();
        Ok(labels)
    }
}

fn service_request(
    region: proto::RegionSpecifier,
    service: &str,
    method: &str,
    request: &impl Message,
) -> proto::CoprocessorServiceRequest {
    let call = proto::CoprocessorServiceCall {
        row: Bytes::new(),
        service_name: service.to_owned(),
        method_name: method.to_owned(),
        request: Bytes::from(request.encode_to_vec()),
    };
    proto::CoprocessorServiceRequest { region, call }
}

fn broken(error: prost::DecodeError) -> ClientError {
    ClientError::protocol("the cluster", error.to_string())
}
