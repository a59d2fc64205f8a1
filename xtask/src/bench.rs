//! `cargo xtask bench backup|restore`: the same files through Seawall and its peers, interleaved, medians of whole processes.
//!
//! The data is a root directory with one completed snapshot, written by HBase's own classes (`xtask/bench/MakeSnapshot.java`), so
//! that ExportSnapshot, restic and Seawall read the very same files. Each tool's start-up is measured by itself, on a snapshot of
//! almost nothing, and shown apart. A run writes into an empty place that is removed afterwards.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::measure::{Figures, median, run as measure};
use crate::workspace;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Subject {
    /// Backup into an empty repository, beside ExportSnapshot, restic and `cp`.
    Backup,
    /// Restore into an empty root directory, beside the same.
    Restore,
}

/// Options of a benchmark.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// What to compare.
    #[arg(value_enum)]
    pub(crate) subject: Subject,
    /// Where data and repositories are put; name a directory on tmpfs or on disk. Needs about three times the data.
    #[arg(long, default_value = "/dev/shm/seawall-bench")]
    pub(crate) dir: PathBuf,
    /// Store files of the snapshot.
    #[arg(long, default_value_t = 20)]
    pub(crate) files: u32,
    /// Size of each store file.
    #[arg(long, default_value_t = 256)]
    pub(crate) mebibytes: u32,
    /// Counted runs of each tool; one more is made first and not counted.
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: u32,
    /// Values that compress well, in place of random ones.
    #[arg(long)]
    pub(crate) text: bool,
}

const JAVA_OPTIONS: &[&str] = &[
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
    "-Xmx1g",
];

pub(crate) fn run(options: &Options) -> Result<()> {
    workspace::run("cargo", &["build", "--quiet", "--release", "--locked", "--package", "seawall"], &[])?;
    let bench = Bench::prepare(options)?;
    let tools: &[Tool] = match options.subject {
        Subject::Backup | Subject::Restore => &[Tool::Seawall, Tool::ExportSnapshot, Tool::Restic, Tool::Copy],
    };
    let mut rows: Vec<(Tool, Vec<Figures>, Vec<Figures>)> = tools.iter().map(|tool| (*tool, Vec::new(), Vec::new())).collect();
    for round in 0..=options.runs {
        for (tool, figures, start_up) in &mut rows {
            let whole = bench.one(*tool, options.subject, &bench.large)?;
            let small = bench.one(*tool, options.subject, &bench.small)?;
            if round > 0 {
                figures.push(whole);
                start_up.push(small);
            }
        }
    }
    bench.print(options, &rows);
    std::fs::remove_dir_all(&options.dir).with_context(|| options.dir.display().to_string())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Seawall,
    ExportSnapshot,
    Restic,
    /// `cp -r`, then `sync` of what it wrote: what the machine itself takes.
    Copy,
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::Seawall => "seawall",
            Self::ExportSnapshot => "ExportSnapshot 2.5.10 (2 mappers, no checksum, no encryption)",
            Self::Restic => "restic (Debian package)",
            Self::Copy => "cp -r, then sync",
        }
    }
}

/// One root directory and what it weighs.
struct Dataset {
    root: PathBuf,
    bytes: u64,
}

struct Bench {
    directory: PathBuf,
    classpath: String,
    seawall: PathBuf,
    large: Dataset,
    small: Dataset,
}

impl Bench {
    fn prepare(options: &Options) -> Result<Self> {
        let directory = options.dir.clone();
        if directory.exists() {
            bail!("{} exists; name a directory that may be created and removed", directory.display());
        }
        std::fs::create_dir_all(directory.join("classes"))?;
        let sources = workspace::root().join("xtask/bench");
        let list = directory.join("classpath");
        let pom = sources.join("pom.xml").display().to_string();
        let output = format!("-Dmdep.outputFile={}", list.display());
        workspace::run("mvn", &["-q", "-B", "-f", &pom, "dependency:build-classpath", &output], &[])?;
        let jars = std::fs::read_to_string(&list)?;
        let classes = directory.join("classes").display().to_string();
        let source = sources.join("MakeSnapshot.java").display().to_string();
        workspace::run("javac", &["-nowarn", "-proc:none", "-cp", jars.trim(), "-d", &classes, &source], &[])?;
        let classpath = format!("{classes}:{}", jars.trim());
        let kind = if options.text { "text" } else { "random" };
        let large = make(&directory, &classpath, "large", options.files, options.mebibytes, kind)?;
        let small = make(&directory, &classpath, "small", 1, 1, kind)?;
        Ok(Self { directory, classpath, seawall: workspace::target_directory()?.join("release/seawall"), large, small })
    }

    /// One measured run of one tool on one dataset; what it needs beforehand is not measured.
    fn one(&self, tool: Tool, subject: Subject, data: &Dataset) -> Result<Figures> {
        let place = self.directory.join("run");
        std::fs::create_dir_all(&place)?;
        let mut command = match (tool, subject) {
            (Tool::Seawall, Subject::Backup) => {
                self.seawall_ready(&place, data)?;
                self.seawall(&place, &["backup", "--snapshot", "bench"])
            }
            (Tool::Seawall, Subject::Restore) => {
                self.seawall_ready(&place, data)?;
                measure(&mut self.seawall(&place, &["backup", "--snapshot", "bench"]))?;
                self.seawall(&place, &["restore", "latest", "--all", "--target", "empty", "--as-namespace", "default", "--yes"])
            }
            (Tool::ExportSnapshot, Subject::Backup) => self.export(&place, &data.root, "exported")?,
            (Tool::ExportSnapshot, Subject::Restore) => {
                measure(&mut self.export(&place, &data.root, "exported")?)?;
                self.export(&place, &place.join("exported"), "restored")?
            }
            (Tool::Copy, _) => {
                let script = "cp -r \"$1\" \"$2\" && find \"$2\" -exec sync {} +";
                let mut command = Command::new("sh");
                command.args(["-c", script, "sh"]).arg(&data.root).arg(place.join("copy"));
                quiet(command)
            }
            (Tool::Restic, Subject::Backup) => {
                measure(&mut restic(&place, &["init"], &[]))?;
                restic(&place, &["backup", "--no-cache"], &[&data.root])
            }
            (Tool::Restic, Subject::Restore) => {
                measure(&mut restic(&place, &["init"], &[]))?;
                measure(&mut restic(&place, &["backup", "--no-cache"], &[&data.root]))?;
                restic(&place, &["restore", "latest", "--no-cache", "--target"], &[&place.join("restored")])
            }
        };
        self.settle(data)?;
        let figures = measure(&mut command)?;
        std::fs::remove_dir_all(&place)?;
        Ok(figures)
    }

    /// The same start for every tool. A virtual machine may give memory that was freed back to its host, and then pays for each page
    /// anew (2.5 µs where this was written, three times what the copy into it takes): as much as the tool will write is written and
    /// removed first. On a disk, what earlier runs left to write is written.
    fn settle(&self, data: &Dataset) -> Result<()> {
        let path = self.directory.join("settle");
        let mut file = std::fs::File::create(&path)?;
        if is_tmpfs(&self.directory)? {
            let piece = vec![0u8; 1 << 20];
            for _ in 0..data.bytes.div_ceil(1 << 20) + 64 {
                std::io::Write::write_all(&mut file, &piece)?;
            }
        } else {
            workspace::run("sync", &[], &[])?;
        }
        Ok(std::fs::remove_file(&path)?)
    }

    fn seawall_ready(&self, place: &Path, data: &Dataset) -> Result<()> {
        std::fs::create_dir_all(place.join("empty"))?;
        let configuration = format!(
            "version = 1\n[cluster.bench]\nrootdir = \"file://{}\"\n[cluster.empty]\nrootdir = \"file://{}\"\n[repo.bench]\nurl = \"file://{}\"\nkey = {{ file = \"{}\" }}\n",
            data.root.display(),
            place.join("empty").display(),
            place.join("repository").display(),
            place.join("key").display(),
        );
        std::fs::write(place.join("seawall.toml"), configuration)?;
        measure(&mut self.seawall(place, &["init"]))?;
        Ok(())
    }

    fn seawall(&self, place: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.seawall);
        command.arg("--config").arg(place.join("seawall.toml")).args(arguments).env("SEAWALL_STATE", place.join("state"));
        if arguments.first() == Some(&"backup") {
            command.args(["--cluster", "bench"]);
        }
        quiet(command)
    }

    fn export(&self, place: &Path, from: &Path, to: &str) -> Result<Command> {
        let configuration = place.join("conf");
        std::fs::create_dir_all(&configuration)?;
        let property = |name: &str, value: &str| format!("<property><name>{name}</name><value>{value}</value></property>");
        std::fs::write(
            configuration.join("hbase-site.xml"),
            format!(
                "<configuration>{}{}{}{}</configuration>",
                property("hbase.rootdir", &format!("file://{}", from.display())),
                property("fs.defaultFS", "file:///"),
                property("mapreduce.framework.name", "local"),
                property("hadoop.tmp.dir", &place.join("tmp").display().to_string()),
            ),
        )?;
        let mut command = Command::new("java");
        command.args(JAVA_OPTIONS).arg("-cp").arg(format!("{}:{}", configuration.display(), self.classpath));
        command.args([
            "org.apache.hadoop.hbase.snapshot.ExportSnapshot",
            "-snapshot",
            "bench",
            "-mappers",
            "2",
            "-no-checksum-verify",
            "-copy-to",
        ]);
        command.arg(format!("file://{}", place.join(to).display()));
        Ok(quiet(command))
    }

    fn print(&self, options: &Options, rows: &[(Tool, Vec<Figures>, Vec<Figures>)]) {
        let gigabytes = self.large.bytes as f64 / 1e9;
        println!(
            "{:?} of {gigabytes:.2} GB in {} files, {}, medians of {} interleaved runs",
            options.subject,
            options.files,
            options.dir.display(),
            options.runs
        );
        println!("| tool | wall s | GB/s | CPU s | CPU s/GB | peak RSS MiB | start-up s (CPU s) |");
        println!("|---|---|---|---|---|---|---|");
        for (tool, figures, start_up) in rows {
            let (whole, small) = (median(figures), median(start_up));
            let wall = whole.wall_seconds - small.wall_seconds;
            let cpu = whole.cpu_seconds - small.cpu_seconds;
            println!(
                "| {} | {wall:.2} | {:.2} | {cpu:.2} | {:.2} | {} | {:.2} ({:.2}) |",
                tool.name(),
                gigabytes / wall,
                cpu / gigabytes,
                whole.peak_resident_bytes >> 20,
                small.wall_seconds,
                small.cpu_seconds,
            );
        }
    }
}

fn make(directory: &Path, classpath: &str, name: &str, files: u32, mebibytes: u32, kind: &str) -> Result<Dataset> {
    let root = directory.join(name);
    let mut command = Command::new("java");
    command.args(JAVA_OPTIONS).args(["-cp", classpath, "MakeSnapshot"]).arg(&root);
    command.args(["bench", &files.to_string(), &mebibytes.to_string(), kind]);
    measure(&mut quiet(command))?;
    let bytes = workspace::size_of(&root.join("data"))?;
    Ok(Dataset { root, bytes })
}

fn restic(place: &Path, arguments: &[&str], paths: &[&Path]) -> Command {
    let mut command = Command::new("restic");
    command.arg("--repo").arg(place.join("restic")).args(arguments).args(paths).env("RESTIC_PASSWORD", "bench");
    quiet(command)
}

fn is_tmpfs(directory: &Path) -> Result<bool> {
    let output = Command::new("stat").args(["--file-system", "--format=%T"]).arg(directory).output()?;
    Ok(output.stdout.starts_with(b"tmpfs"))
}

fn quiet(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).env_remove("SEAWALL_CONFIG");
    command
}
