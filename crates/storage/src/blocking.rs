//! Running file calls on blocking threads, with a deadline.
//!
//! A local call can hang for ever too (a dead NFS server, a failing disk). The thread cannot be stopped, the caller can be told.

use std::time::Duration;

use crate::{Result, StorageError};

/// Runs `work` on a blocking thread; after `deadline` the answer is `TimedOut` while the thread goes on alone.
pub(crate) async fn blocking<T: Send + 'static>(
    path: &str,
    deadline: Duration,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::time::timeout(deadline, tokio::task::spawn_blocking(work)).await {
        Ok(joined) => finished(path, joined),
        Err(_) => Err(StorageError::TimedOut { path: path.to_owned(), seconds: deadline.as_secs() }),
    }
}

/// The result of a blocking thread; its panic goes on here.
pub(crate) fn finished<T>(path: &str, joined: std::result::Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    match joined {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(StorageError::Other { path: path.to_owned(), operation: "run", source: Box::new(error) }),
    }
}
