//! `version`: the program, the formats it writes, the HBase versions it was tried on.

use clap::Args;
use serde_json::json;

use crate::outcome::{Answer, Failure};

/// HBase versions the test suite runs against.
const TRIED_HBASE: [&str; 4] = ["2.4.18", "2.5.13", "2.6.4", "3.0.0-alpha-4"];
const REPOSITORY_FORMAT: u32 = 1;
const CONFIGURATION_VERSION: u32 = 1;

/// Flags of `version`.
#[derive(Debug, Args)]
pub(crate) struct VersionArguments {}

pub(crate) fn run(_arguments: &VersionArguments) -> Result<Answer, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let text = format!(
        "seawall {version}\nrepository format {REPOSITORY_FORMAT}, configuration version {CONFIGURATION_VERSION}\nHBase tried: {}\n",
        TRIED_HBASE.join(", ")
    );
    let json = json!({
        "schema_version": 1, "version": version, "repository_format": REPOSITORY_FORMAT,
        "configuration_version": CONFIGURATION_VERSION, "hbase_tried": TRIED_HBASE,
    });
    Ok(Answer::new(text, json))
}
