//! The guide's commands are run as printed, and the tables of codes and verbs are held against the program.

use std::path::PathBuf;

use crate::fixture::{Place, ran};

fn document(name: &str) -> String {
    std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)).unwrap()
}

/// The commands of ```` ```console ```` blocks: lines that begin with `$ `.
fn commands(text: &str) -> Vec<String> {
    let blocks = text.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("$ ")).map(str::to_string).collect()
}

#[test]
fn every_command_of_the_guide_works_in_its_order() {
    let place = Place::with_root();
    let binary = assert_cmd::cargo::cargo_bin("seawall");
    let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let chapters = ["010-install.md", "020-first-backup.md", "030-restore.md", "040-keys.md", "050-offline.md"];
    let lines: Vec<String> = chapters.iter().flat_map(|chapter| commands(&document(&format!("guide/{chapter}")))).collect();
    assert!(lines.len() >= 18, "only {} commands were found", lines.len());
    // One session, as a reader has one; the first command that fails ends it, and `-x` names it.
    let mut shell = std::process::Command::new("bash");
    shell.args(["-ex", "-c", &lines.join("\n")]).current_dir(place.path("")).env("PATH", &path);
    shell.env_remove("SEAWALL_CONFIG").env("SEAWALL_STATE", place.path("state"));
    let ran = ran(shell.output().unwrap());
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn every_exit_code_is_documented_by_its_name() {
    use api::ErrorKind::*;
    let text = document("errors.md");
    let kinds = [
        Bug,
        Usage,
        Partial,
        NotFound,
        Damage,
        ObjectiveMissed,
        Busy,
        Auth,
        RepositoryUnreachable,
        WrongKey,
        NoSpace,
        ClusterUnavailable,
        Refused,
        Unsupported,
        Cancelled,
    ];
    for kind in kinds {
        assert!(text.contains(&format!("| {} | {} |", kind.code(), kind.name())), "{} is not in docs/errors.md", kind.name());
    }
}
