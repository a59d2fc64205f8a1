//! From a passphrase to 32 bytes: Argon2id with bounded cost.

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use crate::crypto::Secret;
use crate::environment::Environment;
use crate::error::{RepositoryError, Result};
use crate::repository::Kdf;

/// Stored in the slot, checked before use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
}

/// A slot that asks for more is refused before any work: a stored number must not decide how much memory this process takes.
const MEMORY_LIMIT_KIB: u32 = 2 << 20;
const PASSES_LIMIT: u32 = 16;
const LANES_LIMIT: u32 = 16;

impl From<Kdf> for Cost {
    fn from(kdf: Kdf) -> Self {
        match kdf {
            Kdf::Standard => Self { memory_kib: 256 << 10, passes: 3, lanes: 4 },
            Kdf::Small => Self { memory_kib: 64 << 10, passes: 10, lanes: 4 },
        }
    }
}

/// Derives the slot secret; takes about a second on purpose, so not for an async thread.
pub(crate) fn stretch(passphrase: &str, salt: &[u8; 32], cost: Cost) -> Result<Secret> {
    if cost.memory_kib > MEMORY_LIMIT_KIB || cost.passes > PASSES_LIMIT || cost.lanes > LANES_LIMIT {
        return Err(RepositoryError::refused(format!(
            "the passphrase slot asks for {} KiB, {} passes, {} lanes; the limits are {MEMORY_LIMIT_KIB}, {PASSES_LIMIT}, {LANES_LIMIT}",
            cost.memory_kib, cost.passes, cost.lanes
        )));
    }
    let unusable = |error: argon2::Error| RepositoryError::KeyUnreadable { detail: format!("passphrase parameters: {error}") };
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(unusable)?;
    let mut secret = Zeroizing::new([0u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, secret.as_mut_slice())
        .map_err(unusable)?;
    Ok(secret)
}

/// Seven words for a passphrase (77 bits), from the BIP-39 English list.
pub fn suggest_passphrase(environment: &Environment) -> Result<Zeroizing<String>> {
    let random = Zeroizing::new(environment.random::<16>()?);
    let list = bip39::Language::English.word_list();
    let mut words = Zeroizing::new(String::new());
    for pair in random.chunks_exact(2).take(7) {
        let index = pair.iter().fold(0usize, |value, byte| value << 8 | usize::from(*byte)) % list.len();
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(list.get(index).copied().unwrap_or_default());
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreasonable_cost_is_refused_before_use() {
        for cost in [
            Cost { memory_kib: (2 << 20) + 1, passes: 1, lanes: 1 },
            Cost { memory_kib: 64, passes: 17, lanes: 1 },
            Cost { memory_kib: 4096, passes: 1, lanes: 17 },
        ] {
            assert!(matches!(stretch("x", &[0; 32], cost), Err(RepositoryError::Refused { .. })));
        }
    }

    #[test]
    fn seven_words() {
        let words = suggest_passphrase(&Environment::system()).expect("entropy");
        assert_eq!(words.split(' ').count(), 7);
    }
}
