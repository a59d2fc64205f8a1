//! Reading one stored file front to back.

use bytes::Bytes;

use crate::error::Result;

/// Verified plaintext, in order. A chunk is authentic when it is returned; the *file* is proved whole only by the final `None`.
pub struct FileStream {}

impl FileStream {
    /// The next chunk, or `None` after the content id of the whole file was checked.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        todo!()
    }
}
