//! One file on its way into the repository.

use bytes::Bytes;

use crate::error::Result;
use crate::file::StoredFile;

/// Takes a file's bytes in order. Dropping it abandons the file.
pub struct FileSink {}

impl FileSink {
    /// Appends bytes, any number at a time.
    pub async fn write(&mut self, _bytes: Bytes) -> Result<()> {
        todo!()
    }

    /// Ends the file. Fails if its length differs from the identity's, or if the same identity is known with other content.
    pub async fn finish(self, _fingerprint: [u8; 32]) -> Result<StoredFile> {
        todo!()
    }

    /// Gives the file up and removes what was sent.
    pub async fn abort(self) -> Result<()> {
        todo!()
    }
}
