//! `status`: a verdict per cluster or set, from what the repository proves now.
//!
//! | found | verdict |
//! |---|---|
//! | no backup holds the tables | NOT RESTORABLE |
//! | the newest complete backup is older than the objective | AT RISK |
//! | a table of a set is in no backup, or only in an older one than the rest of the set; a table of a cluster was in the backup before | AT RISK |
//! | a backup that may hold tables of a set has too many to list them | UNKNOWN |
//! | the newest backup is partial, or left unflushed WALs out | AT RISK |
//! | fewer than two key slots, or none proved | AT RISK |
//! | the head is compared with no pin | UNKNOWN, unless something above is worse |
//! | no objective to measure against | stays as it is; the age is told |
//!
//! Nothing green comes from the absence of a look.

use std::collections::{BTreeMap, BTreeSet};

use api::{Finding, KeyStatus, Severity, StatusReport, SubjectStatus, Verdict};
use catalog::{BackupRow, Record};
use hbase_types::TableName;
use repository::{BackupHead, Repository};

use crate::Result;
use crate::backup::TableSelection;
use crate::list::{id, repository_state};
use crate::time::rfc3339;

/// A cluster or a set to judge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatusSubject {
    /// Name to show.
    pub name: String,
    /// Cluster whose backups count.
    pub cluster: String,
    /// Tables of a set; `None` = the whole cluster.
    pub tables: Option<TableSelection>,
    /// Objective for the age of the newest backup.
    pub rpo_seconds: Option<u64>,
}

/// Judges every subject; without any, every cluster that the repository has backups of.
pub fn status(repository: &Repository, subjects: &[StatusSubject], keys: KeyStatus, now_millis: i64) -> Result<StatusReport> {
    let mut backups = Vec::new();
    for head in repository.backups()? {
        let row = BackupRow::from_bytes(head.row.clone())?;
        backups.push((head, row));
    }
    let mut subjects = subjects.to_vec();
    if subjects.is_empty() {
        let mut names: Vec<&String> = backups.iter().map(|(_, row)| &row.cluster).collect();
        names.sort();
        names.dedup();
        subjects =
            names.into_iter().map(|name| StatusSubject { name: name.clone(), cluster: name.clone(), ..StatusSubject::default() }).collect();
    }
    let state = repository_state(repository);
    let mut findings = key_findings(keys);
    if !state.pinned {
        let message = "nothing to compare the repository's newest commit with: an older copy in its place could not be told";
        findings.push(
            Finding::new("freshness-unproven", Severity::Unknown, message)
                .hint("seawall status --expect SEQ:HASH, or run it where a pin is kept"),
        );
    }
    let judged = subjects.iter().map(|subject| match &subject.tables {
        Some(selection) => judge_set(subject, selection, &backups, now_millis),
        None => Ok(judge(subject, &backups, now_millis)),
    });
    let subjects = judged.collect::<Result<Vec<SubjectStatus>>>()?;
    let of_subjects = subjects.iter().map(|subject| subject.verdict).max().unwrap_or(Verdict::NotRestorable);
    let verdict = of_subjects.max(worst(&findings));
    Ok(StatusReport { schema_version: api::STATUS_SCHEMA_VERSION, verdict, repository: state, keys, subjects, findings })
}

fn key_findings(keys: KeyStatus) -> Vec<Finding> {
    let at_risk = |code: &str, message: String, hint: &str| vec![Finding::new(code, Severity::Warning, message).hint(hint)];
    match (keys.slots, keys.proved) {
        (0 | 1, _) => {
            at_risk("one-key", format!("{} way into the repository: if it is lost, so is every backup", keys.slots), "seawall repo key add")
        }
        (slots, 0) => at_risk("keys-unproved", format!("none of {slots} key slots was proved to work"), "seawall repo key prove"),
        _ => Vec::new(),
    }
}

fn judge(subject: &StatusSubject, backups: &[(BackupHead, BackupRow)], now_millis: i64) -> SubjectStatus {
    let mine: Vec<&(BackupHead, BackupRow)> = backups.iter().filter(|(_, row)| row.cluster == subject.cluster).collect();
    let mut reasons = Vec::new();
    let newest_complete = mine.iter().rev().find(|(_, row)| row.failed_count == 0);
    let newest = mine.last();
    if newest.is_none() {
        let message = format!("no backup of cluster {}", subject.cluster);
        reasons.push(Finding::new("no-backup", Severity::Failure, message).hint("seawall backup"));
    }
    if let Some((head, row)) = newest
        && row.failed_count > 0
    {
        let names: Vec<&str> = row.failed.iter().map(|failed| failed.table.as_str()).collect();
        let message = format!("backup {} is partial: {} tables failed: {}", id(head.sequence), row.failed_count, names.join(", "));
        reasons.push(Finding::new("partial", Severity::Warning, message));
    }
    let (newest_of_tables, missing) = tables_left_behind(&mine);
    for (table, sequence) in missing {
        let message = format!("{table} is in backup {} and not in {}, the newest", id(sequence), id(newest_of_tables));
        reasons.push(Finding::new("table-left-behind", Severity::Warning, message).about(table));
    }
    let judged = newest_complete.or(newest);
    let restorable_millis = judged.map(|(_, row)| row.snapshot_first_millis);
    let age_seconds = restorable_millis.map(|millis| u64::try_from(now_millis.saturating_sub(millis) / 1000).unwrap_or(0));
    reasons.extend(too_old(age_seconds, subject));
    reasons.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    SubjectStatus {
        name: subject.name.clone(),
        verdict: worst(&reasons),
        newest: judged.map(|(head, _)| id(head.sequence)),
        restorable_to: restorable_millis.map(rfc3339),
        age_seconds,
        rpo_seconds: subject.rpo_seconds,
        backups: mine.len() as u64,
        tables: judged.map_or(0, |(_, row)| row.totals.unwrap_or_default().tables),
        reasons,
    }
}

/// A set is as new as the oldest of its tables: each table's newest backup counts, whatever else that backup holds.
fn judge_set(
    subject: &StatusSubject,
    selection: &TableSelection,
    backups: &[(BackupHead, BackupRow)],
    now_millis: i64,
) -> Result<SubjectStatus> {
    let covers = selection.matcher()?;
    let covered = |name: &str| TableName::parse(name).ok().filter(|table| covers(table));
    let mine = || backups.iter().filter(|(_, row)| row.cluster == subject.cluster);
    let mut newest_of: BTreeMap<TableName, &(BackupHead, BackupRow)> = BTreeMap::new();
    let mut holding = BTreeSet::new();
    for backup in mine() {
        for table in backup.1.tables.iter().filter_map(|table| covered(&table.table)) {
            newest_of.insert(table, backup);
            holding.insert(backup.0.sequence);
        }
    }
    let mut reasons = Vec::new();
    let newest = newest_of.values().map(|(head, _)| head.sequence).max();
    if newest.is_none() {
        reasons.push(Finding::new("no-backup", Severity::Failure, "no backup holds a table of the set").hint("seawall backup --set NAME"));
    }
    for name in selection.tables.iter().filter(|name| !name.contains(['*', '?', '[', '{'])) {
        if newest.is_some() && !TableName::parse(name).is_ok_and(|wanted| newest_of.contains_key(&wanted)) {
            reasons.push(Finding::new("no-backup", Severity::Warning, format!("no backup holds {name}")).about(name.clone()));
        }
    }
    for (table, (head, _)) in newest_of.iter().filter(|(_, (head, _))| Some(head.sequence) != newest) {
        let message = format!("{table} is in backup {} and not in {}, the newest of the set", id(head.sequence), id(newest.unwrap_or(0)));
        reasons.push(Finding::new("table-left-behind", Severity::Warning, message).about(table.to_string()));
    }
    for (head, row) in mine().filter(|(head, _)| newest.is_none_or(|newest| head.sequence >= newest)) {
        for failed in row.failed.iter().filter(|failed| covered(&failed.table).is_some()) {
            let message = format!("{} failed in backup {}", failed.table, id(head.sequence));
            reasons.push(Finding::new("partial", Severity::Warning, message).about(failed.table.clone()));
        }
    }
    if mine().any(|(_, row)| row.tables_elsewhere) {
        let message = "a backup has too many tables to list them in its row: what it holds of the set is not counted";
        reasons.push(Finding::new("tables-elsewhere", Severity::Unknown, message).hint("seawall show ID lists them"));
    }
    let restorable_millis = newest_of.values().map(|(_, row)| row.snapshot_first_millis).min();
    let age_seconds = restorable_millis.map(|millis| u64::try_from(now_millis.saturating_sub(millis) / 1000).unwrap_or(0));
    reasons.extend(too_old(age_seconds, subject));
    reasons.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Ok(SubjectStatus {
        name: subject.name.clone(),
        verdict: worst(&reasons),
        newest: newest.map(id),
        restorable_to: restorable_millis.map(rfc3339),
        age_seconds,
        rpo_seconds: subject.rpo_seconds,
        backups: holding.len() as u64,
        tables: newest_of.len() as u64,
        reasons,
    })
}

fn too_old(age_seconds: Option<u64>, subject: &StatusSubject) -> Option<Finding> {
    let (age, rpo) = (age_seconds?, subject.rpo_seconds?);
    let message = format!("the newest complete backup is {age} s old, the objective is {rpo} s");
    (age > rpo).then(|| Finding::new("rpo-missed", Severity::Warning, message).hint("seawall backup"))
}

/// Tables that were in the backup before the newest and are not in the newest; only where both rows list their tables.
fn tables_left_behind(mine: &[&(BackupHead, BackupRow)]) -> (u64, Vec<(String, u64)>) {
    let [.., before, newest] = mine else { return (0, Vec::new()) };
    if before.1.tables_elsewhere || newest.1.tables_elsewhere {
        return (newest.0.sequence, Vec::new());
    }
    let gone = before.1.tables.iter().filter(|table| !newest.1.tables.iter().any(|other| other.table == table.table));
    (newest.0.sequence, gone.map(|table| (table.table.clone(), before.0.sequence)).collect())
}

fn worst(findings: &[Finding]) -> Verdict {
    let verdict = |finding: &Finding| match finding.severity {
        Severity::Ok => Verdict::Ok,
        Severity::Unknown => Verdict::Unknown,
        Severity::Warning => Verdict::AtRisk,
        Severity::Failure => Verdict::NotRestorable,
    };
    findings.iter().map(verdict).max().unwrap_or(Verdict::Ok)
}
