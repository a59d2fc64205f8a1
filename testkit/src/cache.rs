//! Classpaths and compiled helpers, made once and shared by all labs.
//!
//! They lie in `$SEAWALL_LAB_CACHE`, else in `target/lab-cache` of the workspace. A file's name holds a hash of what it was made
//! from, so a changed pom or source gives a new one. Each is written aside and renamed, under a lock: two tests that start at
//! once make it once.

use anyhow::{Context, Result, bail};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::spec::HBaseVersion;

const HADOOP_POM: &str = include_str!("../poms/hadoop.xml");

type Source = (&'static str, &'static str);

const WITNESS_SOURCES: [Source; 5] = [
    ("J.java", include_str!("../witness/src/J.java")),
    ("HFileDump.java", include_str!("../witness/src/HFileDump.java")),
    ("Tables.java", include_str!("../witness/src/Tables.java")),
    ("Cells.java", include_str!("../witness/src/Cells.java")),
    ("Witness.java", include_str!("../witness/src/Witness.java")),
];

/// The codec for the release whose own one cannot be had; its servers need it too.
const CODEC_SOURCE: Source = ("ZstdCodec.java", include_str!("../witness/src/ZstdCodec.java"));

fn witness_sources(version: HBaseVersion) -> Vec<Source> {
    let codec = version.needs_our_codec().then_some(CODEC_SOURCE);
    WITNESS_SOURCES.into_iter().chain(codec).collect()
}

fn hbase_pom(version: HBaseVersion) -> &'static str {
    match version {
        HBaseVersion::V2_3_6 => include_str!("../poms/hbase-2.3.6.xml"),
        HBaseVersion::V2_4_18 => include_str!("../poms/hbase-2.4.18.xml"),
        HBaseVersion::V2_5_13 => include_str!("../poms/hbase-2.5.13.xml"),
        HBaseVersion::V2_6_4 => include_str!("../poms/hbase-2.6.4.xml"),
        HBaseVersion::V3_0_0Alpha4 => include_str!("../poms/hbase-3.0.0-alpha-4.xml"),
    }
}

/// The classpath of HBase's servers and clients.
pub(crate) fn hbase_classpath(version: HBaseVersion) -> Result<String> {
    let jars = jars(version)?;
    if version.needs_our_codec() { Ok(format!("{jars}:{}", witness_classes(version)?.display())) } else { Ok(jars) }
}

fn jars(version: HBaseVersion) -> Result<String> {
    classpath(&format!("hbase-{version}"), hbase_pom(version))
}

/// The classpath of the HDFS daemons; never to be mixed with HBase's.
pub(crate) fn hadoop_classpath() -> Result<String> {
    classpath("hadoop", HADOOP_POM)
}

/// A directory of the witness's classes for a version.
pub(crate) fn witness_classes(version: HBaseVersion) -> Result<PathBuf> {
    let cache = directory()?;
    let sources = witness_sources(version);
    let target = cache.join(format!("witness-{version}-{}", digest(&(&sources, hbase_pom(version)))));
    if target.is_dir() {
        return Ok(target);
    }
    let classpath = jars(version)?;
    let _lock = lock(&cache)?;
    if target.is_dir() {
        return Ok(target);
    }
    let aside = tempfile::Builder::new().prefix("witness-").tempdir_in(&cache)?;
    let classes = aside.path().join("classes");
    fs::create_dir(&classes)?;
    let mut javac = Command::new("javac");
    javac.args(["-nowarn", "-proc:none", "-Xlint:none", "-encoding", "UTF-8", "-cp", &classpath, "-d"]).arg(&classes);
    for (name, text) in sources {
        let file = aside.path().join(name);
        fs::write(&file, text)?;
        javac.arg(file);
    }
    run(javac, "javac (JDK 17 is needed)")?;
    fs::rename(&classes, &target)?;
    Ok(target)
}

fn classpath(name: &str, pom: &str) -> Result<String> {
    let cache = directory()?;
    let target = cache.join(format!("{name}-{}.classpath", digest(&pom)));
    if let Some(text) = read_resolved(&target)? {
        return Ok(text);
    }
    let _lock = lock(&cache)?;
    if let Some(text) = read_resolved(&target)? {
        return Ok(text);
    }
    let aside = tempfile::Builder::new().prefix("pom-").tempdir_in(&cache)?;
    fs::write(aside.path().join("pom.xml"), pom)?;
    let output = aside.path().join("classpath");
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", "-f"]).arg(aside.path().join("pom.xml")).arg("dependency:build-classpath");
    maven.arg(format!("-Dmdep.outputFile={}", output.display()));
    run(maven, "mvn")?;
    fs::rename(&output, &target)?;
    read_resolved(&target)?.with_context(|| format!("Maven left no usable classpath in {}", target.display()))
}

/// A classpath that was resolved before and whose jars are still there.
fn read_resolved(file: &Path) -> Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => {
            let text = text.trim().to_owned();
            Ok((!text.is_empty() && text.split(':').all(|jar| Path::new(jar).exists())).then_some(text))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| file.display().to_string()),
    }
}

fn directory() -> Result<PathBuf> {
    let path = match std::env::var_os("SEAWALL_LAB_CACHE") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/lab-cache"),
    };
    fs::create_dir_all(&path).with_context(|| format!("lab cache {}", path.display()))?;
    Ok(path.canonicalize()?)
}

fn lock(cache: &Path) -> Result<fs::File> {
    let file = fs::File::create(cache.join("lock"))?;
    file.lock()?;
    Ok(file)
}

fn digest(what: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn run(mut command: Command, what: &str) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {what}"))?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        bail!("{what} failed ({}):\n{text}", output.status);
    }
    Ok(())
}
