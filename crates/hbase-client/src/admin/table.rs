//! Tables: names, descriptors as raw bytes, states, and the procedures that make, switch and delete them.

use std::time::Duration;

use bytes::Bytes;
use hbase_proto::{self as proto, Message};
use hbase_types::TableName;

use super::raw;
use crate::connection::Connection;
use crate::core::Repeat;
use crate::error::{ClientError, Result};
use crate::meta::{table_name, table_name_message};
use crate::retry::Budget;
use crate::types::{Nonce, ProcedureId, TableState};

/// The signature of the flush procedure in [`Connection::flush_table`].
const FLUSH_PROCEDURE: &str = "flush-table-proc";

impl Connection {
    /// Tables of users, sorted.
    pub async fn list_tables(&self) -> Result<Vec<TableName>> {
        self.table_names(false).await
    }

    /// Tables of users and of HBase itself, sorted.
    pub async fn list_all_tables(&self) -> Result<Vec<TableName>> {
        self.table_names(true).await
    }

    async fn table_names(&self, include_system: bool) -> Result<Vec<TableName>> {
        let request = proto::GetTableNamesRequest { include_sys_tables: Some(include_system), ..Default::default() };
        let answer: proto::GetTableNamesResponse = self.core.master_call("GetTableNames", &request, Repeat::Harmless).await?;
        let name = |message| table_name(message).map_err(|detail| ClientError::protocol("the master", detail));
        let mut names = answer.table_names.iter().map(name).collect::<Result<Vec<TableName>>>()?;
        names.sort();
        Ok(names)
    }

    /// The table's `TableSchema` as the master sent it; `None` when there is no such table.
    pub async fn table_schema_raw(&self, table: &TableName) -> Result<Option<Bytes>> {
        let schemas = match self.table_schemas_raw(std::slice::from_ref(table)).await {
            Err(ClientError::TableNotFound { .. }) => return Ok(None),
            other => other?,
        };
        Ok(schemas.into_iter().find(|(name, _)| name == table).map(|(_, schema)| schema))
    }

    /// The schemas of several tables in one call; tables that do not exist are left out.
    pub async fn table_schemas_raw(&self, tables: &[TableName]) -> Result<Vec<(TableName, Bytes)>> {
        if tables.is_empty() {
            return Ok(Vec::new()); // No name at all would ask for every table.
        }
        let request = proto::GetTableDescriptorsRequest {
            table_names: tables.iter().map(table_name_message).collect(),
            include_sys_tables: Some(true),
            ..Default::default()
        };
        let answer: raw::TableDescriptors = self.core.master_call("GetTableDescriptors", &request, Repeat::Harmless).await?;
        let named = |schema: Bytes| {
            let broken = |detail: String| ClientError::protocol("the master", detail);
            let decoded = proto::TableSchema::decode(schema.clone()).map_err(|error| broken(error.to_string()))?;
            let message = decoded.table_name.ok_or_else(|| broken("a schema without a name".to_owned()))?;
            Ok((table_name(&message).map_err(broken)?, schema))
        };
        answer.table_schema.into_iter().map(named).collect()
    }

    /// Whether the table exists, enabled or not.
    pub async fn table_exists(&self, table: &TableName) -> Result<bool> {
        Ok(*table == TableName::meta() || self.table_schema_raw(table).await?.is_some())
    }

    /// Whether the table is enabled, disabled or between the two.
    pub async fn table_state(&self, table: &TableName) -> Result<TableState> {
        let request = proto::GetTableStateRequest { table_name: table_name_message(table) };
        let answer: proto::GetTableStateResponse = self.core.master_call("GetTableState", &request, Repeat::Harmless).await?;
        use proto::table_state::State;
        match State::try_from(answer.table_state.state) {
            Ok(State::Enabled) => Ok(TableState::Enabled),
            Ok(State::Disabled) => Ok(TableState::Disabled),
            Ok(State::Disabling) => Ok(TableState::Disabling),
            Ok(State::Enabling) => Ok(TableState::Enabling),
            Err(_) => Err(ClientError::protocol("the master", format!("table state {}", answer.table_state.state))),
        }
    }

    /// Waits until no procedure is enabling or disabling the table; the state it then has.
    pub async fn wait_table_settled(&self, table: &TableName, deadline: Duration) -> Result<TableState> {
        let mut budget = Budget::new(&self.core.options, "table state", deadline);
        loop {
            let state = self.table_state(table).await?;
            if matches!(state, TableState::Enabled | TableState::Disabled) {
                return Ok(state);
            }
            budget.poll_pause(&ClientError::NoMaster { detail: format!("table {table} is still {state:?}") }).await?;
        }
    }

    /// Makes a table from a raw `TableSchema` and waits until its regions are open.
    pub async fn create_table(&self, schema_raw: &Bytes, split_keys: &[Bytes], nonce: Nonce, deadline: Duration) -> Result<()> {
        let request = raw::CreateTable {
            table_schema: schema_raw.clone(),
            split_keys: split_keys.to_vec(),
            nonce_group: Some(nonce.0),
            nonce: Some(nonce.1),
        };
        let answer: proto::CreateTableResponse = self.core.master_call("CreateTable", &request, Repeat::Harmless).await?;
        self.wait_table(answer.proc_id, deadline).await
    }

    /// Enables a disabled table and waits until its regions are open.
    pub async fn enable_table(&self, table: &TableName, nonce: Nonce, deadline: Duration) -> Result<()> {
        let (table_name, nonce_group, nonce) = (table_name_message(table), Some(nonce.0), Some(nonce.1));
        let request = proto::EnableTableRequest { table_name, nonce_group, nonce };
        let answer: proto::EnableTableResponse = self.core.master_call("EnableTable", &request, Repeat::Harmless).await?;
        self.wait_table(answer.proc_id, deadline).await
    }

    /// Disables a table and waits until its regions are closed.
    pub async fn disable_table(&self, table: &TableName, nonce: Nonce, deadline: Duration) -> Result<()> {
        let (table_name, nonce_group, nonce) = (table_name_message(table), Some(nonce.0), Some(nonce.1));
        let request = proto::DisableTableRequest { table_name, nonce_group, nonce };
        let answer: proto::DisableTableResponse = self.core.master_call("DisableTable", &request, Repeat::Harmless).await?;
        self.wait_table(answer.proc_id, deadline).await
    }

    /// Deletes a disabled table and waits for it.
    pub async fn delete_table(&self, table: &TableName, nonce: Nonce, deadline: Duration) -> Result<()> {
        let (table_name, nonce_group, nonce) = (table_name_message(table), Some(nonce.0), Some(nonce.1));
        let request = proto::DeleteTableRequest { table_name, nonce_group, nonce };
        let answer: proto::DeleteTableResponse = self.core.master_call("DeleteTable", &request, Repeat::Harmless).await?;
        self.wait_table(answer.proc_id, deadline).await
    }

    /// Flushes all regions of a table and waits for it.
    pub async fn flush_table(&self, table: &TableName, deadline: Duration) -> Result<()> {
        let procedure =
            proto::ProcedureDescription { signature: FLUSH_PROCEDURE.to_owned(), instance: Some(table.to_string()), ..Default::default() };
        let request = proto::ExecProcedureRequest { procedure: procedure.clone() };
        let _: proto::ExecProcedureResponse = self.core.master_call("ExecProcedure", &request, Repeat::Harmless).await?;
        let mut budget = Budget::new(&self.core.options, "flush", deadline);
        let running = ClientError::NoMaster { detail: "it is still running".to_owned() };
        loop {
            let request = proto::IsProcedureDoneRequest { procedure: Some(procedure.clone()) };
            let answer: proto::IsProcedureDoneResponse = self.core.master_call("IsProcedureDone", &request, Repeat::Harmless).await?;
            if answer.done.unwrap_or(false) {
                return Ok(());
            }
            budget.poll_pause(&running).await?;
        }
    }

    /// HBase answers these calls with a procedure in all versions we speak to; without one the table's part is done.
    async fn wait_table(&self, procedure: Option<u64>, deadline: Duration) -> Result<()> {
        match procedure {
            Some(id) => self.wait_procedure(ProcedureId(id), deadline).await,
            None => Ok(()),
        }
    }
}
