//! The randomness seam: jitter of pauses and nonces. Nothing secret is made from it.

use std::fmt::Debug;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A source of random numbers.
pub trait Randomness: Send + Sync + Debug {
    /// 64 bits that others cannot be expected to draw too.
    fn next_u64(&self) -> u64;
}

/// Randomness of the operating system, by way of the standard library's hasher keys.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn next_u64(&self) -> u64 {
        // Every RandomState has keys of its own, so the hash of nothing differs each time.
        RandomState::new().build_hasher().finish()
    }
}
