//! What every backend has to do, as tests that run against any of them (feature `conformance`).
//!
//! Each check works below its own prefix or directory and panics with what it found. The suites take a function that opens the
//! store anew, since several points are about what another handle, as in another process, sees.

mod file_system;
mod object_store;

pub use file_system::check_file_system;
pub use object_store::check_object_store;

use bytes::Bytes;

/// Bytes that differ at every place where a range could be off by something.
fn pattern(length: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    Bytes::from(bytes)
}
