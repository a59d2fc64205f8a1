//! User and group names of the local machine, from `/etc/passwd` and `/etc/group`.
//!
//! Names from a directory service (LDAP) are not asked for: that would need the C library's name service. An account that is not in
//! the files is shown, and may be given, as its number.

use std::collections::HashMap;
use std::sync::OnceLock;

use rustix::fs::{Gid, Uid};

use crate::{Result, StorageError};

/// The machine's accounts, read at first use.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    users: OnceLock<HashMap<u32, String>>,
    groups: OnceLock<HashMap<u32, String>>,
}

impl Accounts {
    pub(crate) fn user_name(&self, id: u32) -> String {
        self.users().get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    pub(crate) fn group_name(&self, id: u32) -> String {
        self.groups().get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    pub(crate) fn user(&self, path: &str, name: &str) -> Result<Uid> {
        identifier(self.users(), name).map(Uid::from_raw).ok_or_else(|| unknown(path, "user", name))
    }

    pub(crate) fn group(&self, path: &str, name: &str) -> Result<Gid> {
        identifier(self.groups(), name).map(Gid::from_raw).ok_or_else(|| unknown(path, "group", name))
    }

    fn users(&self) -> &HashMap<u32, String> {
        self.users.get_or_init(|| read("/etc/passwd"))
    }

    fn groups(&self) -> &HashMap<u32, String> {
        self.groups.get_or_init(|| read("/etc/group"))
    }
}

fn identifier(names: &HashMap<u32, String>, name: &str) -> Option<u32> {
    let known = names.iter().find(|(_, known)| known.as_str() == name).map(|(id, _)| *id);
    // u32::MAX means "leave as it is" to the kernel.
    known.or_else(|| name.parse().ok()).filter(|&id| id != u32::MAX)
}

fn unknown(path: &str, kind: &str, name: &str) -> StorageError {
    StorageError::Invalid { path: path.to_owned(), detail: format!("there is no {kind} `{name}` on this machine") }
}

#[expect(clippy::disallowed_methods, reason = "the account files belong to the machine, not to a served tree")]
fn read(file: &str) -> HashMap<u32, String> {
    // Without the file every account is its number.
    parse(&String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()))
}

/// `name:password:id:…` per line, in both files.
fn parse(text: &str) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(id)) = (fields.next(), fields.nth(1).and_then(|id| id.parse().ok())) {
            names.entry(id).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_names_where_known_and_numbers_elsewhere() {
        let names = parse("root:x:0:0:root:/root:/bin/sh\nbroken\nhbase:x:1001:\nalias:x:1001:\n");
        assert_eq!(names.get(&1001).map(String::as_str), Some("hbase"));
        assert_eq!(identifier(&names, "hbase"), Some(1001));
        assert_eq!(identifier(&names, "4711"), Some(4711));
        assert_eq!(identifier(&names, "nobody-here"), None);
        assert_eq!(identifier(&names, "4294967295"), None);
    }
}
