//! HBase's protocol buffers (package `hbase.pb`, HBase 2.6.4) as prost messages: what the RPC, the snapshot manifests, the
//! descriptors and the HFile trailers are made of.
//!
//! `generated.rs` is written by `cargo xtask codegen` from `proto/`; nothing here is edited by hand. `bytes` fields are
//! [`bytes::Bytes`] and share the buffer they were decoded from.
//!
//! **prost drops unknown fields.** A message that must be given back (a table schema, a manifest, a region info) is therefore
//! never decoded, changed and encoded again: its raw bytes are kept, and changed by `hbase_layout::wire`.

#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic, missing_docs)]
mod generated;

mod convert;

pub use convert::ConvertError;
pub use generated::*;
pub use prost::{Message, decode_length_delimiter};

/// The four bytes that stand before a protobuf message in HBase's own files and ZooKeeper nodes (`ProtobufUtil.PB_MAGIC`).
pub const PROTOBUF_MAGIC: &[u8; 4] = b"PBUF";
