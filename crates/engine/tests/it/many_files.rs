//! A table of 100 000 store files, backed up again without a change: 10 s and 300 calls to the store at most.
//!
//! `cargo test --release -p engine --test it many_files -- --ignored --nocapture` prints the figures.

#![allow(clippy::print_stderr, reason = "measures time and prints it")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::world::{World, all, empty_users, hfile};

const FILES: u64 = 100_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn a_hundred_thousand_known_files() {
    let (tree, families) = empty_users();
    let content = bytes::Bytes::from(hfile(1, 4500));
    for number in 0..FILES {
        let name: String = blake3::hash(&number.to_le_bytes()).to_hex().chars().take(32).collect();
        tree.overwrite(&format!("{}/{name}", families[number as usize % families.len()]), content.clone()).unwrap();
    }
    let world = World::with(Arc::new(tree), "/hbase".to_owned()).await;
    for round in ["first", "no change"] {
        world.source_calls.reset();
        world.store_calls.reset();
        let begun = Instant::now();
        let repository = world.open().await;
        let planned = engine::backup::plan(&world.cluster(), &repository, all(), Arc::new(crate::world::Still), &engine::Silent).await;
        let planned = planned.unwrap();
        let plan_took = begun.elapsed();
        let report = engine::backup::run(planned, Arc::new(engine::Silent), engine::CancellationToken::new()).await.unwrap();
        let took = begun.elapsed();
        let (store, source) = (world.store_calls.reset(), world.source_calls.reset());
        eprintln!(
            "{round}: {FILES} files: {took:?} (plan {plan_took:?}), {} store calls {:?}, {} source calls",
            store.total_calls(),
            store.counts,
            source.total_calls()
        );
        assert_eq!((report.totals.files, report.outcome), (FILES, api::BackupOutcome::Complete));
        if round == "no change" {
            assert_eq!(report.totals.read_files, 0);
            assert!(store.total_calls() <= 300, "{} calls", store.total_calls());
            assert!(took <= Duration::from_secs(10), "{took:?}");
        }
    }
}
