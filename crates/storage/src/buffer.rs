//! Large buffers, used again.
//!
//! A byte of a backup goes through three or four buffers of a megabyte. Made anew each time, they cost as much as the cipher (the
//! kernel clears each page before the first touch), and an allocator that keeps them instead keeps several per thread. So while a
//! [`KeepBuffers`] lives, the process keeps at most [`IDLE_BYTES`] of them, whoever gave them back.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// Capacities are multiples of this: a frame of the repository (1 MiB) with its tag and some room.
const CLASS_BYTES: usize = (1 << 20) + (4 << 10);
/// Shorter buffers are the allocator's business.
const SMALLEST_BYTES: usize = 256 << 10;
/// A class is used only by what nearly fills it; other sizes are rare.
const WASTE_BYTES: usize = 64 << 10;
/// What the process keeps for later.
const IDLE_BYTES: usize = 32 << 20;

static IDLE: Idle = Idle(Mutex::new(Kept { keepers: 0, buffers: Vec::new(), bytes: 0 }));

/// Buffers nobody uses.
struct Idle(Mutex<Kept>);

struct Kept {
    /// [`KeepBuffers`] alive.
    keepers: usize,
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl Idle {
    /// An empty buffer of exactly this capacity.
    fn take(&self, capacity: usize) -> Option<Vec<u8>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.buffers.iter().rposition(|buffer| buffer.capacity() == capacity)?;
        kept.bytes -= capacity;
        Some(kept.buffers.swap_remove(found))
    }

    /// Keeps a buffer if there is room, else frees it.
    fn give(&self, mut buffer: Vec<u8>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.keepers > 0 && kept.bytes + buffer.capacity() <= IDLE_BYTES {
            buffer.clear();
            kept.bytes += buffer.capacity();
            kept.buffers.push(buffer);
        }
    }
}

/// While one lives, large buffers are kept for the next who wants one. The last one to go frees them.
#[derive(Debug)]
pub struct KeepBuffers(());

impl KeepBuffers {
    /// Begins to keep them.
    #[allow(clippy::new_without_default, reason = "what counts is that it lives")]
    pub fn new() -> Self {
        IDLE.0.lock().unwrap_or_else(PoisonError::into_inner).keepers += 1;
        Self(())
    }
}

impl Drop for KeepBuffers {
    fn drop(&mut self) {
        let mut kept = IDLE.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.keepers = kept.keepers.saturating_sub(1);
        if kept.keepers == 0 {
            (kept.buffers, kept.bytes) = (Vec::new(), 0);
        }
    }
}

/// A vector of bytes whose memory is used again after it, if it is large.
#[derive(Debug, Default)]
pub struct Buffer(Vec<u8>);

impl Buffer {
    /// An empty buffer with room for at least `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        if bytes < SMALLEST_BYTES {
            return Self(Vec::with_capacity(bytes));
        }
        let capacity = bytes.div_ceil(CLASS_BYTES).saturating_mul(CLASS_BYTES);
        if capacity - bytes > WASTE_BYTES {
            return Self(Vec::with_capacity(bytes));
        }
        Self(IDLE.take(capacity).unwrap_or_else(|| Vec::with_capacity(capacity)))
    }

    /// A copy of `bytes`, with room for `more`.
    pub fn copy_of(bytes: &[u8], more: usize) -> Self {
        let mut buffer = Self::with_capacity(bytes.len() + more);
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// The bytes, to be shared; the memory comes back with the last of them.
    pub fn freeze(self) -> Bytes {
        let mut this = self;
        if this.0.capacity() < SMALLEST_BYTES { Bytes::from(std::mem::take(&mut this.0)) } else { Bytes::from_owner(this) }
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let capacity = self.0.capacity();
        if capacity >= CLASS_BYTES && capacity.is_multiple_of(CLASS_BYTES) {
            IDLE.give(std::mem::take(&mut self.0));
        }
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_buffer_comes_back_when_its_last_bytes_go_and_small_ones_never() {
        let large = Buffer::copy_of(&vec![7; 1 << 20], 16);
        let address = large.as_ptr();
        let bytes = large.freeze();
        let part = bytes.slice(10..20);
        drop(bytes);
        assert_eq!((part.as_ref(), part.as_ptr()), ([7u8; 10].as_slice(), address.wrapping_add(10)));
        let small = Buffer::copy_of(b"small", 0);
        assert!(small.capacity() < SMALLEST_BYTES);
        assert_eq!(small.freeze(), "small");
    }

    #[test]
    fn what_is_idle_is_bounded_and_found_by_its_capacity() {
        let idle = Idle(Mutex::new(Kept { keepers: 1, buffers: Vec::new(), bytes: 0 }));
        for _ in 0..100 {
            idle.give(Vec::with_capacity(CLASS_BYTES));
        }
        assert_eq!(idle.0.lock().unwrap().buffers.len(), IDLE_BYTES / CLASS_BYTES);
        assert_eq!(idle.take(2 * CLASS_BYTES), None);
        let taken = idle.take(CLASS_BYTES).unwrap();
        assert!(taken.is_empty() && taken.capacity() == CLASS_BYTES);
        assert_eq!(idle.0.lock().unwrap().bytes, (IDLE_BYTES / CLASS_BYTES - 1) * CLASS_BYTES);
        idle.0.lock().unwrap().keepers = 0;
        idle.give(taken);
        assert_eq!(idle.take(CLASS_BYTES).map(|_| idle.take(CLASS_BYTES).is_some()), Some(true), "what was kept is still there");
        assert_eq!(idle.0.lock().unwrap().buffers.len(), IDLE_BYTES / CLASS_BYTES - 3, "and what came then was not kept");
    }
}
