//! `repo`: statistics, objects as stored and decoded, keys.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use config::{SecretReference, write_new};
use repository::{Kdf, NewSlot, SlotInfo, SlotKind, Unlock};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::command_line::{LimitOptions, RepositoryOptions};
use crate::context::{Context, OpenedRepository, hex};
use crate::outcome::{Answer, Failure};
use crate::prompt::confirm;
use crate::render;

/// Flags of `repo`.
#[derive(Debug, Args)]
pub(crate) struct RepoArguments {
    #[command(subcommand)]
    verb: RepoVerb,
}

#[derive(Debug, Subcommand)]
enum RepoVerb {
    /// What it holds: backups, objects, bytes
    Stats {
        #[command(flatten)]
        repository: RepositoryOptions,
    },
    /// Print an object as it is stored
    Cat {
        /// Its key, for example commit/00/0000000001
        object: String,
        #[command(flatten)]
        repository: RepositoryOptions,
    },
    /// Print an object decoded and decrypted
    Decode {
        /// Its key
        object: String,
        #[command(flatten)]
        repository: RepositoryOptions,
    },
    /// Keys that open it
    Key {
        #[command(subcommand)]
        verb: KeyVerb,
    },
}

#[derive(Debug, Subcommand)]
enum KeyVerb {
    /// All keys
    List {
        #[command(flatten)]
        repository: RepositoryOptions,
    },
    /// Add a key: a second way in
    Add(AddArguments),
    /// Remove a key. Not a revocation: who had it may have kept what it opened
    Remove {
        /// The first digits of its id, as list prints it
        slot: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        repository: RepositoryOptions,
    },
    /// Prove that a key opens the repository: the one in use, or the one named
    Prove(ProveArguments),
}

#[derive(Debug, Args)]
struct AddArguments {
    /// What kind
    #[arg(long, value_enum)]
    kind: Kind,
    /// For people
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// Where the new key file or recovery key goes (0600); a recovery key is printed without it
    #[arg(long, value_name = "FILE", required_if_eq("kind", "file"))]
    out: Option<PathBuf>,
    /// Environment variable with the passphrase; without it seven words are chosen and printed
    #[arg(long, value_name = "NAME")]
    passphrase_env: Option<String>,
    /// For machines with little memory
    #[arg(long)]
    small: bool,
    #[command(flatten)]
    repository: RepositoryOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A key file
    File,
    /// A passphrase
    Passphrase,
    /// A recovery key to print and lock away
    Recovery,
}

#[derive(Debug, Args)]
struct ProveArguments {
    /// A key file to prove
    #[arg(long, value_name = "FILE")]
    prove_file: Option<PathBuf>,
    /// A file with a recovery key to prove
    #[arg(long, value_name = "FILE", conflicts_with = "prove_file")]
    prove_recovery: Option<PathBuf>,
    /// An environment variable with a passphrase to prove
    #[arg(long, value_name = "NAME", conflicts_with_all = ["prove_file", "prove_recovery"])]
    prove_passphrase_env: Option<String>,
    #[command(flatten)]
    repository: RepositoryOptions,
}

pub(crate) async fn run(context: &Context, arguments: RepoArguments) -> Result<Answer, Failure> {
    match arguments.verb {
        RepoVerb::Stats { repository } => stats(&open(context, &repository, true).await?).await,
        RepoVerb::Cat { object, repository } => cat(&open(context, &repository, true).await?, &object).await,
        RepoVerb::Decode { object, repository } => decode(&open(context, &repository, true).await?, &object).await,
        RepoVerb::Key { verb: KeyVerb::List { repository } } => key_list(&open(context, &repository, true).await?).await,
        RepoVerb::Key { verb: KeyVerb::Add(arguments) } => key_add(context, arguments).await,
        RepoVerb::Key { verb: KeyVerb::Remove { slot, yes, repository } } => key_remove(context, &repository, &slot, yes).await,
        RepoVerb::Key { verb: KeyVerb::Prove(arguments) } => key_prove(context, arguments).await,
    }
}

async fn open(context: &Context, options: &RepositoryOptions, read_only: bool) -> Result<OpenedRepository, Failure> {
    context.open_repository(options, &LimitOptions::default(), read_only).await
}

async fn stats(opened: &OpenedRepository) -> Result<Answer, Failure> {
    let stats = opened.repository.stats().await?;
    let mut text = format!("Repository {} at {}\n", hex(&opened.repository.id()), opened.repository.url());
    text += &format!("{} in {} commits\n", render::count(stats.backups, "backup"), stats.records);
    text += &format!("gives back {} in {}\n", render::bytes(stats.logical_bytes), render::count(stats.files, "distinct file"));
    text += &format!("stores     {} in {}", render::bytes(stats.data_bytes), render::count(stats.data_objects, "object"));
    text += &format!(", {} of them in use\n", render::bytes(stats.live_bytes));
    text += &format!("pages      {} in {}\n", render::bytes(stats.page_bytes), render::count(stats.page_objects, "object"));
    if stats.uncommitted_objects > 0 {
        text +=
            &format!("unfinished {} in {}\n", render::bytes(stats.uncommitted_bytes), render::count(stats.uncommitted_objects, "object"));
    }
    text += &format!("Commit {}\n", opened.head_words());
    Ok(Answer::new(text, json!({ "schema_version": 1, "head": opened.head_words(), "stats": stats })))
}

async fn cat(opened: &OpenedRepository, object: &str) -> Result<Answer, Failure> {
    let bytes = opened.repository.cat(object).await?;
    let json = json!({ "schema_version": 1, "object": object, "length_bytes": bytes.len(), "hex": hex(&bytes) });
    Ok(Answer::new(hex_dump(&bytes), json))
}

/// Offset, sixteen bytes, the printable ones: safe on any terminal, and `xxd -r` gives the bytes back.
fn hex_dump(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 5);
    for (index, line) in bytes.chunks(16).enumerate() {
        let pairs: String = line.chunks(2).map(|pair| hex(pair) + " ").collect();
        let shown: String =
            line.iter().map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' }).collect();
        text += &format!("{:08x}: {pairs:<40} {shown}\n", index * 16);
    }
    text
}

async fn decode(opened: &OpenedRepository, object: &str) -> Result<Answer, Failure> {
    let decoded = opened.repository.decode(object).await?;
    let text = serde_json::to_string_pretty(&decoded).map_err(|error| Failure::bug(error.to_string()))? + "\n";
    Ok(Answer::new(text, json!({ "schema_version": 1, "object": object, "decoded": decoded })))
}

async fn key_list(opened: &OpenedRepository) -> Result<Answer, Failure> {
    let slots = opened.repository.key_list().await?;
    let rows = slots.iter().map(|slot| {
        let current = if slot.current { "in use now" } else { "" };
        vec![hex(slot.id.split_at(4).0), kind_words(slot.kind), slot.label.clone(), stored(slot), current.to_string()]
    });
    let mut text = render::table(&["id", "kind", "label", "added", ""], &[], rows);
    if slots.len() < 2 {
        text += "\nOnly one key: losing it loses every backup. Add another: seawall repo key add --kind recovery\n";
    }
    Ok(Answer::new(text, json!({ "schema_version": 1, "keys": slots.iter().map(slot_json).collect::<Vec<_>>() })))
}

fn stored(slot: &SlotInfo) -> String {
    jiff::Timestamp::from_millisecond(slot.stored_millis).map_or_else(|_| "?".to_string(), |at| crate::times::show(&at.to_string()))
}

fn kind_words(kind: SlotKind) -> String {
    match kind {
        SlotKind::KeyFile => "key file".into(),
        SlotKind::Passphrase => "passphrase".into(),
        SlotKind::Recovery => "recovery key".into(),
        SlotKind::Other(number) => format!("kind {number}, of another version"),
    }
}

fn slot_json(slot: &SlotInfo) -> Value {
    json!({
        "id": hex(&slot.id), "kind": kind_words(slot.kind), "label": slot.label, "generation": slot.generation,
        "stored_millis": slot.stored_millis, "current": slot.current,
    })
}

async fn key_add(context: &Context, arguments: AddArguments) -> Result<Answer, Failure> {
    let opened = open(context, &arguments.repository, false).await?;
    let label = arguments.label.clone().unwrap_or_else(|| kind_label(arguments.kind).to_string());
    // Reserved before the slot exists, so that a full disk or an existing file is met first.
    if let Some(path) = &arguments.out {
        write_new(path, b"", 0o600)?;
    }
    let (slot, chosen) = new_slot(context, &arguments, label)?;
    let added = opened.repository.key_add(slot).await?;
    opened.pin();
    let secret = added.secret.or(chosen);
    let mut text = format!("Key {} added: {}\n", hex(added.info.id.split_at(4).0), kind_words(added.info.kind));
    let mut printed = None;
    match (&arguments.out, &secret) {
        (Some(path), Some(secret)) => {
            fill(path, secret)?;
            text += &format!("Written to {} (only its owner can read it)\n", path.display());
        }
        (None, Some(secret)) => {
            text += &format!("Shown only now:\n\n    {}\n\n", secret.as_str());
            printed = Some(secret.as_str().to_string());
        }
        (_, None) => {}
    }
    text += "Prove that it works: seawall repo key prove\n";
    let json = json!({ "schema_version": 1, "key": slot_json(&added.info), "file": arguments.out, "secret": printed });
    Ok(Answer::new(text, json))
}

fn kind_label(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "key-file",
        Kind::Passphrase => "passphrase",
        Kind::Recovery => "recovery",
    }
}

fn new_slot(context: &Context, arguments: &AddArguments, label: String) -> Result<(NewSlot, Option<Zeroizing<String>>), Failure> {
    let kdf = if arguments.small { Kdf::Small } else { Kdf::Standard };
    match (arguments.kind, &arguments.passphrase_env) {
        (Kind::File, _) => Ok((NewSlot::KeyFile { label }, None)),
        (Kind::Recovery, _) => Ok((NewSlot::Recovery { label }, None)),
        (Kind::Passphrase, Some(name)) => {
            let passphrase = SecretReference::Environment(name.clone()).resolve_text(&context.environment)?;
            Ok((NewSlot::Passphrase { label, passphrase, kdf }, None))
        }
        (Kind::Passphrase, None) => {
            let passphrase = repository::suggest_passphrase(&crate::open::environment(&context.clock))?;
            Ok((NewSlot::Passphrase { label, passphrase: passphrase.clone(), kdf }, Some(passphrase)))
        }
    }
}

fn fill(path: &std::path::Path, secret: &str) -> Result<(), Failure> {
    use std::io::Write;
    let written = std::fs::OpenOptions::new().write(true).open(path).and_then(|mut file| {
        file.write_all(secret.as_bytes())?;
        file.sync_all()
    });
    let unwritable = |source| config::ConfigError::Unwritable { path: path.to_path_buf(), source };
    written.map_err(|source| {
        Failure::from(unwritable(source))
            .with_hint("the key was added and could not be kept: remove it with repo key remove, then add another")
    })
}

async fn key_remove(context: &Context, options: &RepositoryOptions, wanted: &str, yes: bool) -> Result<Answer, Failure> {
    let opened = open(context, options, false).await?;
    let slots = opened.repository.key_list().await?;
    let matching: Vec<&SlotInfo> = slots.iter().filter(|slot| hex(&slot.id).starts_with(&wanted.to_lowercase())).collect();
    let [slot] = matching.as_slice() else {
        let found = if matching.is_empty() { "no key begins" } else { "several keys begin" };
        return Err(Failure::new(api::ErrorKind::NotFound, format!("{found} with {wanted}")).with_hint("seawall repo key list"));
    };
    let what = format!(
        "Key {} ({}, {}) will no longer open {}.\n",
        hex(slot.id.split_at(4).0),
        kind_words(slot.kind),
        slot.label,
        opened.repository.url()
    );
    let caution = "Who had it may have kept what it opened: this is no revocation.\n";
    confirm(yes, &(what.clone() + caution), "Remove it?").await?;
    opened.repository.key_remove(&slot.id).await?;
    opened.pin();
    Ok(Answer::new(format!("{what}{caution}"), json!({ "schema_version": 1, "removed": slot_json(slot) })))
}

async fn key_prove(context: &Context, arguments: ProveArguments) -> Result<Answer, Failure> {
    let unlock = match (&arguments.prove_file, &arguments.prove_recovery, &arguments.prove_passphrase_env) {
        (Some(path), _, _) => Unlock::KeyFile(SecretReference::File(path.clone()).resolve_bytes(&context.environment)?),
        (_, Some(path), _) => Unlock::Recovery(SecretReference::File(path.clone()).resolve_text(&context.environment)?),
        (_, _, Some(name)) => Unlock::Passphrase(SecretReference::Environment(name.clone()).resolve_text(&context.environment)?),
        _ => {
            let (configured, _) = context.repository_config(&arguments.repository, &LimitOptions::default())?;
            context.unlock(&configured, &arguments.repository)?
        }
    };
    let opened = open(context, &arguments.repository, true).await?;
    let slot = opened.repository.key_prove(&unlock).await?;
    if let Some(state) = &opened.state {
        state.remember_proof(&hex(&opened.repository.id()), &hex(&slot.id), context.clock.now_millis());
    }
    let text =
        format!("Proved: {} {} ({}) opens {}\n", kind_words(slot.kind), hex(slot.id.split_at(4).0), slot.label, opened.repository.url());
    Ok(Answer::new(text, json!({ "schema_version": 1, "proved": slot_json(&slot) })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_shows_offset_bytes_and_text() {
        let dump = hex_dump(b"SEAWALL\x01 and seventeen");
        assert_eq!(dump.lines().next(), Some("00000000: 5345 4157 414c 4c01 2061 6e64 2073 6576  SEAWALL. and sev"));
        assert_eq!(dump.lines().nth(1), Some("00000010: 656e 7465 656e                           enteen"));
    }
}
