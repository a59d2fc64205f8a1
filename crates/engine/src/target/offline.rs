//! A root directory with no master.
//!
//! Files and snapshots are written as for a live target, and stay: once a master runs on that root,
//! `clone_snapshot '<name>', '<table>'` in the HBase shell makes the table, or the same `seawall restore` against the live cluster does.
//! The snapshot's own table is the carrier, which cannot exist; so nothing can be overwritten by `restore_snapshot` either.

use std::sync::Arc;

use hbase_layout::RootLayout;
use storage::FileSystem;

use super::{Target, TargetOptions};

/// A target that is only a root directory; it may be empty, or not there yet.
pub fn target(file_system: Arc<dyn FileSystem>, root: &str, options: TargetOptions) -> Target {
    let root = root.trim_end_matches('/').to_owned();
    Target { file_system, layout: RootLayout::new(&root), root, master: None, options }
}
