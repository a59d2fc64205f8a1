//! Every HFile of the fixtures: trailer, file info, blocks, and damage at every byte.

use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hfile::{BlockHeader, Checker, HFileError, Summary, Trailer, check};
use read_at::ReadAt;
use serde_json::{Value, json};
use testkit::fixtures;

/// What the oracle says of one file.
pub(crate) struct Expected {
    pub(crate) path: PathBuf,
    trailer: Value,
    info: Vec<(String, String)>,
    blocks: Vec<Value>,
}

/// All files of all fixtures.
pub(crate) fn files() -> Vec<Expected> {
    let mut files: Vec<Expected> = Vec::new();
    for version in fixtures::VERSIONS {
        let archive = fixtures::root_archive(version).unwrap();
        let dump = std::fs::read_to_string(fixtures::oracle(version).unwrap().join("hfiles.jsonl")).unwrap();
        for line in dump.lines() {
            // Cells are most of the dump, and not looked at here.
            if line.starts_with(r#"{"k":"cell""#) {
                continue;
            }
            let line: Value = serde_json::from_str(line).unwrap();
            let text = |key: &str| line[key].as_str().unwrap().to_owned();
            match line["k"].as_str().unwrap() {
                "file" => files.push(Expected { path: archive.join(text("file")), trailer: Value::Null, info: vec![], blocks: vec![] }),
                "trailer" => files.last_mut().unwrap().trailer = line["trailer"].clone(),
                "info" => files.last_mut().unwrap().info.push((text("name"), text("value"))),
                "block" => files.last_mut().unwrap().blocks.push(line),
                _ => {}
            }
        }
    }
    files
}

fn blocks(file: &[u8], trailer: &Trailer) -> Vec<Value> {
    let end = ReadAt::len(file) - trailer.bytes() as u64;
    let (mut offset, mut blocks) = (0, Vec::new());
    while offset < end {
        let mut header = [0; BlockHeader::BYTES];
        file.read_at(offset, &mut header).unwrap();
        let header = BlockHeader::parse(&header, offset).unwrap();
        blocks.push(json!({"k": "block", "off": offset, "type": header.block_type.name(), "disk": header.on_disk_bytes, "raw": header.uncompressed_bytes}));
        offset += header.on_disk_bytes;
    }
    blocks
}

fn push_in_pieces(file: &[u8], piece_bytes: usize) -> Result<Summary, HFileError> {
    let mut checker = Checker::new();
    for piece in file.chunks(piece_bytes) {
        checker.push(piece)?;
    }
    checker.finish()
}

#[test]
fn every_file_passes_and_says_what_hbase_reads() {
    let files = files();
    assert_eq!(files.len(), 394);
    let mut with_file_info = 0;
    for expected in files {
        let path = expected.path.display();
        let file = std::fs::read(&expected.path).unwrap();
        let summary = check(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
        let trailer = &summary.trailer;
        let or_minus_one = |offset: Option<u64>| offset.map_or(json!(-1), |offset| json!(offset));
        let actual = json!({
            "getComparatorClassName": trailer.comparator, "getCompressionCodec": trailer.compression.name(), "getDataIndexCount": trailer.data_index_count,
            "getEntryCount": trailer.entries, "getFileInfoOffset": trailer.file_info_offset, "getFirstDataBlockOffset": or_minus_one(trailer.first_data_block_offset),
            "getLastDataBlockOffset": or_minus_one(trailer.last_data_block_offset), "getLoadOnOpenDataOffset": trailer.load_on_open_offset,
            "getMajorVersion": trailer.major_version, "getMetaIndexCount": trailer.meta_index_count, "getMinorVersion": trailer.minor_version,
            "getNumDataIndexLevels": trailer.data_index_levels, "getTotalUncompressedBytes": trailer.total_uncompressed_bytes,
            "getTrailerSize": trailer.bytes(), "getUncompressedDataIndexSize": trailer.uncompressed_data_index_bytes,
        });
        for (key, value) in actual.as_object().unwrap() {
            // The file has the name that HBase 1 knew; readers of 2.6 show their own.
            if key != "getComparatorClassName" {
                assert_eq!(*value, expected.trailer[key], "{path}: {key}");
            }
        }
        assert_eq!(trailer.encryption_key.is_some(), !expected.trailer["getEncryptionKey"].is_null(), "{path}");
        assert_eq!(blocks(&file, trailer), expected.blocks, "{path}");
        assert_eq!(summary.blocks, expected.blocks.len() as u64, "{path}");
        assert_eq!(summary.fingerprint, *blake3::hash(&file[usize::try_from(trailer.load_on_open_offset).unwrap()..]).as_bytes());
        for piece_bytes in [1, 7, 33, 4096, 65_537] {
            assert_eq!(push_in_pieces(&file, piece_bytes).as_ref(), Ok(&summary), "{path} in pieces of {piece_bytes}");
        }
        let Some(info) = &summary.file_info else {
            assert!(trailer.encryption_key.is_some(), "{path}: no file info");
            continue;
        };
        with_file_info += 1;
        for (name, value) in &expected.info {
            let entry = info.get(name).unwrap_or_else(|| panic!("{path}: no {name}"));
            assert_eq!(BASE64_STANDARD.encode(entry), *value, "{path}: {name}");
        }
    }
    assert!(with_file_info > 300, "file info of {with_file_info} files only");
}

#[test]
fn a_flip_of_any_byte_of_any_block_is_found_where_it_is() {
    let mut smallest: Vec<Vec<u8>> = files().iter().map(|file| std::fs::read(&file.path).unwrap()).collect();
    smallest.sort_by_key(Vec::len);
    for file in smallest.iter().step_by(40).take(4) {
        let summary = check(file).unwrap();
        let blocks_end = file.len() - summary.trailer.bytes();
        for position in 0..blocks_end {
            for mask in [0x01, 0x80] {
                let mut flipped = file.clone();
                flipped[position] ^= mask;
                assert!(check(&flipped).is_err(), "flip of {mask:#x} at {position} of {}", file.len());
            }
        }
    }
}

#[test]
fn a_cut_or_prolonged_file_is_found() {
    let file = std::fs::read(&files()[0].path).unwrap();
    for length in 0..file.len() {
        assert!(check(&file[..length]).is_err(), "cut at {length}");
    }
    let longer = [&file[..], &[0]].concat();
    assert!(matches!(check(&longer), Err(HFileError::Trailer { .. })));
}

#[test]
fn the_error_names_the_place() {
    let file = std::fs::read(&files()[0].path).unwrap();
    let mut flipped = file.clone();
    flipped[100] ^= 1;
    assert!(matches!(check(&flipped), Err(HFileError::Checksum { block_offset: 0, offset: 0, .. })));
    let first = blocks(&file, &Trailer::read(&file).unwrap());
    let second = usize::try_from(first[1]["off"].as_u64().unwrap()).unwrap();
    let mut flipped = file.clone();
    flipped[second] ^= 1;
    assert!(matches!(check(&flipped), Err(HFileError::BlockMagic { offset, .. }) if offset == second as u64));
    // A whole block less: every checksum is right, the offsets are not.
    let without = [&file[..second], &file[second + usize::try_from(first[1]["disk"].as_u64().unwrap()).unwrap()..]].concat();
    assert!(check(&without).is_err());
}
