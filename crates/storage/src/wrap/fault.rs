//! Failures on order: the n-th call fails, hangs, is applied without an answer, brings damaged bytes, or kills the process.
//!
//! A [`Fault`] is a value the caller makes and wraps around the stores of one run; nothing is global. Every wrapped call gets the next
//! number, from 1, over all stores that share the fault. Without rules it only counts: a first run tells a test how many calls there
//! are, later runs fail at each of them. The setting `SEAWALL_FAULT` of test builds is read by the command line, which passes the text
//! to [`Fault::from_setting`]:
//!
//! | text | meaning |
//! |---|---|
//! | `count` | no faults; [`Fault::calls`] tells the number at the end |
//! | `die:N` | the process is killed (SIGKILL) before call N is made |
//! | `die-after:N` | the same after call N was made |
//! | `fail:N` | call N is not made and fails as `Unreachable` |
//! | `lost:N` | call N is made and fails as `TimedOut` |

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::call::{Afterwards, Call, CallKind, Damage, Decision, Hook};
use super::file_system::HookedFileSystem;
use super::object_store::HookedStore;
use crate::{FileSystem, ObjectStore, Result, StorageError};

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultAction {
    /// Not made; `Unreachable`.
    Unreachable,
    /// Not made; `NoSpace`.
    NoSpace,
    /// Not made; `PermissionDenied`.
    Denied,
    /// Not made; never answers.
    Hang,
    /// Made, but the answer is lost: `TimedOut`.
    AppliedWithoutAnswer,
    /// Not made, and nobody can tell: `TimedOut`.
    LostWithoutAnswer,
    /// A read ends early: `Short`.
    ShortRead,
    /// One bit of what is read is wrong; the call succeeds.
    FlippedBit,
    /// The process dies before the call.
    DieBefore,
    /// The process dies after the call was made.
    DieAfter,
}

/// When it happens.
#[derive(Debug, Clone)]
pub struct FaultRule {
    /// What happens.
    pub action: FaultAction,
    /// Only to calls of this kind.
    pub kind: Option<CallKind>,
    /// Only to calls whose key or path contains this.
    pub path_contains: Option<String>,
    /// Skips so many matching calls first.
    pub skip: u64,
    /// Then happens so many times.
    pub times: u64,
}

impl FaultRule {
    /// `action` at call `number` (from 1) of all calls.
    pub fn at(number: u64, action: FaultAction) -> Self {
        Self { action, kind: None, path_contains: None, skip: number.saturating_sub(1), times: 1 }
    }

    /// `action` at every call of `kind`.
    pub fn every(kind: CallKind, action: FaultAction) -> Self {
        Self { action, kind: Some(kind), path_contains: None, skip: 0, times: u64::MAX }
    }

    /// `action` at the `number`-th call (from 1) of `kind`.
    pub fn nth(kind: CallKind, number: u64, action: FaultAction) -> Self {
        Self { action, kind: Some(kind), path_contains: None, skip: number.saturating_sub(1), times: 1 }
    }

    /// The same, only where key or path contains `part`.
    #[must_use]
    pub fn on(mut self, part: &str) -> Self {
        self.path_contains = Some(part.to_owned());
        self
    }

    fn matches(&self, call: &Call<'_>) -> bool {
        self.kind.is_none_or(|kind| kind == call.kind) && self.path_contains.as_ref().is_none_or(|part| call.path.contains(part))
    }
}

/// Ends the process. Tests put something else here.
pub type Die = Arc<dyn Fn() + Send + Sync>;

/// Faults for the stores of one run. Clones share rules and call numbers.
#[derive(Clone)]
pub struct Fault {
    shared: Arc<Shared>,
}

struct Shared {
    rules: Mutex<Vec<FaultRule>>,
    /// Faults at random: parts of a million of the calls, the state of the generator, the actions to choose from.
    random: Option<(u64, Mutex<u64>, Vec<FaultAction>)>,
    calls: AtomicU64,
    happened: AtomicU64,
    die: Die,
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.shared.fmt(formatter)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Fault").field("rules", &self.rules).field("calls", &self.calls).finish_non_exhaustive()
    }
}

/// SIGKILL to ourselves: no destructor, no flush, as when the machine's memory killer comes.
fn kill() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort();
}

impl Fault {
    /// These faults.
    pub fn new(rules: Vec<FaultRule>) -> Self {
        Self::with(rules, None, Arc::new(kill))
    }

    /// No faults: counts.
    pub fn counting() -> Self {
        Self::new(Vec::new())
    }

    /// One of `actions` at `per_million` of a million calls, the same ones for the same seed and order of calls.
    pub fn random(seed: u64, per_million: u64, actions: Vec<FaultAction>) -> Self {
        Self::with(Vec::new(), Some((per_million, Mutex::new(seed), actions)), Arc::new(kill))
    }

    /// The same faults with another end of the process.
    #[must_use]
    pub fn dying_by(self, die: Die) -> Self {
        let rules = self.shared.rules.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let random = self.shared.random.as_ref().map(|(per_million, state, actions)| {
            (*per_million, Mutex::new(*state.lock().unwrap_or_else(PoisonError::into_inner)), actions.clone())
        });
        Self::with(rules, random, die)
    }

    fn with(rules: Vec<FaultRule>, random: Option<(u64, Mutex<u64>, Vec<FaultAction>)>, die: Die) -> Self {
        let (calls, happened) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { shared: Arc::new(Shared { rules: Mutex::new(rules), random, calls, happened, die }) }
    }

    /// From the text of a setting; see the table above.
    pub fn from_setting(text: &str) -> Result<Self> {
        let invalid = || StorageError::Invalid {
            path: format!("SEAWALL_FAULT={text}"),
            detail: "expected count, die:N, die-after:N, fail:N or lost:N with N from 1".to_owned(),
        };
        if text == "count" {
            return Ok(Self::counting());
        }
        let (action, number) = text.split_once(':').ok_or_else(invalid)?;
        let number = number.parse().ok().filter(|&number: &u64| number > 0).ok_or_else(invalid)?;
        let action = match action {
            "die" => FaultAction::DieBefore,
            "die-after" => FaultAction::DieAfter,
            "fail" => FaultAction::Unreachable,
            "lost" => FaultAction::AppliedWithoutAnswer,
            _ => return Err(invalid()),
        };
        Ok(Self::new(vec![FaultRule::at(number, action)]))
    }

    /// `inner` with these faults.
    pub fn store(&self, inner: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        Arc::new(HookedStore { inner, hook: self.shared.clone() })
    }

    /// `inner` with these faults.
    pub fn file_system(&self, inner: Arc<dyn FileSystem>) -> Arc<dyn FileSystem> {
        Arc::new(HookedFileSystem { inner, hook: self.shared.clone() })
    }

    /// Adds a fault while the run goes on.
    pub fn add(&self, rule: FaultRule) {
        self.shared.rules.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.shared.calls.load(Ordering::SeqCst)
    }

    /// Faults that happened: a test that expects one asserts that it was met.
    pub fn happened(&self) -> u64 {
        self.shared.happened.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn action(&self, call: &Call<'_>) -> Option<FaultAction> {
        let mut chosen = None;
        for rule in self.rules.lock().unwrap_or_else(PoisonError::into_inner).iter_mut().filter(|rule| rule.matches(call)) {
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if chosen.is_none() && rule.times > 0 {
                rule.times -= 1;
                chosen = Some(rule.action);
            }
        }
        chosen.or_else(|| {
            let (per_million, state, actions) = self.random.as_ref()?;
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let drawn = next_random(&mut state);
            let choice = usize::try_from(next_random(&mut state) >> 33).unwrap_or(0).checked_rem(actions.len())?;
            if drawn % 1_000_000 < *per_million { actions.get(choice).copied() } else { None }
        })
    }
}

/// SplitMix64: a good sequence from any seed.
pub(crate) fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[async_trait]
impl Hook for Shared {
    async fn before(&self, call: &Call<'_>) -> Decision {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let Some(action) = self.action(call) else { return Decision::default() };
        self.happened.fetch_add(1, Ordering::SeqCst);
        let path = call.path.to_owned();
        let timed_out = |path| StorageError::TimedOut { path, seconds: 0 };
        let (error, apply) = match action {
            FaultAction::Unreachable => (Some(StorageError::Unreachable { endpoint: path, detail: "a fault on order".to_owned() }), false),
            FaultAction::NoSpace => (Some(StorageError::NoSpace { path, detail: "a fault on order".to_owned() }), false),
            FaultAction::Denied => (Some(StorageError::PermissionDenied { path, right: "a fault on order".to_owned() }), false),
            FaultAction::AppliedWithoutAnswer => (Some(timed_out(path)), true),
            FaultAction::LostWithoutAnswer => (Some(timed_out(path)), false),
            FaultAction::Hang => {
                std::future::pending::<()>().await;
                (None, false)
            }
            FaultAction::ShortRead => return Decision { damage: Some(Damage::Shorten), ..Decision::default() },
            FaultAction::FlippedBit => return Decision { damage: Some(Damage::Flip), ..Decision::default() },
            FaultAction::DieBefore => {
                (self.die)();
                (None, false)
            }
            FaultAction::DieAfter => return Decision { afterwards: Some(Afterwards(self.die.clone())), ..Decision::default() },
        };
        Decision { error, apply, ..Decision::default() }
    }

    fn after(&self, _call: &Call<'_>, _bytes: u64, _failed: bool) {}
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::MemoryStore;

    fn body() -> Bytes {
        Bytes::from_static(b"0123456789")
    }

    #[tokio::test]
    async fn each_fault_does_what_it_says_once() {
        let memory = MemoryStore::default();
        let with = |rule: FaultRule| Fault::new(vec![rule]).store(Arc::new(memory.clone()));

        let store = with(FaultRule::nth(CallKind::PutNew, 2, FaultAction::Unreachable));
        store.put_new("one", body()).await.expect("first");
        assert!(store.put_new("two", body()).await.expect_err("second").is_ambiguous());
        assert!(memory.head("two").await.is_err(), "not applied");
        store.put_new("two", body()).await.expect("third");

        let store = with(FaultRule::nth(CallKind::PutNew, 1, FaultAction::AppliedWithoutAnswer));
        assert!(store.put_new("three", body()).await.expect_err("no answer").is_ambiguous());
        assert!(memory.head("three").await.is_ok(), "applied");
        let store = with(FaultRule::nth(CallKind::PutNew, 1, FaultAction::LostWithoutAnswer));
        assert!(store.put_new("four", body()).await.expect_err("no answer").is_ambiguous());
        assert!(memory.head("four").await.is_err(), "not applied");

        let store = with(FaultRule::nth(CallKind::GetRange, 1, FaultAction::FlippedBit));
        assert_ne!(store.get_range("one", 0..10).await.expect("flipped"), body());
        assert_eq!(store.get_range("one", 0..10).await.expect("whole"), body());
        let store = with(FaultRule::every(CallKind::Get, FaultAction::ShortRead).on("one"));
        assert!(matches!(store.get("one", 10).await, Err(StorageError::Short { .. })));
        assert!(matches!(store.get("one", 10).await, Err(StorageError::Short { .. })));
        assert!(store.get("two", 10).await.is_ok());

        let store = with(FaultRule::every(CallKind::Head, FaultAction::Hang));
        assert!(tokio::time::timeout(Duration::from_millis(20), store.head("one")).await.is_err());
        let store = with(FaultRule::at(1, FaultAction::NoSpace));
        assert!(matches!(store.put_new("five", body()).await, Err(StorageError::NoSpace { .. })));
    }

    #[tokio::test]
    async fn death_comes_before_or_after_the_call() {
        for (text, applied) in [("die:2", false), ("die-after:2", true)] {
            let memory = MemoryStore::default();
            let died_with = Arc::new(Mutex::new(None));
            let (seen, at_death) = (memory.clone(), died_with.clone());
            let fault = Fault::from_setting(text)
                .expect(text)
                .dying_by(Arc::new(move || *at_death.lock().expect("lock") = Some(seen.contents().contains_key("two"))));
            let store = fault.store(Arc::new(memory.clone()));
            store.put_new("one", body()).await.expect("one");
            assert_eq!(*died_with.lock().expect("lock"), None, "{text}");
            let _ = store.put_new("two", body()).await;
            assert_eq!(*died_with.lock().expect("lock"), Some(applied), "{text}");
            assert_eq!((fault.calls(), fault.happened()), (2, 1));
        }
        for bad in ["", "die", "die:", "die:0", "die:x", "explode:1"] {
            assert!(Fault::from_setting(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Fault::from_setting("count").expect("count").calls(), 0);
    }

    #[tokio::test]
    async fn random_faults_are_the_same_for_the_same_seed() {
        let run = |seed| async move {
            let store = Fault::random(seed, 300_000, vec![FaultAction::Unreachable]).store(Arc::new(MemoryStore::default()));
            let mut failed = Vec::new();
            for call in 0..200 {
                if matches!(store.head("none").await, Err(StorageError::Unreachable { .. })) {
                    failed.push(call);
                }
            }
            failed
        };
        let first = run(1).await;
        assert!((30..90).contains(&first.len()), "{} of 200 at 30 %", first.len());
        assert_eq!(first, run(1).await);
        assert_ne!(first, run(2).await);
    }
}
