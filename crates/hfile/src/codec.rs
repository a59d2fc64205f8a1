//! Decompression of single blocks: what the checker needs to read a file info block.
//!
//! | codec | on disk |
//! |---|---|
//! | GZ | one gzip stream |
//! | SNAPPY, LZ4, ZSTD | Hadoop block stream: 4 bytes uncompressed length, then chunks of 4 bytes length and data until that length is reached; repeated |
//! | ZSTD by Hadoop's native codec | a bare zstd stream |
//!
//! Snappy and LZ4 chunks are raw blocks without frame, a ZSTD chunk is one frame. Lengths are big-endian.

use std::io::Read;

use crate::{Compression, HFileError};

/// A block is not decompressed into more than this.
const MAXIMUM_BYTES: u64 = 64 << 20;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The data of a block, `expected_bytes` long by its header. `None` for codecs that are not at hand (LZO, BZIP2, LZMA, BROTLI).
pub(crate) fn decompress(compression: Compression, data: &[u8], expected_bytes: u64, offset: u64) -> Result<Option<Vec<u8>>, HFileError> {
    let expected = usize::try_from(expected_bytes).ok().filter(|_| expected_bytes <= MAXIMUM_BYTES);
    let expected = expected.ok_or_else(|| HFileError::Unsupported { offset, detail: format!("a block of {expected_bytes} bytes") })?;
    let out = match compression {
        Compression::None => Some(data.to_vec()),
        Compression::Gz => read_all(flate2::read::GzDecoder::new(data), expected),
        Compression::Zstd if data.starts_with(&ZSTD_MAGIC) => zstd::bulk::decompress(data, expected).ok(),
        Compression::Snappy => block_stream(data, expected, |chunk, left| {
            let length = snap::raw::decompress_len(chunk).ok().filter(|length| *length <= left)?;
            let mut out = vec![0; length];
            snap::raw::Decoder::new().decompress(chunk, &mut out).ok()?;
            Some(out)
        }),
        Compression::Lz4 => block_stream(data, expected, |chunk, left| {
            let mut out = vec![0; left];
            let length = lz4_flex::block::decompress_into(chunk, &mut out).ok()?;
            out.truncate(length);
            Some(out)
        }),
        Compression::Zstd => block_stream(data, expected, |chunk, left| zstd::bulk::decompress(chunk, left).ok()),
        Compression::Lzo | Compression::Bzip2 | Compression::Lzma | Compression::Brotli => return Ok(None),
    };
    let out = out.filter(|out| out.len() == expected);
    out.map(Some).ok_or_else(|| HFileError::FileInfo { offset, detail: format!("{} does not give {expected} bytes", compression.name()) })
}

fn read_all(reader: impl Read, expected: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(expected);
    reader.take(expected as u64 + 1).read_to_end(&mut out).ok()?;
    Some(out)
}

fn block_stream(mut data: &[u8], expected: usize, decode: impl Fn(&[u8], usize) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(expected);
    while !data.is_empty() {
        let block_end = out.len().checked_add(take_length(&mut data)?).filter(|end| *end <= expected)?;
        while out.len() < block_end {
            let length = take_length(&mut data)?;
            let (chunk, rest) = data.split_at_checked(length)?;
            data = rest;
            let decoded = decode(chunk, block_end - out.len())?;
            if decoded.is_empty() {
                return None;
            }
            out.extend_from_slice(&decoded);
        }
    }
    Some(out)
}

fn take_length(data: &mut &[u8]) -> Option<usize> {
    let (length, rest) = data.split_first_chunk::<4>()?;
    *data = rest;
    usize::try_from(u32::from_be_bytes(*length)).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn chunked(parts: &[(&[u8], &[u8])]) -> Vec<u8> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_be_bytes();
        parts.iter().flat_map(|(plain, packed)| [&length(plain)[..], &length(packed), packed].concat()).collect()
    }

    #[test]
    fn every_codec_gives_back_and_damage_is_an_error() {
        let plain = b"all work and no play makes jack a dull boy, all work and no play".as_slice();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(plain).unwrap();
        let (first, second) = plain.split_at(20);
        let snappy = |bytes| snap::raw::Encoder::new().compress_vec(bytes).unwrap();
        let zstd = |bytes| zstd::bulk::compress(bytes, 1).unwrap();
        let packed = [
            (Compression::Gz, gzip.finish().unwrap()),
            (Compression::Snappy, chunked(&[(first, &snappy(first)), (second, &snappy(second))])),
            (Compression::Lz4, chunked(&[(plain, &lz4_flex::block::compress(plain))])),
            (Compression::Zstd, chunked(&[(first, &zstd(first)), (second, &zstd(second))])),
            (Compression::Zstd, zstd(plain)),
            (Compression::None, plain.to_vec()),
        ];
        for (compression, packed) in packed {
            let length = plain.len() as u64;
            assert_eq!(decompress(compression, &packed, length, 0).unwrap().as_deref(), Some(plain), "{compression:?}");
            assert!(decompress(compression, &packed, length - 1, 0).is_err(), "{compression:?} gives more");
            assert!(decompress(compression, &packed[..packed.len() - 9], length, 0).is_err(), "{compression:?} cut");
        }
        assert_eq!(decompress(Compression::Lzo, b"", 0, 0), Ok(None));
        assert!(decompress(Compression::None, b"", u64::MAX, 0).is_err());
    }
}
