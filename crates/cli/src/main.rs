//! The seawall command line: what was typed, what is meant, what is said. Every decision about exit codes and wording of errors is in [`outcome`];
//! everything printed goes through [`output`]; each verb is one file under [`commands`].

mod command_line;
mod commands;
mod context;
mod open;
mod outcome;
mod output;
mod progress;
mod prompt;
mod render;
mod selection;
mod signals;
mod state;
mod times;

use std::process::ExitCode;

use crate::command_line::{Parsed, parse};
use crate::context::Context;
use crate::output::Output;

fn main() -> ExitCode {
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let json_wanted = arguments.iter().skip(1).take_while(|argument| *argument != "--").any(|argument| argument == "--json");
    let parsed = match parse(arguments) {
        Ok(Parsed::Run(command_line)) => *command_line,
        Ok(Parsed::Show(text)) => return Output::new(false, false).text(&text),
        Err(failure) => return Output::new(json_wanted, false).failure(&failure),
    };
    let output = Output::new(parsed.global.json, parsed.global.quiet);
    output::start_logging(&parsed.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.failure(&outcome::Failure::bug(format!("the asynchronous runtime does not start: {error}"))),
    };
    let context = match Context::new(parsed.global, output.clone()) {
        Ok(context) => context,
        Err(failure) => return output.failure(&failure),
    };
    // A panic is a defect like another: it ends with its own words and exit code 1, never with a backtrace alone.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(async {
            signals::install(&context.signals);
            commands::run(&context, parsed.verb).await
        })
    }));
    let result = result.unwrap_or_else(|_| Err(outcome::Failure::bug("seawall panicked; the lines above say where")));
    let result = result.map_err(|failure| failure.after_signal(&context.signals));
    // Tasks that ignore cancellation (a blocked NameNode call) must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    if let Some(calls) = context.wrappers.calls() {
        output::to_standard_error(&format!("storage calls: {calls}\n"));
    }
    match result {
        Ok(answer) => output.answer(&answer),
        Err(failure) => output.failure(&failure),
    }
}
