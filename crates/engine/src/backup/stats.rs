//! Why a backup grew: the new files of a table against those that the backup before had in the same stores.
//!
//! Nothing of a store went away: its new files were flushed (or bulk-loaded, which their names tell). Something went away: a
//! compaction rewrote it; everything went away: a major compaction, the same cells in new files. A region that the backup before does
//! not have came from a split, a merge or a truncation.

use std::collections::{HashMap, HashSet};

use api::{GrowthCause, GrowthReason};
use catalog::Growth;
use hbase_layout::StoreFileName;

use super::previous::PreviousTable;
use super::stored::StoredTable;

/// Compares the files that this run read with the backup before.
pub(super) fn growth(previous: Option<&PreviousTable>, table: &StoredTable) -> Growth {
    let mut growth = Growth { compared_with: previous.map_or(0, |previous| previous.sequence), ..Growth::default() };
    let mut now: HashMap<(&str, &[u8]), HashSet<&str>> = HashMap::new();
    for file in &table.files {
        now.entry((file.region.as_str(), &file.family)).or_default().insert(&file.name);
    }
    let mut rewritten: HashMap<&str, bool> = HashMap::new();
    for file in table.files.iter().filter(|file| file.counted_as_read) {
        let (files, bytes) = (1, file.record.physical_length);
        let add = |counts: (&mut u64, &mut u64)| {
            *counts.0 += files;
            *counts.1 += bytes;
        };
        let Some(previous) = previous else {
            add((&mut growth.first_files, &mut growth.first_bytes));
            continue;
        };
        let store = (file.region.clone(), file.family.clone());
        let Some(before) = previous.stores.get(&store) else {
            add((&mut growth.new_region_files, &mut growth.new_region_bytes));
            continue;
        };
        let empty = HashSet::new();
        let here = now.get(&(file.region.as_str(), file.family.as_ref())).unwrap_or(&empty);
        let gone = before.iter().filter(|name| !here.contains(name.as_str())).count();
        let all_gone = gone > 0 && gone == before.len();
        if all_gone {
            add((&mut growth.major_compacted_files, &mut growth.major_compacted_bytes));
        } else if gone > 0 {
            add((&mut growth.compacted_files, &mut growth.compacted_bytes));
        } else if matches!(StoreFileName::parse(&file.name), Ok(StoreFileName::BulkLoaded { .. })) {
            add((&mut growth.bulk_loaded_files, &mut growth.bulk_loaded_bytes));
        } else {
            add((&mut growth.flushed_files, &mut growth.flushed_bytes));
        }
        *rewritten.entry(&file.region).or_insert(true) &= all_gone;
    }
    growth.rewritten_regions = rewritten.values().filter(|all| **all).count() as u64;
    growth
}

/// The same for people and programs, heaviest first.
pub(crate) fn reasons(growth: &Growth) -> Vec<GrowthReason> {
    let compared_with = (growth.compared_with > 0).then(|| crate::list::id(growth.compared_with));
    let causes = [
        (GrowthCause::First, growth.first_files, growth.first_bytes),
        (GrowthCause::Flush, growth.flushed_files, growth.flushed_bytes),
        (GrowthCause::BulkLoad, growth.bulk_loaded_files, growth.bulk_loaded_bytes),
        (GrowthCause::Compaction, growth.compacted_files, growth.compacted_bytes),
        (GrowthCause::MajorCompaction, growth.major_compacted_files, growth.major_compacted_bytes),
        (GrowthCause::NewRegion, growth.new_region_files, growth.new_region_bytes),
    ];
    let reason = |(cause, files, bytes)| GrowthReason { cause, files, bytes, compared_with: compared_with.clone() };
    let mut reasons: Vec<GrowthReason> = causes.into_iter().filter(|(_, files, _)| *files > 0).map(reason).collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.bytes));
    reasons
}
