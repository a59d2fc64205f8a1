//! Key slots: list, add, remove, prove.

use std::sync::Arc;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use storage::ObjectStore;
use zeroize::Zeroizing;

use crate::crypto::{Secret, short_hex};
use crate::environment::Environment;
use crate::error::{RepositoryError, Result};
use crate::keys::keyring::Signer;
use crate::keys::passphrase::{Cost, stretch};
use crate::keys::slot::{KIND_KEY_FILE, KIND_PASSPHRASE, KIND_RECOVERY, Payload, SLOT_LIMIT_BYTES, Slot};
use crate::keys::text::{KeyText, read_key_file, read_recovery, write_key_file, write_recovery};
use crate::log::put_expecting;
use crate::names;
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

/// Slots read at most.
const SLOT_COUNT_LIMIT: usize = 256;

impl SlotKind {
    fn from_byte(byte: u8) -> Self {
        match byte {
            KIND_KEY_FILE => Self::KeyFile,
            KIND_PASSPHRASE => Self::Passphrase,
            KIND_RECOVERY => Self::Recovery,
            other => Self::Other(other),
        }
    }
}

impl Repository {
    /// All slots.
    pub async fn key_list(&self) -> Result<Vec<SlotInfo>> {
        let slots = read_slots(&self.inner.store, &self.id()).await?;
        Ok(slots.iter().map(|(slot, stored_millis)| self.info(slot, *stored_millis)).collect())
    }

    fn info(&self, slot: &Slot, stored_millis: i64) -> SlotInfo {
        SlotInfo {
            id: slot.id,
            label: slot.label.clone(),
            kind: SlotKind::from_byte(slot.kind),
            generation: slot.generation,
            stored_millis,
            current: slot.id == self.inner.slot,
        }
    }

    /// Adds a slot.
    pub async fn key_add(&self, slot: NewSlot) -> Result<AddedSlot> {
        self.inner.check_writable()?;
        add_slot(&self.inner.store, &self.inner.environment, self.id(), &self.inner.keyring.payload(), &slot).await
    }

    /// Removes a slot; the last one stays. This is not revocation: who had the key may have kept what it opened.
    pub async fn key_remove(&self, slot: &[u8; 16]) -> Result<()> {
        self.inner.check_writable()?;
        let slots = read_slots(&self.inner.store, &self.id()).await?;
        if !slots.iter().any(|(candidate, _)| candidate.id == *slot) {
            return Err(RepositoryError::refused(format!("there is no key slot {}", HEXLOWER.encode(slot))));
        }
        if slots.len() == 1 {
            return Err(RepositoryError::refused("this is the last key slot: without it nobody can ever read the repository"));
        }
        Ok(self.inner.store.delete(&names::slot_key(slot)).await?)
    }

    /// Proves that `unlock` opens this repository: unwraps its slot anew and compares the keys. Returns the slot.
    pub async fn key_prove(&self, unlock: &Unlock) -> Result<SlotInfo> {
        let (id, payload) = open_slot(&self.inner.store, &self.id(), unlock).await?;
        let same = payload.generations == *self.inner.keyring.secrets();
        let signer = Signer::new(&payload.seed)?;
        if !same || signer.id() != self.inner.keyring.signer().id() {
            return Err(RepositoryError::damaged(
                names::slot_key(&id),
                0,
                "the slot opens, but holds other keys than this repository uses",
            ));
        }
        let found = self.key_list().await?.into_iter().find(|slot| slot.id == id);
        found.ok_or_else(|| RepositoryError::refused("the slot was removed meanwhile"))
    }
}

/// Seals `payload` into a new slot and stores it.
pub(crate) async fn add_slot(
    store: &Arc<dyn ObjectStore>,
    environment: &Environment,
    repository_id: [u8; 16],
    payload: &Payload,
    new: &NewSlot,
) -> Result<AddedSlot> {
    let id: [u8; 16] = environment.random()?;
    let salt: [u8; 32] = environment.random()?;
    let free = Cost { memory_kib: 0, passes: 0, lanes: 0 };
    let (kind, label, cost, secret, text) = match new {
        NewSlot::KeyFile { label } => {
            let secret = Zeroizing::new(environment.random::<32>()?);
            let text = write_key_file(&repository_id, &id, label, &secret);
            (KIND_KEY_FILE, label, free, secret, Some(text))
        }
        NewSlot::Recovery { label } => {
            let secret = Zeroizing::new(environment.random::<32>()?);
            let text = write_recovery(&id, &secret);
            (KIND_RECOVERY, label, free, secret, Some(text))
        }
        NewSlot::Passphrase { label, passphrase, kdf } => {
            let cost = Cost::from(*kdf);
            (KIND_PASSPHRASE, label, cost, stretch_blocking(passphrase.clone(), salt, cost).await?, None)
        }
    };
    let generation = payload.generations.keys().next_back().copied().unwrap_or(1);
    let slot = Slot { kind, repository_id, id, generation, label: label.clone(), cost, salt, commitment: [0; 32], sealed: Vec::new() };
    let slot = slot.seal(&secret, payload)?;
    let key = names::slot_key(&id);
    // Opened again before it is stored: a slot that does not open is worse than none.
    if Slot::decode(&key, &slot.encode())?.open(&key, &secret)?.is_none() {
        return Err(RepositoryError::Task { detail: "the new key slot did not open again".to_owned() });
    }
    put_expecting(store, &key, Bytes::from(slot.encode())).await?;
    let info = SlotInfo {
        id,
        label: slot.label,
        kind: SlotKind::from_byte(kind),
        generation,
        stored_millis: environment.now_millis(),
        current: false,
    };
    Ok(AddedSlot { info, secret: text })
}

async fn stretch_blocking(passphrase: Zeroizing<String>, salt: [u8; 32], cost: Cost) -> Result<Secret> {
    let task = tokio::task::spawn_blocking(move || stretch(&passphrase, &salt, cost));
    task.await.map_err(|error| RepositoryError::Task { detail: error.to_string() })?
}

async fn read_slots(store: &Arc<dyn ObjectStore>, repository_id: &[u8; 16]) -> Result<Vec<(Slot, i64)>> {
    let mut slots = Vec::new();
    for object in store.list("keys/", None, SLOT_COUNT_LIMIT).await? {
        let slot = Slot::decode(&object.key, &store.get(&object.key, SLOT_LIMIT_BYTES).await?)?;
        if slot.repository_id != *repository_id {
            return Err(RepositoryError::damaged(object.key, 11, "slot of another repository"));
        }
        slots.push((slot, object.modified_millis));
    }
    Ok(slots)
}

fn describe(slot: &Slot) -> String {
    format!("slot {} {}", slot.label, short_hex(&slot.id))
}

/// Finds and opens the slot that `unlock` fits.
pub(crate) async fn open_slot(store: &Arc<dyn ObjectStore>, repository_id: &[u8; 16], unlock: &Unlock) -> Result<([u8; 16], Payload)> {
    match unlock {
        Unlock::KeyFile(text) => open_by_text(store, repository_id, &read_key_file(text)?).await,
        Unlock::Recovery(text) => open_by_text(store, repository_id, &read_recovery(text)?).await,
        Unlock::Passphrase(passphrase) => {
            let slots = read_slots(store, repository_id).await?;
            for (slot, _) in slots.iter().filter(|(slot, _)| slot.kind == KIND_PASSPHRASE) {
                let secret = stretch_blocking(passphrase.clone(), slot.salt, slot.cost).await?;
                if let Some(payload) = slot.open(&names::slot_key(&slot.id), &secret)? {
                    return Ok((slot.id, payload));
                }
            }
            Err(RepositoryError::WrongKey { needs: needs(&slots), got: "a passphrase that opens none of them".to_owned() })
        }
    }
}

fn needs(slots: &[(Slot, i64)]) -> String {
    let described: Vec<String> = slots.iter().map(|(slot, _)| describe(slot)).collect();
    if described.is_empty() { "a key, but no slot is left in this repository".to_owned() } else { described.join(" or ") }
}

async fn open_by_text(store: &Arc<dyn ObjectStore>, repository_id: &[u8; 16], text: &KeyText) -> Result<([u8; 16], Payload)> {
    let key = names::slot_key(&text.slot);
    let got = format!("{} {}", text.label, short_hex(&text.slot));
    let bytes = match store.get(&key, SLOT_LIMIT_BYTES).await {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => {
            let slots = read_slots(store, repository_id).await?;
            return Err(RepositoryError::WrongKey { needs: needs(&slots), got });
        }
        Err(error) => return Err(error.into()),
    };
    let slot = Slot::decode(&key, &bytes)?;
    if slot.repository_id != *repository_id {
        return Err(RepositoryError::damaged(key, 11, "slot of another repository"));
    }
    match slot.open(&key, &text.secret)? {
        Some(payload) => Ok((slot.id, payload)),
        // The id fits and the checksum of the text too: the slot is what changed.
        None => Err(RepositoryError::damaged(key, 0, format!("the slot does not open with its own key {got}"))),
    }
}

pub use crate::keys::passphrase::suggest_passphrase;
