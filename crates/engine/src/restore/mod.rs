//! Restore: from a backup to a table, without rewriting a cell.
//!
//! [`plan`] says what would happen and what stands in the way; [`Run::run`] does it. One table, from the outside in:
//! `run` (order, undo) → `publish` (the snapshot that guards and carries) → `files` (bytes) → `clone` (the one RPC), with `journal`
//! beside all of them for what a crash leaves, and `replace` around `clone` where a live table is in the way.

mod clone;
mod files;
mod journal;
mod mapping;
mod metadata;
mod mob;
mod plan;
mod preflight;
mod publish;
mod replace;
mod run;
mod schema;
mod source;
mod view;

#[cfg(test)]
mod tests;

pub use files::{CopyLimits, FileChunks, FileSource};
pub use journal::{Journal, JournalRecord, OWN_DIRECTORY};
pub use mapping::{Renames, Selection, parse_map};
pub use metadata::With;
pub use plan::{Plan, RestoreOptions, TablePlan, plan};
pub use preflight::{left_snapshots, probe_rights};
pub use run::Run;
pub use source::RestoreBackup;
