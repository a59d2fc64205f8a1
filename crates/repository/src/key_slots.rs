//! Key slots: list, add, remove, prove.

use zeroize::Zeroizing;

use crate::error::Result;
use crate::repository::{Kdf, Repository, Unlock};

/// What opens a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotKind {
    /// A key file.
    KeyFile,
    /// A passphrase.
    Passphrase,
    /// A printed recovery key.
    Recovery,
    /// A kind this version does not open.
    Other(u8),
}

/// One slot, as `key list` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInfo {
    /// 16 random bytes.
    pub id: [u8; 16],
    /// For people.
    pub label: String,
    /// What opens it.
    pub kind: SlotKind,
    /// Generation of the repository key inside.
    pub generation: u32,
    /// When the store got it.
    pub stored_millis: i64,
    /// Whether this repository value was opened with it.
    pub current: bool,
}

/// A slot to add.
#[derive(Debug, Clone)]
pub enum NewSlot {
    /// A new key file.
    KeyFile { label: String },
    /// A passphrase.
    Passphrase { label: String, passphrase: Zeroizing<String>, kdf: Kdf },
    /// A new recovery key.
    Recovery { label: String },
}

/// A slot that was added.
#[derive(Debug)]
pub struct AddedSlot {
    /// The slot.
    pub info: SlotInfo,
    /// Text of the new key file or recovery key; it exists nowhere else.
    pub secret: Option<Zeroizing<String>>,
}

impl Repository {
    /// All slots.
    pub async fn key_list(&self) -> Result<Vec<SlotInfo>> {
        todo!()
    }

    /// Adds a slot.
    pub async fn key_add(&self, _slot: NewSlot) -> Result<AddedSlot> {
        todo!()
    }

    /// Removes a slot; the last one stays. This is not revocation: who had the key may have kept what it opened.
    pub async fn key_remove(&self, _slot: &[u8; 16]) -> Result<()> {
        todo!()
    }

    /// Proves that `unlock` opens this repository: unwraps its slot anew and compares the keys. Returns the slot.
    pub async fn key_prove(&self, _unlock: &Unlock) -> Result<SlotInfo> {
        todo!()
    }
}

/// Seven words for a passphrase (77 bits), from the BIP-39 English list.
pub fn suggest_passphrase(_environment: &crate::environment::Environment) -> Result<Zeroizing<String>> {
    todo!()
}
