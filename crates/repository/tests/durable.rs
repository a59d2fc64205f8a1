//! Whoever builds on an object that he found and did not put makes it durable first: its writer may have died before it was.

mod common;

use std::sync::Arc;

use common::{Fixture, Source, back_up, back_up_with, store_file};
use repository::{Environment, OpenOptions, Repository, RepositoryError, UploadOptions};
use storage::wrap::{CallKind, Fault, FaultAction, FaultRule, Recorder, Recording};
use storage::{MemoryStore, ObjectStore};

const CONFIG: &str = "cfg/0000000001";
const ONE: &str = "commit/00000000/000000000001";
const TWO: &str = "commit/00000000/000000000002";

struct Watched {
    fixture: Fixture,
    memory: Arc<MemoryStore>,
    recorder: Recorder,
}

impl Watched {
    async fn new() -> Self {
        let memory = Arc::new(MemoryStore::default());
        Self { fixture: Fixture::over(memory.clone()).await, memory, recorder: Recorder::new() }
    }

    async fn open(&self, faults: &Fault) -> Repository {
        let store = self.recorder.store(faults.store(self.memory.clone()));
        Repository::open(store, Environment::system(), self.fixture.unlock(), OpenOptions::default()).await.expect("open")
    }
}

/// Whether `settled` was settled, successfully, before `created` was asked for.
fn settled_before(seen: &Recording, settled: &str, created: &str) -> bool {
    let place = |kind: CallKind, path: &str| seen.calls.iter().position(|call| call.kind == kind && call.path == path && !call.failed);
    let (settle, create) = (place(CallKind::Settle, settled), place(CallKind::PutNew, created));
    settle.is_some() && create.is_some() && settle < create
}

#[tokio::test]
async fn record_n_is_settled_before_record_n_and_one_is_created() {
    let watched = Watched::new().await;
    let sources = [Source::new("a", 1, 1000)];
    back_up(&watched.open(&Fault::counting()).await, &sources).await.expect("1");
    assert!(settled_before(&watched.recorder.reset(), CONFIG, ONE));
    let repository = watched.open(&Fault::counting()).await;
    back_up(&repository, &sources).await.expect("2");
    let seen = watched.recorder.reset();
    assert!(settled_before(&seen, ONE, TWO), "{seen:?}");
    // Our own record is not taken for durable either: another process may have put it back.
    back_up(&repository, &sources).await.expect("3");
    assert!(settled_before(&watched.recorder.reset(), TWO, "commit/00000000/000000000003"));
}

#[tokio::test]
async fn nothing_is_built_on_a_record_that_cannot_be_made_durable() {
    let watched = Watched::new().await;
    let sources = [Source::new("a", 1, 1000)];
    back_up(&watched.open(&Fault::counting()).await, &sources).await.expect("1");
    let faults = Fault::new(vec![FaultRule::every(CallKind::Settle, FaultAction::Unreachable)]);
    let refused = back_up(&watched.open(&faults).await, &sources).await;
    assert!(matches!(refused, Err(RepositoryError::Storage(_))), "{refused:?}");
    assert!(watched.memory.head(TWO).await.is_err(), "a record was built on one that may not be durable");
}

#[tokio::test]
async fn who_loses_the_race_settles_the_winner() {
    let watched = Watched::new().await;
    let sources = [Source::new("a", 1, 1000)];
    let (first, second) = (watched.open(&Fault::counting()).await, watched.open(&Fault::counting()).await);
    let late = second.begin_upload(UploadOptions::default()).await.expect("begin");
    let file = store_file(&late, &sources[0]).await.expect("store");
    back_up(&first, &sources).await.expect("1");
    watched.recorder.reset();
    let request = repository::CommitRequest { files: vec![file], ..Default::default() };
    assert_eq!(late.commit(request).await.expect("2").sequence, 2);
    assert!(settled_before(&watched.recorder.reset(), ONE, TWO));
}

#[tokio::test]
async fn a_put_without_an_answer_is_settled_when_it_is_found() {
    let watched = Watched::new().await;
    let faults = Fault::new(vec![FaultRule::nth(CallKind::PutNew, 1, FaultAction::AppliedWithoutAnswer).on("commit/0")]);
    back_up(&watched.open(&faults).await, &[Source::new("a", 1, 1000)]).await.expect("1");
    assert_eq!(watched.recorder.reset().paths(CallKind::Settle), [CONFIG, ONE]);
    let faults = Fault::new(vec![FaultRule::nth(CallKind::Complete, 1, FaultAction::AppliedWithoutAnswer).on("d/")]);
    back_up(&watched.open(&faults).await, &[Source::new("large", 2, 1_200_000)]).await.expect("2");
    let seen = watched.recorder.reset();
    let [data, record] = seen.paths(CallKind::Settle)[..] else { panic!("{seen:?}") };
    assert!(data.starts_with("d/") && record == ONE, "{data} {record}");
}

#[tokio::test]
async fn objects_found_by_their_headers_are_settled_before_they_are_adopted() {
    let watched = Watched::new().await;
    let source = Source::new("large", 5, 1_200_000);
    let dead = watched.open(&Fault::counting()).await.begin_upload(UploadOptions::default()).await.expect("begin");
    store_file(&dead, &source).await.expect("store");
    drop(dead);
    watched.recorder.reset();
    let options = UploadOptions { adopt_idle_millis: Some(0), ..UploadOptions::default() };
    back_up_with(&watched.open(&Fault::counting()).await, &[source], options).await.expect("adopts");
    let seen = watched.recorder.reset();
    let object = seen.paths(CallKind::Settle).into_iter().find(|path| path.starts_with("d/")).expect("the object is settled").to_owned();
    assert!(watched.memory.head(&object).await.is_ok() && settled_before(&seen, &object, ONE));
}
