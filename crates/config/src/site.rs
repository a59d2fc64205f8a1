//! What a cluster's XML says about how to reach it.

use crate::hadoop::HadoopConfiguration;

/// How HBase's own clients find the cluster (`hbase.client.registry.impl`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryKind {
    /// `ZKConnectionRegistry`: the default up to 2.6.
    ZooKeeper,
    /// `MasterRegistry` or `RpcConnectionRegistry`: the default from 3.0.
    Rpc,
}

/// The settings that lead to a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SiteSettings {
    /// `hbase.zookeeper.quorum` as `host:port`, the port from the entry or `hbase.zookeeper.property.clientPort` (2181).
    pub zookeeper_quorum: Vec<String>,
    /// `zookeeper.znode.parent`, `/hbase` if unset.
    pub zookeeper_parent: String,
    /// `hbase.client.bootstrap.servers`, else `hbase.masters`, as `host:port` with `hbase.master.port` (16000) where an entry has none.
    pub masters: Vec<String>,
    /// `hbase.client.registry.impl`, if it is one we know.
    pub registry: Option<RegistryKind>,
    /// `hbase.rootdir`, completed by `fs.defaultFS` where it has no scheme.
    pub rootdir: Option<String>,
    /// `hbase.wal.dir`, completed in the same way; absent when WALs lie under the root directory.
    pub wal_dir: Option<String>,
    /// `hbase.security.authentication` is `kerberos`.
    pub kerberos: bool,
}

impl SiteSettings {
    /// Reads them out of the XML.
    pub fn from_hadoop(hadoop: &HadoopConfiguration) -> Self {
        let client_port = hadoop.get("hbase.zookeeper.property.clientPort").unwrap_or_else(|| "2181".into());
        let master_port = hadoop.get("hbase.master.port").filter(|port| port != "0").unwrap_or_else(|| "16000".into());
        let quorum = hadoop.get("hbase.zookeeper.quorum").unwrap_or_default();
        let masters = hadoop.get("hbase.client.bootstrap.servers").or_else(|| hadoop.get("hbase.masters")).unwrap_or_default();
        let default_fs = hadoop.get("fs.defaultFS").or_else(|| hadoop.get("fs.default.name"));
        let complete = |key: &str| hadoop.get(key).map(|path| complete_path(&path, default_fs.as_deref()));
        Self {
            zookeeper_quorum: with_port(&quorum, &client_port),
            zookeeper_parent: hadoop.get("zookeeper.znode.parent").unwrap_or_else(|| "/hbase".into()),
            masters: with_port(&masters, &master_port),
            registry: hadoop.get("hbase.client.registry.impl").and_then(|class| registry_kind(&class)),
            rootdir: complete("hbase.rootdir"),
            wal_dir: complete("hbase.wal.dir"),
            kerberos: hadoop.get("hbase.security.authentication").is_some_and(|kind| kind.eq_ignore_ascii_case("kerberos")),
        }
    }
}

/// Splits a comma-separated list of hosts and gives each a port; an IPv6 address in brackets keeps its colons.
pub(crate) fn with_port(list: &str, port: &str) -> Vec<String> {
    let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(|entry| if has_port(entry) { entry.to_string() } else { format!("{entry}:{port}") }).collect()
}

fn has_port(entry: &str) -> bool {
    let after_bracket = entry.rsplit_once(']').map_or(entry, |(_, rest)| rest);
    after_bracket.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn complete_path(path: &str, default_fs: Option<&str>) -> String {
    if path.contains(":/") {
        return path.to_string();
    }
    let base = default_fs.unwrap_or("file://").trim_end_matches('/');
    // "file:///" loses all its slashes above; a local path needs its authority back.
    let base = if base == "file:" { "file://" } else { base };
    format!("{base}{path}")
}

fn registry_kind(class: &str) -> Option<RegistryKind> {
    match class.rsplit('.').next()? {
        "ZKConnectionRegistry" | "ZKAsyncRegistry" => Some(RegistryKind::ZooKeeper),
        "MasterRegistry" | "RpcConnectionRegistry" => Some(RegistryKind::Rpc),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::environment::Environment;

    fn settings(properties: &[(&str, &str)]) -> SiteSettings {
        let body: String =
            properties.iter().map(|(name, value)| format!("<property><name>{name}</name><value>{value}</value></property>")).collect();
        let text = format!("<configuration>{body}</configuration>");
        SiteSettings::from_hadoop(&HadoopConfiguration::from_text(Path::new("x"), &text, &Environment::default()).unwrap())
    }

    #[test]
    fn a_quorum_gets_the_client_port_where_an_entry_has_none() {
        let site = settings(&[("hbase.zookeeper.quorum", "zk1, zk2:2182,[::1]"), ("hbase.zookeeper.property.clientPort", "2191")]);
        assert_eq!(site.zookeeper_quorum, ["zk1:2191", "zk2:2182", "[::1]:2191"]);
        assert_eq!(site.zookeeper_parent, "/hbase");
    }

    #[test]
    fn a_rootdir_without_scheme_lies_on_the_default_file_system() {
        assert_eq!(settings(&[("hbase.rootdir", "/hbase"), ("fs.defaultFS", "hdfs://ns1/")]).rootdir.unwrap(), "hdfs://ns1/hbase");
        assert_eq!(settings(&[("hbase.rootdir", "/data/hbase")]).rootdir.unwrap(), "file:///data/hbase");
        assert_eq!(settings(&[("hbase.rootdir", "/data/hbase"), ("fs.defaultFS", "file:///")]).rootdir.unwrap(), "file:///data/hbase");
        assert_eq!(settings(&[("hbase.rootdir", "file:/data/hbase")]).rootdir.unwrap(), "file:/data/hbase");
    }

    #[test]
    fn registry_masters_and_security_are_read() {
        let site = settings(&[
            ("hbase.client.registry.impl", "org.apache.hadoop.hbase.client.RpcConnectionRegistry"),
            ("hbase.masters", "m1,m2:17000"),
            ("hbase.security.authentication", "kerberos"),
        ]);
        assert_eq!(site.registry, Some(RegistryKind::Rpc));
        assert_eq!(site.masters, ["m1:16000", "m2:17000"]);
        assert!(site.kerberos);
        assert_eq!(settings(&[("hbase.client.registry.impl", "com.example.Mine")]).registry, None);
    }
}
