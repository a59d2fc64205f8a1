//! The state of the cluster as a whole.

use hbase_proto as proto;
use hbase_types::ServerName;

use crate::connection::Connection;
use crate::core::Repeat;
use crate::discovery::server_name;
use crate::error::Result;
use crate::types::{ClusterStatus, LiveServer, RegionLoad, SecurityCapability};

/// What [`Connection::cluster_status`] asks for; 2.4 knows all of these.
const ASKED: [proto::Option; 9] = [
    proto::Option::HbaseVersion,
    proto::Option::ClusterId,
    proto::Option::LiveServers,
    proto::Option::DeadServers,
    proto::Option::Master,
    proto::Option::BackupMasters,
    proto::Option::MasterCoprocessors,
    proto::Option::RegionsInTransition,
    proto::Option::BalancerOn,
];

impl Connection {
    /// The state of the cluster as the master sees it; loads are some seconds old.
    pub async fn cluster_status(&self) -> Result<ClusterStatus> {
        let request = proto::GetClusterStatusRequest { options: ASKED.iter().map(|option| *option as i32).collect() };
        let answer: proto::GetClusterStatusResponse = self.core.master_call("GetClusterStatus", &request, Repeat::Harmless).await?;
        let status = answer.cluster_status;
        let names = |names: &[proto::ServerName]| names.iter().map(server_name).collect::<Result<Vec<ServerName>>>();
        Ok(ClusterStatus {
            cluster_id: status.cluster_id.map(|id| id.cluster_id).unwrap_or_default(),
            version: status.hbase_version.map(|content| content.version).unwrap_or_default(),
            master: status.master.as_ref().map(server_name).transpose()?,
            backup_masters: names(&status.backup_masters)?,
            live_servers: status.live_servers.iter().map(live_server).collect::<Result<_>>()?,
            dead_servers: names(&status.dead_servers)?,
            master_coprocessors: status.master_coprocessors.into_iter().map(|coprocessor| coprocessor.name).collect(),
            regions_in_transition: status.regions_in_transition.len(),
            balancer_on: status.balancer_on.unwrap_or(false),
        })
    }

    /// Which guards are on: authentication, authorization, cell rights and labels.
    pub async fn security_capabilities(&self) -> Result<Vec<SecurityCapability>> {
        use proto::security_capabilities_response::Capability;
        let request = proto::SecurityCapabilitiesRequest {};
        let answer: proto::SecurityCapabilitiesResponse =
            self.core.master_call("getSecurityCapabilities", &request, Repeat::Harmless).await?;
        let known = |code: &i32| match Capability::try_from(*code) {
            Ok(Capability::SimpleAuthentication) => Some(SecurityCapability::SimpleAuthentication),
            Ok(Capability::SecureAuthentication) => Some(SecurityCapability::SecureAuthentication),
            Ok(Capability::Authorization) => Some(SecurityCapability::Authorization),
            Ok(Capability::CellAuthorization) => Some(SecurityCapability::CellAuthorization),
            Ok(Capability::CellVisibility) => Some(SecurityCapability::CellVisibility),
            Err(_) => None,
        };
        Ok(answer.capabilities.iter().filter_map(known).collect())
    }
}

fn live_server(live: &proto::LiveServerInfo) -> Result<LiveServer> {
    let region = |load: &proto::RegionLoad| RegionLoad {
        region_name: load.region_specifier.value.clone(),
        store_files: load.storefiles.unwrap_or(0),
        store_files_mebibytes: load.storefile_size_mb.unwrap_or(0),
        memstore_mebibytes: load.mem_store_size_mb.unwrap_or(0),
    };
    Ok(LiveServer { name: server_name(&live.server)?, regions: live.server_load.region_loads.iter().map(region).collect() })
}
