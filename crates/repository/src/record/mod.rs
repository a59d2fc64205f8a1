//! Records of the commit log: the signed envelope and the bodies of all types.

pub(crate) mod body;
pub(crate) mod envelope;
