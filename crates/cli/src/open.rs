//! From configured addresses to stores, file systems and connections, with the configured limits around them.

use std::sync::Arc;
use std::time::Duration;

use config::{Discovery, Limits, Rate, ResolvedCluster};
use engine::target::{Target, TargetOptions};
use engine::{Cluster, EngineError};
use hbase_client::{Authentication, ClientOptions, Connection};
use storage::{Clock, FileSystem, FileSystemOptions, ObjectStore, StoreOptions};

use crate::outcome::Failure;

/// How long a procedure of the target's master (a clone, a table switched off) may take.
const PROCEDURE_DEADLINE: Duration = Duration::from_secs(3600);

/// The store of a repository.
pub(crate) fn object_store(repository: &config::Repository, limits: &Limits) -> Result<Arc<dyn ObjectStore>, Failure> {
    refuse_unbuilt("limits.upload", limits.upload)?;
    let options = StoreOptions { conf_dir: repository.conf_dir.clone(), ..StoreOptions::default() };
    storage::open_object_store(&repository.url, &options).map_err(Failure::repository_storage)
}

/// A limit that nothing holds is worse than none: it is refused.
fn refuse_unbuilt(key: &str, rate: Option<Rate>) -> Result<(), Failure> {
    if rate.is_some() { Err(Failure::not_built(key, "limits a rate")) } else { Ok(()) }
}

/// The file system of a cluster and the path in it.
fn file_system(url: &str, resolved: &ResolvedCluster) -> Result<(Arc<dyn FileSystem>, String), Failure> {
    let deadline = resolved.deadline_seconds.map_or(storage::DEFAULT_DEADLINE, Duration::from_secs);
    let options = FileSystemOptions { conf_dir: resolved.conf_dir.clone(), user: Some(resolved.user.clone()), deadline };
    let files = storage::open_file_system(url, &options).map_err(EngineError::from)?;
    Ok((files, storage::url_path(url).map_err(EngineError::from)?))
}

/// Clock and randomness for the repository.
pub(crate) fn environment(clock: &Arc<dyn Clock>) -> repository::Environment {
    repository::Environment::new(clock.clone(), Arc::new(repository::SystemEntropy))
}

/// The cluster's files, and its master unless it is offline.
pub(crate) async fn cluster(resolved: &ResolvedCluster, limits: &Limits) -> Result<Cluster, Failure> {
    match cluster_for_check(resolved, limits).await? {
        (cluster, None) => Ok(cluster),
        (_, Some(error)) => Err(error.into()),
    }
}

/// The same, with what became of a connection that could not be opened: `check` goes on and says so.
pub(crate) async fn cluster_for_check(resolved: &ResolvedCluster, limits: &Limits) -> Result<(Cluster, Option<EngineError>), Failure> {
    refuse_unbuilt("limits.read", limits.read)?;
    let (files, root) = file_system(&resolved.rootdir, resolved)?;
    let (connection, error) = match connect(resolved).await {
        Ok(connection) => (connection, None),
        Err(error) => (None, Some(EngineError::from(error))),
    };
    let mut cluster = Cluster::new(resolved.name.clone(), connection, files, root);
    if let Some(wal_dir) = &resolved.wal_dir {
        let (files, root) = file_system(wal_dir, resolved)?;
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
