//! What a lab shall be: version, kind, place, extra settings.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use crate::ports::Ports;

/// The HBase releases the lab can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HBaseVersion {
    /// Too old for Seawall, here to be refused: not in [`HBaseVersion::ALL`].
    V2_3_6,
    V2_4_18,
    V2_5_13,
    V2_6_4,
    V3_0_0Alpha4,
}

impl HBaseVersion {
    /// Every supported release, oldest first.
    pub const ALL: [HBaseVersion; 4] = [Self::V2_4_18, Self::V2_5_13, Self::V2_6_4, Self::V3_0_0Alpha4];

    /// The short name, as in `--hbase 2.6.4`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V2_3_6 => "2.3.6",
            Self::V2_4_18 => "2.4.18",
            Self::V2_5_13 => "2.5.13",
            Self::V2_6_4 => "2.6.4",
            Self::V3_0_0Alpha4 => "3.0.0-alpha-4",
        }
    }

    /// hbase-compression-zstd of 2.6 runs on 2.5 too, but not on this one.
    pub(crate) fn needs_our_codec(self) -> bool {
        self == Self::V3_0_0Alpha4
    }

    /// Codecs that this release can both write and read here, as HBase spells them.
    pub fn codecs(self) -> &'static [&'static str] {
        match self {
            // These know ZSTD only through Hadoop's native library, which the jars do not carry.
            Self::V2_3_6 | Self::V2_4_18 => &["NONE", "GZ", "SNAPPY", "LZ4"],
            _ => &["NONE", "GZ", "SNAPPY", "LZ4", "ZSTD"],
        }
    }
}

impl std::fmt::Display for HBaseVersion {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

impl std::str::FromStr for HBaseVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let short = text.strip_suffix("-hadoop3").unwrap_or(text);
        Self::ALL.into_iter().find(|version| version.name() == short).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|version| version.name()).collect();
            format!("no HBase {text:?} in the lab; there are {}", known.join(", "))
        })
    }
}

/// Standalone, or every server a process of its own over HDFS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// One JVM with ZooKeeper, master and RegionServer on a local directory.
    Standalone,
    /// HDFS, ZooKeeper, HMaster and RegionServers.
    Distributed {
        /// Two NameNodes and a JournalNode behind a nameservice.
        ha: bool,
        /// RegionServers `rs1`..`rsN` started at first (1 to 9 in all).
        regionservers: u8,
    },
}

/// Everything [`crate::Lab::start`] needs to know.
#[derive(Clone, Debug)]
pub struct LabSpec {
    pub version: HBaseVersion,
    pub kind: Kind,
    pub ports: Ports,
    /// Holds configuration, data, logs and pid files. `None`: a temporary directory, removed when the lab is dropped (kept
    /// when the thread panics, for its logs).
    pub dir: Option<PathBuf>,
    /// hbase-site.xml settings that win over the lab's own. Keys that begin with `dfs.` go to hdfs-site.xml.
    pub extra: Vec<(String, String)>,
    /// SIMPLE authentication with the AccessController; the user that runs the lab is superuser.
    pub access_controller: bool,
    /// A key store with a master key, so that families may have `ENCRYPTION=AES`.
    pub encryption: bool,
    /// The servers outlive this process (the command line's labs).
    pub detached: bool,
}

impl LabSpec {
    /// A standalone lab in a temporary directory on free ports.
    pub fn standalone(version: HBaseVersion) -> Self {
        Self {
            version,
            kind: Kind::Standalone,
            ports: Ports::Free,
            dir: None,
            extra: Vec::new(),
            access_controller: false,
            encryption: false,
            detached: false,
        }
    }

    /// A lab over HDFS in a temporary directory on free ports.
    pub fn distributed(version: HBaseVersion, ha: bool, regionservers: u8) -> Self {
        Self { kind: Kind::Distributed { ha, regionservers }, ..Self::standalone(version) }
    }

    /// Adds a setting.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        self.extra.push((key.to_owned(), value.to_string()));
        self
    }

    /// The settings that make HFile and log cleaners as eager as they get: files go `ttl_millis` after they were archived,
    /// looked for every second.
    #[must_use]
    pub fn eager_cleaners(self, ttl_millis: u64) -> Self {
        self.set("hbase.master.hfilecleaner.ttl", ttl_millis).set("hbase.master.cleaner.interval", 1000)
    }

    /// Turns the AccessController on.
    #[must_use]
    pub fn with_access_controller(mut self) -> Self {
        self.access_controller = true;
        self
    }

    /// Makes `ENCRYPTION=AES` possible.
    #[must_use]
    pub fn with_encryption(mut self) -> Self {
        self.encryption = true;
        self
    }
}
