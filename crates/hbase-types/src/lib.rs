//! HBase's own nouns, without I/O: table, server and region names as HBase writes and hashes them, and cells in KeyValue order.

mod cell;
mod region_info;
mod server_name;
mod table_name;

pub use cell::{Cell, key_type};
pub use region_info::RegionInfo;
pub use server_name::ServerName;
pub use table_name::TableName;

/// A name that HBase would not accept, or that does not have the form its kind must have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Neither `table` nor `namespace:table` in the characters HBase allows.
    #[error("`{name}` is no HBase table name: {detail}")]
    Table { name: String, detail: &'static str },
    /// Not `host,port,startcode`.
    #[error("`{name}` is no HBase server name (host,port,startcode)")]
    Server { name: String },
}
