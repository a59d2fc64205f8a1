//! With `--json` standard output is one document, whatever happens.

use crate::fixture::Place;

#[test]
fn errors_are_documents_with_five_fields() {
    let place = Place::empty();
    for arguments in [&["list", "--json"][..], &["bakcup", "--json"], &["gc", "--json"], &["restore", "--json", "--table"]] {
        let ran = place.run_bare(arguments);
        let error = &ran.json()["error"];
        assert_eq!(error["code"].as_i64(), Some(i64::from(ran.code)), "{arguments:?}");
        for field in ["name", "message", "hint", "retryable"] {
            assert!(error.get(field).is_some(), "{field} is missing in {error}");
        }
    }
}

#[test]
fn answers_are_documents_with_a_schema_version() {
    let place = Place::with_repository();
    place.run(&["backup", "--table", "users"]).ok();
    let verbs: [&[&str]; 9] = [
        &["version"],
        &["config", "check"],
        &["config", "show", "--origin"],
        &["list"],
        &["show"],
        &["look"],
        &["repo", "key", "list"],
        &["repo", "key", "prove"],
        &["completion", "bash"],
    ];
    for verb in verbs {
        let answer = place.run(&[verb, &["--json"]].concat()).ok().json();
        assert_eq!(answer["schema_version"], 1, "{verb:?}");
    }
}
