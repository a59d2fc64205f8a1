//! Asking before something is changed. `--yes` answers; without a terminal and without `--yes` the answer is no.

use std::io::{BufRead, IsTerminal};

use api::ErrorKind;

use crate::outcome::Failure;
use crate::output::to_standard_error;

/// Shows what will happen and waits for `y`.
pub(crate) async fn confirm(yes: bool, what: &str, question: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        let refused = Failure::new(ErrorKind::Refused, format!("{question} Nobody is there to answer, and --yes was not given"));
        return Err(refused.with_hint("look at the plan with --dry-run, then give --yes"));
    }
    to_standard_error(&format!("{what}{question} [y/N] "));
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let line = answer.await.map_err(|error| Failure::bug(error.to_string()))?;
    match line.as_deref().map(str::trim) {
        Ok("y" | "Y" | "yes") => Ok(()),
        _ => Err(Failure::new(ErrorKind::Refused, "not confirmed; nothing was changed")),
    }
}
