//! Each class of error of each crate: its exit code, its words, its hint.

use std::path::PathBuf;

use super::*;

#[test]
fn repository_errors_keep_their_meaning() {
    let url = || "file:///srv/seawall".to_string();
    let cases: Vec<(RepositoryError, u8)> = vec![
        (RepositoryError::WrongKey { needs: "slot prod-file 7f3a".into(), got: "91c0".into() }, 10),
        (RepositoryError::KeyUnreadable { detail: "bad checksum".into() }, 10),
        (RepositoryError::NotARepository { url: url() }, 4),
        (RepositoryError::RepositoryExists { url: url() }, 13),
        (RepositoryError::FormatTooNew { what: "cfg".into(), found: "2".into(), supported: "1".into() }, 14),
        (RepositoryError::Damaged { object: "m/aa/1".into(), offset: 1_048_576, detail: "tag mismatch".into() }, 5),
        (RepositoryError::Rollback { pinned: 142, head: 140 }, 5),
        (RepositoryError::Fork { sequence: 142, expected: "9f".into(), found: "7e".into() }, 5),
        (RepositoryError::BackupNotFound { sequence: 7, state: "not a backup".into() }, 4),
        (RepositoryError::Conflict { attempts: 10 }, 7),
        (RepositoryError::ReadOnly { reason: "opened for reading".into() }, 13),
        (StorageError::NoSpace { path: "d/00/x".into(), detail: "0 bytes free".into() }.into(), 11),
        (StorageError::PermissionDenied { path: "commit/0/1".into(), right: "write on /srv/seawall".into() }.into(), 8),
        (StorageError::Unreachable { endpoint: "nn:8020".into(), detail: "connection refused".into() }.into(), 9),
        (StorageError::NotFound { path: "d/00/x".into() }.into(), 5),
    ];
    let mut text = String::new();
    for (error, code) in cases {
        let failure = Failure::from(error);
        assert_eq!(failure.exit_code(), code, "{}", failure.render());
        text += &failure.render();
    }
    insta::assert_snapshot!("repository_errors", text);
}

#[test]
fn the_clusters_storage_is_not_the_repositorys() {
    let error = || StorageError::Unreachable { endpoint: "nn:8020".into(), detail: "connection refused".into() };
    let cluster = Failure::from(EngineError::Storage(error()));
    assert_eq!((cluster.exit_code(), Failure::repository_storage(error()).exit_code()), (12, 9));
    insta::assert_snapshot!("cluster_unreachable", cluster.render());
}

#[test]
fn configuration_errors_are_usage_unless_they_are_rights_or_versions() {
    let path = || PathBuf::from("/etc/seawall/repo.key");
    let denied = ConfigError::Unreadable { path: path(), source: std::io::ErrorKind::PermissionDenied.into() };
    assert_eq!(Failure::from(denied).exit_code(), 8);
    let missing = ConfigError::Unreadable { path: path(), source: std::io::ErrorKind::NotFound.into() };
    assert_eq!(Failure::from(missing).exit_code(), 2);
    assert_eq!(Failure::from(ConfigError::Exists { path: path() }).exit_code(), 13);
    assert_eq!(Failure::from(ConfigError::SecretUnavailable { reference: "file /x".into(), detail: "empty".into() }).exit_code(), 8);
}

#[test]
fn json_errors_have_five_fields() {
    let failure = Failure::new(ErrorKind::ClusterUnavailable, "no master").with_hint("start one");
    insta::assert_json_snapshot!("error_json", failure.json());
}

#[test]
fn a_report_comes_back_as_the_same_class() {
    for code in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 130] {
        let report = ErrorReport { code, name: "X".into(), message: "m".into(), hint: None, retryable: false };
        assert_eq!(Failure::from(report).exit_code(), code);
    }
}
