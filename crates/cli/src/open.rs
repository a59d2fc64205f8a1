//! From configured addresses to stores, file systems and connections, with the configured limits around them.

use std::sync::Arc;
use std::time::Duration;

use config::{Discovery, Limits, ResolvedCluster};
use engine::target::{Target, TargetOptions};
use engine::{Cluster, EngineError};
use hbase_client::{Authentication, ClientOptions, Connection};
use storage::wrap::{Limiter, RetryFileSystem, RetryOptions, RetryStore};
use storage::{Clock, FileSystem, FileSystemOptions, ObjectStore, StoreOptions};

use crate::outcome::Failure;

/// How long a procedure of the target's master (a clone, a table switched off) may take.
const PROCEDURE_DEADLINE: Duration = Duration::from_secs(3600);

/// How long calls that may be repeated are repeated, unless the cluster has its own deadline.
const RETRY_DEADLINE: Duration = Duration::from_secs(120);

/// What is wrapped around every store and file system of one command, from the inside: faults (test builds), limits, retries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wrappers {
    #[cfg(feature = "fault-injection")]
    fault: Option<storage::wrap::Fault>,
}

impl Wrappers {
    /// In test builds, the faults that `$SEAWALL_FAULT` orders; otherwise none.
    #[cfg(feature = "fault-injection")]
    pub(crate) fn from_environment(environment: &config::Environment) -> Result<Self, Failure> {
        let fault = environment.get("SEAWALL_FAULT").map(storage::wrap::Fault::from_setting).transpose();
        Ok(Self { fault: fault.map_err(|error| Failure::usage(error.to_string()))? })
    }

    /// In test builds, the faults that `$SEAWALL_FAULT` orders; otherwise none.
    #[cfg(not(feature = "fault-injection"))]
    pub(crate) fn from_environment(_environment: &config::Environment) -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// Storage calls of this command, when faults are counted.
    pub(crate) fn calls(&self) -> Option<u64> {
        #[cfg(feature = "fault-injection")]
        return self.fault.as_ref().map(storage::wrap::Fault::calls);
        #[cfg(not(feature = "fault-injection"))]
        None
    }

    fn store(&self, store: Arc<dyn ObjectStore>, limits: &Limits) -> Arc<dyn ObjectStore> {
        #[cfg(feature = "fault-injection")]
        let store = self.fault.iter().fold(store, |store, fault| fault.store(store));
        let limited = storage::wrap::Limits {
            read_bytes_per_second: limits.read.map(|rate| rate.bytes_per_second),
            write_bytes_per_second: limits.upload.map(|rate| rate.bytes_per_second),
            ..Default::default()
        };
        let store = Limiter::new(limited).store(store);
        Arc::new(RetryStore::new(store, RetryOptions { deadline: RETRY_DEADLINE, ..RetryOptions::default() }))
    }

    fn file_system(&self, files: Arc<dyn FileSystem>, limiter: &Limiter, deadline: Duration) -> Arc<dyn FileSystem> {
        #[cfg(feature = "fault-injection")]
        let files = self.fault.iter().fold(files, |files, fault| fault.file_system(files));
        Arc::new(RetryFileSystem::new(limiter.file_system(files), RetryOptions { deadline, ..RetryOptions::default() }))
    }
}

/// The store of a repository.
pub(crate) fn object_store(wrappers: &Wrappers, repository: &config::Repository, limits: &Limits) -> Result<Arc<dyn ObjectStore>, Failure> {
    let options = StoreOptions { conf_dir: repository.conf_dir.clone(), ..StoreOptions::default() };
    let store = storage::open_object_store(&repository.url, &options).map_err(Failure::repository_storage)?;
    Ok(wrappers.store(store, limits))
}

/// The file system of a cluster and the path in it.
fn file_system(
    wrappers: &Wrappers,
    url: &str,
    resolved: &ResolvedCluster,
    limiter: &Limiter,
) -> Result<(Arc<dyn FileSystem>, String), Failure> {
    let deadline = resolved.deadline_seconds.map(Duration::from_secs);
    let options = FileSystemOptions {
        conf_dir: resolved.conf_dir.clone(),
        user: Some(resolved.user.clone()),
        deadline: deadline.unwrap_or(storage::DEFAULT_DEADLINE),
    };
    let files = storage::open_file_system(url, &options).map_err(EngineError::from)?;
    let path = storage::url_path(url).map_err(EngineError::from)?;
    Ok((wrappers.file_system(files, limiter, deadline.unwrap_or(RETRY_DEADLINE)), path))
}

/// Clock and randomness for the repository.
pub(crate) fn environment(clock: &Arc<dyn Clock>) -> repository::Environment {
    repository::Environment::new(clock.clone(), Arc::new(repository::SystemEntropy))
}

/// The cluster's files, and its master unless it is offline.
pub(crate) async fn cluster(wrappers: &Wrappers, resolved: &ResolvedCluster, limits: &Limits) -> Result<Cluster, Failure> {
    match cluster_for_check(wrappers, resolved, limits).await? {
        (cluster, None) => Ok(cluster),
        (_, Some(error)) => Err(error.into()),
    }
}

/// The same, with what became of a connection that could not be opened: `check` goes on and says so.
pub(crate) async fn cluster_for_check(
    wrappers: &Wrappers,
    resolved: &ResolvedCluster,
    limits: &Limits,
) -> Result<(Cluster, Option<EngineError>), Failure> {
    // One limiter for both file systems: the limit is the cluster's.
    let limited = storage::wrap::Limits { read_bytes_per_second: limits.read.map(|rate| rate.bytes_per_second), ..Default::default() };
    let limiter = Limiter::new(limited);
    let (files, root) = file_system(wrappers, &resolved.rootdir, resolved, &limiter)?;
    let (connection, error) = match connect(resolved).await {
        Ok(connection) => (connection, None),
        Err(error) => (None, Some(EngineError::from(error))),
    };
    let mut cluster = Cluster::new(resolved.name.clone(), connection, files, root);
    if let Some(wal_dir) = &resolved.wal_dir {
        let (files, root) = file_system(wrappers, wal_dir, resolved, &limiter)?;
        cluster = cluster.with_wal_directory(files, root);
    }
    Ok((cluster, error))
}

async fn connect(resolved: &ResolvedCluster) -> hbase_client::Result<Option<Connection>> {
    let discovery = match &resolved.discovery {
        Discovery::Offline => return Ok(None),
        Discovery::ZooKeeper { quorum, parent } => hbase_client::Discovery::ZooKeeper { quorum: quorum.clone(), parent: parent.clone() },
        Discovery::Masters(masters) => hbase_client::Discovery::Masters(masters.clone()),
    };
    let mut options = ClientOptions::new(discovery, Authentication::Simple { user: resolved.user.clone() });
    if let Some(seconds) = resolved.deadline_seconds {
        options.deadline = Duration::from_secs(seconds);
        options.call_timeout = options.call_timeout.min(options.deadline);
        options.connect_timeout = options.connect_timeout.min(options.deadline);
    }
    Connection::connect(options).await.map(Some)
}

/// The cluster as a place to restore to.
pub(crate) fn target(cluster: &Cluster, resolved: &ResolvedCluster) -> Target {
    let options = TargetOptions { user: resolved.user.clone(), ..TargetOptions::default() };
    engine::target::live::target(cluster, options, PROCEDURE_DEADLINE)
}
