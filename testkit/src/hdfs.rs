//! HDFS of a lab: formatting, one or two NameNodes, DataNode, ZooKeeper, and who is active.
//!
//! With two NameNodes on one host every NameNode command must name its id (`-D dfs.ha.namenode.id`), or it finds "multiple
//! addresses that match local node's address". Both start as standby; nothing but us makes one active.

use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::lab::Lab;
use crate::process::Jvm;
use crate::{cache, process};

const NAMENODE: &str = "org.apache.hadoop.hdfs.server.namenode.NameNode";
const LIMIT: Duration = Duration::from_secs(120);

impl Lab {
    pub(crate) fn hdfs_jvm(&self, name: &str) -> Result<(u32, String, Vec<String>)> {
        let class = match name {
            "jn" => "org.apache.hadoop.hdfs.qjournal.server.JournalNode",
            "dn" => "org.apache.hadoop.hdfs.server.datanode.DataNode",
            _ => NAMENODE,
        };
        let heap_mebibytes = if name == "jn" { 128 } else { 256 };
        let mut arguments = vec![class.to_owned()];
        if name.starts_with("nn") && self.has_two_namenodes() {
            arguments.extend(["-D".to_owned(), format!("dfs.ha.namenode.id={name}")]);
        }
        Ok((heap_mebibytes, cache::hadoop_classpath()?, arguments))
    }

    pub(crate) fn start_hdfs(&self, ha: bool) -> Result<()> {
        let fresh = !self.dir.join("data/nn1/current").exists();
        if ha {
            self.start_process("jn")?;
            self.wait_port("jn", 8)?;
        }
        if fresh {
            self.namenode_command("nn1", "-format")?;
        }
        self.start_process("nn1")?;
        self.start_process("zk")?;
        self.start_process("dn")?;
        self.wait_port("nn1", 1)?;
        if ha {
            if fresh {
                self.namenode_command("nn2", "-bootstrapStandby")?;
            }
            self.start_process("nn2")?;
            self.wait_port("nn2", 7)?;
            self.activate_namenode("nn1", false)?;
        }
        self.wait_port("zk", 5)?;
        self.wait_for("nn1", LIMIT, "the end of safe mode with a live DataNode", || {
            let state = self.jmx("nn1", "Hadoop:service=NameNode,name=FSNamesystemState").unwrap_or_default();
            let info = self.jmx("nn1", "Hadoop:service=NameNode,name=NameNodeInfo").unwrap_or_default();
            Ok(state.contains("\"NumLiveDataNodes\" : 1") && info.contains("\"Safemode\" : \"\""))
        })
    }

    /// Fails over to the other NameNode in good order: the active one steps back, then the other takes over. Gives the new one.
    pub fn fail_over_namenode(&self) -> Result<&'static str> {
        let active = self.active_namenode().context("no NameNode is active")?;
        let other = if active == "nn1" { "nn2" } else { "nn1" };
        self.administer(&["-transitionToStandby", active])?;
        self.activate_namenode(other, false)?;
        Ok(other)
    }

    /// Makes a NameNode active. `force` is needed while the other one is dead.
    pub fn activate_namenode(&self, name: &str, force: bool) -> Result<()> {
        let mut arguments = vec!["-transitionToActive"];
        arguments.extend(force.then_some("--forceactive"));
        arguments.push(name);
        self.administer(&arguments)?;
        let start = Instant::now();
        while self.active_namenode() != Some(if name == "nn1" { "nn1" } else { "nn2" }) {
            if start.elapsed() > LIMIT {
                bail!("{name} did not become active");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Which NameNode says it is active.
    pub fn active_namenode(&self) -> Option<&'static str> {
        ["nn1", "nn2"].into_iter().find(|name| {
            let status = self.jmx(name, "Hadoop:service=NameNode,name=NameNodeStatus");
            status.is_some_and(|text| text.contains("\"State\" : \"active\""))
        })
    }

    fn has_two_namenodes(&self) -> bool {
        matches!(self.kind(), crate::Kind::Distributed { ha: true, .. })
    }

    fn administer(&self, arguments: &[&str]) -> Result<()> {
        let mut all = vec!["org.apache.hadoop.hdfs.tools.DFSHAAdmin".to_owned()];
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        let jvm = Jvm { name: "haadmin", heap_mebibytes: 128, classpath: cache::hadoop_classpath()?, arguments: all };
        process::run(&self.dir, &jvm, LIMIT).map(drop)
    }

    fn namenode_command(&self, name: &str, command: &str) -> Result<()> {
        let (heap_mebibytes, classpath, mut arguments) = self.hdfs_jvm(name)?;
        arguments.extend([command, "-force", "-nonInteractive"].map(str::to_owned));
        let label = format!("{name}{command}");
        process::run(&self.dir, &Jvm { name: &label, heap_mebibytes, classpath, arguments }, LIMIT).map(drop)
    }

    fn wait_port(&self, name: &str, offset: u16) -> Result<()> {
        let port = self.base + offset;
        self.wait_for(name, LIMIT, &format!("port {port}"), || Ok(TcpStream::connect(("127.0.0.1", port)).is_ok()))
    }

    /// One page of a NameNode's /jmx, or nothing while it does not answer.
    fn jmx(&self, name: &str, query: &str) -> Option<String> {
        let port = self.base + if name == "nn2" { 7 } else { 1 };
        let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET /jmx?qry={query} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}
