//! How fast a local store takes and gives bytes, beside `cp` and fsync of the same bytes.
//!
//! `cargo run -p storage --example local_speed -- DIRECTORY [GIB] [ROUNDS]`: rounds are interleaved, medians printed.
#![expect(clippy::print_stdout, reason = "a measurement is for reading")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use storage::{LocalStore, ObjectStore, StorageError};
use tokio::time::Instant;

const PART_BYTES: usize = 1 << 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("usage: local_speed DIRECTORY [GIB] [ROUNDS]")?;
    let bytes = arguments.next().map_or(Ok(1), |text| text.parse::<u64>())? << 30;
    let rounds: usize = arguments.next().map_or(Ok(3), |text| text.parse())?;
    let root = Path::new(&directory).join("local_speed");
    let store = LocalStore::new(root.join("store"), Duration::from_secs(600));
    let part = Bytes::from((0..PART_BYTES).map(|place| (place * 31 % 251) as u8).collect::<Vec<u8>>());

    // The source of cp, warm in the cache.
    let source = root.join("store/source");
    upload(&store, "source", &part, bytes).await?;
    Command::new("cat").arg(&source).stdout(std::process::Stdio::null()).status()?;

    let (mut uploads, mut reads, mut copies) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let key = format!("round/{round}");
        let start = Instant::now();
        upload(&store, &key, &part, bytes).await?;
        uploads.push(rate(bytes, start));
        let start = Instant::now();
        for offset in (0..bytes).step_by(8 << 20) {
            store.get_range(&key, offset..bytes.min(offset + (8 << 20))).await?;
        }
        reads.push(rate(bytes, start));
        store.delete(&key).await?;
        let copy = root.join("copy");
        let start = Instant::now();
        let copied = Command::new("sh").args(["-c", "cp \"$0\" \"$1\" && sync \"$1\""]).arg(&source).arg(&copy).status()?;
        copies.push(rate(bytes, start));
        if !copied.success() {
            return Err("cp failed".into());
        }
        Command::new("rm").arg(&copy).status()?;
    }
    let (upload, read, copy) = (median(uploads), median(reads), median(copies));
    println!("{directory}: upload {upload:.0} MB/s, read {read:.0} MB/s, cp + fsync {copy:.0} MB/s, upload/cp {:.2}", upload / copy);
    drop(store);
    Command::new("rm").arg("-r").arg(&root).status()?;
    Ok(())
}

async fn upload(store: &LocalStore, key: &str, part: &Bytes, bytes: u64) -> Result<(), StorageError> {
    let mut upload = store.begin(key).await?;
    for _ in 0..bytes / PART_BYTES as u64 {
        upload.write(part.clone()).await?;
    }
    upload.complete().await.map(drop)
}

fn rate(bytes: u64, start: Instant) -> f64 {
    bytes as f64 / 1e6 / start.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(0.0)
}
