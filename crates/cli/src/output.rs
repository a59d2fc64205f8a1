//! The only file that prints. Standard output: the answer, once. Standard error: errors, logs, progress, questions.

use std::io::Write;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::command_line::GlobalOptions;
use crate::outcome::{Answer, Failure};

/// Version of the JSON that stands in place of a report: `{"schema_version": 1, "error": {…}}`.
const ERROR_SCHEMA_VERSION: u32 = 1;

/// Where and how to answer.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Whether progress is wanted.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.quiet
    }

    /// Prints text that is no report: help, versions.
    pub(crate) fn text(&self, text: &str) -> ExitCode {
        to_standard_output(text)
    }

    /// Prints the report, and after it the error that goes with it.
    pub(crate) fn answer(&self, answer: &Answer) -> ExitCode {
        let printed = if self.json {
            let mut document = answer.json.clone();
            if let (Some(failure), Value::Object(fields)) = (&answer.failure, &mut document) {
                fields.insert("error".into(), failure.json());
            }
            to_standard_output(&pretty(&document))
        } else {
            to_standard_output(&answer.text)
        };
        match &answer.failure {
            None => printed,
            Some(failure) => {
                if !self.json && !answer.is_silent {
                    to_standard_error(&failure.render());
                }
                ExitCode::from(failure.exit_code())
            }
        }
    }

    /// Prints an error that stands alone.
    pub(crate) fn failure(&self, failure: &Failure) -> ExitCode {
        if self.json {
            to_standard_output(&pretty(&json!({ "schema_version": ERROR_SCHEMA_VERSION, "error": failure.json() })));
        } else {
            to_standard_error(&failure.render());
        }
        ExitCode::from(failure.exit_code())
    }
}

fn pretty(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_else(|_| document.to_string()) + "\n"
}

/// A reader that went away (`| head`) is no error of ours.
fn to_standard_output(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            to_standard_error(&Failure::new(api::ErrorKind::NoSpace, format!("standard output: {error}")).render());
            ExitCode::from(api::ErrorKind::NoSpace.code())
        }
    }
}

/// Standard error may be closed; then nobody listens.
pub(crate) fn to_standard_error(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Log lines on standard error: warnings, with `-v` what is done, with `-vv` every call. `$SEAWALL_LOG` takes tracing's filter syntax.
pub(crate) fn start_logging(global: &GlobalOptions) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, _) => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("SEAWALL_LOG").unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}
