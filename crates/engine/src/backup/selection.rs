//! Which tables of a cluster are backed up.
//!
//! Tables are chosen by name or by glob. A glob without `:` is matched against tables of namespace `default`, one with `:` against
//! `namespace:table` (`pay:*`, `*:*`). HBase's own tables are never chosen by a glob or `all`. A name or glob that matches nothing is an
//! error: a typing mistake must not make a smaller backup.

use globset::{Glob, GlobMatcher};
use hbase_types::TableName;

use crate::source::TableListing;
use crate::{EngineError, Result};

/// Tables to back up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableSelection {
    /// Every table of users.
    pub all: bool,
    /// Names and globs.
    pub tables: Vec<String>,
    /// Every table of these namespaces.
    pub namespaces: Vec<String>,
    /// Names and globs to leave out. One that matches nothing is fine.
    pub exclude: Vec<String>,
}

impl TableSelection {
    /// The chosen ones, sorted.
    pub fn choose(&self, available: &[TableListing]) -> Result<Vec<TableListing>> {
        if !self.all && self.tables.is_empty() && self.namespaces.is_empty() {
            return Err(EngineError::Usage { message: "no tables are chosen: name them, a namespace, or all".into() });
        }
        let mut chosen = vec![self.all; available.len()];
        for (chosen, listing) in chosen.iter_mut().zip(available) {
            *chosen &= !listing.table.is_system();
        }
        for pattern in &self.tables {
            let pattern = Pattern::parse(pattern)?;
            if !mark(&mut chosen, available, |table| pattern.matches(table)) {
                return Err(nothing(&format!("no table {}", pattern.text), available));
            }
        }
        for namespace in &self.namespaces {
            if !mark(&mut chosen, available, |table| table.namespace() == namespace) {
                return Err(nothing(&format!("no table in namespace {namespace}"), available));
            }
        }
        let exclude = Pattern::parse_all(&self.exclude)?;
        let kept = available.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(listing, _)| listing);
        let mut kept: Vec<TableListing> =
            kept.filter(|listing| !exclude.iter().any(|pattern| pattern.matches(&listing.table))).cloned().collect();
        if kept.is_empty() {
            return Err(nothing("no table is left", available));
        }
        kept.sort_by(|left, right| left.table.cmp(&right.table));
        Ok(kept)
    }

    /// Whether a table would be chosen.
    pub fn matcher(&self) -> Result<impl Fn(&TableName) -> bool + '_> {
        let tables = Pattern::parse_all(&self.tables)?;
        let exclude = Pattern::parse_all(&self.exclude)?;
        Ok(move |table: &TableName| {
            let in_namespace = self.namespaces.iter().any(|namespace| namespace == table.namespace());
            let is_wanted = self.all || in_namespace || tables.iter().any(|pattern| pattern.matches(table));
            is_wanted && !exclude.iter().any(|pattern| pattern.matches(table))
        })
    }

    /// An error if one of `hidden`, tables that exist but that we may not see, would be chosen.
    pub fn refuse_hidden(&self, hidden: &[TableName]) -> Result<()> {
        let covers = self.matcher()?;
        let names: Vec<String> = hidden.iter().filter(|table| covers(table)).map(TableName::to_string).collect();
        if names.is_empty() {
            return Ok(());
        }
        Err(EngineError::Auth {
            message: format!("{} tables exist that the master does not show to this user: {}", names.len(), names.join(", ")),
            hint: Some(format!(
                "in the HBase shell: grant 'USER', 'A', '{}' (or globally: grant 'USER', 'A'); or leave it out with --exclude",
                names[0]
            )),
        })
    }
}

fn mark(chosen: &mut [bool], available: &[TableListing], matches: impl Fn(&TableName) -> bool) -> bool {
    let mut any = false;
    for (chosen, listing) in chosen.iter_mut().zip(available) {
        if matches(&listing.table) {
            *chosen = true;
            any = true;
        }
    }
    any
}

fn nothing(what: &str, available: &[TableListing]) -> EngineError {
    const SHOWN: usize = 20;
    let tables: Vec<String> =
        available.iter().filter(|listing| !listing.table.is_system()).map(|listing| listing.table.to_string()).collect();
    let shown = tables.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    let there = match tables.len() {
        0 => "it has no tables".to_owned(),
        count if count > SHOWN => format!("it has {count} tables: {shown}, …"),
        _ => format!("it has {shown}"),
    };
    EngineError::NotFound { message: format!("{what} in the cluster; {there}") }
}

/// A name or a glob.
struct Pattern<'text> {
    text: &'text str,
    name: Option<TableName>,
    glob: Option<GlobMatcher>,
}

impl<'text> Pattern<'text> {
    fn parse(text: &'text str) -> Result<Self> {
        if !text.contains(['*', '?', '[', '{']) {
            let name = TableName::parse(text).map_err(|error| EngineError::Usage { message: error.to_string() })?;
            return Ok(Self { text, name: Some(name), glob: None });
        }
        let glob = Glob::new(text).map_err(|error| EngineError::Usage { message: format!("`{text}`: {error}") })?;
        Ok(Self { text, name: None, glob: Some(glob.compile_matcher()) })
    }

    fn parse_all(texts: &'text [String]) -> Result<Vec<Self>> {
        texts.iter().map(|text| Self::parse(text)).collect()
    }

    fn matches(&self, table: &TableName) -> bool {
        if let Some(name) = &self.name {
            return name == table;
        }
        let full = catalog::key::canonical(table);
        let subject = if self.text.contains(':') { full } else { table.to_string() };
        // Without `:` in the glob, `*` must not reach over the namespace.
        let in_reach = self.text.contains(':') || !subject.contains(':');
        in_reach && !table.is_system() && self.glob.as_ref().is_some_and(|glob| glob.is_match(&subject))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hbase_layout::TableSchema;
    use hbase_proto::Message;

    use super::*;

    fn available() -> Vec<TableListing> {
        let names = ["users", "bin", "shop:orders", "shop:tags", "hbase:meta"];
        let listing = |name: &str| {
            let table = TableName::parse(name).unwrap();
            let schema = hbase_proto::TableSchema { table_name: Some((&table).into()), ..Default::default() };
            let schema = TableSchema::parse(Bytes::from(schema.encode_to_vec())).unwrap();
            TableListing { table, schema }
        };
        names.into_iter().map(listing).collect()
    }

    fn chosen(selection: &TableSelection) -> Vec<String> {
        selection.choose(&available()).unwrap().iter().map(|listing| listing.table.to_string()).collect()
    }

    fn tables(patterns: &[&str]) -> TableSelection {
        TableSelection { tables: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(), ..TableSelection::default() }
    }

    #[test]
    fn globs_stay_within_their_namespace_and_off_hbases_own() {
        assert_eq!(chosen(&tables(&["*"])), ["bin", "users"]);
        assert_eq!(chosen(&tables(&["shop:*"])), ["shop:orders", "shop:tags"]);
        assert_eq!(chosen(&tables(&["*:*"])), ["bin", "users", "shop:orders", "shop:tags"]);
        assert_eq!(chosen(&tables(&["hbase:meta"])), ["hbase:meta"]);
        let all = TableSelection { all: true, exclude: vec!["shop:*".into()], ..TableSelection::default() };
        assert_eq!(chosen(&all), ["bin", "users"]);
    }

    #[test]
    fn a_chosen_table_that_the_master_hides_is_an_error() {
        let hidden = [TableName::parse("shop:secret").unwrap()];
        let all = TableSelection { all: true, ..TableSelection::default() };
        for selection in [
            all.clone(),
            tables(&["shop:*"]),
            tables(&["shop:secret"]),
            TableSelection { namespaces: vec!["shop".into()], ..Default::default() },
        ] {
            let error = selection.refuse_hidden(&hidden).unwrap_err();
            assert_eq!(error.kind(), api::ErrorKind::Auth);
            assert!(error.to_string().contains("shop:secret"), "{error}");
        }
        assert!(tables(&["users", "*"]).refuse_hidden(&hidden).is_ok());
        assert!(TableSelection { exclude: vec!["shop:s*".into()], ..all }.refuse_hidden(&hidden).is_ok());
    }

    #[test]
    fn what_matches_nothing_is_an_error_that_names_what_there_is() {
        for selection in [tables(&["user"]), tables(&["x*"]), TableSelection { namespaces: vec!["pay".into()], ..Default::default() }] {
            let error = selection.choose(&available()).unwrap_err();
            assert_eq!(error.kind(), api::ErrorKind::NotFound);
            assert!(error.to_string().contains("shop:orders"), "{error}");
        }
        assert_eq!(TableSelection::default().choose(&available()).unwrap_err().kind(), api::ErrorKind::Usage);
    }
}
