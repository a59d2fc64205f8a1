//! Owner, group and mode of what we make in HBase's tree: as HBase's own files there have them.
//!
//! HBase's cleaners delete files and directories as HBase's user. A directory that this user cannot write would stay for ever, so
//! when we may not give a directory away (only a superuser may on HDFS), it is made writable for all instead, and the plan says so.

use std::sync::Arc;

use storage::{FileStatus, FileSystem, StorageError};

use crate::Result;

/// What our files and directories get.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ownership {
    /// HBase's user, when it is not ours and we may give files away.
    pub owner: Option<String>,
    /// Group of HBase's files, under the same condition.
    pub group: Option<String>,
    /// Mode of directories.
    pub directory_mode: Option<u32>,
    /// Mode of files.
    pub file_mode: Option<u32>,
}

/// What a probe found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnershipProbe {
    /// What to use.
    pub ownership: Ownership,
    /// Our user at the target, where the file system tells.
    pub user: Option<String>,
    /// HBase's user, where the file system tells.
    pub hbase_user: Option<String>,
    /// Files stay ours although HBase runs as another user.
    pub foreign: bool,
}

/// Looks at `reference` (a directory that HBase made) and at `probe` (one that we just made), and tries to give `probe` away.
pub async fn probe(file_system: &Arc<dyn FileSystem>, reference: &FileStatus, probe: &FileStatus) -> Result<OwnershipProbe> {
    let (user, hbase_user) = (probe.owner.clone(), reference.owner.clone());
    let mut ownership =
        Ownership { directory_mode: reference.mode, file_mode: reference.mode.map(|mode| mode & 0o666), ..Ownership::default() };
    let same = user == hbase_user && probe.group == reference.group;
    if same || hbase_user.is_none() {
        return Ok(OwnershipProbe { ownership, user, hbase_user, foreign: false });
    }
    let given = file_system.set_owner(&probe.path, reference.owner.as_deref(), reference.group.as_deref()).await;
    let foreign = match given {
        Ok(()) => {
            ownership.owner.clone_from(&reference.owner);
            ownership.group.clone_from(&reference.group);
            false
        }
        Err(StorageError::PermissionDenied { .. } | StorageError::Unsupported { .. } | StorageError::Other { .. })
            if user == hbase_user =>
        {
            false
        }
        Err(StorageError::PermissionDenied { .. } | StorageError::Unsupported { .. } | StorageError::Other { .. }) => {
            ownership.directory_mode = Some(0o777);
            ownership.file_mode = Some(0o644);
            true
        }
        Err(error) => return Err(error.into()),
    };
    Ok(OwnershipProbe { ownership, user, hbase_user, foreign })
}

impl Ownership {
    /// Makes `path` and its missing parents, each owned as ours should be. Directories that exist are left alone.
    pub async fn make_directories(&self, file_system: &Arc<dyn FileSystem>, path: &str) -> std::result::Result<(), StorageError> {
        let mut missing = Vec::new();
        let mut at = path.trim_end_matches('/');
        while !at.is_empty() {
            match file_system.status(at).await {
                Ok(_) => break,
                Err(error) if error.is_not_found() => missing.push(at.to_owned()),
                Err(error) => return Err(error),
            }
            at = at.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
        if missing.is_empty() {
            return Ok(());
        }
        file_system.make_directories(path).await?;
        for directory in missing.iter().rev() {
            match self.apply(file_system, directory, self.directory_mode).await {
                // The cleaner removes empty directories; the caller makes them again when its create fails.
                Err(error) if error.is_not_found() => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Gives a finished file to HBase.
    pub async fn give_file(&self, file_system: &Arc<dyn FileSystem>, status: &FileStatus) -> std::result::Result<(), StorageError> {
        let mode = self.file_mode.filter(|mode| status.mode != Some(*mode));
        self.apply(file_system, &status.path, mode).await
    }

    async fn apply(&self, file_system: &Arc<dyn FileSystem>, path: &str, mode: Option<u32>) -> std::result::Result<(), StorageError> {
        if let Some(mode) = mode {
            file_system.set_mode(path, mode).await?;
        }
        if self.owner.is_some() || self.group.is_some() {
            file_system.set_owner(path, self.owner.as_deref(), self.group.as_deref()).await?;
        }
        Ok(())
    }
}
