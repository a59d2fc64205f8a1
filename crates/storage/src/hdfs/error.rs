//! What HDFS says, in the words of [`StorageError`].

use hdfs_native::HdfsError;

use crate::StorageError;

/// A call, for its error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'call> {
    pub(super) path: &'call str,
    pub(super) operation: &'static str,
    /// The right it takes, where the server does not name it.
    pub(super) right: &'call str,
}

/// Detail of `Invalid` when a part of the path is a file.
pub(super) const PARENT_IS_FILE: &str = "a part of the path is not a directory";
/// What `hdfs-native` says when a file cannot be synced before it is closed.
const ERASURE_CODED: &str = "not supported for erasure-coded";

pub(super) fn translate(url: &str, asked: Asked<'_>, error: HdfsError) -> StorageError {
    let path = asked.path.to_owned();
    let denied = |right: String| StorageError::PermissionDenied { path: asked.path.to_owned(), right };
    let unreachable = |detail: String| StorageError::Unreachable { endpoint: url.to_owned(), detail };
    match error {
        HdfsError::RPCError(class, message) | HdfsError::FatalRPCError(class, message) => remote(url, asked, &class, &message),
        HdfsError::FileNotFound(_) => StorageError::NotFound { path },
        HdfsError::AlreadyExists(_) => StorageError::AlreadyExists { path },
        HdfsError::IOError(error) => unreachable(error.to_string()),
        HdfsError::DataTransferError(detail) => unreachable(format!("DataNode: {}", first_line(&detail))),
        HdfsError::BlocksNotFound(detail) => unreachable(format!("no DataNode has a block of it: {detail}")),
        HdfsError::IsADirectoryError(_) => invalid(asked, "is a directory"),
        HdfsError::InvalidPath(detail) | HdfsError::InvalidArgument(detail) => invalid(asked, &detail),
        HdfsError::SASLError(detail) => denied(format!("authentication failed: {detail}")),
        error @ (HdfsError::NoSASLMechanism | HdfsError::GSSAPIError(..)) => denied(format!("authentication failed: {error}")),
        HdfsError::UnsupportedFeature(detail) | HdfsError::UnsupportedErasureCodingPolicy(detail) => {
            StorageError::Unsupported { path, detail }
        }
        HdfsError::OperationFailed(detail) if detail.contains(ERASURE_CODED) => {
            StorageError::Unsupported { path, detail: "the directory is erasure-coded: what is written cannot be synced".to_owned() }
        }
        other => StorageError::Other { path, operation: asked.operation, source: Box::new(other) },
    }
}

/// An exception of the server, by its class.
fn remote(url: &str, asked: Asked<'_>, class: &str, message: &str) -> StorageError {
    let path = asked.path.to_owned();
    let message = first_line(message);
    let unreachable = |detail: &str| StorageError::Unreachable { endpoint: url.to_owned(), detail: detail.to_owned() };
    let no_space = |detail: String| StorageError::NoSpace { path: asked.path.to_owned(), detail };
    match class.rsplit(['.', '$']).next().unwrap_or(class) {
        "FileNotFoundException" if message.contains("Path is not a file") => invalid(asked, "is a directory"),
        "FileNotFoundException" => StorageError::NotFound { path },
        "FileAlreadyExistsException" | "AlreadyBeingCreatedException" | "RecoveryInProgressException" => {
            StorageError::AlreadyExists { path }
        }
        // A rename to an existing target of the other kind.
        "IOException" if message.contains("must both be") => StorageError::AlreadyExists { path },
        "ParentNotDirectoryException" => invalid(asked, PARENT_IS_FILE),
        // Some versions tell a file on the way by refusing to search it.
        "AccessControlException" if message.contains("is not a directory") => invalid(asked, PARENT_IS_FILE),
        "AccessControlException" | "AuthorizationException" | "InvalidToken" => {
            StorageError::PermissionDenied { path, right: missing_right(message, asked.right) }
        }
        "SafeModeException" => unreachable("the NameNode is in safe mode"),
        "StandbyException" => unreachable("this NameNode is standby; name the nameservice instead"),
        "RetriableException" | "ServerTooBusyException" | "ObserverRetryOnActiveException" | "CallQueueOverflowException" => {
            unreachable(message)
        }
        "DSQuotaExceededException" => no_space(format!("the space quota is used up: {message}")),
        "NSQuotaExceededException" => no_space(format!("the quota of names is used up: {message}")),
        "QuotaByStorageTypeExceededException" => no_space(format!("the quota of the storage type is used up: {message}")),
        "PathIsNotEmptyDirectoryException" => invalid(asked, "the directory is not empty"),
        "IOException" if message.contains("could only be written to") => no_space(format!("no DataNode takes a block: {message}")),
        "InvalidPathException" | "PathComponentTooLongException" | "MaxDirectoryItemsExceededException" | "SnapshotException" => {
            invalid(asked, message)
        }
        _ => {
            let source = Box::from(format!("{class}: {message}"));
            StorageError::Other { path, operation: asked.operation, source }
        }
    }
}

fn invalid(asked: Asked<'_>, detail: &str) -> StorageError {
    StorageError::Invalid { path: asked.path.to_owned(), detail: detail.to_owned() }
}

/// Java sends its stack trace behind the message.
fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

/// From `Permission denied: user=u, access=WRITE, inode="/a":owner:group:drwxr-xr-x` to `WRITE on /a for user u (owner:group:drwxr-xr-x)`.
fn missing_right(message: &str, otherwise: &str) -> String {
    let between = |start: &str, end: char| message.split_once(start).and_then(|(_, rest)| rest.split(end).next());
    match (between("user=", ','), between("access=", ','), between("inode=\"", '"')) {
        (Some(user), Some(access), Some(inode)) => {
            let owner = message.rsplit_once("\":").map_or("", |(_, owner)| owner);
            format!("{access} on {inode} for user {user} ({owner})")
        }
        _ if message.is_empty() => otherwise.to_owned(),
        _ => format!("{otherwise}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(class: &str, message: &str) -> StorageError {
        let asked = Asked { path: "/hbase/x", operation: "create", right: "write" };
        translate("hdfs://ns", asked, HdfsError::RPCError(class.to_owned(), message.to_owned()))
    }

    #[test]
    fn exceptions_become_outcomes_a_caller_acts_on() {
        let message = "Permission denied: user=alice, access=WRITE, inode=\"/hbase\":hbase:supergroup:drwxr-xr-x\n\tat org.apache";
        let denied = translated("org.apache.hadoop.security.AccessControlException", message);
        assert_eq!(denied.to_string(), "/hbase/x: permission denied: WRITE on /hbase for user alice (hbase:supergroup:drwxr-xr-x)");
        let owner =
            translated("org.apache.hadoop.security.AccessControlException", "Permission denied. user=a is not the owner of inode=/x");
        assert!(owner.to_string().contains("is not the owner"), "{owner}");
        for (class, kind) in [
            ("org.apache.hadoop.hdfs.server.namenode.SafeModeException", "unreachable"),
            ("org.apache.hadoop.ipc.StandbyException", "standby"),
            ("org.apache.hadoop.hdfs.protocol.DSQuotaExceededException", "no space"),
            ("org.apache.hadoop.hdfs.protocol.NSQuotaExceededException", "no space"),
            ("org.apache.hadoop.fs.PathIsNotEmptyDirectoryException", "not empty"),
            ("org.apache.hadoop.hdfs.protocol.FSLimitException$PathComponentTooLongException", "too long words"),
            ("java.io.IOException", "java.io.IOException: too long words"),
        ] {
            let text = translated(class, "too long words").to_string();
            assert!(text.contains(kind), "{class}: {text}");
        }
        assert!(translated("java.io.FileNotFoundException", "File does not exist: /x").is_not_found());
        assert!(matches!(translated("java.io.FileNotFoundException", "Path is not a file: /x"), StorageError::Invalid { .. }));
    }
}
