//! `fingerprint`: one line per table, the same before and after or something changed.

use api::FingerprintReport;

use super::table;
use crate::times;

/// The report.
pub(crate) fn fingerprint_report(report: &FingerprintReport) -> String {
    let rows = report.tables.iter().map(|entry| {
        let counts = [entry.cells, entry.rows, entry.regions].map(|number| number.to_string());
        [entry.table.clone(), entry.digest.clone()].into_iter().chain(counts).chain([times::show(&entry.scanned)]).collect()
    });
    table(&["table", "digest", "cells", "rows", "regions", "scanned"], &[2, 3, 4], rows)
}
