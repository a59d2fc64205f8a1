//! A running lab, its witness, and what the witness sees of the tables.

use std::collections::BTreeMap;

use testkit::{Boundaries, Lab, LabSpec, Scan, ScanSummary, Witness, difference};

/// One cluster with its judge.
pub(crate) struct Site {
    pub(crate) witness: Witness,
    pub(crate) lab: Lab,
}

/// Everything that must be the same before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableState {
    pub(crate) raw: ScanSummary,
    pub(crate) view: ScanSummary,
    pub(crate) boundaries: Vec<Boundaries>,
    pub(crate) descriptor: String,
    pub(crate) enabled: bool,
}

impl Site {
    pub(crate) fn start(spec: LabSpec) -> Self {
        let lab = Lab::start(spec).unwrap();
        let witness = Witness::start(&lab).unwrap();
        Self { witness, lab }
    }

    pub(crate) fn state(&self, table: &str) -> TableState {
        let enabled = self.witness.is_enabled(table).unwrap();
        if !enabled {
            self.witness.enable(table).unwrap();
        }
        let state = TableState {
            raw: self.witness.scan(table, Scan::Raw).unwrap(),
            view: self.witness.scan(table, Scan::View).unwrap(),
            boundaries: self.witness.boundaries(table).unwrap(),
            descriptor: self.witness.descriptor(table).unwrap(),
            enabled,
        };
        if !enabled {
            self.witness.disable(table).unwrap();
        }
        state
    }

    /// The state of all user tables, or of those in a list.
    pub(crate) fn states(&self, tables: &[String]) -> BTreeMap<String, TableState> {
        tables.iter().map(|table| (table.clone(), self.state(table))).collect()
    }

    /// Ends with the differing cells unless `actual` is what it was.
    #[track_caller]
    pub(crate) fn assert_state(&self, table: &str, expected: &TableState, before: &str) {
        let actual = self.state(table);
        assert_eq!((&actual.boundaries, &actual.descriptor), (&expected.boundaries, &expected.descriptor), "{table} was {before}");
        assert_eq!(actual.enabled, expected.enabled, "{table}");
        assert_eq!((&actual.raw, &actual.view), (&expected.raw, &expected.view), "{table} was {before}");
    }

    /// Compares the cells of two tables that are both there, and names what differs.
    #[track_caller]
    pub(crate) fn assert_same_cells(&self, one: &str, other: &str) {
        let (summary, dump) = self.witness.dump(one, Scan::Raw).unwrap();
        let (other_summary, other_dump) = self.witness.dump(other, Scan::Raw).unwrap();
        assert_eq!(summary, other_summary, "{one} and {other}: {}", difference(&dump, &other_dump).unwrap());
    }

    /// HBase snapshots that Seawall made and that are still there, safety snapshots apart.
    pub(crate) fn left_snapshots(&self) -> Vec<String> {
        let all = self.witness.snapshots().unwrap();
        all.into_iter().map(|snapshot| snapshot.name).filter(|name| name.contains("seawall")).collect()
    }
}
