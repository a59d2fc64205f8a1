//! Check: each step that a backup or a restore takes, tried on the real cluster, one finding each.
//!
//! Read-only but for a probe directory at the target of a restore and probe objects in the repository, both removed. A step that
//! cannot be tried is *unknown*, never *ok*; a step that depends on a failed one is left out.

use std::sync::Arc;

use api::{CHECK_SCHEMA_VERSION, CheckReport, ErrorKind, Finding, Severity};
use bytes::Bytes;
use hbase_client::Connection;
use hbase_layout::{RootLayout, cluster_id_from_file};
use repository::{Environment, ProbeReport, Repository};
use storage::{FileSystem, ObjectStore};

use crate::restore::{Journal, left_snapshots, probe_rights};
use crate::target::{TargetOptions, live};
use crate::{Cluster, EngineError, Result};

/// Clocks further apart than this are a warning, milliseconds.
const CLOCK_TOLERANCE_MILLIS: i64 = 60_000;
/// A commit whose clock is further off is refused, milliseconds.
const CLOCK_LIMIT_MILLIS: i64 = 300_000;
/// Longest small file of a root directory that is read, bytes.
const SMALL_FILE_BYTES: u64 = 1 << 20;
/// Less free space than this is a warning, bytes.
const LITTLE_SPACE_BYTES: u64 = 1 << 30;

/// What to check; what is `None` is left out.
#[derive(Clone, Copy)]
pub struct CheckRequest<'a> {
    /// A cluster as configured; its connection was opened by the caller.
    pub cluster: Option<&'a Cluster>,
    /// What became of opening the connection, when the configuration has one and it failed.
    pub connection_error: Option<&'a EngineError>,
    /// The repository's store.
    pub store: Option<&'a Arc<dyn ObjectStore>>,
    /// The repository, if it opened.
    pub repository: Option<&'a Repository>,
    /// Clock and randomness for the probe.
    pub environment: &'a Environment,
}

/// Runs every check.
pub async fn check(request: CheckRequest<'_>) -> CheckReport {
    let mut findings = Vec::new();
    if let Some(cluster) = request.cluster {
        cluster_checks(cluster, request.connection_error, &mut findings).await;
    }
    if let Some(store) = request.store {
        repository_checks(store, request.repository, request.environment, &mut findings).await;
    }
    if let (Some(cluster), Some(store)) = (request.cluster, request.store) {
        findings.extend(shared_storage(&cluster.file_system.url(), &store.url()));
    }
    CheckReport {
        schema_version: CHECK_SCHEMA_VERSION,
        cluster: request.cluster.map(|cluster| cluster.name.clone()),
        repository: request.store.map(|store| store.url()),
        findings,
    }
}

async fn cluster_checks(cluster: &Cluster, connection_error: Option<&EngineError>, findings: &mut Vec<Finding>) {
    let layout = RootLayout::new(&cluster.root);
    let root_id = match root_checks(cluster, &layout).await {
        Ok((id, finding)) => {
            findings.push(finding);
            id
        }
        Err(error) => {
            findings.push(failed("root-directory", &cluster.root_url(), &error));
            None
        }
    };
    match (&cluster.connection, connection_error) {
        (_, Some(error)) => findings.push(failed("master", &cluster.name, error)),
        (Some(connection), None) => live_checks(cluster, connection, root_id.as_deref(), findings).await,
        (None, None) => {
            let message =
                "no master is configured: the root directory is read as it lies, and restores leave a snapshot to be cloned later";
            findings.push(Finding::new("offline", Severity::Ok, message).about(&cluster.name));
        }
    }
    if root_id.is_some() || cluster.connection.is_none() {
        target_checks(cluster, findings).await;
    }
    match cluster.file_system.space().await {
        Ok(Some(space)) => {
            let severity = if space.free_bytes < LITTLE_SPACE_BYTES { Severity::Warning } else { Severity::Ok };
            let message = format!("{} of {} bytes are free", space.free_bytes, space.total_bytes);
            findings.push(Finding::new("space", severity, message).about(cluster.root_url()));
        }
        Ok(None) => findings.push(Finding::new("space", Severity::Unknown, "the file system does not tell").about(cluster.root_url())),
        Err(error) => findings.push(failed("space", &cluster.root_url(), &error.into())),
    }
}

/// The cluster id at the root directory.
async fn root_checks(cluster: &Cluster, layout: &RootLayout) -> Result<(Option<String>, Finding)> {
    cluster.file_system.list(&cluster.root).await?;
    let file = layout.cluster_id_file();
    let found = Finding::new("root-directory", Severity::Ok, "readable").about(cluster.root_url());
    match read_small(&cluster.file_system, &file).await {
        Ok(bytes) => {
            let id = cluster_id_from_file(&bytes).map_err(|error| EngineError::Damage { path: file, message: error.to_string() })?;
            Ok((Some(id), found))
        }
        Err(EngineError::Storage(error)) if error.is_not_found() => {
            let message = "there is no hbase.id in it: not a root directory of HBase";
            let finding = Finding::new("root-directory", Severity::Failure, message).about(cluster.root_url());
            Ok((None, finding.hint("set `rootdir` to the cluster's hbase.rootdir")))
        }
        Err(error) => Err(error),
    }
}

async fn live_checks(cluster: &Cluster, connection: &Connection, root_id: Option<&str>, findings: &mut Vec<Finding>) {
    let id = connection.cluster_id();
    let version = &connection.hbase_version().text;
    findings.push(Finding::new("master", Severity::Ok, format!("HBase {version}, cluster id {id}")).about(&cluster.name));
    match root_id {
        Some(root) if root == id => {
            findings.push(Finding::new("same-cluster", Severity::Ok, "root directory and master belong together").about(&cluster.name));
        }
        Some(root) => {
            let message = format!("the root directory belongs to cluster {root}, the master to {id}");
            let finding = Finding::new("same-cluster", Severity::Failure, message).about(cluster.root_url());
            findings
                .push(finding.hint("`rootdir` and `zookeeper` (or `masters`) must name one cluster: copy both from its hbase-site.xml"));
        }
        None => {}
    }
    match connection.cluster_status().await {
        Ok(status) => {
            let message = format!("{} RegionServers alive, {} dead", status.live_servers.len(), status.dead_servers.len());
            let severity = if status.live_servers.is_empty() { Severity::Failure } else { Severity::Ok };
            findings.push(Finding::new("region-servers", severity, message).about(&cluster.name));
        }
        Err(error) => findings.push(failed("region-servers", &cluster.name, &error.into())),
    }
    match connection.is_cleaner_enabled().await {
        Ok(true) => findings.push(Finding::new("cleaner", Severity::Ok, "HBase's cleaners are on").about(&cluster.name)),
        Ok(false) => {
            let message = "HBase's cleaners are off: archived files and WALs pile up";
            findings.push(
                Finding::new("cleaner", Severity::Warning, message).about(&cluster.name).hint("hbase shell> cleaner_chore_switch true"),
            );
        }
        Err(error) => findings.push(failed("cleaner", &cluster.name, &error.into())),
    }
    match connection.list_tables().await {
        Ok(tables) => {
            findings.push(Finding::new("tables", Severity::Ok, format!("{} tables can be seen", tables.len())).about(&cluster.name))
        }
        Err(error) => findings.push(failed("tables", &cluster.name, &error.into())),
    }
    leftovers(cluster, connection, findings).await;
}

/// Snapshots and journals of ours.
async fn leftovers(cluster: &Cluster, connection: &Connection, findings: &mut Vec<Finding>) {
    let looked = async {
        let journals = Journal::list(&cluster.file_system, &cluster.root).await?;
        let snapshots = connection.list_snapshots().await?;
        Ok::<_, EngineError>((journals, snapshots))
    };
    match looked.await {
        Ok((journals, snapshots)) => {
            let left = left_snapshots(&snapshots, &journals);
            for snapshot in &left {
                let finding =
                    Finding::new("left-snapshot", Severity::Warning, "a snapshot of an earlier restore that nothing needs any more");
                findings.push(finding.about(&snapshot.name).hint(format!("hbase shell> delete_snapshot '{}'", snapshot.name)));
            }
            for journal in &journals {
                let record = &journal.record;
                let message = format!("an interrupted restore of {} as {}", record.source, record.target);
                findings
                    .push(Finding::new("unfinished-restore", Severity::Warning, message).about(journal.directory()).hint("run it again"));
            }
            if left.is_empty() && journals.is_empty() {
                findings.push(Finding::new("leftovers", Severity::Ok, "nothing of ours was left behind").about(&cluster.name));
            }
        }
        Err(error) => findings.push(failed("leftovers", &cluster.name, &error)),
    }
}

/// Whether a restore could write here.
async fn target_checks(cluster: &Cluster, findings: &mut Vec<Finding>) {
    let target = live::target(cluster, TargetOptions::default(), std::time::Duration::from_secs(60));
    match probe_rights(&target).await {
        Ok(problems) if problems.is_empty() => {
            findings.push(Finding::new("write", Severity::Ok, "a restore could write here").about(cluster.root_url()));
        }
        Ok(problems) => findings.extend(problems),
        Err(error) => findings.push(failed("write", &cluster.root_url(), &error)),
    }
}

async fn repository_checks(
    store: &Arc<dyn ObjectStore>,
    repository: Option<&Repository>,
    environment: &Environment,
    findings: &mut Vec<Finding>,
) {
    match repository::probe(store, environment).await {
        Ok(report) => probe_findings(&store.url(), &report, findings),
        Err(error) => findings.push(failed("repository", &store.url(), &error.into())),
    }
    let Some(repository) = repository else { return };
    match repository.key_list().await {
        Ok(slots) if slots.len() > 1 => {
            findings.push(Finding::new("keys", Severity::Ok, format!("{} key slots", slots.len())).about(repository.url()));
        }
        Ok(slots) => {
            let message = format!("{} key slot: who loses that key loses every backup", slots.len());
            let finding = Finding::new("keys", Severity::Warning, message).about(repository.url());
            findings.push(finding.hint("seawall repo key add, keep it elsewhere, then seawall repo key prove"));
        }
        Err(error) => findings.push(failed("keys", &repository.url(), &error.into())),
    }
}

fn probe_findings(url: &str, report: &ProbeReport, findings: &mut Vec<Finding>) {
    let promises = [
        ("create if absent", report.create_if_absent),
        ("create if absent in parts", report.multipart_create_if_absent),
        ("listing after a write", report.list_after_write),
        ("reading ranges", report.ranged_reads),
    ];
    let broken: Vec<&str> = promises.iter().filter(|(_, kept)| !kept).map(|(name, _)| *name).collect();
    findings.push(if broken.is_empty() {
        Finding::new("store", Severity::Ok, "the store keeps the promises that a repository needs").about(url)
    } else {
        let message = format!("the store does not do: {}", broken.join(", "));
        Finding::new("store", Severity::Failure, message).about(url).hint("a repository is not safe there: use another store")
    });
    findings.push(if report.can_destroy {
        let message = "can destroy: yes. These credentials can delete what is stored";
        Finding::new("can-destroy", Severity::Warning, message).about(url).hint("give backups credentials without the right to delete")
    } else {
        Finding::new("can-destroy", Severity::Ok, "can destroy: no").about(url)
    });
    let apart = report.clock_difference_millis.abs();
    let severity = match apart {
        _ if apart > CLOCK_LIMIT_MILLIS => Severity::Failure,
        _ if apart > CLOCK_TOLERANCE_MILLIS => Severity::Warning,
        _ => Severity::Ok,
    };
    let finding = Finding::new("clock", severity, format!("this clock and the store's are {apart} ms apart")).about(url);
    findings.push(if severity == Severity::Ok { finding } else { finding.hint("set up NTP here") });
}

/// A repository on the storage that it protects against losing.
fn shared_storage(cluster: &str, repository: &str) -> Option<Finding> {
    let place = |url: &str| {
        let (scheme, rest) = url.split_once("://")?;
        Some((scheme.to_owned(), rest.split('/').next().unwrap_or_default().to_owned()))
    };
    let (left, right) = (place(cluster)?, place(repository)?);
    (left == right).then(|| {
        let message = format!("the repository lies on the same storage as the cluster ({cluster}): one loss takes both");
        Finding::new("shared-storage", Severity::Warning, message).about(repository).hint("keep a copy of the repository elsewhere")
    })
}

async fn read_small(file_system: &Arc<dyn FileSystem>, path: &str) -> Result<Bytes> {
    let reader = file_system.open(path).await?;
    if reader.length_bytes() > SMALL_FILE_BYTES {
        return Err(EngineError::Damage { path: path.to_owned(), message: format!("{} bytes long", reader.length_bytes()) });
    }
    Ok(reader.read_range(0, usize::try_from(reader.length_bytes()).unwrap_or(usize::MAX)).await?)
}

fn failed(code: &str, subject: &str, error: &EngineError) -> Finding {
    let severity = if error.kind() == ErrorKind::Unsupported && code != "master" { Severity::Unknown } else { Severity::Failure };
    let finding = Finding::new(code, severity, error.to_string()).about(subject);
    match error.hint() {
        Some(hint) => finding.hint(hint),
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> ProbeReport {
        ProbeReport {
            create_if_absent: true,
            multipart_create_if_absent: true,
            list_after_write: true,
            ranged_reads: true,
            can_destroy: false,
            clock_difference_millis: 10,
        }
    }

    #[test]
    fn a_store_that_breaks_a_promise_fails() {
        let worst = |report: &ProbeReport| {
            let mut findings = Vec::new();
            probe_findings("s3://b", report, &mut findings);
            findings.into_iter().map(|finding| (finding.severity, finding.code)).max().unwrap()
        };
        assert_eq!(worst(&report()).0, Severity::Ok);
        assert_eq!(worst(&ProbeReport { create_if_absent: false, ..report() }), (Severity::Failure, "store".into()));
        assert_eq!(worst(&ProbeReport { can_destroy: true, ..report() }), (Severity::Warning, "can-destroy".into()));
        assert_eq!(worst(&ProbeReport { clock_difference_millis: -400_000, ..report() }), (Severity::Failure, "clock".into()));
    }

    #[test]
    fn a_repository_beside_its_cluster_is_told() {
        assert!(shared_storage("hdfs://ns1", "hdfs://ns1/backup").is_some());
        assert!(shared_storage("hdfs://ns1", "hdfs://ns2/backup").is_none());
        assert!(shared_storage("file://", "file:///backup").is_some());
        assert!(shared_storage("file://", "s3://bucket").is_none());
    }
}
