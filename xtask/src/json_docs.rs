//! `docs/json.md`: the fields of every answer with `--json`, out of the types in `crates/api` and the words above their fields, so
//! that the document cannot lag behind the code. `codegen` writes it, `codegen --check` compares.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use syn::{Attribute, Expr, Fields, Item, Lit, Meta, Type, Visibility};

const DIRECTORY: &str = "crates/api/src";
const DOCUMENT: &str = "docs/json.md";
/// Not part of an answer: progress, and what every type uses.
const LEFT_OUT: [&str; 2] = ["event.rs", "lib.rs"];

const HEAD: &str = "# Answers as JSON

With `--json` standard output is one document; progress and logs are on standard error. `schema_version` is 1 for all of them: fields
may come, and a field that goes or changes its meaning is a new version. Times are RFC 3339 UTC, sizes bytes, durations seconds. A field
that may be `null` has a `?` behind its type. Written by `cargo xtask codegen` from the types themselves.

| verb | answer |
|---|---|
| any that fails | `error`: [`ErrorReport`](#errorreport) |
| `backup` | [`BackupReport`](#backupreport); with `--dry-run` [`BackupPlan`](#backupplan) |
| `restore` | [`RestoreReport`](#restorereport); with `--dry-run` [`RestorePlan`](#restoreplan) |
| `list` | [`BackupList`](#backuplist) |
| `show` | [`BackupDetails`](#backupdetails) |
| `status` | [`StatusReport`](#statusreport) |
| `check` | [`CheckReport`](#checkreport) |
| `look` | [`LookReport`](#lookreport) |
| `verify` | [`VerifyReport`](#verifyreport) |
| `fingerprint` | [`FingerprintReport`](#fingerprintreport) |
| `init` | `repository` (id), `url`, `key_file`, `config`?, `recovery_file`?, `recovery_key`? (only when it was printed) |
| `repo stats` | `head` (`sequence:hash8`), `stats`: numbers and bytes of each kind of object |
| `repo cat` | `object`, `length_bytes`, `hex` |
| `repo decode` | `object`, `decoded`: as [format.md](format.md) names the fields |
| `repo key list` | `keys`: each `id`, `kind`, `label`, `generation`, `stored_millis`, `current` |
| `repo key add` | `key` as above, `file`?, `secret`? (only when it was printed) |
| `repo key remove`, `repo key prove` | `removed`, `proved`: a key as above |
| `config check` | `file`?, `clusters`: each `name`, `discovery`, `addresses`, `parent`?, `rootdir`?, `wal_dir`?, `user`?; `sets`, `repositories`: names; `not_built`: each `key`, `origin` |
| `config show` | `values`: each `key`, `value`, `origin` |
| `version` | `version`, `repository_format`, `configuration_version`, `hbase_tried` |
| `completion` | `shell`, `script` |
";

/// Rewrites the document under `root`, or, with `check_only`, fails when it is not what the types give.
pub(crate) fn run(root: &Path, check_only: bool) -> Result<()> {
    let document = document(&root.join(DIRECTORY))?;
    let target = root.join(DOCUMENT);
    if std::fs::read_to_string(&target).unwrap_or_default() == document {
        return Ok(());
    }
    if check_only {
        bail!("{DOCUMENT} is not what {DIRECTORY} gives: run `cargo xtask codegen`");
    }
    std::fs::write(&target, document).with_context(|| format!("writing {}", target.display()))
}

fn document(directory: &Path) -> Result<String> {
    let mut files: Vec<_> = std::fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|path| path.file_name().is_some_and(|name| !LEFT_OUT.contains(&name.to_string_lossy().as_ref())));
    files.sort();
    let mut text = HEAD.to_owned();
    for path in files {
        let file = syn::parse_file(&std::fs::read_to_string(&path)?).with_context(|| path.display().to_string())?;
        for item in &file.items {
            text += &section(item);
        }
    }
    Ok(text)
}

/// A heading with a table for a public type; nothing for other items.
fn section(item: &Item) -> String {
    let (name, what, rows) = match item {
        Item::Struct(item) if matches!(item.vis, Visibility::Public(_)) => (&item.ident, words(&item.attrs), fields(&item.fields)),
        Item::Enum(item) if matches!(item.vis, Visibility::Public(_)) => {
            let rows =
                item.variants.iter().map(|variant| format!("| `{}` | {} |\n", snake(&variant.ident.to_string()), words(&variant.attrs)));
            (&item.ident, words(&item.attrs), format!("| word | |\n|---|---|\n{}", rows.collect::<String>()))
        }
        _ => return String::new(),
    };
    format!("\n## {name}\n\n{what}\n\n{rows}")
}

/// Fields without words belong to those above: `files` and `bytes`.
fn fields(fields: &Fields) -> String {
    let mut text = "| field | type | |\n|---|---|---|\n".to_owned();
    for field in fields {
        let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(text, "| `{name}` | {} | {} |", json_type(&field.ty), words(&field.attrs));
    }
    text
}

/// `u64` → number, `Option<String>` → text?, `Vec<Finding>` → list of a link.
fn json_type(kind: &Type) -> String {
    let Type::Path(path) = kind else { return "list".to_owned() };
    let Some(last) = path.path.segments.last() else { return String::new() };
    let inner = || match &last.arguments {
        syn::PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|argument| match argument {
            syn::GenericArgument::Type(Type::Tuple(_)) => Some("pair".to_owned()),
            syn::GenericArgument::Type(kind) => Some(json_type(kind)),
            _ => None,
        }),
        _ => None,
    };
    match last.ident.to_string().as_str() {
        "String" => "text".to_owned(),
        "bool" => "bool".to_owned(),
        "f64" | "u8" | "u32" | "u64" | "i64" => "number".to_owned(),
        "Option" => format!("{}?", inner().unwrap_or_default()),
        "Vec" => format!("list of {}", inner().unwrap_or_default()),
        name => format!("[{name}](#{})", name.to_lowercase()),
    }
}

/// What is written above an item, as one line.
fn words(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    // Links to Rust items lead nowhere here.
    lines.collect::<Vec<_>>().join(" ").replace("[`", "`").replace("`]", "`").replace('|', "\\|")
}

fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_words_are_those_of_json() {
        let item: Item = syn::parse_str(
            "/// One thing,\n/// on two lines. See [`Other`].\npub struct Thing { /// How many.\n pub files: u64, pub error: Option<ErrorReport>, pub tags: Vec<(String, String)> }",
        )
        .unwrap();
        let section = section(&item);
        assert!(section.contains("## Thing\n\nOne thing, on two lines. See `Other`.\n"), "{section}");
        assert!(section.contains("| `files` | number | How many. |"), "{section}");
        assert!(section.contains("| `error` | [ErrorReport](#errorreport)? |"), "{section}");
        assert!(section.contains("| `tags` | list of pair |"), "{section}");
        assert_eq!(snake("NotRestorable"), "not_restorable");
    }
}
