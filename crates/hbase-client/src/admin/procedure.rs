//! Procedures of the master: asked for by id until they end.

use std::time::Duration;

use hbase_proto::{self as proto, get_procedure_result_response::State};

use crate::connection::Connection;
use crate::core::Repeat;
use crate::error::{ClientError, Result};
use crate::retry::Budget;
use crate::rpc::exception;
use crate::types::{ProcedureId, ProcedureState};

impl Connection {
    /// How far a procedure is. The master forgets finished ones some minutes after they were asked for.
    pub async fn procedure_result(&self, id: ProcedureId) -> Result<ProcedureState> {
        let request = proto::GetProcedureResultRequest { proc_id: id.0 };
        let answer: proto::GetProcedureResultResponse = self.core.master_call("getProcedureResult", &request, Repeat::Harmless).await?;
        Ok(match State::try_from(answer.state) {
            Ok(State::NotFound) => ProcedureState::NotFound,
            Ok(State::Running) => ProcedureState::Running,
            Ok(State::Finished) => match answer.exception {
                Some(exception) => failed(exception),
                None => ProcedureState::Finished,
            },
            Err(_) => return Err(ClientError::protocol("the master", format!("procedure state {}", answer.state))),
        })
    }

    /// Waits for the end of a procedure. A failure comes as the error it stands for (table exists, access denied, …) where that
    /// has a name, else as [`ClientError::ProcedureFailed`].
    pub async fn wait_procedure(&self, id: ProcedureId, deadline: Duration) -> Result<()> {
        let operation = format!("procedure {}", id.0);
        let mut budget = Budget::new(&self.core.options, &operation, deadline);
        let running = ClientError::NoMaster { detail: "it is still running".to_owned() };
        loop {
            match self.procedure_result(id).await? {
                ProcedureState::Finished => return Ok(()),
                ProcedureState::NotFound => return Err(ClientError::ProcedureUnknown { id: id.0 }),
                ProcedureState::Failed { class, message } => return Err(failure(id, class, message)),
                ProcedureState::Running => budget.poll_pause(&running).await?,
            }
        }
    }
}

fn failed(exception: proto::ForeignExceptionMessage) -> ProcedureState {
    let generic = exception.generic_exception.unwrap_or_default();
    let class = generic.class_name.unwrap_or_default();
    let message = generic.message.unwrap_or_default();
    // The procedure wraps what happened: `RemoteProcedureException: TableExistsException: ns:t`.
    ProcedureState::Failed { class, message }
}

/// The error a failed procedure stands for.
pub(super) fn failure(id: ProcedureId, class: String, message: String) -> ClientError {
    let named = exception::named(class.clone(), message.clone(), true, "the master");
    match named {
        ClientError::Remote { .. } => match message.split_once(": ") {
            // One layer deeper, when the message begins with a class.
            Some((inner, rest)) if inner.contains('.') && !inner.contains(' ') => {
                match exception::named(inner.to_owned(), rest.to_owned(), true, "the master") {
                    ClientError::Remote { .. } => ClientError::ProcedureFailed { id: id.0, class, message },
                    named => named,
                }
            }
            _ => ClientError::ProcedureFailed { id: id.0, class, message },
        },
        named => named,
    }
}
