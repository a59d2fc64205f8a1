//! One server process: starting a JVM, its pid file, its end.
//!
//! `pids/NAME` holds `PID START_TIME` (clock ticks since boot, /proc/PID/stat field 22), so that a pid which the kernel has given
//! to somebody else since is never signalled.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process by pid and start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) pid: i32,
    start_time: u64,
}

impl Identity {
    fn of(pid: i32) -> Option<Self> {
        let (start_time, alive) = stat(pid)?;
        alive.then_some(Self { pid, start_time })
    }

    pub(crate) fn read(file: &Path) -> Option<Self> {
        let text = fs::read_to_string(file).ok()?;
        let (pid, start_time) = text.trim().split_once(' ')?;
        Some(Self { pid: pid.parse().ok()?, start_time: start_time.parse().ok()? })
    }

    pub(crate) fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    pub(crate) fn signal(self, signal: Signal) -> Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        let pid = Pid::from_raw(self.pid).context("pid 0")?;
        match kill_process(pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("signal to {}", self.pid)),
        }
    }

    /// Resident memory in MiB.
    pub(crate) fn resident_mebibytes(self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? / 1024)
    }
}

/// Start time, and whether it still runs (a zombie does not).
fn stat(pid: i32) -> Option<(u64, bool)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name is in parentheses and may hold blanks: count from its end.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let start_time = fields.nth(18)?.parse().ok()?;
    Some((start_time, !matches!(state, "Z" | "X")))
}

/// What to run: a main class with its heap, classpath and arguments.
pub(crate) struct Jvm<'a> {
    pub(crate) name: &'a str,
    pub(crate) heap_mebibytes: u32,
    pub(crate) classpath: String,
    pub(crate) arguments: Vec<String>,
}

const OPENED: [&str; 8] =
    ["java.lang", "java.nio", "java.lang.reflect", "sun.nio.ch", "java.util", "java.util.concurrent", "java.net", "jdk.internal.ref"];

/// The java command of a lab in `dir`: small, quick to start, conf directory first on the classpath, stdio not yet set.
pub(crate) fn java(dir: &Path, jvm: &Jvm<'_>) -> Command {
    let mut command = Command::new("java");
    command.env("CLASSPATH", format!("{}:{}", dir.join("conf").display(), jvm.classpath));
    command.arg(format!("-Xmx{}m", jvm.heap_mebibytes));
    command.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xss512k", "-Djava.net.preferIPv4Stack=true"]);
    for package in OPENED {
        command.arg("--add-opens").arg(format!("java.base/{package}=ALL-UNNAMED"));
    }
    command.arg(format!("-Djava.io.tmpdir={}", dir.join("tmp").display()));
    for key in ["hbase.log.dir", "hadoop.log.dir"] {
        command.arg(format!("-D{key}={}", dir.join("logs").display()));
    }
    command.arg(format!("-Dseawall.lab={}", jvm.name)).args(&jvm.arguments);
    command
}

/// Starts a server: output goes to the end of `logs/NAME.log`, the pid to `pids/NAME`.
pub(crate) fn start(dir: &Path, jvm: &Jvm<'_>, detached: bool) -> Result<Child> {
    let log = fs::OpenOptions::new().create(true).append(true).open(dir.join("logs").join(format!("{}.log", jvm.name)))?;
    let mut command = java(dir, jvm);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let child = if detached { crate::spawn::detached(command) } else { crate::spawn::owned(command) };
    let child = child.context("cannot start java (JDK 17 is needed)")?;
    let pid = child.id() as i32;
    if let Some(identity) = Identity::of(pid) {
        fs::write(dir.join("pids").join(jvm.name), format!("{pid} {}\n", identity.start_time))?;
    }
    Ok(child)
}

/// Runs a JVM to its end and gives its output; `input` is stdout and stderr together.
pub(crate) fn run(dir: &Path, jvm: &Jvm<'_>, limit: Duration) -> Result<String> {
    let log = dir.join("logs").join(format!("{}.log", jvm.name));
    let file = fs::File::create(&log)?;
    let mut command = java(dir, jvm);
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let mut child = crate::spawn::owned(command).context("cannot start java (JDK 17 is needed)")?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if start.elapsed() > limit => {
                child.kill()?;
                child.wait()?;
                bail!("{} took more than {} s, see {}", jvm.name, limit.as_secs(), log.display());
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    if !status.success() {
        bail!("{} failed ({status}):\n{}", jvm.name, tail(&text, 30));
    }
    Ok(text)
}

/// The last lines of a log.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<_> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
