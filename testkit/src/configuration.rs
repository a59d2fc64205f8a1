//! The configuration directory of a lab: hbase-site.xml, core-site.xml, hdfs-site.xml, zoo.cfg, log4j.properties.
//!
//! Every file is there in every lab, so `conf_dir` of Seawall can point at it. Sources of the settings: lab notes on start-up
//! time (msginterval, wait.on.regionservers), on ports, and on a file system without checksum files (RawLocalFileSystem).

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::spec::{HBaseVersion, Kind};

pub(crate) const NAMESERVICE: &str = "nameservice";
const KEY_STORE: &str = "encryption.jceks";
/// The key is made for one lab and protects nothing.
const KEY_STORE_PASSWORD: &str = "seawall";

/// What the configuration depends on.
pub(crate) struct Settings<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) base: u16,
    pub(crate) version: HBaseVersion,
    pub(crate) kind: Kind,
    pub(crate) extra: &'a [(String, String)],
    pub(crate) access_controller: bool,
    pub(crate) encryption: bool,
}

#[derive(Default)]
struct Site(BTreeMap<String, String>);

impl Site {
    fn set(&mut self, key: impl Into<String>, value: impl ToString) {
        self.0.insert(key.into(), value.to_string());
    }

    fn write(&self, file: &Path) -> Result<()> {
        let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
        let mut text = String::from("<configuration>\n");
        for (key, value) in &self.0 {
            text += &format!("  <property><name>{}</name><value>{}</value></property>\n", escape(key), escape(value));
        }
        fs::write(file, text + "</configuration>\n")?;
        Ok(())
    }
}

/// Where HBase keeps its data, as `hbase.rootdir`.
pub(crate) fn rootdir(dir: &Path, base: u16, kind: Kind) -> String {
    match kind {
        Kind::Standalone => format!("file://{}", dir.join("data/hbase").display()),
        Kind::Distributed { ha: true, .. } => format!("hdfs://{NAMESERVICE}/hbase"),
        Kind::Distributed { ha: false, .. } => format!("hdfs://localhost:{base}/hbase"),
    }
}

/// Makes the lab's directories and writes the files.
pub(crate) fn write(settings: &Settings<'_>) -> Result<()> {
    let dir = settings.dir;
    for name in ["conf", "logs", "pids", "tmp", "data/zk"] {
        fs::create_dir_all(dir.join(name))?;
    }
    // The jars carry no web pages; without these directories the servers' info ports cannot be turned on.
    for name in ["master", "regionserver", "static"] {
        fs::create_dir_all(dir.join("conf/hbase-webapps").join(name))?;
    }
    if settings.encryption {
        make_key_store(&dir.join("conf").join(KEY_STORE))?;
    }
    let (mut core, mut hdfs, mut hbase) = (Site::default(), Site::default(), Site::default());
    core.set("hadoop.tmp.dir", dir.join("data/hadoop-tmp").display());
    match settings.kind {
        Kind::Standalone => {
            core.set("fs.defaultFS", "file:///");
            // LocalFileSystem would put .crc files beside every file.
            core.set("fs.file.impl", "org.apache.hadoop.fs.RawLocalFileSystem");
        }
        Kind::Distributed { ha, .. } => hdfs_site(settings, ha, &mut core, &mut hdfs),
    }
    hbase_site(settings, &mut hbase);
    for (key, value) in settings.extra {
        if key.starts_with("dfs.") { &mut hdfs } else { &mut hbase }.set(key, value);
    }
    core.write(&dir.join("conf/core-site.xml"))?;
    hdfs.write(&dir.join("conf/hdfs-site.xml"))?;
    hbase.write(&dir.join("conf/hbase-site.xml"))?;
    fs::write(
        dir.join("conf/zoo.cfg"),
        format!(
            "tickTime=1000\ninitLimit=10\nsyncLimit=5\ndataDir={}\nclientPort={}\nadmin.enableServer=false\nmaxClientCnxns=300\n",
            dir.join("data/zk").display(),
            settings.base + 5
        ),
    )?;
    fs::write(
        dir.join("conf/log4j.properties"),
        "log4j.rootLogger=INFO,c\nlog4j.appender.c=org.apache.log4j.ConsoleAppender\nlog4j.appender.c.target=System.err\n\
         log4j.appender.c.layout=org.apache.log4j.PatternLayout\n\
         log4j.appender.c.layout.ConversionPattern=%d{ISO8601} %p [%t] %c{2}: %m%n\n",
    )?;
    Ok(())
}

fn hdfs_site(settings: &Settings<'_>, ha: bool, core: &mut Site, hdfs: &mut Site) {
    let port = |offset: u16| settings.base + offset;
    let data = |name: &str| format!("file://{}", settings.dir.join("data").join(name).display());
    if ha {
        core.set("fs.defaultFS", format!("hdfs://{NAMESERVICE}"));
        hdfs.set("dfs.nameservices", NAMESERVICE);
        hdfs.set(format!("dfs.ha.namenodes.{NAMESERVICE}"), "nn1,nn2");
        for (name, offset) in [("nn1", 0), ("nn2", 6)] {
            hdfs.set(format!("dfs.namenode.rpc-address.{NAMESERVICE}.{name}"), format!("localhost:{}", port(offset)));
            hdfs.set(format!("dfs.namenode.http-address.{NAMESERVICE}.{name}"), format!("localhost:{}", port(offset + 1)));
            hdfs.set(format!("dfs.namenode.name.dir.{NAMESERVICE}.{name}"), data(name));
        }
        hdfs.set("dfs.namenode.shared.edits.dir", format!("qjournal://localhost:{}/{NAMESERVICE}", port(8)));
        hdfs.set("dfs.journalnode.rpc-address", format!("localhost:{}", port(8)));
        hdfs.set("dfs.journalnode.http-address", format!("localhost:{}", port(9)));
        hdfs.set("dfs.journalnode.edits.dir", settings.dir.join("data/jn").display());
        hdfs.set(
            format!("dfs.client.failover.proxy.provider.{NAMESERVICE}"),
            "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider",
        );
        hdfs.set("dfs.ha.fencing.methods", "shell(/bin/true)");
        hdfs.set("dfs.ha.automatic-failover.enabled", false);
        hdfs.set("dfs.ha.tail-edits.period", 1);
    } else {
        core.set("fs.defaultFS", format!("hdfs://localhost:{}", port(0)));
        hdfs.set("dfs.namenode.rpc-address", format!("localhost:{}", port(0)));
        hdfs.set("dfs.namenode.http-address", format!("localhost:{}", port(1)));
        hdfs.set("dfs.namenode.name.dir", data("nn1"));
    }
    hdfs.set("dfs.datanode.data.dir", data("dn"));
    hdfs.set("dfs.datanode.address", format!("127.0.0.1:{}", port(2)));
    hdfs.set("dfs.datanode.ipc.address", format!("127.0.0.1:{}", port(3)));
    hdfs.set("dfs.datanode.http.address", format!("127.0.0.1:{}", port(4)));
    hdfs.set("dfs.datanode.hostname", "localhost");
    hdfs.set("dfs.replication", 1);
    hdfs.set("dfs.namenode.datanode.registration.ip-hostname-check", false);
    hdfs.set("dfs.namenode.safemode.extension", 0);
    hdfs.set("dfs.heartbeat.interval", 1);
    hdfs.set("dfs.namenode.fs-limits.min-block-size", 4096);
    hdfs.set("dfs.namenode.edits.noeditlogchannelflush", true);
}

fn hbase_site(settings: &Settings<'_>, hbase: &mut Site) {
    let base = settings.base;
    hbase.set("hbase.rootdir", rootdir(settings.dir, base, settings.kind));
    hbase.set("hbase.tmp.dir", settings.dir.join("data/hbase-tmp").display());
    hbase.set("hbase.zookeeper.quorum", if settings.kind == Kind::Standalone { "127.0.0.1" } else { "localhost" });
    hbase.set("hbase.zookeeper.property.clientPort", base + 5);
    hbase.set("hbase.zookeeper.property.dataDir", settings.dir.join("data/zk").display());
    for key in ["hbase.master.hostname", "hbase.regionserver.hostname", "hbase.unsafe.regionserver.hostname"] {
        hbase.set(key, "localhost");
    }
    hbase.set("hbase.master.port", base + 10);
    hbase.set("hbase.regionserver.port", base + 21);
    hbase.set("hbase.master.info.port", -1);
    hbase.set("hbase.regionserver.info.port", -1);
    hbase.set("hbase.regionserver.handler.count", 10);
    hbase.set("hbase.regionserver.maxlogs", 16);
    hbase.set("hbase.hregion.memstore.mslab.enabled", false);
    hbase.set("hfile.block.cache.size", "0.2");
    hbase.set("hbase.procedure.remote.dispatcher.delay.msec", 20);
    hbase.set("hbase.client.keyvalue.maxsize", 10 * 1024 * 1024);
    hbase.set("hbase.quota.enabled", true);
    hbase.set("hbase.quota.refresh.period", 1000);
    // Tables with tiny blocks and regions are wanted here.
    hbase.set("hbase.table.sanity.checks", false);
    // Compacted files reach the archive within seconds instead of minutes.
    hbase.set("hbase.hfile.compaction.discharger.interval", 2000);
    hbase.set("hbase.snapshot.master.timeout.millis", 120_000);
    hbase.set("hbase.regionserver.msginterval", 500);
    hbase.set("hbase.master.wait.on.regionservers.mintostart", 1);
    hbase.set("hbase.master.wait.on.regionservers.timeout", 1500);
    hbase.set("hbase.master.wait.on.regionservers.interval", 300);
    hbase.set("zookeeper.session.timeout", 6000);
    if settings.version > HBaseVersion::V2_4_18 {
        let theirs = "org.apache.hadoop.hbase.io.compress.zstd.ZstdCodec";
        hbase.set("hbase.io.compress.zstd.codec", if settings.version.needs_our_codec() { "witness.ZstdCodec" } else { theirs });
    }
    match settings.kind {
        Kind::Standalone => {
            hbase.set("hbase.cluster.distributed", false);
            hbase.set("hbase.localcluster.assign.random.ports", false);
            hbase.set("hbase.unsafe.stream.capability.enforce", false);
            hbase.set("fs.file.impl", "org.apache.hadoop.fs.RawLocalFileSystem");
        }
        Kind::Distributed { .. } => {
            hbase.set("hbase.cluster.distributed", true);
            // 2.4's asynchronous WAL writer reaches into older Hadoop clients than the one here.
            if settings.version <= HBaseVersion::V2_4_18 {
                hbase.set("hbase.wal.provider", "filesystem");
            }
        }
    }
    if settings.access_controller {
        hbase.set("hbase.security.authorization", true);
        for role in ["master", "region", "regionserver"] {
            hbase.set(format!("hbase.coprocessor.{role}.classes"), "org.apache.hadoop.hbase.security.access.AccessController");
        }
        hbase.set("hbase.security.exec.permission.checks", true);
    }
    if settings.encryption {
        let store = settings.dir.join("conf").join(KEY_STORE);
        hbase.set("hbase.crypto.keyprovider", "org.apache.hadoop.hbase.io.crypto.KeyStoreKeyProvider");
        hbase.set("hbase.crypto.keyprovider.parameters", format!("jceks://{}?password={KEY_STORE_PASSWORD}", store.display()));
        hbase.set("hbase.crypto.master.key.name", "hbase");
    }
}

/// Makes the key store of HBase's transparent encryption, once per lab.
fn make_key_store(file: &Path) -> Result<()> {
    if file.exists() {
        return Ok(());
    }
    let mut keytool = std::process::Command::new("keytool");
    keytool.args(["-genseckey", "-alias", "hbase", "-keyalg", "AES", "-keysize", "128", "-storetype", "JCEKS"]);
    keytool.args(["-storepass", KEY_STORE_PASSWORD, "-keypass", KEY_STORE_PASSWORD, "-keystore"]).arg(file);
    let output = keytool.output().context("cannot start keytool (JDK 17 is needed)")?;
    anyhow::ensure!(output.status.success(), "keytool: {}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}
