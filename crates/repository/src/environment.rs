//! Seams to the outside: randomness and time. Simulation and tests replace both.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use storage::{Clock, SystemClock};

use crate::error::{RepositoryError, Result};

/// A source of unpredictable bytes.
pub trait Entropy: Send + Sync + Debug {
    /// Fills `buffer`, or says why it cannot.
    fn fill(&self, buffer: &mut [u8]) -> std::result::Result<(), String>;
}

/// The operating system's random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) -> std::result::Result<(), String> {
        SystemRandom::new().fill(buffer).map_err(|_| "the operating system gave no random bytes".to_owned())
    }
}

/// Clock and entropy, checked: a source that repeats itself or gives constant bytes stops every write.
#[derive(Debug, Clone)]
pub struct Environment {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    recent: Arc<Mutex<VecDeque<[u8; 16]>>>,
}

/// So many earlier draws are compared with each new one.
const REMEMBERED_DRAWS: usize = 64;

impl Environment {
    /// An environment over the given sources.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy, recent: Arc::default() }
    }

    /// The machine's clock and random source.
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(SystemEntropy))
    }

    /// Now, milliseconds since the epoch.
    pub fn now_millis(&self) -> i64 {
        self.clock.now_millis()
    }

    /// `N` fresh random bytes, `N >= 16`. Refuses constant or repeated draws, since keys and names stand on them.
    pub(crate) fn random<const N: usize>(&self) -> Result<[u8; N]> {
        const { assert!(N >= 16, "shorter draws may repeat by chance") };
        let mut bytes = [0u8; N];
        self.entropy.fill(&mut bytes).map_err(|detail| RepositoryError::Entropy { detail })?;
        let mut start = [0u8; 16];
        start.copy_from_slice(bytes.split_at(16).0);
        if bytes.iter().all(|byte| Some(byte) == bytes.first()) {
            return Err(RepositoryError::Entropy { detail: "constant output".to_owned() });
        }
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.contains(&start) {
            return Err(RepositoryError::Entropy { detail: "output repeats".to_owned() });
        }
        if recent.len() == REMEMBERED_DRAWS {
            recent.pop_front();
        }
        recent.push_back(start);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Stuck(u8);

    impl Entropy for Stuck {
        fn fill(&self, buffer: &mut [u8]) -> std::result::Result<(), String> {
            for (index, byte) in buffer.iter_mut().enumerate() {
                *byte = if self.0 == 0 { 7 } else { index as u8 };
            }
            Ok(())
        }
    }

    #[test]
    fn a_stuck_source_is_refused() {
        let constant = Environment::new(Arc::new(SystemClock), Arc::new(Stuck(0)));
        assert!(matches!(constant.random::<32>(), Err(RepositoryError::Entropy { .. })));
        let repeating = Environment::new(Arc::new(SystemClock), Arc::new(Stuck(1)));
        repeating.random::<32>().expect("the first draw looks fine");
        assert!(matches!(repeating.random::<16>(), Err(RepositoryError::Entropy { .. })), "shorter draws are compared too");
    }
}
