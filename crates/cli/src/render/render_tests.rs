//! Snapshots of what people read.

use api::*;

use super::*;

fn repository() -> RepositoryState {
    RepositoryState { url: "file:///srv/seawall".into(), id: "7f3a".into(), head: "142:9f3a01c2".into(), pinned: true }
}

fn source() -> BackupSource {
    let root = "hdfs://nameservice1/hbase".into();
    BackupSource {
        cluster: "prod".into(),
        kind: SourceKind::Live,
        root,
        cluster_id: Some("c0ffee".into()),
        hbase_version: Some("2.6.4".into()),
    }
}

fn table_report(name: &str, error: Option<ErrorReport>) -> BackupTableReport {
    BackupTableReport {
        table: name.into(),
        stored: error.is_none(),
        regions: 12,
        files: 40,
        bytes: 4 << 30,
        read_files: 3,
        read_bytes: 1 << 30,
        stored_bytes: 900 << 20,
        shared_files: 37,
        shared_bytes: 3 << 30,
        snapshot_started: None,
        snapshot_finished: None,
        snapshots_taken: 1,
        growth: vec![GrowthReason { cause: GrowthCause::MajorCompaction, files: 3, bytes: 1 << 30, compared_with: Some("0141".into()) }],
        error,
    }
}

fn report(outcome: BackupOutcome) -> BackupReport {
    let failed = ErrorReport::new(ErrorKind::NotFound, "table carts does not exist", None);
    BackupReport {
        schema_version: BACKUP_SCHEMA_VERSION,
        id: "0142".into(),
        sequence: 142,
        outcome,
        source: source(),
        repository: repository(),
        started: "2026-11-09T02:00:00Z".into(),
        finished: "2026-11-09T02:00:12Z".into(),
        seconds: 12.0,
        tables: vec![table_report("orders", None), table_report("shop:carts", (outcome == BackupOutcome::Partial).then_some(failed))],
        totals: BackupSums {
            tables: 2,
            regions: 24,
            files: 80,
            bytes: 8 << 30,
            read_files: 6,
            read_bytes: 2 << 30,
            stored_bytes: 1800 << 20,
            shared_files: 74,
            shared_bytes: 6 << 30,
            page_bytes: 40_000,
        },
        adopted: Adopted { uploads: 1, files: 2, bytes: 1 << 20 },
        metadata: vec!["namespaces: 3".into(), "grants: 12".into()],
        warnings: vec![
            Finding::new("skip-wal", Severity::Warning, "1 table writes without WAL").about("orders").hint("back it up more often"),
        ],
    }
}

#[test]
fn backup_reports() {
    insta::assert_snapshot!("backup_report_complete", backup_report(&report(BackupOutcome::Complete)));
    insta::assert_snapshot!("backup_report_partial", backup_report(&report(BackupOutcome::Partial)));
}

#[test]
fn backup_report_json_is_a_contract() {
    insta::assert_json_snapshot!("backup_report_json", report(BackupOutcome::Partial));
}

#[test]
fn lists() {
    let entry = BackupEntry {
        id: "0142".into(),
        sequence: 142,
        cluster: "prod".into(),
        cluster_id: "c0ffee".into(),
        hbase_version: "2.6.4".into(),
        kind: "snapshot".into(),
        outcome: BackupOutcome::Partial,
        started: "2026-11-09T02:00:00Z".into(),
        finished: "2026-11-09T02:00:12Z".into(),
        committed: "2026-11-09T02:00:12Z".into(),
        snapshot_first: "2026-11-09T02:00:01Z".into(),
        snapshot_last: "2026-11-09T02:00:03Z".into(),
        tables: 2,
        regions: 24,
        files: 80,
        bytes: 8 << 30,
        read_bytes: 2 << 30,
        stored_bytes: 1800 << 20,
        shared_bytes: 6 << 30,
        tags: vec![("release".into(), "7".into())],
        failed_tables: vec!["shop:carts".into()],
    };
    let list = BackupList { schema_version: LIST_SCHEMA_VERSION, repository: repository(), backups: vec![entry.clone()] };
    insta::assert_snapshot!("list", backup_list(&list));
    insta::assert_json_snapshot!("list_json", list);
    let empty = BackupList { backups: Vec::new(), ..list };
    insta::assert_snapshot!("list_empty", backup_list(&empty));
}

#[test]
fn statuses() {
    let subject = |name: &str, verdict, age| SubjectStatus {
        name: name.into(),
        verdict,
        newest: Some("0142".into()),
        restorable_to: Some("2026-11-09T02:00:03Z".into()),
        age_seconds: Some(age),
        rpo_seconds: Some(86_400),
        backups: 31,
        tables: 12,
        reasons: if verdict == Verdict::Ok {
            Vec::new()
        } else {
            vec![Finding::new("rpo-missed", Severity::Failure, "no backup since 26 h")]
        },
    };
    let mut status = StatusReport {
        schema_version: STATUS_SCHEMA_VERSION,
        verdict: Verdict::AtRisk,
        repository: RepositoryState { pinned: false, ..repository() },
        keys: KeyStatus { slots: 2, proved: 1 },
        subjects: vec![subject("payments", Verdict::AtRisk, 93_600), subject("prod", Verdict::Ok, 3_780)],
        findings: Vec::new(),
    };
    insta::assert_snapshot!("status", status_report(&status));
    insta::assert_json_snapshot!("status_json", status);
    assert_eq!(nagios(&status), (1, "SEAWALL WARNING - payments AT RISK | 'payments_age'=93600s 'prod_age'=3780s\n".to_string()));
    status.verdict = Verdict::Unknown;
    assert_eq!(nagios(&status).0, 3, "unknown is never green");
}
