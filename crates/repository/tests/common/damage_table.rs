//! The table of `docs/format.md` §11, as the damage tests read it.

use std::collections::{BTreeMap, BTreeSet};

/// One row.
#[derive(Debug, Clone)]
pub struct Expectation {
    pub object: String,
    pub opens: bool,
    pub reading: String,
    pub quick: bool,
    pub data: bool,
    pub named: String,
    pub exit: u8,
}

/// All rows, by object and kind of damage.
#[derive(Debug)]
pub struct Table(BTreeMap<(String, String), Expectation>);

impl Table {
    pub fn read() -> Self {
        let text = include_str!("../../../../docs/format.md");
        let rows =
            text.lines().skip_while(|line| !line.starts_with("| object | damage |")).skip(2).take_while(|line| line.starts_with('|'));
        let mut table = BTreeMap::new();
        for row in rows {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [object, damages, opening, reading, quick, data, named, exit] = cells[..] else { panic!("{row}") };
            let found = |cell: &str| match cell {
                "found" => true,
                "not seen" => false,
                other => panic!("{other} in {row}"),
            };
            assert!(matches!(opening, "opens" | "refused") && matches!(reading, "right" | "refused" | "missing" | "–"), "{row}");
            let expectation = Expectation {
                object: object.to_owned(),
                opens: opening == "opens",
                reading: reading.to_owned(),
                quick: found(quick),
                data: found(data),
                named: named.to_owned(),
                exit: exit.parse().expect("an exit code"),
            };
            // One kind has a comma in its name.
            let kinds: Vec<&str> = if damages.contains("same length") { vec![damages] } else { damages.split(", ").collect() };
            for kind in kinds {
                assert!(table.insert((object.to_owned(), kind.to_owned()), expectation.clone()).is_none(), "twice: {row}");
            }
        }
        Self(table)
    }

    /// What must happen.
    pub fn row(&self, object: &str, damage: &str) -> &Expectation {
        self.0.get(&(object.to_owned(), damage.to_owned())).unwrap_or_else(|| panic!("docs/format.md says nothing of: {object}, {damage}"))
    }

    pub fn rows(&self) -> BTreeSet<(String, String)> {
        self.0.keys().cloned().collect()
    }
}
