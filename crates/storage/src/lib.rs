//! Where bytes live: two traits and their backends.
//!
//! * [`ObjectStore`]: the repository's side. Flat keys, create-if-absent, ranged reads, listing, deletion.
//! * [`FileSystem`]: HBase's side. A tree with rename, owner and mode, under-construction files.
//!
//! Local disk and HDFS do both, memory is the test double of both. Wrappers add retry, limits, recording and faults to either.
//! Nothing here knows HBase or the repository format.

mod clock;
mod error;
mod file_system;
mod object_store;

pub use clock::{Clock, SystemClock};
pub use error::StorageError;
pub use file_system::{CreateOptions, FileReader, FileStatus, FileSystem, FileWriter, Space};
pub use object_store::{ObjectInfo, ObjectStore, Upload};

/// Every fallible call of this crate.
pub type Result<T> = std::result::Result<T, StorageError>;
