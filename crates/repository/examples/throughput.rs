//! How fast files go into a repository and come out again: `cargo run --release --example throughput -- DIRECTORY [GIB]`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods, reason = "a measuring tool")]

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use repository::{
    CommitRequest, Compression, Environment, FileIdentity, FileOptions, InitOptions, OpenOptions, Repository, Unlock, UploadOptions,
    VerifyLevel, VerifyOptions,
};
use storage::{LocalStore, ObjectStore};

#[tokio::main]
async fn main() {
    let directory = std::env::args().nth(1).unwrap();
    let gib: u64 = std::env::args().nth(2).map_or(2, |text| text.parse().unwrap());
    let store: Arc<dyn ObjectStore> = Arc::new(LocalStore::new(format!("{directory}/repository"), storage::DEFAULT_DEADLINE));
    let report = Repository::init(store.clone(), Environment::system(), InitOptions::default()).await.unwrap();
    let unlock = Unlock::KeyFile(report.key_file);
    let repository = Repository::open(store.clone(), Environment::system(), unlock.clone(), OpenOptions::default()).await.unwrap();
    let mut random = vec![0u8; 64 << 20];
    let mut state = 88_172_645_463_325_252u64;
    for chunk in random.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        chunk.copy_from_slice(&state.to_le_bytes());
    }
    let random = Bytes::from(random);
    let upload = Arc::new(repository.begin_upload(UploadOptions::default()).await.unwrap());
    let started = (Instant::now(), cpu_seconds());
    let files: Vec<_> = (0..gib * 4)
        .map(|n| {
            let (upload, random) = (upload.clone(), random.clone());
            async move {
                let identity = FileIdentity { name: format!("file-{n}"), length: 256 << 20 };
                let options = FileOptions { group: Bytes::from_static(b"g"), compression: Compression::None };
                let mut sink = upload.file(&identity, options).await.unwrap();
                for _ in 0..4 {
                    for at in (0..64usize << 20).step_by(1 << 20) {
                        sink.write(random.slice(at..at + (1 << 20))).await.unwrap();
                    }
                }
                sink.finish([0; 32]).await.unwrap()
            }
        })
        .collect();
    let mut stored = Vec::new();
    let mut running = futures::StreamExt::buffer_unordered(futures::stream::iter(files), 3);
    while let Some(file) = futures::StreamExt::next(&mut running).await {
        stored.push(file);
    }
    drop(running);
    figures("store", started, gib);
    Arc::into_inner(upload).unwrap().commit(CommitRequest { files: stored, ..CommitRequest::default() }).await.unwrap();
    let started = (Instant::now(), cpu_seconds());
    let verified = repository.verify(VerifyOptions { level: VerifyLevel::Data, backups: Vec::new(), workers: 3 }, &|_| {}).await.unwrap();
    assert!(verified.damages.is_empty());
    figures("verify data", started, gib);

    let known: Vec<_> = (0..100_000u64).map(|n| FileIdentity { name: format!("{n:032x}"), length: n % 5000 }).collect();
    let upload =
        repository.begin_upload(UploadOptions { lineage: Bytes::from_static(b"small"), ..UploadOptions::default() }).await.unwrap();
    let started = (Instant::now(), cpu_seconds());
    let mut request = CommitRequest::default();
    for identity in &known {
        let mut sink = upload.file(identity, FileOptions::default()).await.unwrap();
        sink.write(random.slice(..identity.length as usize)).await.unwrap();
        request.files.push(sink.finish([0; 32]).await.unwrap());
        request.manifest.push((Bytes::from(identity.name.clone()), Bytes::from(vec![7; 120])));
    }
    upload.commit(request.clone()).await.unwrap();
    println!("100 000 small files: {:.1} s", started.0.elapsed().as_secs_f64());
    let fresh = Repository::open(store.clone(), Environment::system(), unlock.clone(), OpenOptions::default()).await.unwrap();
    let started = Instant::now();
    let upload = fresh.begin_upload(UploadOptions { lineage: Bytes::from_static(b"small"), ..UploadOptions::default() }).await.unwrap();
    request.files = known.iter().map(|identity| upload.known(identity).unwrap()).collect();
    let receipt = upload.commit(request).await.unwrap();
    println!(
        "no-change backup of 100 000 files: {:.1} s, {} new bytes, {} page bytes",
        started.elapsed().as_secs_f64(),
        receipt.new_bytes,
        receipt.page_bytes
    );
    let store: Arc<dyn ObjectStore> = Arc::new(LocalStore::new(format!("{directory}/commits"), storage::DEFAULT_DEADLINE));
    let report = Repository::init(store.clone(), Environment::system(), InitOptions::default()).await.unwrap();
    let unlock = Unlock::KeyFile(report.key_file);
    let fresh = Repository::open(store.clone(), Environment::system(), unlock.clone(), OpenOptions::default()).await.unwrap();
    let started = Instant::now();
    for _ in 0..2000 {
        let upload = fresh.begin_upload(UploadOptions::default()).await.unwrap();
        upload.commit(CommitRequest { row: Bytes::from(vec![1; 200]), ..CommitRequest::default() }).await.unwrap();
    }
    println!("2 000 commits: {:.1} s", started.elapsed().as_secs_f64());
    let started = Instant::now();
    let fresh = Repository::open(store, Environment::system(), unlock, OpenOptions::default()).await.unwrap();
    let opened = started.elapsed();
    let count = fresh.backups().unwrap().len();
    println!("open {count} backups: {:.2} s, list: {:.2} s", opened.as_secs_f64(), started.elapsed().as_secs_f64());
}

fn figures(what: &str, (wall, cpu): (Instant, f64), gib: u64) {
    let bytes = (gib << 30) as f64 / 1e9;
    println!("{what}: {:.2} GB/s, {:.2} CPU-s/GB", bytes / wall.elapsed().as_secs_f64(), (cpu_seconds() - cpu) / bytes);
}

fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}
