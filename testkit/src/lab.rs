//! A running lab: start, readiness, chaos on its processes, stop.
//!
//! Processes by name: `hbase` (standalone: ZooKeeper, master and RegionServer in one JVM), or `nn1`, `nn2`, `jn`, `dn`, `zk`,
//! `hm`, `rs1`..`rs9`. `lab.json` in the directory says what runs there, so a later command can find it again.

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::process::{Identity, Jvm};
use crate::spec::{HBaseVersion, Kind, LabSpec};
use crate::{cache, configuration, ports, process};

/// How long servers may take to get ready; a busy two-core machine needs most of a minute.
const READY_LIMIT: Duration = Duration::from_secs(240);
/// How long a server may take to end on SIGTERM before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// `lab.json`.
#[derive(Serialize, Deserialize)]
struct State {
    version: HBaseVersion,
    kind: Kind,
    base: u16,
}

/// Real servers. Dropping it kills them, unless it is detached.
pub struct Lab {
    pub(crate) dir: PathBuf,
    pub(crate) base: u16,
    version: HBaseVersion,
    kind: Kind,
    detached: bool,
    /// So that ended children are reaped; an attached lab has none.
    children: Mutex<HashMap<String, Child>>,
    temporary: Option<tempfile::TempDir>,
    _reservation: Option<ports::Reservation>,
}

impl Lab {
    /// Starts the servers on an empty directory, or again on one that a lab was stopped in, and waits until the master has
    /// completed its initialization.
    pub fn start(spec: LabSpec) -> Result<Self> {
        let (dir, temporary) = match &spec.dir {
            Some(dir) => {
                fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
                (dir.canonicalize()?, None)
            }
            None => {
                let temporary = tempfile::Builder::new().prefix("seawall-lab-").tempdir()?;
                (temporary.path().canonicalize()?, Some(temporary))
            }
        };
        if let Some((name, _)) = running(&dir).first() {
            bail!("a lab runs in {} already ({name})", dir.display());
        }
        let reservation = ports::reserve(spec.ports)?;
        let base = reservation.base;
        configuration::write(&configuration::Settings {
            dir: &dir,
            base,
            version: spec.version,
            kind: spec.kind,
            extra: &spec.extra,
            access_controller: spec.access_controller,
            encryption: spec.encryption,
        })?;
        fs::write(dir.join("lab.json"), serde_json::to_vec_pretty(&State { version: spec.version, kind: spec.kind, base })?)?;
        let lab = Self {
            dir,
            base,
            version: spec.version,
            kind: spec.kind,
            detached: spec.detached,
            children: Mutex::default(),
            temporary,
            _reservation: Some(reservation),
        };
        if let Err(error) = lab.start_all() {
            // Detached servers of a lab that never got ready are of no use to anybody.
            lab.kill_all();
            return Err(error.context(format!("lab in {} did not start", lab.dir.display())));
        }
        Ok(lab)
    }

    /// The lab that runs, or was stopped, in a directory. It is left running when dropped.
    pub fn attach(dir: &Path) -> Result<Self> {
        let dir = dir.canonicalize().with_context(|| dir.display().to_string())?;
        let text = fs::read(dir.join("lab.json")).with_context(|| format!("no lab in {}", dir.display()))?;
        let state: State = serde_json::from_slice(&text)?;
        Ok(Self {
            dir,
            base: state.base,
            version: state.version,
            kind: state.kind,
            detached: true,
            children: Mutex::default(),
            temporary: None,
            _reservation: None,
        })
    }

    fn start_all(&self) -> Result<()> {
        let mut servers: Vec<String> = Vec::new();
        match self.kind {
            Kind::Standalone => servers.push("hbase".to_owned()),
            Kind::Distributed { ha, regionservers } => {
                if !(1..=9).contains(&regionservers) {
                    bail!("{regionservers} RegionServers; 1 to 9 have ports");
                }
                self.start_hdfs(ha)?;
                servers.push("hm".to_owned());
                servers.extend((1..=regionservers).map(|number| format!("rs{number}")));
            }
        }
        let mark = self.master_log_length();
        for name in &servers {
            self.start_process(name)?;
        }
        self.wait_initialized(mark)
    }

    /// Directory of everything the lab has.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Directory of hbase-site.xml, core-site.xml and hdfs-site.xml.
    pub fn conf_dir(&self) -> PathBuf {
        self.dir.join("conf")
    }

    /// `host:port` of ZooKeeper.
    pub fn zookeeper(&self) -> String {
        format!("127.0.0.1:{}", self.base + 5)
    }

    /// `host:port` of the master's RPC.
    pub fn master(&self) -> String {
        format!("localhost:{}", self.base + 10)
    }

    /// `hbase.rootdir`, a `file:` or `hdfs:` URL.
    pub fn rootdir(&self) -> String {
        configuration::rootdir(&self.dir, self.base, self.kind)
    }

    /// The root directory's path where it is a local one.
    pub fn local_rootdir(&self) -> Option<PathBuf> {
        (self.kind == Kind::Standalone).then(|| self.dir.join("data/hbase"))
    }

    pub fn version(&self) -> HBaseVersion {
        self.version
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The first of the lab's hundred ports.
    pub fn base_port(&self) -> u16 {
        self.base
    }

    /// The name of the process that has the master.
    pub fn master_process(&self) -> &'static str {
        if self.kind == Kind::Standalone { "hbase" } else { "hm" }
    }

    /// What a process has printed so far.
    pub fn log(&self, name: &str) -> Result<String> {
        let file = self.dir.join("logs").join(format!("{name}.log"));
        Ok(String::from_utf8_lossy(&fs::read(&file).with_context(|| file.display().to_string())?).into_owned())
    }

    /// Names, pids and resident memory (MiB) of the processes that run.
    pub fn processes(&self) -> Vec<(String, i32, u64)> {
        let describe = |(name, identity): (String, Identity)| (name, identity.pid, identity.resident_mebibytes().unwrap_or(0));
        running(&self.dir).into_iter().map(describe).collect()
    }

    pub fn is_running(&self, name: &str) -> bool {
        Identity::read(&self.dir.join("pids").join(name)).is_some_and(Identity::is_alive)
    }

    /// Starts a process that is down. It returns once the JVM runs; see [`Lab::wait_ready`].
    pub fn start_process(&self, name: &str) -> Result<()> {
        if self.is_running(name) {
            bail!("{name} runs already");
        }
        let jvm = self.jvm(name)?;
        let child = process::start(&self.dir, &jvm, self.detached)?;
        self.children().insert(name.to_owned(), child);
        Ok(())
    }

    /// Sends a signal to one process. After SIGKILL it waits until the process is gone.
    pub fn kill(&self, name: &str, signal: Signal) -> Result<()> {
        let identity = Identity::read(&self.dir.join("pids").join(name)).with_context(|| format!("{name} was never started"))?;
        identity.signal(signal)?;
        if signal == Signal::KILL && !self.await_end(name, identity, STOP_LIMIT) {
            bail!("{name} (pid {}) does not die", identity.pid);
        }
        Ok(())
    }

    /// Ends one process: SIGTERM, and SIGKILL if that takes too long.
    pub fn stop_process(&self, name: &str) -> Result<()> {
        let identity = Identity::read(&self.dir.join("pids").join(name)).with_context(|| format!("{name} was never started"))?;
        identity.signal(Signal::TERM)?;
        if !self.await_end(name, identity, STOP_LIMIT) {
            self.kill(name, Signal::KILL)?;
        }
        Ok(())
    }

    /// Starts one more RegionServer, under the lowest number that is free, and gives its process name.
    pub fn add_regionserver(&self) -> Result<String> {
        if self.kind == Kind::Standalone {
            bail!("a standalone lab has no RegionServer of its own");
        }
        let free = (1..=9).map(|number| format!("rs{number}")).find(|name| !self.is_running(name));
        let name = free.context("nine RegionServers run already")?;
        self.start_process(&name)?;
        Ok(name)
    }

    /// The server port of a RegionServer process, to find it among HBase's server names.
    pub fn regionserver_port(&self, name: &str) -> Option<u16> {
        let number: u16 = name.strip_prefix("rs")?.parse().ok()?;
        (1..=9).contains(&number).then_some(self.base + 20 + number)
    }

    /// Kills the master with SIGKILL (in a standalone lab that is the whole server), starts it again and waits for it.
    pub fn restart_master(&self) -> Result<()> {
        let name = self.master_process();
        if self.is_running(name) {
            self.kill(name, Signal::KILL)?;
        }
        let mark = self.master_log_length();
        self.start_process(name)?;
        self.wait_initialized(mark)
    }

    /// Waits until the master of the newest start has completed its initialization.
    pub fn wait_ready(&self) -> Result<()> {
        let log = self.log(self.master_process())?;
        let newest = log.rfind("STARTING service").or_else(|| log.rfind("***** STARTING")).unwrap_or(0);
        self.wait_initialized(newest as u64)
    }

    /// Waits until the master counts so many live RegionServers.
    pub fn wait_for_servers(&self, witness: &crate::Witness, count: usize) -> Result<()> {
        self.wait_for(self.master_process(), READY_LIMIT, &format!("{count} live RegionServers"), || Ok(witness.servers()?.len() == count))
    }

    fn master_log_length(&self) -> u64 {
        let file = self.dir.join("logs").join(format!("{}.log", self.master_process()));
        fs::metadata(file).map_or(0, |metadata| metadata.len())
    }

    fn wait_initialized(&self, mark: u64) -> Result<()> {
        let name = self.master_process();
        self.wait_for(name, READY_LIMIT, "the master's initialization", || {
            Ok(self.log(name)?.get(mark as usize..).is_some_and(|text| text.contains("Master has completed initialization")))
        })
    }

    /// Polls a condition while a process lives.
    pub(crate) fn wait_for(&self, name: &str, limit: Duration, what: &str, condition: impl Fn() -> Result<bool>) -> Result<()> {
        let start = Instant::now();
        loop {
            if condition()? {
                return Ok(());
            }
            let log = || process::tail(&self.log(name).unwrap_or_default(), 25);
            if !self.is_running(name) {
                bail!("{name} died while we waited for {what}:\n{}", log());
            }
            if start.elapsed() > limit {
                bail!("{} s passed, and no {what}; {name} says:\n{}", limit.as_secs(), log());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends every process in good order (servers first, file system last). The data stays, and `start` on the same
    /// directory goes on with it.
    pub fn stop(&self) -> Result<()> {
        let all = running(&self.dir);
        let layer = |name: &str| match name {
            name if name.starts_with("rs") => 0,
            "hm" | "hbase" => 1,
            "zk" | "dn" => 2,
            _ => 3,
        };
        for wanted in 0..=3 {
            let group: Vec<_> = all.iter().filter(|(name, _)| layer(name) == wanted).collect();
            for (_, identity) in &group {
                identity.signal(Signal::TERM)?;
            }
            let start = Instant::now();
            for (name, identity) in group {
                if !self.await_end(name, *identity, STOP_LIMIT.saturating_sub(start.elapsed())) {
                    self.kill(name, Signal::KILL)?;
                }
            }
        }
        Ok(())
    }

    /// Kills every process at once, as a power cut would.
    pub fn kill_all(&self) {
        let all = running(&self.dir);
        for (_, identity) in &all {
            // The only errors left are "no such process" and "not ours": nothing better can be done when dropping.
            let _ = identity.signal(Signal::KILL);
        }
        for (name, identity) in all {
            self.await_end(&name, identity, STOP_LIMIT);
        }
    }

    fn await_end(&self, name: &str, identity: Identity, limit: Duration) -> bool {
        let start = Instant::now();
        loop {
            if !identity.is_alive() {
                // Our own child stays as a zombie until it is waited for, which now does not block.
                if let Some(child) = self.children().get_mut(name)
                    && child.id() as i32 == identity.pid
                {
                    let _ = child.wait();
                }
                return true;
            }
            if start.elapsed() >= limit {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn children(&self) -> MutexGuard<'_, HashMap<String, Child>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn jvm<'a>(&self, name: &'a str) -> Result<Jvm<'a>> {
        let (heap_mebibytes, classpath, arguments) = match name {
            "hbase" | "hm" => {
                let heap = if name == "hbase" { 768 } else { 512 };
                (heap, cache::hbase_classpath(self.version)?, vec!["org.apache.hadoop.hbase.master.HMaster".to_owned(), "start".to_owned()])
            }
            "zk" => {
                let class = "org.apache.zookeeper.server.ZooKeeperServerMain".to_owned();
                (128, cache::hbase_classpath(self.version)?, vec![class, self.dir.join("conf/zoo.cfg").display().to_string()])
            }
            "nn1" | "nn2" | "jn" | "dn" => self.hdfs_jvm(name)?,
            _ => {
                let port = self.regionserver_port(name).with_context(|| format!("no process {name:?} in a lab"))?;
                let tmp = self.dir.join("data").join(name);
                let mut arguments = vec!["org.apache.hadoop.hbase.regionserver.HRegionServer".to_owned()];
                for setting in [format!("hbase.regionserver.port={port}"), format!("hbase.tmp.dir={}", tmp.display())] {
                    arguments.extend(["-D".to_owned(), setting]);
                }
                arguments.push("start".to_owned());
                (512, cache::hbase_classpath(self.version)?, arguments)
            }
        };
        Ok(Jvm { name, heap_mebibytes, classpath, arguments })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.detached {
            return;
        }
        self.kill_all();
        if std::thread::panicking()
            && let Some(temporary) = self.temporary.take()
        {
            // The logs are what explains the panic.
            let _ = temporary.keep();
        }
    }
}

/// The processes of a lab's directory that are alive.
fn running(dir: &Path) -> Vec<(String, Identity)> {
    let Ok(entries) = fs::read_dir(dir.join("pids")) else { return Vec::new() };
    let mut all: Vec<_> = entries
        .flatten()
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, Identity::read(&entry.path())?)))
        .filter(|(_, identity)| identity.is_alive())
        .collect();
    all.sort_by(|left, right| left.0.cmp(&right.0));
    all
}
