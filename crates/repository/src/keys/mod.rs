//! Keys: what opens a repository ([`slot`]), and what is derived from it ([`keyring`]).

pub(crate) mod keyring;
pub(crate) mod passphrase;
pub(crate) mod slot;
pub(crate) mod text;
