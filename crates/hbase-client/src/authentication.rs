//! The seam for SASL: what a mechanism must do so that the handshake of HBase's RPC can carry it.
//!
//! On the wire (`ServerRpcConnection`, `AbstractHBaseSaslRpcClient`): the preamble ends with the mechanism's code; then each side
//! sends tokens in turns. Client to server: 4 bytes length big-endian, token. Server to client: 4 bytes status (0 = go on or done,
//! 1 = error), then 4 bytes length, token; after an error two strings (class, message), each with a 4-byte length. A length of
//! −88 from the server means "SIMPLE will do here", which we refuse: falling back is a downgrade. After the last token the
//! connection header follows as with SIMPLE.

use std::fmt::Debug;

/// `AuthMethod.SIMPLE`: the user name in the connection header is believed.
pub const SIMPLE_CODE: u8 = 80;

/// A SASL mechanism, such as Kerberos (code 81) or delegation tokens (code 82).
pub trait SaslMechanism: Send + Sync + Debug {
    /// The byte that ends the preamble.
    fn code(&self) -> u8;

    /// The user name for the connection header, when the mechanism sends one (tokens do not).
    fn effective_user(&self) -> Option<String>;

    /// Begins a handshake with the service at `host`.
    fn start(&self, host: &str) -> Result<Box<dyn SaslSession>, SaslError>;
}

/// One handshake. The calls may block for a moment (GSSAPI asks the KDC): they are made on a blocking thread.
pub trait SaslSession: Send {
    /// The token to begin with.
    fn initial(&mut self) -> Result<Vec<u8>, SaslError>;

    /// Answers a challenge; `None` when nothing is left to say.
    fn respond(&mut self, challenge: &[u8]) -> Result<Option<Vec<u8>>, SaslError>;

    /// Whether the handshake is over for our side.
    fn is_complete(&self) -> bool;
}

/// A mechanism that cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct SaslError {
    pub detail: String,
}
