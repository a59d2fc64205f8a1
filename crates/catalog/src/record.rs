//! The values of manifest entries, and the list row. Field numbers are fixed for ever; a field that goes keeps its number unused.
//!
//! Times are milliseconds since the epoch. Lengths and sizes are bytes. `raw` is an HBase message as it came.

use bytes::Bytes;

/// What made a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum BackupKind {
    /// Not said.
    Unknown = 0,
    /// HBase snapshots, one per table.
    Snapshot = 1,
    /// Folded out of an earlier backup and the WAL archive.
    Synthetic = 2,
    /// The first backup of a table that a restore made; no data was read.
    Restored = 3,
}

/// Where a backup was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum SourceKind {
    /// Not said.
    Unknown = 0,
    /// A running cluster; its master took the snapshots.
    Live = 1,
    /// A root directory without a master.
    Offline = 2,
}

/// State of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum TableState {
    /// Not known: no master told it.
    Unknown = 0,
    /// Enabled, or on the way there.
    Enabled = 1,
    /// Disabled, or on the way there.
    Disabled = 2,
}

/// What a name in a region's manifest stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum StoreFileKind {
    /// Not said.
    Unknown = 0,
    /// A file of the store itself.
    Plain = 1,
    /// The same, bulk-loaded: its name carries its sequence id (`_SeqId_n_`).
    BulkLoaded = 2,
    /// A link `table=region-file`.
    Link = 3,
    /// A half `file.parent region`; the physical file is the whole of the parent's.
    Reference = 4,
    /// A half of a link `table=region-file.parent region`.
    LinkReference = 5,
}

/// A name and a value: tags, configuration.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Pair {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// The backup as one row of the list. Enough for `list`, `status` and the choice of tables; nothing else has to be read for them.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BackupRow {
    #[prost(enumeration = "BackupKind", tag = "1")]
    pub kind: i32,
    #[prost(enumeration = "SourceKind", tag = "2")]
    pub source: i32,
    /// Name in the configuration.
    #[prost(string, tag = "3")]
    pub cluster: String,
    /// HBase's cluster id (`hbase.id`).
    #[prost(string, tag = "4")]
    pub cluster_id: String,
    /// As the cluster says it: `2.6.4-hadoop3`. Empty offline, where no file tells.
    #[prost(string, tag = "5")]
    pub hbase_version: String,
    #[prost(int64, tag = "6")]
    pub started_millis: i64,
    /// When the last byte was stored, right before the commit.
    #[prost(int64, tag = "7")]
    pub finished_millis: i64,
    /// Begin of the first table's snapshot interval.
    #[prost(int64, tag = "8")]
    pub snapshot_first_millis: i64,
    /// End of the last table's snapshot interval.
    #[prost(int64, tag = "9")]
    pub snapshot_last_millis: i64,
    /// Sorted by name. Only when the row stays below [`crate::limits::ROW_BYTES`] with it, else see `tables_elsewhere`.
    #[prost(message, repeated, tag = "10")]
    pub tables: Vec<TableRow>,
    /// Asked for, and not in this backup. Cut to fit; `failed_count` and the cluster record have all.
    #[prost(message, repeated, tag = "11")]
    pub failed: Vec<FailedTable>,
    #[prost(message, repeated, tag = "12")]
    pub tags: Vec<Pair>,
    /// The program that made it.
    #[prost(string, tag = "13")]
    pub seawall_version: String,
    /// The machine that made it.
    #[prost(string, tag = "14")]
    pub host: String,
    /// Sums over all tables; a file that two tables share counts once.
    #[prost(message, optional, tag = "15")]
    pub totals: Option<Totals>,
    /// Whether `tables` is empty because it would not fit: each [`TableRecord`] of the manifest has its row.
    #[prost(bool, tag = "16")]
    pub tables_elsewhere: bool,
    /// Tables that failed. Not zero = partial.
    #[prost(uint64, tag = "17")]
    pub failed_count: u64,
    /// Name of the HBase snapshot that was asked for; empty when they were taken for it.
    #[prost(string, tag = "18")]
    pub existing_snapshot: String,
}

/// Sums of a backup.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Totals {
    #[prost(uint64, tag = "1")]
    pub tables: u64,
    #[prost(uint64, tag = "2")]
    pub regions: u64,
    #[prost(uint64, tag = "3")]
    pub files: u64,
    #[prost(uint64, tag = "4")]
    pub bytes: u64,
    #[prost(uint64, tag = "5")]
    pub read_files: u64,
    #[prost(uint64, tag = "6")]
    pub read_bytes: u64,
    #[prost(uint64, tag = "7")]
    pub stored_bytes: u64,
    #[prost(uint64, tag = "8")]
    pub shared_files: u64,
    #[prost(uint64, tag = "9")]
    pub shared_bytes: u64,
}

/// One table in the list row.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TableRow {
    /// `namespace:qualifier`, as in keys.
    #[prost(string, tag = "1")]
    pub table: String,
    #[prost(uint64, tag = "2")]
    pub regions: u64,
    /// Entries of the manifest.
    #[prost(uint64, tag = "3")]
    pub files: u64,
    /// Bytes of the distinct physical files.
    #[prost(uint64, tag = "4")]
    pub bytes: u64,
    /// Files and bytes read from the cluster in this run.
    #[prost(uint64, tag = "5")]
    pub read_files: u64,
    #[prost(uint64, tag = "6")]
    pub read_bytes: u64,
    /// Bytes those took in the repository.
    #[prost(uint64, tag = "7")]
    pub stored_bytes: u64,
    /// Files and bytes that the repository had.
    #[prost(uint64, tag = "8")]
    pub shared_files: u64,
    #[prost(uint64, tag = "9")]
    pub shared_bytes: u64,
    /// Every region's content is from within this interval.
    #[prost(int64, tag = "10")]
    pub snapshot_started_millis: i64,
    #[prost(int64, tag = "11")]
    pub snapshot_finished_millis: i64,
    /// Why files were new, against the backup before.
    #[prost(message, optional, tag = "12")]
    pub growth: Option<Growth>,
}

/// New files since the backup before, by what made them.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Growth {
    /// Written since: flushed memstores. Nothing in their store went away.
    #[prost(uint64, tag = "1")]
    pub flushed_files: u64,
    #[prost(uint64, tag = "2")]
    pub flushed_bytes: u64,
    /// Put there by bulk loads.
    #[prost(uint64, tag = "3")]
    pub bulk_loaded_files: u64,
    #[prost(uint64, tag = "4")]
    pub bulk_loaded_bytes: u64,
    /// Rewritten: some files of the store went away for them.
    #[prost(uint64, tag = "5")]
    pub compacted_files: u64,
    #[prost(uint64, tag = "6")]
    pub compacted_bytes: u64,
    /// Rewritten: every file that the store had went away for them.
    #[prost(uint64, tag = "7")]
    pub major_compacted_files: u64,
    #[prost(uint64, tag = "8")]
    pub major_compacted_bytes: u64,
    /// In regions that the backup before does not have (split, merge, new).
    #[prost(uint64, tag = "9")]
    pub new_region_files: u64,
    #[prost(uint64, tag = "10")]
    pub new_region_bytes: u64,
    /// The table is in no earlier backup.
    #[prost(uint64, tag = "11")]
    pub first_files: u64,
    #[prost(uint64, tag = "12")]
    pub first_bytes: u64,
    /// Sequence of the backup this compares with; 0 = none.
    #[prost(uint64, tag = "13")]
    pub compared_with: u64,
    /// Regions of which all stores were rewritten.
    #[prost(uint64, tag = "14")]
    pub rewritten_regions: u64,
}

/// A table that was asked for and could not be backed up whole.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct FailedTable {
    /// `namespace:qualifier`.
    #[prost(string, tag = "1")]
    pub table: String,
    #[prost(string, tag = "2")]
    pub message: String,
}

/// Something that a complete backup would hold and this one does not.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Omission {
    /// Stable code: `unflushed-wals`, `acls`, `quotas`, `labels`, `groups`, `peers`, `namespaces`, `table-state`.
    #[prost(string, tag = "1")]
    pub what: String,
    /// Why, in words.
    #[prost(string, tag = "2")]
    pub reason: String,
}

/// The source as a whole.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ClusterRecord {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub cluster_id: String,
    #[prost(string, tag = "3")]
    pub hbase_version: String,
    #[prost(enumeration = "SourceKind", tag = "4")]
    pub source: i32,
    /// Address of the root directory.
    #[prost(string, tag = "5")]
    pub root: String,
    #[prost(int64, tag = "6")]
    pub captured_millis: i64,
    /// `hbase.version` (the layout's), as stored.
    #[prost(string, tag = "7")]
    pub layout_version: String,
    /// Live RegionServers at that moment.
    #[prost(uint64, tag = "8")]
    pub region_servers: u64,
    /// Coprocessors of the master, simple class names.
    #[prost(string, repeated, tag = "9")]
    pub master_coprocessors: Vec<String>,
    #[prost(message, repeated, tag = "10")]
    pub omissions: Vec<Omission>,
    /// Tables that were asked for and are not in the backup.
    #[prost(message, repeated, tag = "11")]
    pub failed: Vec<FailedTable>,
}

/// A namespace.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct NamespaceRecord {
    #[prost(string, tag = "1")]
    pub name: String,
    /// Quotas among it (`hbase.namespace.quota.maxtables`, `…maxregions`, `hbase.rsgroup.name`).
    #[prost(message, repeated, tag = "2")]
    pub configuration: Vec<Pair>,
    /// `NamespaceDescriptor`, where the source gave it.
    #[prost(bytes = "bytes", tag = "3")]
    pub raw: Bytes,
}

/// A table.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TableRecord {
    /// `namespace:qualifier`.
    #[prost(string, tag = "1")]
    pub table: String,
    /// `TableSchema`.
    #[prost(bytes = "bytes", tag = "2")]
    pub schema: Bytes,
    #[prost(enumeration = "TableState", tag = "3")]
    pub state: i32,
    /// `SnapshotDescription` of the snapshot it was read from; empty offline without one.
    #[prost(bytes = "bytes", tag = "4")]
    pub snapshot: Bytes,
    #[prost(int64, tag = "5")]
    pub snapshot_started_millis: i64,
    #[prost(int64, tag = "6")]
    pub snapshot_finished_millis: i64,
    #[prost(uint64, tag = "7")]
    pub regions: u64,
    #[prost(uint64, tag = "8")]
    pub files: u64,
    /// Bytes of the distinct physical files.
    #[prost(uint64, tag = "9")]
    pub bytes: u64,
    /// Whether memstores were left out (`--skip-flush`, or an offline source with unflushed WALs).
    #[prost(bool, tag = "10")]
    pub without_memstores: bool,
    /// MOB files among `files`.
    #[prost(uint64, tag = "11")]
    pub mob_files: u64,
    /// The same row as in the list.
    #[prost(message, optional, tag = "12")]
    pub row: Option<TableRow>,
}

/// A region. Its files follow it in the manifest.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RegionRecord {
    /// `RegionInfo`.
    #[prost(bytes = "bytes", tag = "1")]
    pub info: Bytes,
    /// Whether it stands for MOB files (start key `.mob`, region id 0), which lie under `mobdir/`. Of the table that its region info
    /// names: a clone of a MOB table needs files of the table it was cloned from.
    #[prost(bool, tag = "2")]
    pub mob: bool,
    /// Every family, also those without files, in the manifest's order.
    #[prost(message, repeated, tag = "3")]
    pub families: Vec<FamilyRecord>,
}

/// A store: one family of one region.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct FamilyRecord {
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    #[prost(uint64, tag = "2")]
    pub files: u64,
    /// Highest sequence id of its files; absent when it has none, or one could not be told.
    #[prost(uint64, optional, tag = "3")]
    pub max_sequence_id: Option<u64>,
}

/// A store file as its region lists it. Region, family and listed name are in the key.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StoreFileRecord {
    #[prost(enumeration = "StoreFileKind", tag = "1")]
    pub kind: i32,
    /// Name and length of the physical file: the identity under which the repository keeps its bytes. Links are followed; for a half
    /// it is the whole parent file.
    #[prost(string, tag = "2")]
    pub physical_name: String,
    #[prost(uint64, tag = "3")]
    pub physical_length: u64,
    /// `file_size` of the manifest: for a half the length that HBase computed, otherwise the file's.
    #[prost(uint64, optional, tag = "4")]
    pub listed_length: Option<u64>,
    /// `Reference` (split row and which half).
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub reference: Option<Bytes>,
    /// Where the physical file belongs: table (`namespace:qualifier`) and region (encoded). Empty = where it is listed.
    #[prost(string, tag = "6")]
    pub origin_table: String,
    #[prost(string, tag = "7")]
    pub origin_region: String,
    /// Whether it is a MOB file.
    #[prost(bool, tag = "8")]
    pub mob: bool,
    /// From the HFile's file info (`MAX_SEQ_ID_KEY`), or the name of a bulk-loaded one; absent when it has none.
    #[prost(uint64, optional, tag = "9")]
    pub max_sequence_id: Option<u64>,
    /// Cells, from the trailer.
    #[prost(uint64, optional, tag = "10")]
    pub entries: Option<u64>,
    /// Codec, as HBase spells it: `NONE`, `GZ`, `SNAPPY`, …
    #[prost(string, tag = "11")]
    pub codec: String,
    /// `SnapshotRegionManifest.StoreFile` as it came, where there was a manifest.
    #[prost(bytes = "bytes", tag = "12")]
    pub raw: Bytes,
    /// MOB files that its cells lead to, as far as its file info says (HBase 2.5 and later). Each is in the manifest too, in the MOB
    /// region of the table named here, which is the one whose directory readers look in.
    #[prost(message, repeated, tag = "13")]
    pub mob_references: Vec<MobReference>,
    /// Whether the file info could be read: not for encrypted files. If not, absent sequence ids mean "not known".
    #[prost(bool, tag = "14")]
    pub inspected: bool,
}

/// A MOB file that cells lead to.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Message)]
pub struct MobReference {
    /// The table whose `mobdir/` holds it, `namespace:qualifier`.
    #[prost(string, tag = "1")]
    pub table: String,
    #[prost(string, tag = "2")]
    pub file: String,
}

/// Grants of one scope, which is in the key.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AclRecord {
    #[prost(message, repeated, tag = "1")]
    pub permissions: Vec<PermissionRecord>,
}

/// The rights of one user or `@group`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PermissionRecord {
    #[prost(string, tag = "1")]
    pub user: String,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub family: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub qualifier: Option<Bytes>,
    /// Out of `RWXCA`, in this order.
    #[prost(string, tag = "4")]
    pub actions: String,
}

/// A cell of `hbase:quota`; row and qualifier are in the key.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct QuotaRecord {
    /// `PBUF` and `Quotas`, or another message of that table.
    #[prost(bytes = "bytes", tag = "1")]
    pub value: Bytes,
}

/// A visibility label; its name is in the key.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LabelRecord {
    /// The number that cells carry, where it is known.
    #[prost(uint32, optional, tag = "1")]
    pub ordinal: Option<u32>,
}

/// A RegionServer group.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct GroupRecord {
    #[prost(string, tag = "1")]
    pub name: String,
    /// `namespace:qualifier`.
    #[prost(string, repeated, tag = "2")]
    pub tables: Vec<String>,
    /// `RSGroupInfo`.
    #[prost(bytes = "bytes", tag = "3")]
    pub raw: Bytes,
}

/// A replication peer.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PeerRecord {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(bool, tag = "2")]
    pub enabled: bool,
    #[prost(string, tag = "3")]
    pub cluster_key: String,
    /// `ReplicationPeerDescription`.
    #[prost(bytes = "bytes", tag = "4")]
    pub raw: Bytes,
}
