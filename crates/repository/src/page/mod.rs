//! Pages: sorted keys and values in encrypted pieces of about 256 KiB that backups share.

pub(crate) mod layout;
pub(crate) mod tree_reader;
pub(crate) mod tree_writer;
