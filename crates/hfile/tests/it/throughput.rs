//! How fast the checker is. `cargo test --release -p hfile --test it throughput -- --ignored --nocapture`
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement prints its figure")]

use std::time::Instant;

use hfile::Checker;

use crate::checker::files;

#[test]
#[ignore = "a measurement: needs an optimised build"]
fn throughput() {
    for (name, chunk_bytes, block_bytes) in [("64 KiB blocks", 16 << 10, 64 << 10), ("1 MiB blocks", 16 << 10, 1 << 20)] {
        for (kind, code, algorithm) in
            [("CRC32C", 2_u8, crc_fast::CrcAlgorithm::Crc32Iscsi), ("CRC32", 1, crc_fast::CrcAlgorithm::Crc32IsoHdlc)]
        {
            let block = block(chunk_bytes, block_bytes, code, algorithm);
            let rounds = (1 << 30) / block.len();
            let start = Instant::now();
            let mut checker = Checker::new();
            for _ in 0..rounds {
                checker.push(&block).unwrap();
            }
            let bytes = (rounds * block.len()) as f64;
            println!("{name}, {kind}: {:.2} GB/s", bytes / start.elapsed().as_secs_f64() / 1e9);
        }
    }
    assert!(!files().is_empty());
}

/// A data block of zeros, the first of its kind.
fn block(chunk_bytes: usize, data_bytes: usize, code: u8, algorithm: crc_fast::CrcAlgorithm) -> Vec<u8> {
    let covered = 33 + data_bytes;
    let sums = covered.div_ceil(chunk_bytes) * 4;
    let int = |value: usize| i32::try_from(value).unwrap().to_be_bytes();
    let mut block =
        [b"DATABLK*".as_slice(), &int(data_bytes + sums), &int(data_bytes), &[0xff; 8], &[code], &int(chunk_bytes), &int(covered)].concat();
    block.resize(covered, 0);
    let sums: Vec<u8> = block.chunks(chunk_bytes).flat_map(|chunk| (crc_fast::checksum(algorithm, chunk) as u32).to_be_bytes()).collect();
    [block, sums].concat()
}
