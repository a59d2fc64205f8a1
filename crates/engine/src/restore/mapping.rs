//! Which tables of a backup are restored, and under which names.
//!
//! `--table`, `--namespace` and `--all` choose; `--as` renames the one table chosen, `--as-namespace` moves all of them, `--map`
//! says it line by line. A name that the backup does not hold, a target named twice and a rename without a single table are
//! refused before anything is read.

use std::collections::{BTreeMap, BTreeSet};

use hbase_types::TableName;

use crate::{EngineError, Result};

/// Tables to take from a backup.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Every table.
    pub all: bool,
    /// Tables by name.
    pub tables: Vec<TableName>,
    /// Every table of these namespaces.
    pub namespaces: Vec<String>,
    /// Names to leave out.
    pub exclude: Vec<TableName>,
}

/// New names.
#[derive(Debug, Clone, Default)]
pub struct Renames {
    /// `--as`: the name of the one table chosen.
    pub single: Option<TableName>,
    /// `--as-namespace`: the namespace of all of them.
    pub namespace: Option<String>,
    /// `--map`: source to target.
    pub map: BTreeMap<TableName, TableName>,
}

/// Reads a map file: `source target` or `source=target` per line, `#` starts a comment.
pub fn parse_map(text: &str) -> Result<BTreeMap<TableName, TableName>> {
    let mut map = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let mut words = line.split(|letter: char| letter == '=' || letter.is_whitespace()).filter(|word| !word.is_empty());
        let (Some(source), Some(target), None) = (words.next(), words.next(), words.next()) else {
            return Err(usage(format!("map file, line {}: expected `source target`, got `{line}`", number + 1)));
        };
        let source = table(source)?;
        if map.insert(source.clone(), table(target)?).is_some() {
            return Err(usage(format!("map file, line {}: {source} stands there twice", number + 1)));
        }
    }
    Ok(map)
}

/// Pairs of source and target, sorted by source.
pub(super) fn choose(available: &BTreeSet<TableName>, selection: &Selection, renames: &Renames) -> Result<Vec<(TableName, TableName)>> {
    let sources = chosen(available, selection, renames)?;
    if renames.single.is_some() && sources.len() != 1 {
        return Err(usage(format!("--as names one table, but {} are chosen: use --as-namespace or --map", sources.len())));
    }
    let mut pairs = Vec::with_capacity(sources.len());
    let mut targets = BTreeMap::new();
    for source in sources {
        let target = renamed(&source, renames)?;
        if target.is_system() {
            return Err(usage(format!("{source} cannot be restored as {target}: that namespace is HBase's own")));
        }
        if let Some(other) = targets.insert(target.clone(), source.clone()) {
            return Err(usage(format!("{other} and {source} would both become {target}")));
        }
        pairs.push((source, target));
    }
    Ok(pairs)
}

fn chosen(available: &BTreeSet<TableName>, selection: &Selection, renames: &Renames) -> Result<BTreeSet<TableName>> {
    let mut chosen = BTreeSet::new();
    if selection.all {
        chosen.extend(available.iter().cloned());
    }
    for namespace in &selection.namespaces {
        let before = chosen.len();
        chosen.extend(available.iter().filter(|table| table.namespace() == namespace).cloned());
        if chosen.len() == before && !selection.all {
            return Err(missing(format!("no table of namespace {namespace}"), available));
        }
    }
    let named_by_map = if selection.all || !selection.namespaces.is_empty() || !selection.tables.is_empty() {
        Vec::new()
    } else {
        renames.map.keys().cloned().collect()
    };
    for table in selection.tables.iter().chain(&named_by_map).chain(renames.map.keys()) {
        if !available.contains(table) {
            return Err(missing(format!("no table {table}"), available));
        }
    }
    chosen.extend(selection.tables.iter().cloned());
    chosen.extend(named_by_map);
    for table in &selection.exclude {
        chosen.remove(table);
    }
    if chosen.is_empty() {
        return Err(usage("no table chosen: say --table, --namespace or --all".to_owned()));
    }
    Ok(chosen)
}

fn renamed(source: &TableName, renames: &Renames) -> Result<TableName> {
    if let Some(target) = renames.map.get(source) {
        return Ok(target.clone());
    }
    if let Some(target) = &renames.single {
        return Ok(target.clone());
    }
    match &renames.namespace {
        Some(namespace) => TableName::new(namespace, source.qualifier()).map_err(|error| usage(error.to_string())),
        None => Ok(source.clone()),
    }
}

fn table(name: &str) -> Result<TableName> {
    TableName::parse(name).map_err(|error| usage(error.to_string()))
}

fn usage(message: String) -> EngineError {
    EngineError::Usage { message }
}

fn missing(what: String, available: &BTreeSet<TableName>) -> EngineError {
    let names: Vec<String> = available.iter().take(20).map(ToString::to_string).collect();
    EngineError::NotFound { message: format!("{what} in this backup; it holds {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> TableName {
        TableName::parse(text).unwrap()
    }

    fn available() -> BTreeSet<TableName> {
        ["users", "bin", "shop:orders", "shop:blobs"].iter().map(|text| name(text)).collect()
    }

    #[test]
    fn chooses_by_name_namespace_and_all() {
        let by_namespace = Selection { namespaces: vec!["shop".into()], ..Selection::default() };
        let renames = Renames { namespace: Some("copy".into()), ..Renames::default() };
        let pairs = choose(&available(), &by_namespace, &renames).unwrap();
        assert_eq!(pairs, [(name("shop:blobs"), name("copy:blobs")), (name("shop:orders"), name("copy:orders"))]);
        let all = Selection { all: true, exclude: vec![name("bin")], ..Selection::default() };
        assert_eq!(choose(&available(), &all, &Renames::default()).unwrap().len(), 3);
    }

    #[test]
    fn a_map_alone_chooses_its_sources() {
        let map = parse_map("# all of them\nusers people\nshop:orders = old:orders # moved\n").unwrap();
        let renames = Renames { map, ..Renames::default() };
        let pairs = choose(&available(), &Selection::default(), &renames).unwrap();
        assert_eq!(pairs, [(name("users"), name("people")), (name("shop:orders"), name("old:orders"))]);
        assert!(parse_map("users").is_err());
        assert!(parse_map("users a\nusers b").is_err());
    }

    #[test]
    fn refuses_what_would_surprise() {
        let two = Selection { tables: vec![name("users"), name("bin")], ..Selection::default() };
        let single = Renames { single: Some(name("x")), ..Renames::default() };
        assert!(choose(&available(), &two, &single).unwrap_err().to_string().contains("--as names one table"));
        let map = BTreeMap::from([(name("users"), name("x")), (name("bin"), name("x"))]);
        let clash = choose(&available(), &two, &Renames { map, ..Renames::default() });
        assert!(clash.unwrap_err().to_string().contains("would both become x"));
        let unknown = Selection { tables: vec![name("nobody")], ..Selection::default() };
        let error = choose(&available(), &unknown, &Renames::default()).unwrap_err();
        assert!(error.to_string().contains("no table nobody in this backup; it holds bin, users"), "{error}");
        assert!(choose(&available(), &Selection::default(), &Renames::default()).is_err());
        let system = Renames { single: Some(name("hbase:x")), ..Renames::default() };
        let one = Selection { tables: vec![name("users")], ..Selection::default() };
        assert!(choose(&available(), &one, &system).is_err());
    }
}
