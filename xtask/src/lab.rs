//! `cargo xtask lab up|down|status`: real HBase servers that stay until `down`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use testkit::{FamilySpec, HBaseVersion, Kind, Lab, LabSpec, Ports, Scan, TableSpec, Witness};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Start HBase, or start it again on a directory where a lab was stopped.
    Up(Up),
    /// Stop every process of a lab; its data stays.
    Down {
        /// The lab's directory.
        #[arg(long)]
        dir: PathBuf,
        /// SIGKILL at once.
        #[arg(long)]
        kill: bool,
    },
    /// What runs, where, and how to reach it.
    Status {
        /// The lab's directory.
        #[arg(long)]
        dir: PathBuf,
    },
    /// Make, drop or count a table with HBase's own client.
    Table {
        /// The lab's directory.
        #[arg(long)]
        dir: PathBuf,
        /// What to do.
        #[arg(value_enum)]
        action: TableAction,
        /// The table.
        table: String,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum TableAction {
    /// Create it with four regions and load it; prints what `count` prints.
    Make,
    /// Disable and delete it.
    Drop,
    /// Raw scan of all versions: rows, cells, digest.
    Count,
}

#[derive(Args)]
pub(crate) struct Up {
    /// 2.4.18, 2.5.13, 2.6.4 or 3.0.0-alpha-4.
    #[arg(long, value_name = "VERSION", default_value = "2.6.4")]
    hbase: HBaseVersion,
    /// HDFS, ZooKeeper, HMaster and RegionServers as processes of their own, instead of one on a local directory.
    #[arg(long)]
    hdfs: bool,
    /// Two NameNodes behind a nameservice (implies --hdfs).
    #[arg(long)]
    ha: bool,
    /// RegionServers, 1 to 9 (implies --hdfs when given).
    #[arg(long, value_name = "N")]
    regionservers: Option<u8>,
    /// First of a hundred ports; without, a free one is looked for.
    #[arg(long, value_name = "BASE")]
    ports: Option<u16>,
    /// Configuration, data, logs and pid files go here.
    #[arg(long)]
    dir: PathBuf,
    /// SIMPLE authentication with the AccessController.
    #[arg(long)]
    access_controller: bool,
    /// A key store, so that families may have ENCRYPTION=AES.
    #[arg(long)]
    encryption: bool,
    /// A setting for hbase-site.xml (hdfs-site.xml for dfs.*); may be repeated.
    #[arg(short = 'D', value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("not KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

pub(crate) fn run(verb: Verb) -> Result<()> {
    match verb {
        Verb::Up(up) => start(up),
        Verb::Down { dir, kill } => stop(&dir, kill),
        Verb::Status { dir } => {
            report(&Lab::attach(&dir)?);
            Ok(())
        }
        Verb::Table { dir, action, table } => use_table(&dir, action, &table),
    }
}

fn start(up: Up) -> Result<()> {
    let distributed = up.hdfs || up.ha || up.regionservers.is_some();
    let kind = if distributed { Kind::Distributed { ha: up.ha, regionservers: up.regionservers.unwrap_or(1) } } else { Kind::Standalone };
    let began = Instant::now();
    let lab = Lab::start(LabSpec {
        version: up.hbase,
        kind,
        ports: up.ports.map_or(Ports::Free, Ports::Base),
        dir: Some(up.dir),
        extra: up.settings,
        access_controller: up.access_controller,
        encryption: up.encryption,
        detached: true,
    })?;
    report(&lab);
    println(format_args!("ready after {:.1} s", began.elapsed().as_secs_f64()));
    Ok(())
}

fn stop(dir: &Path, kill: bool) -> Result<()> {
    let lab = Lab::attach(dir)?;
    let count = lab.processes().len();
    if kill {
        lab.kill_all();
    } else {
        lab.stop().context("some process could not be stopped")?;
    }
    anyhow::ensure!(lab.processes().is_empty(), "still running: {:?}", lab.processes());
    println(format_args!("{count} processes stopped"));
    Ok(())
}

/// Rows that `lab table make` loads.
const TABLE_ROWS: u64 = 10_000;

fn use_table(dir: &Path, action: TableAction, table: &str) -> Result<()> {
    let witness = Witness::start(&Lab::attach(dir)?)?;
    match action {
        TableAction::Make => {
            witness.create_table(&TableSpec::new(table).family(FamilySpec::new("f").set("VERSIONS", 3)).regions(4))?;
            witness.load(table, TABLE_ROWS, 100, 1)?;
        }
        TableAction::Drop => return Ok(witness.drop_table(table)?),
        TableAction::Count => {}
    }
    let found = witness.scan(table, Scan::Raw)?;
    println(format_args!("{} rows, {} cells, sha256 {}", found.rows, found.cells, found.sha256));
    Ok(())
}

fn report(lab: &Lab) {
    println(format_args!("HBase {} {:?}", lab.version(), lab.kind()));
    println(format_args!("conf_dir   {}", lab.conf_dir().display()));
    println(format_args!("rootdir    {}", lab.rootdir()));
    println(format_args!("zookeeper  {}", lab.zookeeper()));
    println(format_args!("master     {}", lab.master()));
    let processes = lab.processes();
    if processes.is_empty() {
        println(format_args!("no process runs"));
    }
    for (name, pid, mebibytes) in processes {
        println(format_args!("{name:<10} pid {pid:<8} {mebibytes} MiB"));
    }
}

fn println(text: std::fmt::Arguments<'_>) {
    println!("{text}");
}
