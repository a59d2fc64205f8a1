//! What a [`Connection`](crate::Connection) needs to know: where the cluster is found, as whom, and how long to try.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::authentication::SaslMechanism;
use crate::randomness::{Randomness, SystemRandomness};

/// Where the cluster is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Discovery {
    /// By ZooKeeper: `host:port` each (port 2181 when left out), and HBase's parent node (`/hbase`).
    ZooKeeper { quorum: Vec<String>, parent: String },
    /// By the RPC registry: masters (all versions) or any bootstrap nodes (RegionServers too, from 2.5), `host:port` each
    /// (port 16000 when left out).
    Masters(Vec<String>),
}

/// As whom we call.
#[derive(Clone)]
pub enum Authentication {
    /// The server believes the name.
    Simple { user: String },
    /// A SASL mechanism of the caller (Kerberos, token).
    Sasl(Arc<dyn SaslMechanism>),
}

impl fmt::Debug for Authentication {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple { user } => formatter.debug_struct("Simple").field("user", user).finish(),
            Self::Sasl(mechanism) => write!(formatter, "Sasl(code {})", mechanism.code()),
        }
    }
}

/// Everything a connection is opened with. Start from [`ClientOptions::new`].
#[derive(Debug, Clone)]
pub struct ClientOptions {
    pub discovery: Discovery,
    pub authentication: Authentication,
    /// For a TCP connection with its handshake, and for one answer of ZooKeeper.
    pub connect_timeout: Duration,
    /// For one answer of a server; sent along, so that it does not work for a caller that has gone.
    pub call_timeout: Duration,
    /// For one operation with all its retries and rediscoveries. Waiting for a procedure or a snapshot has its own limit.
    pub deadline: Duration,
    /// The pause before the first retry; doubled each time, then scattered by ±50 %.
    pub first_pause: Duration,
    pub longest_pause: Duration,
    /// An answer longer than this is refused unread. HBase's own limit for one scan answer is 100 MiB.
    pub max_frame_bytes: usize,
    /// For jitter and nonces.
    pub randomness: Arc<dyn Randomness>,
}

impl ClientOptions {
    /// Options with the usual limits: 10 s to connect, 60 s per answer, 120 s per operation.
    pub fn new(discovery: Discovery, authentication: Authentication) -> Self {
        Self {
            discovery,
            authentication,
            connect_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(60),
            deadline: Duration::from_secs(120),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(5),
            max_frame_bytes: 256 << 20,
            randomness: Arc::new(SystemRandomness),
        }
    }
}
