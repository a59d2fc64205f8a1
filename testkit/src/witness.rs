//! HBase's own client as an independent judge: one JVM per lab, asked over pipes.
//!
//! Requests and answers are JSON lines with ids, so calls from several threads run at once. The protocol's other end is
//! `testkit/witness/src/Witness.java`. Byte strings are base64. A clone is another handle on the same JVM.

use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::lab::Lab;
use crate::process::Jvm;
use crate::witness_types::base64_bytes::encode;
use crate::witness_types::{Cell, FileSummary, Permission, ProcedureState, Region, Scan, ScanSummary, Snapshot, TableSpec};
use crate::{cache, process};

/// HBase's client retries for minutes while a master is away; longer than that is a hang.
const CALL_LIMIT: Duration = Duration::from_secs(300);

/// A call that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// HBase's client threw.
    #[error("{operation}: {class}: {message}")]
    Exception { operation: String, class: String, message: String },
    /// The JVM ended, or gave no answer in time, or one that we cannot read.
    #[error("{operation}: the witness {detail}")]
    Lost { operation: String, detail: String },
}

impl WitnessError {
    /// The simple name of the Java exception.
    pub fn class(&self) -> Option<&str> {
        match self {
            Self::Exception { class, .. } => class.rsplit('.').next(),
            Self::Lost { .. } => None,
        }
    }
}

type Answer = Result<Value, WitnessError>;
type Pending = Arc<Mutex<HashMap<u64, Sender<Value>>>>;

struct Inner {
    stdin: Mutex<ChildStdin>,
    child: Mutex<Child>,
    pending: Pending,
    next: AtomicU64,
    dumps: PathBuf,
    base: u16,
}

/// Start and end key of a region.
pub type Boundaries = (Vec<u8>, Vec<u8>);

/// A handle on the witness of a lab.
#[derive(Clone)]
pub struct Witness {
    inner: Arc<Inner>,
    user: Option<String>,
}

impl Witness {
    /// Starts the JVM (about 1 s; the first connection takes 2 s more). It ends with its last handle.
    pub fn start(lab: &Lab) -> anyhow::Result<Self> {
        let classes = cache::witness_classes(lab.version())?;
        let classpath = format!("{}:{}", classes.display(), cache::hbase_classpath(lab.version())?);
        let jvm = Jvm { name: "witness", heap_mebibytes: 512, classpath, arguments: vec!["witness.Witness".to_owned()] };
        let mut command = process::java(lab.dir(), &jvm);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(lab.dir().join("logs/witness.log"))?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = crate::spawn::owned(command)?;
        let missing = || anyhow::anyhow!("the witness has no pipes");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let pending = Pending::default();
        let receiving = Arc::clone(&pending);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Ok(value) = serde_json::from_str::<Value>(&line) else { continue };
                let Some(id) = value.get("id").and_then(Value::as_u64) else { continue };
                if let Some(sender) = receiving.lock().unwrap_or_else(PoisonError::into_inner).remove(&id) {
                    // A caller that gave up does not listen any more.
                    let _ = sender.send(value);
                }
            }
            // Dropping the senders wakes every caller.
            receiving.lock().unwrap_or_else(PoisonError::into_inner).clear();
        });
        let dumps = lab.dir().join("dumps");
        std::fs::create_dir_all(&dumps)?;
        let inner =
            Inner { stdin: Mutex::new(stdin), child: Mutex::new(child), pending, next: AtomicU64::new(1), dumps, base: lab.base_port() };
        let witness = Self { inner: Arc::new(inner), user: None };
        witness.call("ping", json!({}))?;
        Ok(witness)
    }

    /// The same witness acting as another user (SIMPLE authentication).
    #[must_use]
    pub fn as_user(&self, user: &str) -> Self {
        Self { inner: Arc::clone(&self.inner), user: Some(user.to_owned()) }
    }

    /// The JVM's pid.
    pub fn process_id(&self) -> u32 {
        self.inner.child.lock().unwrap_or_else(PoisonError::into_inner).id()
    }

    /// One request of the protocol.
    pub fn call(&self, operation: &str, mut arguments: Value) -> Answer {
        let lost = |detail: String| WitnessError::Lost { operation: operation.to_owned(), detail };
        let id = self.inner.next.fetch_add(1, Ordering::Relaxed);
        let object = arguments.as_object_mut().ok_or_else(|| lost("takes an object".to_owned()))?;
        object.insert("id".to_owned(), id.into());
        object.insert("op".to_owned(), operation.into());
        if let Some(user) = &self.user {
            object.insert("user".to_owned(), user.as_str().into());
        }
        let (sender, answer) = channel();
        self.inner.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
        {
            let mut stdin = self.inner.stdin.lock().unwrap_or_else(PoisonError::into_inner);
            writeln!(stdin, "{arguments}").and_then(|()| stdin.flush()).map_err(|error| lost(format!("takes no request: {error}")))?;
        }
        let answer = answer.recv_timeout(CALL_LIMIT).map_err(|error| match error {
            RecvTimeoutError::Timeout => lost(format!("gave no answer in {} s", CALL_LIMIT.as_secs())),
            RecvTimeoutError::Disconnected => lost("ended; see logs/witness.log of the lab".to_owned()),
        })?;
        if let Some(class) = answer.get("error").and_then(Value::as_str) {
            let message = answer.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
            return Err(WitnessError::Exception { operation: operation.to_owned(), class: class.to_owned(), message });
        }
        Ok(answer.get("value").cloned().unwrap_or(Value::Null))
    }

    fn get<T: serde::de::DeserializeOwned>(&self, operation: &str, arguments: Value) -> Result<T, WitnessError> {
        let value = self.call(operation, arguments)?;
        serde_json::from_value(value)
            .map_err(|error| WitnessError::Lost { operation: operation.to_owned(), detail: format!("answers strangely: {error}") })
    }

    fn on(&self, operation: &str, table: &str) -> Result<(), WitnessError> {
        self.call(operation, json!({ "table": table })).map(drop)
    }

    pub fn create_table(&self, spec: &TableSpec) -> Result<(), WitnessError> {
        self.call("create_table", json!(spec)).map(drop)
    }

    /// Sets a table's descriptor anew; the splits of the spec do not count.
    pub fn modify_table(&self, spec: &TableSpec) -> Result<(), WitnessError> {
        self.call("modify_table", json!(spec)).map(drop)
    }

    pub fn put(&self, table: &str, cells: &[Cell]) -> Result<(), WitnessError> {
        self.call("put", json!({ "table": table, "cells": cells })).map(drop)
    }

    /// Deletes a whole row.
    pub fn delete_row(&self, table: &str, row: &[u8]) -> Result<(), WitnessError> {
        self.delete(table, row, "row", None, None, None)
    }

    /// Any kind of delete: `row`, `family`, `family_version`, `columns` (all versions up to the time stamp), `column` (one).
    pub fn delete(
        &self,
        table: &str,
        row: &[u8],
        kind: &str,
        family: Option<&str>,
        qualifier: Option<&[u8]>,
        timestamp: Option<i64>,
    ) -> Result<(), WitnessError> {
        let arguments = json!({
            "table": table, "row": encode(row), "kind": kind, "family": family.map(|name| encode(name.as_bytes())),
            "qualifier": qualifier.map(encode), "timestamp": timestamp,
        });
        self.call("delete", arguments).map(drop)
    }

    /// Random rows in every family of the table: the same seed writes the same keys and values. Gives the number of cells.
    pub fn load(&self, table: &str, rows: u64, value_bytes: usize, seed: u64) -> Result<u64, WitnessError> {
        self.get("load", json!({ "table": table, "rows": rows, "value_bytes": value_bytes, "seed": seed }))
    }

    /// As [`Witness::load`], with short keys rich in 0x00 and 0xFF, and time stamps counted up from a first one.
    pub fn load_binary(&self, table: &str, rows: u64, value_bytes: usize, seed: u64, timestamp: i64) -> Result<u64, WitnessError> {
        let arguments =
            json!({ "table": table, "rows": rows, "value_bytes": value_bytes, "seed": seed, "timestamp": timestamp, "binary_keys": true });
        self.get("load", arguments)
    }

    /// Writes one HFile of rows `PREFIXnnnnnnnnnn` and has HBase load it.
    pub fn bulk_load(&self, table: &str, family: &str, prefix: &str, rows: u32, value_bytes: usize) -> Result<(), WitnessError> {
        let arguments = json!({
            "table": table, "family": encode(family.as_bytes()), "prefix": prefix, "rows": rows, "value_bytes": value_bytes, "seed": 1,
        });
        self.call("bulk_load", arguments).map(drop)
    }

    pub fn flush(&self, table: &str) -> Result<(), WitnessError> {
        self.on("flush", table)
    }

    /// Compacts and waits for it.
    pub fn compact(&self, table: &str) -> Result<(), WitnessError> {
        self.on("compact", table)
    }

    /// Compacts everything into one file per store, and waits for it.
    pub fn major_compact(&self, table: &str) -> Result<(), WitnessError> {
        self.on("major_compact", table)
    }

    /// Splits the region that holds the key, there, and waits for it.
    pub fn split(&self, table: &str, point: &[u8]) -> Result<(), WitnessError> {
        self.call("split", json!({ "table": table, "point": encode(point) })).map(drop)
    }

    /// Merges adjacent regions, named by their encoded names, and waits for it.
    pub fn merge(&self, regions: &[&str]) -> Result<(), WitnessError> {
        self.call("merge", json!({ "regions": regions })).map(drop)
    }

    /// Moves a region to a server (`host,port,start code`), or to a random one.
    pub fn move_region(&self, encoded_name: &str, server: Option<&str>) -> Result<(), WitnessError> {
        self.call("move", json!({ "region": encoded_name, "server": server })).map(drop)
    }

    /// Regions in key order.
    pub fn regions(&self, table: &str) -> Result<Vec<Region>, WitnessError> {
        self.get("regions", json!({ "table": table }))
    }

    /// Start and end keys of the regions, to compare tables.
    pub fn boundaries(&self, table: &str) -> Result<Vec<Boundaries>, WitnessError> {
        Ok(self.regions(table)?.into_iter().map(|region| (region.start, region.end)).collect())
    }

    /// Every attribute of the table and its families, one per sorted line, without the table's name.
    pub fn descriptor(&self, table: &str) -> Result<String, WitnessError> {
        self.get("descriptor", json!({ "table": table }))
    }

    pub fn disable(&self, table: &str) -> Result<(), WitnessError> {
        self.on("disable", table)
    }

    pub fn enable(&self, table: &str) -> Result<(), WitnessError> {
        self.on("enable", table)
    }

    /// Disables if need be, and deletes.
    pub fn drop_table(&self, table: &str) -> Result<(), WitnessError> {
        self.on("drop", table)
    }

    /// Disables and truncates.
    pub fn truncate(&self, table: &str, preserve_splits: bool) -> Result<(), WitnessError> {
        self.call("truncate", json!({ "table": table, "preserve_splits": preserve_splits })).map(drop)
    }

    pub fn table_exists(&self, table: &str) -> Result<bool, WitnessError> {
        self.get("table_exists", json!({ "table": table }))
    }

    pub fn is_enabled(&self, table: &str) -> Result<bool, WitnessError> {
        self.get("is_enabled", json!({ "table": table }))
    }

    /// User tables.
    pub fn tables(&self) -> Result<Vec<String>, WitnessError> {
        self.get("list_tables", json!({}))
    }

    /// A snapshot that flushes first.
    pub fn snapshot(&self, name: &str, table: &str) -> Result<(), WitnessError> {
        self.snapshot_of_kind(name, table, "FLUSH")
    }

    /// `FLUSH`, `SKIPFLUSH` or `DISABLED`.
    pub fn snapshot_of_kind(&self, name: &str, table: &str, kind: &str) -> Result<(), WitnessError> {
        self.call("snapshot", json!({ "snapshot": name, "table": table, "kind": kind })).map(drop)
    }

    pub fn snapshots(&self) -> Result<Vec<Snapshot>, WitnessError> {
        self.get("list_snapshots", json!({}))
    }

    pub fn delete_snapshot(&self, name: &str) -> Result<(), WitnessError> {
        self.call("delete_snapshot", json!({ "snapshot": name })).map(drop)
    }

    /// HBase's own clone, with its client's checks.
    pub fn clone_snapshot(&self, name: &str, table: &str, restore_acl: bool) -> Result<(), WitnessError> {
        self.call("clone_snapshot", json!({ "snapshot": name, "table": table, "restore_acl": restore_acl })).map(drop)
    }

    /// HBase's own restore in place; the table must be disabled.
    pub fn restore_snapshot(&self, name: &str) -> Result<(), WitnessError> {
        self.call("restore_snapshot", json!({ "snapshot": name })).map(drop)
    }

    /// The bare RestoreSnapshot call without the checks of HBase's client: onto a name that exists it shows what the server
    /// itself does. Gives the procedure's id, which is no success yet.
    pub fn raw_restore_snapshot(&self, name: &str, table: &str, nonce: (u64, u64), restore_acl: bool) -> Result<i64, WitnessError> {
        // Java's longs are signed.
        let (group, nonce) = (nonce.0.cast_signed(), nonce.1.cast_signed());
        let arguments = json!({ "snapshot": name, "table": table, "nonce_group": group, "nonce": nonce, "restore_acl": restore_acl });
        self.get("raw_restore_snapshot", arguments)
    }

    /// How far a procedure is.
    pub fn procedure(&self, id: i64) -> Result<ProcedureState, WitnessError> {
        self.get("procedure", json!({ "procedure": id }))
    }

    /// Polls a procedure to its end, or for a minute.
    pub fn wait_procedure(&self, id: i64) -> Result<ProcedureState, WitnessError> {
        let start = Instant::now();
        loop {
            let state = self.procedure(id)?;
            if state.state != "RUNNING" || start.elapsed() > Duration::from_secs(60) {
                return Ok(state);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub fn create_namespace(&self, name: &str, settings: &[(&str, &str)]) -> Result<(), WitnessError> {
        let settings: BTreeMap<_, _> = settings.iter().copied().collect();
        self.call("create_namespace", json!({ "namespace": name, "settings": settings })).map(drop)
    }

    pub fn drop_namespace(&self, name: &str) -> Result<(), WitnessError> {
        self.call("drop_namespace", json!({ "namespace": name })).map(drop)
    }

    /// Namespaces with their settings.
    pub fn namespaces(&self) -> Result<BTreeMap<String, BTreeMap<String, String>>, WitnessError> {
        self.get("list_namespaces", json!({}))
    }

    pub fn grant(&self, permission: &Permission) -> Result<(), WitnessError> {
        self.call("grant", json!(permission)).map(drop)
    }

    pub fn revoke(&self, permission: &Permission) -> Result<(), WitnessError> {
        self.call("revoke", json!(permission)).map(drop)
    }

    /// Every grant, sorted.
    pub fn permissions(&self) -> Result<Vec<Permission>, WitnessError> {
        let mut all: Vec<Permission> = self.get("permissions", json!({}))?;
        all.sort();
        Ok(all)
    }

    /// Limits the requests of a table; 0 removes the limit.
    pub fn set_table_quota(&self, table: &str, requests_per_second: u32) -> Result<(), WitnessError> {
        self.call("set_quota", json!({ "table": table, "requests_per_second": requests_per_second })).map(drop)
    }

    /// Limits the requests of a namespace; 0 removes the limit.
    pub fn set_namespace_quota(&self, namespace: &str, requests_per_second: u32) -> Result<(), WitnessError> {
        self.call("set_quota", json!({ "namespace": namespace, "requests_per_second": requests_per_second })).map(drop)
    }

    /// Limits the requests of a user; 0 removes the limit.
    pub fn set_user_quota(&self, user: &str, requests_per_second: u32) -> Result<(), WitnessError> {
        self.call("set_quota", json!({ "subject": user, "requests_per_second": requests_per_second })).map(drop)
    }

    /// Every quota: its subject, and the rest as HBase prints it; sorted.
    pub fn quotas(&self) -> Result<Vec<String>, WitnessError> {
        self.get("quotas", json!({}))
    }

    /// Adds a replication peer that leads to a cluster in name only.
    pub fn add_peer(&self, id: &str, enabled: bool) -> Result<(), WitnessError> {
        self.call("add_peer", json!({ "peer": id, "enabled": enabled })).map(drop)
    }

    pub fn remove_peer(&self, id: &str) -> Result<(), WitnessError> {
        self.call("remove_peer", json!({ "peer": id })).map(drop)
    }

    /// Every replication peer: id, address, whether it is enabled, its configuration.
    pub fn peers(&self) -> Result<Vec<String>, WitnessError> {
        self.get("peers", json!({}))
    }

    /// Turns `balancer`, `cleaner`, `catalog_janitor`, `split`, `merge` or `compaction` on or off; gives what it was.
    pub fn switch(&self, name: &str, on: bool) -> Result<bool, WitnessError> {
        self.get("switch", json!({ "name": name, "on": on }))
    }

    pub fn balance(&self) -> Result<bool, WitnessError> {
        self.get("balance", json!({}))
    }

    /// Runs the HFile and log cleaners now. `false`: they are off or were at work.
    pub fn run_cleaner(&self) -> Result<bool, WitnessError> {
        self.get("run_cleaner", json!({}))
    }

    /// Runs the catalog janitor now (parents of splits and merges); gives the number of regions it removed.
    pub fn run_catalog_janitor(&self) -> Result<i64, WitnessError> {
        self.get("run_catalog_janitor", json!({}))
    }

    /// Rolls every RegionServer's WAL.
    pub fn roll_logs(&self) -> Result<(), WitnessError> {
        self.call("roll_logs", json!({})).map(drop)
    }

    /// Live RegionServers, `host,port,start code`.
    pub fn servers(&self) -> Result<Vec<String>, WitnessError> {
        self.get("servers", json!({}))
    }

    /// The server name of a RegionServer process of the lab.
    pub fn server_of(&self, process: &str) -> Result<Option<String>, WitnessError> {
        let number: u16 = process.trim_start_matches("rs").parse().unwrap_or(1);
        let port = format!(",{},", self.inner.base + 20 + number);
        Ok(self.servers()?.into_iter().find(|server| server.contains(&port)))
    }

    /// The active master's server name.
    pub fn master(&self) -> Result<String, WitnessError> {
        self.get("master", json!({}))
    }

    pub fn hbase_version(&self) -> Result<String, WitnessError> {
        self.get("hbase_version", json!({}))
    }

    /// Takes a RegionServer out of service; with `offload` its regions move away.
    pub fn decommission(&self, server: &str, offload: bool) -> Result<(), WitnessError> {
        self.call("decommission", json!({ "server": server, "offload": offload })).map(drop)
    }

    pub fn recommission(&self, server: &str) -> Result<(), WitnessError> {
        self.call("recommission", json!({ "server": server })).map(drop)
    }

    /// Count and hash of a whole scan.
    pub fn scan(&self, table: &str, scan: Scan) -> Result<ScanSummary, WitnessError> {
        self.get("scan", json!({ "table": table, "raw": scan == Scan::Raw }))
    }

    /// As [`Witness::scan`], and every cell as a line of JSON in a file of the lab's directory; see [`crate::difference`].
    pub fn dump(&self, table: &str, scan: Scan) -> Result<(ScanSummary, PathBuf), WitnessError> {
        let file = self.new_dump();
        Ok((self.get("scan", json!({ "table": table, "raw": scan == Scan::Raw, "dump": file }))?, file))
    }

    /// Reads an HFile to its end with HBase's reader: a path or URL, no cluster needed.
    pub fn read_hfile(&self, file: &str) -> Result<FileSummary, WitnessError> {
        let dump = self.new_dump();
        self.call("read_hfile", json!({ "file": file, "dump": dump, "cells": false }))?;
        read_hfile_dump(&dump).map_err(|detail| WitnessError::Lost { operation: "read_hfile".to_owned(), detail })
    }

    fn new_dump(&self) -> PathBuf {
        self.inner.dumps.join(format!("{}.jsonl", self.inner.next.fetch_add(1, Ordering::Relaxed)))
    }
}

fn read_hfile_dump(file: &Path) -> Result<FileSummary, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("left no dump: {error}"))?;
    let mut summary = FileSummary { cells: 0, trailer: BTreeMap::new(), blocks: Vec::new() };
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).map_err(|error| format!("wrote {line}: {error}"))?;
        let number = |key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
        match value.get("k").and_then(Value::as_str) {
            Some("trailer") => {
                let fields = value.get("trailer").and_then(Value::as_object).cloned().unwrap_or_default();
                summary.trailer = fields.into_iter().collect();
            }
            Some("block") => {
                let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
                summary.blocks.push((number("off"), kind.to_owned()));
            }
            Some("end") => summary.cells = number("cells"),
            _ => {}
        }
    }
    Ok(summary)
}

impl Drop for Inner {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        // It has no state of its own; a JVM that is dead already is what we want.
        let _ = child.kill();
        let _ = child.wait();
    }
}
