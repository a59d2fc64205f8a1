//! With `--json` standard output is one document, whatever happens.

use std::collections::BTreeSet;

use serde_json::Value;

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

/// The paths of a document with their types. What comes with a new release is added to the frozen text; a line that goes is a new
/// schema version.
fn shape(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                shape(value, &if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, found);
            }
        }
        Value::Array(values) if values.is_empty() => _ = found.insert(format!("{path}[]")),
        Value::Array(values) => values.iter().for_each(|value| shape(value, &format!("{path}[]"), found)),
        Value::Null => _ = found.insert(format!("{path} null")),
        Value::Bool(_) => _ = found.insert(format!("{path} bool")),
        Value::Number(_) => _ = found.insert(format!("{path} number")),
        Value::String(_) => _ = found.insert(format!("{path} text")),
    }
}

#[test]
fn the_fields_of_every_answer_are_frozen() {
    let place = Place::with_repository();
    let (fresh, another) = (place.text("fresh"), place.text("another.key"));
    std::fs::create_dir(&fresh).unwrap();
    let verbs: [(&[&str], i32); 22] = [
        (&["version"], 0),
        (&["config", "check"], 0),
        (&["config", "show", "--origin"], 0),
        (&["backup", "--table", "users", "--tag", "a=b", "--dry-run"], 0),
        (&["backup", "--table", "users", "--tag", "a=b"], 0),
        (&["list"], 0),
        (&["show", "--regions"], 0),
        (&["look"], 0),
        (&["check"], 0),
        (&["status"], 6),
        (&["verify", "--level", "data"], 0),
        (&["restore", "--all", "--rootdir", &fresh, "--dry-run"], 0),
        (&["restore", "--all", "--rootdir", &fresh, "--yes"], 0),
        (&["repo", "stats"], 0),
        (&["repo", "cat", "cfg/0000000001"], 0),
        (&["repo", "decode", "cfg/0000000001"], 0),
        (&["repo", "key", "list"], 0),
        (&["repo", "key", "add", "--kind", "file", "--out", &another], 0),
        (&["repo", "key", "prove"], 0),
        (&["completion", "bash"], 0),
        (&["show", "0042"], 4),
        (&["fingerprint", "--live", "--table", "users"], 2),
    ];
    let mut text = String::new();
    for (verb, code) in verbs {
        let ran = place.run(&[verb, &["--json"]].concat());
        assert_eq!(ran.code, code, "{verb:?}: {}{}", ran.out, ran.err);
        let answer = ran.json();
        assert_eq!(answer["schema_version"], 1, "{verb:?}");
        let mut found = BTreeSet::new();
        shape(&answer, "", &mut found);
        let shown: Vec<&str> = verb.iter().copied().filter(|word| !word.starts_with('/')).collect();
        text += &format!("== {}\n{}\n\n", shown.join(" "), Vec::from_iter(found).join("\n"));
    }
    insta::assert_snapshot!(text);
}
