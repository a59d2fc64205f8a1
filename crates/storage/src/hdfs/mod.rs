//! HDFS by its own protocol (`hdfs-native`): no JVM, no native library.
//!
//! What the crate below does not do, and what is done about it here:
//! * a call never ends while no NameNode is active: every call has a deadline (`client.rs`);
//! * a reader that met a dead DataNode or an expired token stays broken: it is opened again and goes on where it was (`reader.rs`);
//! * a read past the end panics: ranges are checked first;
//! * `close` does not make a block durable: `hsync` before the end of every block and before `close` (`writer.rs`);
//! * open streams buffer up to 6.4 MB each: they take their memory from a budget;
//! * **a file under construction reads as if its open block did not exist, with no error, and nothing here can tell.** Who reads files
//!   that may be open compares the length with what HBase says.

mod client;
mod error;
mod file_system;
mod reader;
mod store;
mod writer;

pub(crate) use client::HdfsOptions;
pub use file_system::HdfsFileSystem;
pub use store::HdfsStore;
