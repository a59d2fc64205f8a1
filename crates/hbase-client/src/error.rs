//! What can go wrong between us and a cluster, named for the state found.

use std::time::Duration;

use hbase_types::{ServerName, TableName};

/// The result of every call.
pub type Result<T> = std::result::Result<T, ClientError>;

/// An error of the HBase client.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// Options that can never work.
    #[error("invalid client options: {detail}")]
    Options { detail: String },
    /// ZooKeeper or every registry address was asked and none gave an answer.
    #[error("cannot find the cluster through {through}: {detail}")]
    Discovery { through: String, detail: String },
    /// The cluster can be found and has no active master (yet).
    #[error("the cluster has no active master: {detail}")]
    NoMaster { detail: String },
    /// No TCP connection, or it was lost before the call was sent: the server has not seen it.
    #[error("cannot reach {server}: {detail}")]
    Unreachable { server: String, detail: String },
    /// The connection was lost after the call was sent: the server may or may not have acted. Only between layers; a caller
    /// sees [`ClientError::Ambiguous`] or, for calls that may be repeated, the last of the tries.
    #[error("connection to {server} was lost during {call}: {detail}")]
    ConnectionLost { server: String, call: String, detail: String },
    /// A call that must not be repeated blindly was sent and its answer was lost, and asking for the state gave no answer.
    #[error("{call}: the answer of {server} was lost, so it is unknown whether it was done: {detail}")]
    Ambiguous { call: String, server: String, detail: String },
    /// The time for the operation is over; `last` is what went wrong in the last try.
    #[error("{call} not done after {} s: {last}", waited.as_secs())]
    DeadlineExceeded { call: String, waited: Duration, last: String },
    /// Bytes that are no answer in HBase's protocol.
    #[error("{server} broke the protocol: {detail}")]
    Protocol { server: String, detail: String },
    /// The server refused the user or the way of authentication.
    #[error("{server} refused the authentication: {detail}")]
    Authentication { server: String, detail: String },
    /// The cluster runs a version that this client does not speak to.
    #[error("HBase {found} is too old: {minimum} or newer is needed")]
    UnsupportedVersion { found: String, minimum: &'static str },
    /// A right is missing; `message` names user, scope and action in HBase's words.
    #[error("access denied: {message}")]
    AccessDenied { message: String },
    #[error("table {table} does not exist")]
    TableNotFound { table: String },
    #[error("table {table} exists already")]
    TableExists { table: String },
    #[error("table {table} is not enabled")]
    TableNotEnabled { table: String },
    #[error("table {table} is not disabled")]
    TableNotDisabled { table: String },
    #[error("namespace {namespace} does not exist")]
    NamespaceNotFound { namespace: String },
    #[error("namespace {namespace} exists already")]
    NamespaceExists { namespace: String },
    #[error("snapshot {snapshot} does not exist")]
    SnapshotNotFound { snapshot: String },
    #[error("snapshot {snapshot} exists already")]
    SnapshotExists { snapshot: String },
    /// HBase could not take, restore or read a snapshot; `class` is the Java class of its exception.
    #[error("snapshot failed: {message} ({class})")]
    SnapshotFailed { class: String, message: String },
    /// A procedure of the master ended with an exception.
    #[error("procedure {id} failed: {message} ({class})")]
    ProcedureFailed { id: u64, class: String, message: String },
    /// The master does not know the procedure (any more): ask for the state that it should have made.
    #[error("the master knows no procedure {id}")]
    ProcedureUnknown { id: u64 },
    /// `hbase:meta` has no open region for a row of a table.
    #[error("no region of {table} holds row {row}: {detail}")]
    RegionNotFound { table: TableName, row: String, detail: String },
    /// Any other exception of a server.
    #[error("{class}: {message} (from {server})")]
    Remote { class: String, message: String, do_not_retry: bool, server: String },
}

impl ClientError {
    /// Whether the same operation may succeed later with nothing changed by the caller.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Discovery { .. }
            | Self::NoMaster { .. }
            | Self::Unreachable { .. }
            | Self::ConnectionLost { .. }
            | Self::DeadlineExceeded { .. }
            | Self::RegionNotFound { .. } => true,
            Self::Remote { do_not_retry, .. } => !do_not_retry,
            _ => false,
        }
    }

    pub(crate) fn protocol(server: impl ToString, detail: impl Into<String>) -> Self {
        Self::Protocol { server: server.to_string(), detail: detail.into() }
    }
}

/// How a server is named in errors.
pub(crate) fn address_of(server: &ServerName) -> String {
    format!("{}:{}", server.host, server.port)
}
