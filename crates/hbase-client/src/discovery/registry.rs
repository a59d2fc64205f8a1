//! Discovery by the RPC registry (`ClientMetaService`): masters answer it in all versions, RegionServers too from 2.5 on. Only
//! the configured addresses are asked for the way in; masters that they name are asked as well, so that a list with one living
//! member is enough.

use std::sync::{Mutex, PoisonError};

use hbase_proto::{self as proto, Message};
use hbase_types::ServerName;

use super::{server_name, with_port};
use crate::error::{ClientError, Result, address_of};
use crate::options::ClientOptions;
use crate::rpc::pool::{Pool, Service};

const DEFAULT_PORT: u16 = 16000;

#[derive(Debug)]
pub(crate) struct Registry {
    configured: Vec<String>,
    /// Masters that the cluster named, current and standby.
    learned: Mutex<Vec<String>>,
    timeout: std::time::Duration,
}

impl std::fmt::Display for Registry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the RPC registry {}", self.configured.join(","))
    }
}

impl Registry {
    pub(crate) fn new(addresses: &[String], options: &ClientOptions) -> Result<Self> {
        if addresses.is_empty() {
            return Err(ClientError::Options { detail: "the RPC registry needs at least one master's address".to_owned() });
        }
        let configured = addresses.iter().map(|address| with_port(address, DEFAULT_PORT)).collect::<Result<_>>()?;
        Ok(Self { configured, learned: Mutex::default(), timeout: options.connect_timeout })
    }

    pub(crate) async fn cluster_id(&self, pool: &Pool) -> Result<String> {
        let request = proto::GetClusterIdRequest {};
        self.ask(pool, "GetClusterId", &request, |answer: proto::GetClusterIdResponse| answer.cluster_id).await
    }

    pub(crate) async fn active_master(&self, pool: &Pool) -> Result<ServerName> {
        let request = proto::GetActiveMasterRequest {};
        let name = self.ask(pool, "GetActiveMaster", &request, |answer: proto::GetActiveMasterResponse| answer.server_name).await;
        let master = server_name(&name.map_err(no_master)?)?;
        // Learning more addresses is a convenience: a server that cannot tell them has answered what was asked.
        let masters = |answer: proto::GetMastersResponse| Some(answer.master_servers);
        if let Ok(entries) = self.ask(pool, "GetMasters", &proto::GetMastersRequest {}, masters).await {
            let names = entries.iter().filter_map(|entry| server_name(&entry.server_name).ok());
            *self.learned.lock().unwrap_or_else(PoisonError::into_inner) = names.map(|name| address_of(&name)).collect();
        }
        Ok(master)
    }

    pub(crate) async fn meta_server(&self, pool: &Pool) -> Result<ServerName> {
        let request = proto::GetMetaRegionLocationsRequest {};
        let server = |answer: proto::GetMetaRegionLocationsResponse| {
            let default_replica = |location: &&proto::RegionLocation| location.region_info.replica_id.unwrap_or(0) == 0;
            answer.meta_locations.iter().find(default_replica).and_then(|location| location.server_name.clone())
        };
        server_name(&self.ask(pool, "GetMetaRegionLocations", &request, server).await?)
    }

    /// Asks one address after the other until one gives a value.
    async fn ask<M: Message + Default, T>(
        &self,
        pool: &Pool,
        method: &str,
        request: &impl Message,
        value: impl Fn(M) -> Option<T>,
    ) -> Result<T> {
        let mut addresses = self.configured.clone();
        for learned in self.learned.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if !addresses.contains(learned) {
                addresses.push(learned.clone());
            }
        }
        let parameter = request.encode_to_vec();
        let mut details = Vec::new();
        for address in &addresses {
            match pool.call(address, Service::ClientMeta, method, &parameter, 0, self.timeout).await {
                Ok(payload) => {
                    let answer = M::decode(payload.message).map_err(|error| ClientError::protocol(address, error.to_string()))?;
                    match value(answer) {
                        Some(value) => return Ok(value),
                        None => details.push(format!("{address} does not know")),
                    }
                }
                Err(failure) => match failure.error {
                    error @ (ClientError::Authentication { .. } | ClientError::AccessDenied { .. }) => return Err(error),
                    error => details.push(error.to_string()),
                },
            }
        }
        Err(ClientError::Discovery { through: self.to_string(), detail: format!("{method}: {}", details.join("; ")) })
    }
}

fn no_master(error: ClientError) -> ClientError {
    match error {
        ClientError::Discovery { detail, .. } => ClientError::NoMaster { detail },
        other => other,
    }
}
