//! What the operator wrote: one TOML file, the environment and flags, layered with the origin of every value; Hadoop's own XML; references to secrets.
//!
//! The order is file < environment < flags. Every value keeps where it came from, so an error can name file and line and `config show --origin` can answer
//! "who says so". Nothing here reads the process environment or opens a socket: the environment comes in as a value ([`Environment`]), so a test can build one.
//!
//! *Invariant*: a secret is never held here, only a reference to one ([`SecretReference`]); a secret in an address is refused and not repeated in the message.

mod document;
mod environment;
mod error;
mod hadoop;
mod layers;
mod load;
mod locate;
mod model;
mod schema;
mod secret;
mod site;
mod starter;
mod units;

pub use environment::Environment;
pub use error::{ConfigError, Problem, Result};
pub use hadoop::HadoopConfiguration;
pub use layers::{Entry, Layers, Origin, Value};
pub use load::{Loaded, load, load_text};
pub use locate::{DEFAULT_PATH, Located, locate};
pub use model::{Cluster, ResolvedCluster};
pub use model::{Compression, Config, Credentials, Discovery, KeyReference, Limits, Named, Objectives, Repository, TableSet, one_of};
pub use secret::SecretReference;
pub use site::{RegistryKind, SiteSettings};
pub use starter::{StarterFile, write_new};
pub use units::{Rate, format_bytes, parse_bytes, parse_duration_seconds, parse_rate};
