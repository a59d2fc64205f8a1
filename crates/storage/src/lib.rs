//! Where bytes live: two traits and their backends.
//!
//! * [`ObjectStore`]: the repository's side. Flat keys, create-if-absent, ranged reads, listing, deletion.
//! * [`FileSystem`]: HBase's side. A tree with rename, owner and mode, under-construction files.
//!
//! Local disk and HDFS do both, memory is the test double of both. Wrappers add retry, limits, recording and faults to either.
//! Nothing here knows HBase or the repository format.

mod blocking;
mod blocking_reader;
mod budget;
mod buffer;
mod clock;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
mod file_system;
mod hdfs;
mod key;
mod key_walk;
mod local_disk;
mod local_file_system;
mod local_owner;
mod local_pump;
mod local_store;
mod local_temporary;
#[cfg(test)]
mod local_tests;
mod memory_file_system;
mod memory_store;
mod object_store;
mod open;
pub mod wrap;

pub use blocking_reader::{BlockingPool, BlockingReader, ObjectReader, WINDOW_BYTES};
pub use budget::{BudgetedBytes, ByteBudget, BytePermit};
pub use buffer::{Buffer, KeepBuffers};
pub use clock::{Clock, SystemClock};
pub use error::StorageError;
pub use file_system::{CreateOptions, FileReader, FileStatus, FileSystem, FileWriter, Space};
pub use hdfs::{HdfsFileSystem, HdfsStore};
pub use key::{MAXIMUM_KEY_BYTES, MAXIMUM_SEGMENT_BYTES, TEMPORARY_SEGMENT, check_key};
pub use local_file_system::LocalFileSystem;
pub use local_store::LocalStore;
pub use memory_file_system::MemoryFileSystem;
pub use memory_store::MemoryStore;
pub use object_store::{ObjectInfo, ObjectStore, Upload};

pub use open::{DEFAULT_DEADLINE, FileSystemOptions, StoreOptions, open_file_system, open_object_store, url_path};

/// Every fallible call of this crate.
pub type Result<T> = std::result::Result<T, StorageError>;
