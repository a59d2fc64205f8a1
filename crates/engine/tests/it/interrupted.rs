//! A run that dies is taken over by the next one: what was stored is not sent again.

use std::sync::Arc;
use std::time::Duration;

use engine::backup::BackupOptions;
use repository::OpenOptions;
use storage::wrap::{CallKind, Fault, FaultAction, FaultRule, Recording};

use crate::world::{World, all, empty_users, hfile};

const WORKERS: u64 = 2;
const LARGE_BYTES: u64 = 2_500_000;
const LARGE_FILES: u64 = 12;
const SMALL_FILES: u64 = 20;

async fn world() -> World {
    let (tree, families) = empty_users();
    for number in 0..LARGE_FILES + SMALL_FILES {
        let length = if number < LARGE_FILES { LARGE_BYTES as usize } else { 40_000 };
        let path = format!("{}/{number:032x}", families[number as usize % families.len()]);
        tree.overwrite(&path, hfile(number + 1, length)).unwrap();
    }
    World::with(Arc::new(tree), "/hbase".to_owned()).await
}

fn data_bytes(seen: &Recording) -> u64 {
    let sends = |kind| matches!(kind, CallKind::UploadWrite | CallKind::PutNew);
    seen.calls.iter().filter(|call| sends(call.kind) && call.path.starts_with("d/")).map(|call| call.bytes).sum()
}

fn finished(seen: &Recording) -> u64 {
    seen.calls.iter().filter(|call| call.kind == CallKind::Complete && call.path.starts_with("d/") && !call.failed).count() as u64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_run_adopts_and_sends_at_most_one_file_per_worker_twice() {
    let undisturbed = world().await;
    let options = BackupOptions { workers: WORKERS as usize, ..all() };
    undisturbed.backup(options.clone()).await.unwrap();
    let seen = undisturbed.store_calls.reset();
    let (bytes_in_all, writes) = (data_bytes(&seen), seen.count(CallKind::UploadWrite).calls);
    assert!(bytes_in_all > LARGE_FILES * LARGE_BYTES && finished(&seen) == LARGE_FILES, "{:?}", seen.counts);

    let mut adopted_most = 0;
    for dies_at in (1..=writes).step_by(5) {
        for by_journal in [true, false] {
            let world = world().await;
            let journals = tempfile::tempdir().unwrap();
            let options = BackupOptions {
                journal_directory: by_journal.then(|| journals.path().to_owned()),
                adopt_idle: (!by_journal).then_some(Duration::ZERO),
                ..options.clone()
            };
            // From that write on no call reaches the store, as when the process is gone.
            let faults = Fault::new(vec![
                FaultRule { times: u64::MAX, ..FaultRule::nth(CallKind::UploadWrite, dies_at, FaultAction::Unreachable) },
                FaultRule::every(CallKind::PutNew, FaultAction::Unreachable),
            ]);
            let dying = world.open_over(faults.store(world.memory.clone()), OpenOptions::default()).await;
            world.store_calls.reset();
            world.backup_into(&dying, options.clone()).await.expect_err("the store is gone");
            drop(dying);
            // Tasks of the dead run that are in the middle of a step end with it.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let first = world.store_calls.reset();
            let what = format!("dies at write {dies_at}, by journal: {by_journal}");
            assert_eq!(world.open().await.backups().unwrap().len(), 0, "{what}");

            let report = world.backup(options).await.unwrap();
            let second = world.store_calls.reset();
            assert_eq!(report.adopted.files, finished(&first), "{what}: every file that was stored whole is adopted");
            assert_eq!(report.totals.files, LARGE_FILES + SMALL_FILES, "{what}");
            let twice = (data_bytes(&first) + data_bytes(&second)).saturating_sub(bytes_in_all);
            assert!(twice <= WORKERS * (LARGE_BYTES + (1 << 20)), "{what}: {twice} bytes were sent twice");
            assert_eq!(finished(&second), LARGE_FILES - finished(&first), "{what}: no stored file is stored again");
            assert_eq!(world.restored(1).await.len() as u64, LARGE_FILES + SMALL_FILES, "{what}");
            adopted_most = adopted_most.max(report.adopted.files);
        }
    }
    assert!(adopted_most >= LARGE_FILES - WORKERS, "{adopted_most}");
}
