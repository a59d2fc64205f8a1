//! `codegen`: writes `crates/hbase-proto/src/generated.rs` from the protocol files beside it, with protox instead of protoc,
//! so that no C++ tool is needed. `--check` only compares.

use std::path::Path;

use anyhow::{Context, Result, bail};

const PROTO_DIRECTORY: &str = "crates/hbase-proto/proto";
const GENERATED_FILE: &str = "crates/hbase-proto/src/generated.rs";

/// Regenerates the protocol code under `root` (the workspace), or, with `check_only`, fails when it is not what is checked in.
pub(crate) fn run(root: &Path, check_only: bool) -> Result<()> {
    let generated = generate(&root.join(PROTO_DIRECTORY))?;
    let target = root.join(GENERATED_FILE);
    let current = std::fs::read_to_string(&target).unwrap_or_default();
    if current == generated {
        return Ok(());
    }
    if check_only {
        bail!("{GENERATED_FILE} is not what {PROTO_DIRECTORY} gives: run `cargo xtask codegen`");
    }
    std::fs::write(&target, generated).with_context(|| format!("writing {}", target.display()))
}

fn generate(protos: &Path) -> Result<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(protos).with_context(|| format!("listing {}", protos.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    let descriptors = protox::compile(&files, [protos]).context("compiling the protocol files")?;
    // prost-build writes one file per protobuf package; all of HBase's are in `hbase.pb`.
    let out = std::env::temp_dir().join(format!("seawall-codegen-{}", std::process::id()));
    std::fs::create_dir_all(&out)?;
    let generated = prost_build::Config::new()
        .bytes(["."])
        .btree_map(["."])
        .disable_comments(["."])
        .out_dir(&out)
        .compile_fds(descriptors)
        .context("generating Rust")
        .and_then(|()| std::fs::read_to_string(out.join("hbase.pb.rs")).context("the package hbase.pb gave no code"));
    std::fs::remove_dir_all(&out)?;
    generated
}
