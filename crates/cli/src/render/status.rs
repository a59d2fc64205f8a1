//! `status`: one line per cluster or set, its reasons below it.

use api::{StatusReport, SubjectStatus, Verdict};

use super::{findings, head_line};
use crate::times;

/// The screen.
pub(crate) fn status_report(report: &StatusReport) -> String {
    let mut text: String = report.subjects.iter().map(subject).collect();
    if report.subjects.is_empty() {
        text += "Nothing is backed up.\n";
    }
    text += &findings("repository", &report.findings);
    text += &format!("keys {} of {} proved\n", report.keys.proved, report.keys.slots);
    text + &head_line(&report.repository)
}

/// `prod  OK  RESTORABLE to 2026-11-09 02:00:00 UTC (1 h 3 min ago) by backup 0142  rpo ok  12 tables, 31 backups`.
fn subject(subject: &SubjectStatus) -> String {
    let mut line = format!("{}  {}", subject.name, subject.verdict);
    if let (Some(to), Some(id)) = (&subject.restorable_to, &subject.newest) {
        let age = subject.age_seconds.map(|age| format!(" ({} ago)", times::duration(age))).unwrap_or_default();
        line += &format!("  RESTORABLE to {}{age} by backup {id}", times::show(to));
    }
    if let (Some(age), Some(rpo)) = (subject.age_seconds, subject.rpo_seconds) {
        line += &if age <= rpo { "  rpo ok".to_string() } else { format!("  rpo {} MISSED", times::duration(rpo)) };
    }
    line += &format!("  {} tables, {} backups\n", subject.tables, subject.backups);
    line + &findings("  reason", &subject.reasons)
}

/// For monitoring plug-ins: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, and one line with performance data.
pub(crate) fn nagios(report: &StatusReport) -> (u8, String) {
    let (code, word) = match report.verdict {
        Verdict::Ok => (0, "OK"),
        Verdict::AtRisk => (1, "WARNING"),
        Verdict::NotRestorable => (2, "CRITICAL"),
        Verdict::Unknown => (3, "UNKNOWN"),
    };
    let worst = report.subjects.iter().filter(|subject| subject.verdict != Verdict::Ok);
    let parts: Vec<String> = worst.map(|subject| format!("{} {}", subject.name, subject.verdict)).collect();
    let what = if parts.is_empty() { format!("{} subjects", report.subjects.len()) } else { parts.join(", ") };
    let ages = report.subjects.iter().filter_map(|subject| Some(format!("'{}_age'={}s", subject.name, subject.age_seconds?)));
    (code, format!("SEAWALL {word} - {what} | {}\n", ages.collect::<Vec<_>>().join(" ")))
}
