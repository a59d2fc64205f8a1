//! The values that calls take and give.

use bytes::Bytes;
use hbase_types::{RegionInfo, ServerName, TableName};

/// Nonce group and nonce: the master does a request with a nonce it has seen only once. Keep it for all tries of one act.
pub type Nonce = (u64, u64);

/// `major.minor.patch` of the cluster, and the text it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HbaseVersion {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
    /// As the cluster says it, such as `3.0.0-alpha-4`.
    pub text: String,
}

/// What the master says of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterStatus {
    pub cluster_id: String,
    pub version: String,
    pub master: Option<ServerName>,
    pub backup_masters: Vec<ServerName>,
    pub live_servers: Vec<LiveServer>,
    pub dead_servers: Vec<ServerName>,
    /// Master coprocessors, by simple class name.
    pub master_coprocessors: Vec<String>,
    /// How many regions are between two servers just now.
    pub regions_in_transition: usize,
    pub balancer_on: bool,
}

/// A live RegionServer and its load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveServer {
    pub name: ServerName,
    pub regions: Vec<RegionLoad>,
}

/// One region in a server's report (some seconds old).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionLoad {
    /// The full region name.
    pub region_name: Bytes,
    pub store_files: u32,
    /// Rounded down to MiB by the server.
    pub store_files_mebibytes: u32,
    pub memstore_mebibytes: u32,
}

/// The state of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableState {
    Enabled,
    Disabled,
    Disabling,
    Enabling,
}

/// How a snapshot is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotKind {
    /// Of a disabled table. HBase chooses it by itself when the table is disabled.
    Disabled,
    /// Each region is flushed first.
    Flush,
    /// What is in memory only is left out.
    SkipFlush,
}

/// A snapshot to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRequest {
    pub name: String,
    pub table: TableName,
    pub kind: SnapshotKind,
    /// The master removes the snapshot this long after its creation; 0 = never (or the master's default TTL).
    pub ttl_seconds: u64,
    /// Left empty it is the calling user.
    pub owner: Option<String>,
}

/// What the master answered to a snapshot request it took on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotTicket {
    /// How long the master itself gives the snapshot.
    pub expected_timeout_millis: u64,
    /// From 2.6 on a procedure does it.
    pub procedure: Option<ProcedureId>,
}

/// A snapshot that the cluster has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotInfo {
    pub name: String,
    pub table: Option<TableName>,
    pub creation_time_millis: i64,
    pub kind: SnapshotKind,
    pub ttl_seconds: u64,
    pub owner: Option<String>,
}

/// The id of a procedure of the master. An id is no success: follow it to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcedureId(pub u64);

/// How far a procedure is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcedureState {
    /// Never heard of it, or finished too long ago.
    NotFound,
    Running,
    Finished,
    /// Finished with an exception (and rolled back where it could be).
    Failed {
        class: String,
        message: String,
    },
}

/// Where a permission holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PermissionScope {
    Global,
    Namespace(String),
    Table { table: TableName, family: Option<Bytes>, qualifier: Option<Bytes> },
}

/// One of `R`, `W`, `X`, `C`, `A`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PermissionAction {
    Read,
    Write,
    Execute,
    Create,
    Admin,
}

/// The rights of one user (or `@group`) in one scope.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission {
    pub user: String,
    pub scope: PermissionScope,
    pub actions: Vec<PermissionAction>,
}

/// Which permissions to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PermissionQuery {
    Global,
    Namespace(String),
    Table(TableName),
    /// Everything in `hbase:acl`, read with a scan: needs the right to read that table.
    All,
}

/// One cell of `hbase:quota`: `row` is `t.<table>`, `n.<namespace>`, `u.<user>` or `r.<server>`; `value` is `PBUF` + `Quotas`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaRecord {
    pub row: Bytes,
    pub qualifier: Bytes,
    pub value: Bytes,
}

/// A replication peer; `raw` is its `ReplicationPeerDescription` as the master sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicationPeer {
    pub id: String,
    pub enabled: bool,
    pub cluster_key: String,
    pub raw: Bytes,
}

/// A RegionServer group; `raw` is its `RSGroupInfo` as the master sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionServerGroup {
    pub name: String,
    pub tables: Vec<TableName>,
    pub raw: Bytes,
}

/// What guards the cluster (`SecurityCapabilitiesResponse.Capability`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecurityCapability {
    SimpleAuthentication,
    SecureAuthentication,
    Authorization,
    CellAuthorization,
    CellVisibility,
}

/// A region and the server that has it open.
pub type LocatedRegion = (RegionInfo, Option<ServerName>);

impl PermissionAction {
    /// The letter that HBase's shell and its `hbase:acl` table use.
    pub fn letter(self) -> char {
        match self {
            Self::Read => 'R',
            Self::Write => 'W',
            Self::Execute => 'X',
            Self::Create => 'C',
            Self::Admin => 'A',
        }
    }

    /// The action of a letter.
    pub fn from_letter(letter: char) -> Option<Self> {
        [Self::Read, Self::Write, Self::Execute, Self::Create, Self::Admin].into_iter().find(|action| action.letter() == letter)
    }
}
