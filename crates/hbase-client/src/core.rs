//! What all calls share: the sockets, where master and `hbase:meta` were last seen, and the loop that tries a call again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hbase_proto::Message;
use hbase_types::{ServerName, TableName};

use crate::discovery::Finder;
use crate::error::{ClientError, Result, address_of};
use crate::meta::{self, Located};
use crate::options::ClientOptions;
use crate::retry::Budget;
use crate::rpc::exception::Advice;
use crate::rpc::frame::Payload;
use crate::rpc::pool::{CallFailure, CallFailureKind, Pool, Service};
use crate::types::ProcedureId;

/// `HConstants.SYSTEMTABLE_QOS`: handlers of their own for reads of `hbase:meta`.
const META_PRIORITY: u32 = 200;

/// What a lost answer means for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Reads, switches, and whatever carries a nonce: once or twice makes no difference.
    Harmless,
    /// It might be done twice: never sent again after an answer was lost.
    Never,
}

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) options: ClientOptions,
    pool: Pool,
    finder: Finder,
    master: Mutex<Option<ServerName>>,
    meta: Mutex<Option<ServerName>>,
    /// Snapshots in the making that procedures take (2.6 and later), by name.
    pub(crate) snapshots: Mutex<HashMap<String, ProcedureId>>,
}

impl Core {
    pub(crate) fn new(options: ClientOptions) -> Result<Self> {
        let finder = Finder::new(&options)?;
        Ok(Self {
            pool: Pool::new(options.clone()),
            finder,
            options,
            master: Mutex::default(),
            meta: Mutex::default(),
            snapshots: Mutex::default(),
        })
    }

    /// The cluster's id, tried until the deadline.
    pub(crate) async fn cluster_id(&self) -> Result<String> {
        let mut budget = Budget::new(&self.options, "finding the cluster", self.options.deadline);
        loop {
            match budget.limit(&self.finder, self.finder.cluster_id(&self.pool)).await {
                Ok(id) => return Ok(id),
                Err(error) if error.is_retryable() => budget.pause(&error).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// The active master as discovery names it now, tried until the deadline.
    pub(crate) async fn active_master(&self) -> Result<ServerName> {
        self.forget_master();
        let mut budget = Budget::new(&self.options, "finding the master", self.options.deadline);
        loop {
            match budget.limit(&self.finder, self.master()).await {
                Ok(master) => return Ok(master),
                Err(error) if error.is_retryable() => budget.pause(&error).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Calls the active master, wherever it goes meanwhile, until the deadline.
    pub(crate) async fn master_call<M: Message + Default>(&self, method: &str, request: &impl Message, repeat: Repeat) -> Result<M> {
        let parameter = request.encode_to_vec();
        let mut budget = Budget::new(&self.options, method, self.options.deadline);
        loop {
            let failure = match self.master_try(method, &parameter, &budget).await {
                Ok(payload) => return decode(&payload, "the master"),
                Err(failure) => failure,
            };
            if failure.kind == CallFailureKind::Ambiguous && repeat == Repeat::Never {
                let server = "the master".to_owned();
                return Err(ClientError::Ambiguous { call: method.to_owned(), server, detail: failure.error.to_string() });
            }
            if !may_try_again(&failure) {
                return Err(failure.error);
            }
            // Also after "please hold": by then another master may be the active one.
            self.forget_master();
            budget.pause(&failure.error).await?;
        }
    }

    async fn master_try(&self, method: &str, parameter: &[u8], budget: &Budget<'_>) -> std::result::Result<Payload, CallFailure> {
        let not_sent = |error| CallFailure { error, kind: CallFailureKind::NotSent };
        let master = budget.limit(&self.finder, self.master()).await.map_err(not_sent)?;
        self.pool.call(&address_of(&master), Service::Master, method, parameter, 0, budget.call_timeout()).await
    }

    /// Calls one server, which has to be that one; tried again only while the server cannot have acted, or need not care.
    pub(crate) async fn server_call<M: Message + Default>(
        &self,
        server: &ServerName,
        service: Service,
        method: &str,
        request: &impl Message,
    ) -> Result<M> {
        let (parameter, address) = (request.encode_to_vec(), address_of(server));
        let mut budget = Budget::new(&self.options, method, self.options.deadline);
        loop {
            match self.pool.call(&address, service, method, &parameter, 0, budget.call_timeout()).await {
                Ok(payload) => return decode(&payload, &address),
                Err(failure) if may_try_again(&failure) => budget.pause(&failure.error).await?,
                Err(failure) => return Err(failure.error),
            }
        }
    }

    /// Calls the server that has the region of `row` open, wherever it goes meanwhile. Only for what may be repeated.
    pub(crate) async fn region_call<M: Message + Default>(
        &self,
        table: &TableName,
        row: &[u8],
        method: &str,
        request: impl Fn(&Located) -> Vec<u8>,
    ) -> Result<M> {
        let mut budget = Budget::new(&self.options, method, self.options.deadline);
        loop {
            let tried = async {
                let located = self.locate(table, row, &budget).await?;
                self.region_try(&located, method, &request(&located), &budget).await
            };
            match tried.await {
                Ok(payload) => return decode(&payload, "a RegionServer"),
                Err(failure) => self.after_region_failure(table, failure, &mut budget).await?,
            }
        }
    }

    /// One try of a `ClientService` call at the server of a region.
    pub(crate) async fn region_try(
        &self,
        located: &Located,
        method: &str,
        parameter: &[u8],
        budget: &Budget<'_>,
    ) -> std::result::Result<Payload, CallFailure> {
        let is_meta = located.info.table == TableName::meta();
        let priority = if is_meta { META_PRIORITY } else { 0 };
        let result = self.pool.call(&located.address, Service::Client, method, parameter, priority, budget.call_timeout()).await;
        if is_meta && result.is_err() {
            *self.meta.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        result
    }

    /// Pauses before the next try of a call to a region, or gives the error that ends it.
    pub(crate) async fn after_region_failure(&self, table: &TableName, failure: CallFailure, budget: &mut Budget<'_>) -> Result<()> {
        if !may_try_again(&failure) {
            return Err(failure.error);
        }
        if self.is_disabled(table, budget).await {
            return Err(ClientError::TableNotEnabled { table: table.to_string() });
        }
        budget.pause(&failure.error).await
    }

    /// Whether the master says that a table is disabled. No answer is no yes: the caller tries its region again.
    async fn is_disabled(&self, table: &TableName, budget: &Budget<'_>) -> bool {
        if table.is_system() {
            return false;
        }
        let table_name = hbase_proto::TableName {
            namespace: Bytes::copy_from_slice(table.namespace().as_bytes()),
            qualifier: Bytes::copy_from_slice(table.qualifier().as_bytes()),
        };
        let request = hbase_proto::GetTableStateRequest { table_name };
        let payload = match self.master_try("GetTableState", &request.encode_to_vec(), budget).await {
            Ok(payload) => payload,
            Err(_) => {
                self.forget_master();
                return false;
            }
        };
        let state = hbase_proto::GetTableStateResponse::decode(payload.message).map(|answer| answer.table_state.state);
        state == Ok(hbase_proto::table_state::State::Disabled as i32)
    }

    /// The region that holds `row`, as `hbase:meta` says now.
    pub(crate) async fn locate(&self, table: &TableName, row: &[u8], budget: &Budget<'_>) -> std::result::Result<Located, CallFailure> {
        let not_sent = |error| CallFailure { error, kind: CallFailureKind::NotSent };
        let meta_server = budget.limit(&self.finder, self.meta_server()).await.map_err(not_sent)?;
        let meta_region = Located { info: meta::meta_region(), address: address_of(&meta_server) };
        if *table == TableName::meta() {
            return Ok(meta_region);
        }
        let payload = self.region_try(&meta_region, "Scan", &meta::locate_request(table, row), budget).await?;
        meta::located(table, row, &payload)
    }

    async fn master(&self) -> Result<ServerName> {
        if let Some(master) = self.master.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(master);
        }
        let master = self.finder.active_master(&self.pool).await?;
        *self.master.lock().unwrap_or_else(PoisonError::into_inner) = Some(master.clone());
        Ok(master)
    }

    async fn meta_server(&self) -> Result<ServerName> {
        if let Some(server) = self.meta.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(server);
        }
        let server = self.finder.meta_server(&self.pool).await?;
        *self.meta.lock().unwrap_or_else(PoisonError::into_inner) = Some(server.clone());
        Ok(server)
    }

    fn forget_master(&self) {
        *self.master.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Sends something that needs no answer, such as the end of a scanner whose lease would end it anyway.
    pub(crate) async fn tell(&self, address: &str, method: &str, request: &impl Message, limit: Duration) {
        let _ = self.pool.call(address, Service::Client, method, &request.encode_to_vec(), 0, limit).await;
    }
}

/// Whether the next try may succeed, provided that the call may be repeated.
pub(crate) fn may_try_again(failure: &CallFailure) -> bool {
    match failure.kind {
        CallFailureKind::NotSent => failure.error.is_retryable(),
        CallFailureKind::Ambiguous => !matches!(failure.error, ClientError::Protocol { .. }),
        CallFailureKind::Answered(advice) => advice != Advice::Fail,
    }
}

pub(crate) fn decode<M: Message + Default>(payload: &Payload, server: &str) -> Result<M> {
    M::decode(payload.message.clone()).map_err(|error| ClientError::protocol(server, error.to_string()))
}
