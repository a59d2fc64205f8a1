//! All keys of an open repository, derived from the repository key R(g) of 32 random bytes.
//!
//! HKDF-SHA-256, salt = repository id, info = the label. Keys that make *ids* come from R(1) for the repository's whole life, so that
//! ids of different generations can be compared; keys that *seal* come from the newest generation, and older ones stay for reading.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

use crate::crypto::{SealingKey, Secret, derive, keyed_hash, public_hash};
use crate::error::{RepositoryError, Result};
use crate::file::FileIdentity;
use crate::keys::slot::Payload;

/// The three kinds of pages, each under its own key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum PageKind {
    /// Objects: for writer, collector, auditor.
    Refs = 1,
    /// Identity → stored file: for writers.
    Index = 2,
    /// Names and everything readable: for readers.
    Manifest = 3,
}

impl PageKind {
    /// All of them, in the order in which a commit names their roots.
    pub(crate) const ALL: [Self; 3] = [Self::Refs, Self::Index, Self::Manifest];

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Refs => "refs",
            Self::Index => "index",
            Self::Manifest => "manifest",
        }
    }
}

/// A signing key and its id.
pub(crate) struct Signer {
    pair: Ed25519KeyPair,
    id: [u8; 16],
}

impl Signer {
    /// From the 32-byte seed in the slot payload.
    pub(crate) fn new(seed: &Secret) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice())
            .map_err(|_| RepositoryError::KeyUnreadable { detail: "bad signing seed".to_owned() })?;
        let id = signer_id(pair.public_key().as_ref());
        Ok(Self { pair, id })
    }

    pub(crate) fn id(&self) -> [u8; 16] {
        self.id
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        let mut public = [0u8; 32];
        public.copy_from_slice(self.pair.public_key().as_ref());
        public
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0u8; 64];
        signature.copy_from_slice(self.pair.sign(message).as_ref());
        signature
    }
}

/// Id of a signing key: the first 16 bytes of a hash of the public key.
pub(crate) fn signer_id(public: &[u8]) -> [u8; 16] {
    let mut id = [0u8; 16];
    id.copy_from_slice(public_hash("seawall 1 signing key id", &[public]).split_at(16).0);
    id
}

/// Keys by generation, and the id keys.
pub(crate) struct Keyring {
    repository_id: [u8; 16],
    generations: BTreeMap<u32, Secret>,
    newest: u32,
    content: Secret,
    identity: Secret,
    lineage: Secret,
    local: Secret,
    page_ids: [Secret; 3],
    cuts: [Secret; 3],
    signer: Signer,
    seed: Secret,
}

impl Keyring {
    /// `generations` must hold generation 1 and the newest.
    pub(crate) fn new(repository_id: [u8; 16], generations: BTreeMap<u32, Secret>, seed: &Secret) -> Result<Self> {
        let missing = || RepositoryError::KeyUnreadable { detail: "the first generation of the repository key is missing".to_owned() };
        let first = generations.get(&1).ok_or_else(missing)?;
        let newest = *generations.keys().next_back().ok_or_else(missing)?;
        let id_key = |label: &str| derive::<32>(first.as_slice(), &repository_id, &[b"seawall 1 ", label.as_bytes()]);
        let by_kind = |what: &str| PageKind::ALL.map(|kind| id_key(&format!("{what} {}", kind.label())));
        Ok(Self {
            content: id_key("content id"),
            identity: id_key("file identity"),
            lineage: id_key("lineage"),
            local: id_key("local state"),
            page_ids: by_kind("page id"),
            cuts: by_kind("page cut"),
            signer: Signer::new(seed)?,
            seed: seed.clone(),
            repository_id,
            newest,
            generations,
        })
    }

    pub(crate) fn repository_id(&self) -> &[u8; 16] {
        &self.repository_id
    }
    pub(crate) fn generation(&self) -> u32 {
        self.newest
    }
    pub(crate) fn signer(&self) -> &Signer {
        &self.signer
    }
    pub(crate) fn secrets(&self) -> &BTreeMap<u32, Secret> {
        &self.generations
    }
    /// What a new slot must hold.
    pub(crate) fn payload(&self) -> Payload {
        Payload { generations: self.generations.clone(), seed: self.seed.clone() }
    }
    fn secret(&self, generation: u32) -> Result<&Secret> {
        self.generations.get(&generation).ok_or_else(|| RepositoryError::KeyUnreadable {
            detail: format!("generation {generation} of the repository key is not known here"),
        })
    }

    /// Hasher for a content id.
    pub(crate) fn content_hasher(&self) -> blake3::Hasher {
        blake3::Hasher::new_keyed(&self.content)
    }

    /// PRF of a file's name and length.
    pub(crate) fn identity(&self, file: &FileIdentity) -> [u8; 32] {
        keyed_hash(&self.identity, &[&file.length.to_le_bytes(), file.name.as_bytes()])
    }

    /// PRF of a lineage, shortened to 16 bytes.
    pub(crate) fn lineage(&self, lineage: &[u8]) -> [u8; 16] {
        let mut id = [0u8; 16];
        id.copy_from_slice(keyed_hash(&self.lineage, &[lineage]).split_at(16).0);
        id
    }

    /// Authenticates files kept beside the repository (journal, log cache).
    pub(crate) fn local_mac(&self, what: &str, bytes: &[u8]) -> [u8; 32] {
        keyed_hash(&self.local, &[what.as_bytes(), &[0], bytes])
    }

    /// Content id of a page's plaintext.
    pub(crate) fn page_id(&self, kind: PageKind, plaintext: &[u8]) -> [u8; 32] {
        keyed_hash(by_kind(&self.page_ids, kind), &[plaintext])
    }

    /// The number that decides whether a page ends after this key.
    pub(crate) fn cut(&self, kind: PageKind, level: u8, key: &[u8]) -> u32 {
        let hash = keyed_hash(by_kind(&self.cuts, kind), &[&[level], key]);
        let mut first = [0u8; 4];
        first.copy_from_slice(hash.split_at(4).0);
        u32::from_le_bytes(first)
    }

    /// Key that wraps the key of one upload. Unique per upload, which wraps one value only.
    pub(crate) fn wrap_key(&self, generation: u32, upload: &[u8; 16]) -> Result<SealingKey> {
        self.sealing(generation, upload, &[b"seawall 1 upload wrap"])
    }

    /// Key of one page object.
    pub(crate) fn page_key(&self, generation: u32, kind: PageKind, salt: &[u8; 32], object: &str) -> Result<SealingKey> {
        self.sealing(generation, salt, &[b"seawall 1 page object ", kind.label().as_bytes(), &[0], object.as_bytes()])
    }

    /// Key of one encrypted record field (list row, tags, reasons), which readers hold.
    pub(crate) fn field_key(&self, generation: u32, field: &str, salt: &[u8; 32]) -> Result<SealingKey> {
        self.sealing(generation, salt, &[b"seawall 1 manifest field ", field.as_bytes()])
    }

    /// Two steps, so that a role can be given one label's key without R: first R and the repository id to the label's base key, then the salt.
    fn sealing(&self, generation: u32, salt: &[u8], info: &[&[u8]]) -> Result<SealingKey> {
        let label = info.first().copied().unwrap_or_default();
        let kind: &[u8] = if info.len() > 2 { info.get(1).copied().unwrap_or_default() } else { b"" };
        let base = derive::<32>(self.secret(generation)?.as_slice(), &self.repository_id, &[label, kind]);
        SealingKey::derive(base.as_slice(), salt, info)
            .ok_or_else(|| RepositoryError::KeyUnreadable { detail: "key derivation failed".to_owned() })
    }
}

fn by_kind(keys: &[Secret; 3], kind: PageKind) -> &Secret {
    let [refs, index, manifest] = keys;
    match kind {
        PageKind::Refs => refs,
        PageKind::Index => index,
        PageKind::Manifest => manifest,
    }
}

/// Key of one data object, from its upload key: bound to repository and name, with a random salt.
pub(crate) fn data_key(upload_key: &Secret, repository_id: &[u8; 16], salt: &[u8; 32], object: &str) -> Option<SealingKey> {
    SealingKey::derive(upload_key.as_slice(), salt, &[b"seawall 1 data object", repository_id, object.as_bytes()])
}
