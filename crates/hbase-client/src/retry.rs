//! How long to go on trying, and how long to pause between tries: exponential, scattered, bounded by the operation's deadline.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{ClientError, Result};
use crate::options::ClientOptions;

/// Polls are at most about eight times the first pause apart.
const LONGEST_POLL_DOUBLINGS: u32 = 3;

/// The time budget of one operation.
#[derive(Debug)]
pub(crate) struct Budget<'a> {
    options: &'a ClientOptions,
    operation: &'a str,
    started: Instant,
    total: Duration,
    pauses: u32,
    /// What went wrong in the last try.
    last: Option<ClientError>,
}

impl<'a> Budget<'a> {
    pub(crate) fn new(options: &'a ClientOptions, operation: &'a str, total: Duration) -> Self {
        Self { options, operation, started: Instant::now(), total, pauses: 0, last: None }
    }

    /// The time for one answer: the call's own limit, cut to what is left.
    pub(crate) fn call_timeout(&self) -> Duration {
        self.options.call_timeout.min(self.left()).max(Duration::from_millis(1))
    }

    /// What is left of the time.
    pub(crate) fn left(&self) -> Duration {
        self.total.saturating_sub(self.started.elapsed())
    }

    /// Pauses before the next try; gives [`ClientError::DeadlineExceeded`] when no time is left for one.
    pub(crate) async fn pause(&mut self, last: &ClientError) -> Result<()> {
        let pause = pause_before(self.options, self.pauses);
        self.pauses = self.pauses.saturating_add(1);
        if let ClientError::DeadlineExceeded { .. } = last {
            return Err(last.clone());
        }
        if pause >= self.left() {
            return Err(self.exceeded(last));
        }
        self.last = Some(last.clone());
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Pauses before asking again for something that takes its time: like [`Self::pause`], but never long, since it will end.
    pub(crate) async fn poll_pause(&mut self, last: &ClientError) -> Result<()> {
        self.pauses = self.pauses.min(LONGEST_POLL_DOUBLINGS);
        self.pause(last).await
    }

    /// Progress was made: pauses start again with the shortest, and the time too.
    pub(crate) fn restart(&mut self) {
        self.started = Instant::now();
        self.pauses = 0;
    }

    /// Runs a `step` of discovery, which asks `whom`, at most for the time left.
    pub(crate) async fn limit<T>(&self, whom: &impl Display, step: impl Future<Output = Result<T>>) -> Result<T> {
        match tokio::time::timeout(self.left(), step).await {
            Ok(result) => result,
            Err(_) => Err(match &self.last {
                Some(last) => self.exceeded(last),
                None => self.exceeded(&ClientError::Discovery { through: whom.to_string(), detail: "no answer".to_owned() }),
            }),
        }
    }

    fn exceeded(&self, last: &ClientError) -> ClientError {
        ClientError::DeadlineExceeded { call: self.operation.to_owned(), waited: self.started.elapsed(), last: last.to_string() }
    }
}

/// The `n`-th pause (from 0): doubled each time up to the longest, ±50 %.
fn pause_before(options: &ClientOptions, n: u32) -> Duration {
    let doubled = options.first_pause.saturating_mul(1 << n.min(20)).min(options.longest_pause);
    let scatter = (options.randomness.next_u64() % 1001) as u32;
    doubled * (500 + scatter) / 1000
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::options::{Authentication, Discovery};
    use crate::randomness::Randomness;

    #[derive(Debug)]
    struct Fixed(u64);

    impl Randomness for Fixed {
        fn next_u64(&self) -> u64 {
            self.0
        }
    }

    fn options(random: u64) -> ClientOptions {
        let authentication = Authentication::Simple { user: "u".into() };
        ClientOptions { randomness: Arc::new(Fixed(random)), ..ClientOptions::new(Discovery::Masters(vec![]), authentication) }
    }

    #[test]
    fn pauses_double_are_scattered_and_end_at_the_longest() {
        let millis = |random, n| pause_before(&options(random), n).as_millis();
        assert_eq!([millis(500, 0), millis(500, 1), millis(500, 2), millis(500, 30)], [100, 200, 400, 5000]);
        assert_eq!([millis(0, 0), millis(1000, 0)], [50, 150]);
    }

    #[tokio::test]
    async fn the_budget_ends_with_the_last_error() {
        let options = ClientOptions { first_pause: Duration::from_millis(10), ..options(500) };
        let mut budget = Budget::new(&options, "a call", Duration::from_millis(100));
        let error = ClientError::NoMaster { detail: "x".into() };
        let mut tries = 0;
        let end = loop {
            match budget.pause(&error).await {
                Ok(()) => tries += 1,
                Err(end) => break end,
            }
        };
        assert!((1..=3).contains(&tries), "{tries}"); // 10 + 20 + 40 ms, the next would be 80 ms; fewer on a slow machine
        assert!(end.to_string().starts_with("a call not done after 0 s: the cluster has no active master: x"), "{end}");
    }
}
