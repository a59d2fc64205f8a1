//! A byte budget: memory that is in flight, bounded.
//!
//! A permit travels with the buffer it pays for and gives its bytes back when both are dropped. Counted in KiB, rounded up.

use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const UNIT_BYTES: u64 = 1024;

/// A number of bytes that may be in flight at one time. Clones are the same budget.
#[derive(Debug, Clone)]
pub struct ByteBudget {
    units: Arc<Semaphore>,
    total_units: u32,
}

impl ByteBudget {
    /// A budget of `total_bytes`, at least one KiB.
    pub fn new(total_bytes: u64) -> Self {
        let total_units = units(total_bytes).min(u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX));
        Self { units: Arc::new(Semaphore::new(total_units as usize)), total_units }
    }

    /// Waits until `bytes` are free. More than the whole budget counts as the whole budget: it passes, alone.
    ///
    /// First come, first served. Whoever holds a permit and waits for another may wait for ever: take what one step needs at once.
    pub async fn acquire(&self, bytes: u64) -> BytePermit {
        let wanted = units(bytes).min(self.total_units);
        // The semaphore is never closed.
        let permit = self.units.clone().acquire_many_owned(wanted).await.ok();
        BytePermit { permit }
    }

    /// Bytes free now.
    pub fn available_bytes(&self) -> u64 {
        self.units.available_permits() as u64 * UNIT_BYTES
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).max(1)
}

/// Bytes taken from a budget; dropping it gives them back.
#[derive(Debug)]
pub struct BytePermit {
    permit: Option<OwnedSemaphorePermit>,
}

impl BytePermit {
    /// Gives back what is beyond `bytes`.
    pub fn shrink(&mut self, bytes: u64) {
        if let Some(permit) = self.permit.as_mut() {
            let surplus = permit.num_permits().saturating_sub(units(bytes) as usize);
            drop(permit.split(surplus));
        }
    }

    /// The buffer this permit pays for, and the permit, as one.
    pub fn with(self, bytes: Bytes) -> BudgetedBytes {
        BudgetedBytes { bytes, permit: self }
    }
}

/// A buffer that counts against a budget for as long as it lives.
#[derive(Debug)]
pub struct BudgetedBytes {
    bytes: Bytes,
    permit: BytePermit,
}

impl BudgetedBytes {
    /// Buffer and permit apart. The buffer counts until the permit is dropped.
    pub fn into_parts(self) -> (Bytes, BytePermit) {
        (self.bytes, self.permit)
    }
}

impl Deref for BudgetedBytes {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_come_back_with_the_buffer_and_not_before() {
        let budget = ByteBudget::new(10 << 10);
        let buffer = budget.acquire(6 << 10).await.with(Bytes::from_static(b"abc"));
        assert_eq!((budget.available_bytes(), buffer.len()), (4 << 10, 3));
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(20), budget.acquire(5 << 10)).await;
        assert!(waiting.is_err(), "more than is free was given");
        let (_, mut permit) = buffer.into_parts();
        permit.shrink(1);
        assert_eq!(budget.available_bytes(), 9 << 10);
        drop(permit);
        let all = budget.acquire(u64::MAX).await;
        assert_eq!(budget.available_bytes(), 0, "more than all is all");
        drop(all);
        assert_eq!(budget.available_bytes(), 10 << 10);
        assert_eq!(ByteBudget::new(0).available_bytes(), 1024);
    }
}
