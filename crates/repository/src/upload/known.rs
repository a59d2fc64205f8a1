//! What the repository has already: files of live backups, and of dead uploads that can be adopted.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;

use super::{Adopted, UploadOptions, adopt};
use crate::error::Result;
use crate::file::{FileIdentity, StoredFile};
use crate::keys::keyring::{Keyring, PageKind};
use crate::names;
use crate::page::layout::PageRef;
use crate::page::tree_reader::TreeScan;
use crate::repository::Repository;
use crate::stored_file::read_index_entry;
use crate::validity::BackupState;

/// Lineages whose newest backup is looked at for known files.
const LINEAGE_LIMIT: usize = 32;

/// What an upload begun now would know. Made without writing anything: neither in the store nor beside it.
pub struct KnownFiles {
    keyring: Arc<Keyring>,
    known: HashMap<[u8; 32], StoredFile>,
    adopted: Adopted,
    dead: BTreeSet<[u8; 16]>,
}

impl KnownFiles {
    /// The stored file of this identity, if an upload begun now would know it.
    pub fn known(&self, identity: &FileIdentity) -> Option<StoredFile> {
        self.known.get(&self.keyring.identity(identity)).cloned()
    }

    /// What an upload begun now would take over from dead ones.
    pub fn adopted(&self) -> Adopted {
        self.adopted
    }

    /// Uploads of this machine whose process is certainly gone, adopted or not.
    pub fn dead_uploads(&self) -> BTreeSet<[u8; 16]> {
        self.dead.clone()
    }
}

impl Repository {
    /// Looks at what an upload with these options would know. Works on a repository that may only be read.
    pub async fn known_files(&self, options: &UploadOptions) -> Result<KnownFiles> {
        self.refresh().await?;
        let keyring = self.inner.keyring.clone();
        let (mut known, _) = known_files(self, &keyring.lineage(&options.lineage)).await?;
        let found = adopt::adopt(self, options, None, &mut known).await?;
        let adopted = found.sums(&known);
        Ok(KnownFiles { keyring, known, adopted, dead: found.dead })
    }
}

/// Files of the newest live backup of every lineage (the newest [`LINEAGE_LIMIT`] lineages), and the roots of our own lineage's newest
/// backup, whose pages can be shared. Objects of signing keys that were not granted to ours are left out.
pub(super) async fn known_files(repository: &Repository, own: &[u8; 16]) -> Result<(HashMap<[u8; 32], StoredFile>, [Option<PageRef>; 3])> {
    let inner = &repository.inner;
    let me = inner.keyring.signer().id();
    let (sources, grants) = {
        let log = inner.log();
        let mut seen = HashSet::new();
        let live = log.state.backups.iter().rev().filter(|(_, backup)| backup.state == BackupState::Live);
        let newest: Vec<(u64, [u8; 16], [Option<PageRef>; 3])> = live
            .filter(|(_, backup)| seen.insert(backup.commit.lineage))
            .take(LINEAGE_LIMIT)
            .map(|(sequence, backup)| (*sequence, backup.commit.lineage, backup.commit.roots.clone()))
            .collect();
        (newest, log.state.grants.clone())
    };
    let mut known = HashMap::new();
    for (sequence, _, roots) in &sources {
        let [_, index, _] = roots;
        let object = names::commit_key(*sequence);
        let mut scan = TreeScan::new(inner.pages.clone(), PageKind::Index, index.clone(), Bytes::new());
        while let Some((key, value)) = scan.next().await? {
            let file = read_index_entry(&object, &key, &value)?;
            if file.writer == me || grants.contains(&(me, file.writer)) {
                known.entry(file.identity).or_insert(file);
            }
        }
    }
    let own_roots = sources.iter().find(|(_, lineage, _)| lineage == own).or(sources.first());
    Ok((known, own_roots.map(|(_, _, roots)| roots.clone()).unwrap_or_default()))
}
