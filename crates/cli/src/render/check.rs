//! `check`: one line per step.

use api::{CheckReport, Severity};

use super::table;

/// The report.
pub(crate) fn check_report(report: &CheckReport) -> String {
    let rows = report.findings.iter().map(|finding| {
        let subject = finding.subject.clone().unwrap_or_default();
        vec![severity_words(finding.severity).to_string(), finding.code.clone(), subject, finding.message.clone()]
    });
    let mut text = table(&["", "check", "of", "found"], &[], rows);
    for finding in &report.findings {
        if let Some(hint) = &finding.hint {
            text += &format!("hint ({}): {hint}\n", finding.code);
        }
    }
    text
}

const fn severity_words(severity: Severity) -> &'static str {
    match severity {
        Severity::Ok => "ok",
        Severity::Unknown => "UNKNOWN",
        Severity::Warning => "WARNING",
        Severity::Failure => "FAILURE",
    }
}
