//! Listing keys of a store that is a directory tree, in key order, reading only the directories that can matter.
//!
//! Key order is plain byte order, and `/` sorts among the other characters: `a-b` < `a/b` < `a0`. A directory therefore takes its
//! place with a slash behind its name. The walk itself does no I/O: it names the next directory to read and takes its entries, so
//! that the local store (blocking) and the HDFS store (asynchronous) share it.

use crate::ObjectInfo;
use crate::key::{TEMPORARY_SEGMENT, is_segment};

/// One entry of a directory.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) is_directory: bool,
    pub(crate) length_bytes: u64,
    pub(crate) modified_millis: i64,
}

enum Pending {
    Directory(String),
    Object(ObjectInfo),
}

/// A listing in progress.
pub(crate) struct KeyWalk {
    prefix: String,
    after: Option<String>,
    limit: usize,
    /// Sorted backwards: the next one is last.
    pending: Vec<Pending>,
    found: Vec<ObjectInfo>,
}

impl KeyWalk {
    pub(crate) fn new(prefix: &str, after: Option<&str>, limit: usize) -> Self {
        // The deepest directory that holds every key with this prefix; "" is the store's root.
        let start = prefix.rfind('/').and_then(|slash| prefix.get(..slash)).unwrap_or("").to_owned();
        Self {
            prefix: prefix.to_owned(),
            after: after.map(str::to_owned),
            limit,
            pending: vec![Pending::Directory(start)],
            found: Vec::new(),
        }
    }

    /// The next directory to read, relative to the store's root (`""` = the root itself); `None` when the listing is complete.
    pub(crate) fn next_directory(&mut self) -> Option<String> {
        while self.found.len() < self.limit {
            match self.pending.pop()? {
                Pending::Directory(directory) => return Some(directory),
                Pending::Object(object) => self.found.push(object),
            }
        }
        None
    }

    /// Takes the entries of the directory that [`KeyWalk::next_directory`] named. One that vanished has none.
    pub(crate) fn entries(&mut self, directory: &str, entries: Vec<Entry>) {
        let mut sorted: Vec<(String, Entry)> = entries
            .into_iter()
            .filter(|entry| is_segment(&entry.name) && !(directory.is_empty() && entry.name == TEMPORARY_SEGMENT))
            .map(|entry| {
                let key = if directory.is_empty() { entry.name.clone() } else { format!("{directory}/{}", entry.name) };
                (if entry.is_directory { key + "/" } else { key }, entry)
            })
            .filter(|(key, entry)| if entry.is_directory { self.may_hold(key) } else { self.wants(key) })
            .collect();
        sorted.sort_by(|left, right| right.0.cmp(&left.0));
        self.pending.extend(sorted.into_iter().map(|(mut key, entry)| {
            if entry.is_directory {
                key.pop();
                Pending::Directory(key)
            } else {
                let Entry { length_bytes, modified_millis, .. } = entry;
                Pending::Object(ObjectInfo { key, length_bytes, modified_millis, version: None })
            }
        }));
    }

    /// What was found, in key order.
    pub(crate) fn finish(self) -> Vec<ObjectInfo> {
        self.found
    }

    fn wants(&self, key: &str) -> bool {
        key.starts_with(&self.prefix) && self.after.as_deref().is_none_or(|after| key > after)
    }

    /// Whether a key below `directory` (with its slash) can be wanted.
    fn may_hold(&self, directory: &str) -> bool {
        (directory.starts_with(&self.prefix) || self.prefix.starts_with(directory))
            && self.after.as_deref().is_none_or(|after| directory > after || after.starts_with(directory))
    }
}
