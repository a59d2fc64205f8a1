//! Block checksums: one 4-byte big-endian sum per chunk of header and data, behind the data.

use crc_fast::{CrcAlgorithm, Digest};

/// How the blocks of a file are protected (`org.apache.hadoop.hbase.util.ChecksumType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksumType {
    /// Not at all; the space for the sums may be there, unused.
    Null,
    /// The CRC-32 of zlib.
    Crc32,
    /// The CRC of iSCSI; HBase's default.
    Crc32c,
}

impl ChecksumType {
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Null),
            1 => Some(Self::Crc32),
            2 => Some(Self::Crc32c),
            _ => None,
        }
    }

    fn algorithm(self) -> CrcAlgorithm {
        match self {
            // A digest is made for every checker; that of an unprotected file is never asked.
            Self::Null | Self::Crc32c => CrcAlgorithm::Crc32Iscsi,
            Self::Crc32 => CrcAlgorithm::Crc32IsoHdlc,
        }
    }
}

/// Sums up the chunks of one block as its bytes pass.
#[derive(Debug)]
pub(crate) struct ChunkSums {
    checksum_type: ChecksumType,
    digest: Digest,
    chunk_bytes: usize,
    left_in_chunk: usize,
    sums: Vec<u32>,
}

impl ChunkSums {
    pub(crate) fn new(checksum_type: ChecksumType, chunk_bytes: usize) -> Self {
        let digest = Digest::new(checksum_type.algorithm());
        Self { checksum_type, digest, chunk_bytes, left_in_chunk: chunk_bytes, sums: Vec::new() }
    }

    pub(crate) fn restart(&mut self, checksum_type: ChecksumType, chunk_bytes: usize) {
        if checksum_type == self.checksum_type {
            self.digest.reset();
        } else {
            self.digest = Digest::new(checksum_type.algorithm());
        }
        (self.checksum_type, self.chunk_bytes, self.left_in_chunk) = (checksum_type, chunk_bytes, chunk_bytes);
        self.sums.clear();
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        if self.checksum_type == ChecksumType::Null {
            return;
        }
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(bytes.len().min(self.left_in_chunk));
            self.digest.update(now);
            self.left_in_chunk -= now.len();
            if self.left_in_chunk == 0 {
                self.close_chunk();
            }
            bytes = rest;
        }
    }

    /// The sums of all chunks, the last one perhaps short.
    pub(crate) fn finish(&mut self) -> &[u32] {
        if self.checksum_type != ChecksumType::Null && self.left_in_chunk < self.chunk_bytes {
            self.close_chunk();
        }
        &self.sums
    }

    fn close_chunk(&mut self) {
        // The sum has 32 bits; crc-fast hands all widths out as 64.
        self.sums.push(self.digest.finalize_reset() as u32);
        self.left_in_chunk = self.chunk_bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_the_well_known_ones() {
        for (checksum_type, expected) in [(ChecksumType::Crc32, 0xcbf4_3926), (ChecksumType::Crc32c, 0xe306_9283)] {
            let mut sums = ChunkSums::new(checksum_type, 9);
            sums.update(b"1234");
            sums.update(b"56789123456789");
            assert_eq!(sums.finish(), [expected, expected]);
        }
        let mut none = ChunkSums::new(ChecksumType::Null, 9);
        none.update(b"123456789");
        assert!(none.finish().is_empty());
    }
}
