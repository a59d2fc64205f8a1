//! From names and globs as typed to tables.

use std::collections::{BTreeMap, BTreeSet};

use api::ErrorKind;
use config::Config;
use engine::restore::Selection;
use globset::Glob;
use hbase_types::TableName;

use crate::command_line::SelectionOptions;
use crate::outcome::Failure;

/// `orders` or `shop:orders`.
pub(crate) fn table_name(text: &str) -> Result<TableName, Failure> {
    TableName::parse(text).map_err(|error| Failure::usage(error.to_string()))
}

/// Which tables of a backup, globs resolved against what it holds. A glob without `:` stays within namespace `default`, as for backup.
/// Nothing chosen and a map given: the tables of the map.
pub(crate) fn from_backup(
    typed: &SelectionOptions,
    config: &Config,
    available: &BTreeSet<TableName>,
    map: &BTreeMap<TableName, TableName>,
) -> Result<Selection, Failure> {
    let (mut patterns, mut excluded) = (typed.tables.clone(), typed.exclude.clone());
    if let Some(name) = &typed.set {
        let set = config.set(name)?;
        patterns.extend(set.tables.iter().cloned());
        excluded.extend(set.exclude.iter().cloned());
    }
    let mut tables = Vec::new();
    for pattern in &patterns {
        let found = matching(pattern, available)?;
        if found.is_empty() {
            let held: Vec<String> = available.iter().map(ToString::to_string).collect();
            return Err(Failure::new(ErrorKind::NotFound, format!("no table {pattern} in this backup"))
                .with_hint(format!("it holds {}", held.join(", "))));
        }
        tables.extend(found);
    }
    if patterns.is_empty() && typed.namespaces.is_empty() && !typed.all {
        if map.is_empty() {
            return Err(Failure::usage("no tables are chosen").with_hint("name them with --table, --set or --namespace, or give --all"));
        }
        tables.extend(map.keys().cloned());
    }
    let mut exclude = Vec::new();
    for pattern in &excluded {
        exclude.extend(matching(pattern, available)?);
    }
    Ok(Selection { all: typed.all, tables, namespaces: typed.namespaces.clone(), exclude })
}

fn matching(pattern: &str, available: &BTreeSet<TableName>) -> Result<Vec<TableName>, Failure> {
    if !pattern.contains(['*', '?', '[', '{']) {
        // A plain name is looked up by name, so that the engine's own message names it when it is not there.
        let name = table_name(pattern)?;
        return Ok(available.get(&name).cloned().into_iter().collect());
    }
    let matcher = Glob::new(pattern).map_err(|error| Failure::usage(format!("{pattern}: {error}")))?.compile_matcher();
    let crosses = pattern.contains(':');
    let full = |table: &TableName| format!("{}:{}", table.namespace(), table.qualifier());
    let matches = |table: &&TableName| match crosses {
        true => matcher.is_match(full(table)),
        false => table.namespace() == TableName::DEFAULT_NAMESPACE && matcher.is_match(table.qualifier()),
    };
    Ok(available.iter().filter(matches).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn available() -> BTreeSet<TableName> {
        ["users", "bin", "shop:orders", "shop:tags"].iter().map(|name| TableName::parse(name).unwrap()).collect()
    }

    fn chosen(tables: &[&str]) -> Result<Vec<String>, Failure> {
        let typed = SelectionOptions { tables: tables.iter().map(ToString::to_string).collect(), ..SelectionOptions::default() };
        let selection = from_backup(&typed, &Config::default(), &available(), &BTreeMap::new())?;
        Ok(selection.tables.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn globs_stay_within_their_namespace() {
        assert_eq!(chosen(&["*"]).unwrap(), ["bin", "users"]);
        assert_eq!(chosen(&["shop:*"]).unwrap(), ["shop:orders", "shop:tags"]);
        assert_eq!(chosen(&["*:tags", "users"]).unwrap(), ["shop:tags", "users"]);
    }

    #[test]
    fn what_is_not_there_is_named_with_what_there_is() {
        let failure = chosen(&["shop:carts"]).unwrap_err();
        assert_eq!(failure.exit_code(), 4);
        assert!(failure.render().contains("shop:carts") && failure.render().contains("shop:orders"), "{}", failure.render());
        assert_eq!(chosen(&[]).unwrap_err().exit_code(), 2);
    }
}
