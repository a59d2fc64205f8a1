//! The open sockets, one per server and service.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::options::ClientOptions;
use crate::rpc::frame::Payload;
use crate::rpc::socket::{Failure, FailureKind, Socket};

/// The services we speak to; the names are those of the connection header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Service {
    Master,
    Client,
    Admin,
    /// The registry: answered by masters, from 2.5 on by RegionServers too.
    ClientMeta,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Master => "MasterService",
            Self::Client => "ClientService",
            Self::Admin => "AdminService",
            Self::ClientMeta => "ClientMetaService",
        }
    }
}

pub(crate) use crate::rpc::socket::{Failure as CallFailure, FailureKind as CallFailureKind};

type Slot = Arc<tokio::sync::Mutex<Option<Arc<Socket>>>>;

#[derive(Debug)]
pub(crate) struct Pool {
    options: ClientOptions,
    slots: Mutex<HashMap<(String, Service), Slot>>,
}

impl Pool {
    pub(crate) fn new(options: ClientOptions) -> Self {
        Self { options, slots: Mutex::default() }
    }

    /// Makes one try of a call at `server` (`host:port`), over a socket that is opened if need be.
    pub(crate) async fn call(
        &self,
        server: &str,
        service: Service,
        method: &str,
        parameter: &[u8],
        priority: u32,
        timeout: Duration,
    ) -> Result<Payload, Failure> {
        let socket = self.socket(server, service).await?;
        socket.call(method, parameter, priority, timeout).await
    }

    async fn socket(&self, server: &str, service: Service) -> Result<Arc<Socket>, Failure> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry((server.to_owned(), service)).or_default())
        };
        // Held while connecting, so that many calls open one socket.
        let mut slot = slot.lock().await;
        if let Some(socket) = slot.as_ref().filter(|socket| !socket.is_dead()) {
            return Ok(Arc::clone(socket));
        }
        *slot = None;
        let opened = Socket::open(server, service.name(), &self.options).await;
        let socket = Arc::new(opened.map_err(|error| Failure { error, kind: FailureKind::NotSent })?);
        *slot = Some(Arc::clone(&socket));
        Ok(socket)
    }
}
