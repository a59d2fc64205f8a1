//! The connection: what the calls in `admin` and `scan` hang on.

use std::sync::Arc;

use hbase_proto as proto;
use hbase_types::{ServerName, TableName};

use crate::core::{Core, Repeat};
use crate::error::{ClientError, Result};
use crate::options::ClientOptions;
use crate::scan::{ScanOptions, Scanner};
use crate::types::{HbaseVersion, Nonce};

/// The oldest version this client was tried with.
const OLDEST_VERSION: (u32, u32) = (2, 4);

/// A connection to one cluster. Clones share sockets and what was discovered; all calls may run at the same time.
#[derive(Debug, Clone)]
pub struct Connection {
    pub(crate) core: Arc<Core>,
    identity: Arc<Identity>,
}

#[derive(Debug)]
struct Identity {
    cluster_id: String,
    version: HbaseVersion,
}

impl Connection {
    /// Opens a connection: finds the cluster, its active master and its version, and refuses what is too old.
    pub async fn connect(options: ClientOptions) -> Result<Self> {
        let core = Core::new(options)?;
        let cluster_id = core.cluster_id().await?;
        let request = proto::GetClusterStatusRequest { options: vec![proto::Option::HbaseVersion as i32] };
        let answer: proto::GetClusterStatusResponse = core.master_call("GetClusterStatus", &request, Repeat::Harmless).await?;
        let text = answer.cluster_status.hbase_version.map(|content| content.version).unwrap_or_default();
        let version = parse_version(&text)?;
        Ok(Self { core: Arc::new(core), identity: Arc::new(Identity { cluster_id, version }) })
    }

    /// The id that the cluster got when its root directory was made.
    pub fn cluster_id(&self) -> &str {
        &self.identity.cluster_id
    }

    /// The version of the master at connect time.
    pub fn hbase_version(&self) -> &HbaseVersion {
        &self.identity.version
    }

    /// A nonce for one act. Keep it, and an act that is asked for again is done once.
    pub fn new_nonce(&self) -> Nonce {
        let randomness = &self.core.options.randomness;
        // 0 means "no nonce" to HBase.
        (randomness.next_u64().max(1), randomness.next_u64().max(1))
    }

    /// The active master, asked for anew.
    pub async fn active_master(&self) -> Result<ServerName> {
        self.core.active_master().await
    }

    /// Begins a scan; nothing is sent before the first [`Scanner::next`].
    pub fn scan(&self, table: &TableName, options: ScanOptions) -> Scanner {
        Scanner::new(Arc::clone(&self.core), table.clone(), options)
    }
}

/// Reads `2.6.4`, `3.0.0-alpha-4`, `2.5.13-hadoop3`, and refuses what is older than [`OLDEST_VERSION`].
fn parse_version(text: &str) -> Result<HbaseVersion> {
    let numbers: Vec<&str> = text.split(['.', '-']).collect();
    let number = |index: usize| numbers.get(index).and_then(|part| part.parse::<u32>().ok());
    let (Some(major), Some(minor)) = (number(0), number(1)) else {
        return Err(ClientError::protocol("the master", format!("`{text}` is no HBase version")));
    };
    if (major, minor) < OLDEST_VERSION {
        return Err(ClientError::UnsupportedVersion { found: text.to_owned(), minimum: "2.4" });
    }
    Ok(HbaseVersion { major, minor, patch: number(2).unwrap_or(0), text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_old_ones_refused() {
        let version = parse_version("3.0.0-alpha-4").unwrap();
        assert_eq!((version.major, version.minor, version.patch, version.text.as_str()), (3, 0, 0, "3.0.0-alpha-4"));
        assert_eq!(parse_version("2.5.13-hadoop3").unwrap().patch, 13);
        let old = parse_version("2.3.7").unwrap_err();
        assert_eq!(old.to_string(), "HBase 2.3.7 is too old: 2.4 or newer is needed");
        assert!(matches!(parse_version("1.7.2"), Err(ClientError::UnsupportedVersion { .. })));
        assert!(matches!(parse_version(""), Err(ClientError::Protocol { .. })));
    }
}
