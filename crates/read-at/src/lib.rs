//! Positioned, synchronous reads: the one interface between formats and bytes.
//!
//! Formats (`hfile`, `wal`) take a [`ReadAt`] and do no I/O of their own, so that one reader serves a local file, HDFS, a repository
//! object and a fuzzer. Adapters to asynchronous stores live in `storage` and `repository`.

use std::io;

/// Bytes of known length that can be read at any offset, from any thread.
pub trait ReadAt: Send + Sync {
    /// Length in bytes. Must not change during the life of the value.
    fn len(&self) -> u64;

    /// Fills `buffer` from `offset`. A read that would pass the end fails with [`io::ErrorKind::UnexpectedEof`] and reads nothing.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ReadAt for [u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let end = start.checked_add(buffer.len()).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let source = self.get(start..end).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        buffer.copy_from_slice(source);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    fn len(&self) -> u64 {
        ReadAt::len(self.as_slice())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.as_slice().read_at(offset, buffer)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for std::sync::Arc<T> {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        (**self).read_at(offset, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::ReadAt;

    #[test]
    fn reads_inside_and_refuses_beyond_the_end() {
        let bytes = vec![1u8, 2, 3, 4];
        let mut two = [0u8; 2];
        bytes.read_at(2, &mut two).expect("inside");
        assert_eq!(two, [3, 4]);
        assert_eq!(bytes.read_at(3, &mut two).expect_err("past the end").kind(), std::io::ErrorKind::UnexpectedEof);
        assert_eq!(two, [3, 4], "a failed read leaves the buffer alone");
        assert!(bytes.read_at(u64::MAX, &mut two).is_err());
    }
}
