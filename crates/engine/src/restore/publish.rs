//! Publishing the HBase snapshot that guards our files and that the master clones.
//!
//! # Order
//! Both files are written whole in the journal's `stage/`, which no cleaner reads, and the directory is renamed once to
//! `.hbase-snapshot/<name>`. At that moment none of its files exists, so nothing can be lost in between. HBase guards files by bare
//! name through *completed* snapshots only (`.tmp` guards nothing across a master restart), and an unreadable one stops all
//! cleaning, so there is never half a directory: what goes away leaves by a rename too.
//!
//! # Crash cases
//! A stage without its rename is thrown away and written again. A rename whose answer was lost is seen at the final name.
//! A removal that was cut short lies in the journal as `unpublished`, where nobody reads it.

use hbase_layout::{EncodedSnapshot, SnapshotManifest};

use super::journal::{Journal, create, exists};
use crate::target::Target;
use crate::target::ownership::Ownership;
use crate::{EngineError, Result};

/// Publishes `snapshot` under the journal's name. One that is there already is left as it is.
pub(super) async fn publish(target: &Target, ownership: &Ownership, journal: &Journal, snapshot: &EncodedSnapshot) -> Result<()> {
    publish_as(target, ownership, journal, &journal.record.snapshot, snapshot).await
}

/// The same under another name.
pub(super) async fn publish_as(
    target: &Target,
    ownership: &Ownership,
    journal: &Journal,
    name: &str,
    snapshot: &EncodedSnapshot,
) -> Result<()> {
    let published = target.layout.snapshot_directory(name);
    if exists(&target.file_system, &published).await? {
        return Ok(());
    }
    let stage = journal.stage();
    target.file_system.delete(&stage, true).await?;
    ownership.make_directories(&target.file_system, &stage).await?;
    for (file, body) in [(".snapshotinfo", &snapshot.snapshot_info), ("data.manifest", &snapshot.data_manifest)] {
        let path = format!("{stage}/{file}");
        create(&target.file_system, &path, body.clone()).await?;
        let status = target.file_system.status(&path).await?;
        ownership.give_file(&target.file_system, &status).await?;
    }
    ownership.make_directories(&target.file_system, &target.layout.snapshots_directory()).await?;
    journal.still_ours().await?;
    match target.file_system.rename_new(&stage, &published).await {
        Ok(()) => Ok(()),
        Err(error) if error.is_ambiguous() && exists(&target.file_system, &published).await? => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Takes the snapshot away. One that is not there is success.
pub(super) async fn unpublish(target: &Target, journal: &Journal, name: &str) -> Result<()> {
    let published = target.layout.snapshot_directory(name);
    let aside = format!("{}/unpublished", journal.directory());
    target.file_system.delete(&aside, true).await?;
    match target.file_system.rename_new(&published, &aside).await {
        Ok(()) => target.file_system.delete(&aside, true).await.map_err(Into::into),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Reads a snapshot back: it must be complete, of `table`, and every file it lists must be there.
pub(super) async fn prove_readable(target: &Target, name: &str, table: &hbase_types::TableName) -> Result<()> {
    let mismatch = |detail: String| EngineError::Mismatch { subject: format!("snapshot {name}"), detail };
    let info = read_all(target, &target.layout.snapshot_info_file(name)).await?;
    let data = read_all(target, &target.layout.data_manifest_file(name)).await?;
    let manifest = SnapshotManifest::read_v2(&info, &data)?;
    if manifest.description.table != *table {
        return Err(mismatch(format!("it is of table {}", manifest.description.table)));
    }
    for region in &manifest.regions {
        for family in &region.families {
            let directory = family.directory()?;
            for file in &family.store_files {
                let places = file.parts.candidates(&target.layout, table, &region.encoded_name, directory);
                if !any_exists(target, &places).await? {
                    return Err(mismatch(format!("{} of region {} is in none of its places", file.name, region.encoded_name)));
                }
            }
        }
    }
    Ok(())
}

async fn any_exists(target: &Target, paths: &[String]) -> Result<bool> {
    for path in paths {
        if exists(&target.file_system, path).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn read_all(target: &Target, path: &str) -> Result<bytes::Bytes> {
    let reader = target.file_system.open(path).await?;
    let length = usize::try_from(reader.length_bytes()).unwrap_or(usize::MAX);
    if reader.length_bytes() > target.options.manifest_limit_bytes.max(crate::target::DEFAULT_MANIFEST_LIMIT_BYTES) {
        return Err(EngineError::Damage { path: path.to_owned(), message: format!("{length} bytes long") });
    }
    Ok(reader.read_range(0, length).await?)
}
