//! One TOML text as (key path, value, line).

use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{ConfigError, Result};
use crate::layers::{Layers, Origin, Value};

/// Adds every key of `text` to `layers`, with file and line as origin.
pub(crate) fn read_document(path: &Path, text: &str, layers: &mut Layers) -> Result<()> {
    let lines = Lines::new(text);
    let root = DeTable::parse(text).map_err(|error| ConfigError::NotToml {
        path: path.to_path_buf(),
        line: lines.line(error.span().map_or(0, |span| span.start)),
        detail: error.message().to_string(),
    })?;
    let file: Arc<Path> = Arc::from(path);
    add_table(&file, &lines, &mut Vec::new(), root.get_ref(), layers);
    Ok(())
}

fn add_table(file: &Arc<Path>, lines: &Lines, path: &mut Vec<String>, table: &DeTable<'_>, layers: &mut Layers) {
    for (key, value) in table {
        let origin = Origin::File { path: file.clone(), line: lines.line(key.span().start) };
        path.push(key.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(inner) => {
                layers.set_table(path.clone(), origin);
                add_table(file, lines, path, inner, layers);
            }
            _ => layers.set(path.clone(), convert(value), origin),
        }
        path.pop();
    }
}

fn convert(value: &Spanned<DeValue<'_>>) -> Value {
    match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(&number.as_str().replace('_', ""), number.radix())
            .map_or(Value::Other("a number too large"), Value::Integer),
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Array(items) => {
            let texts: Option<Vec<String>> = items.iter().map(|item| item.get_ref().as_str().map(str::to_string)).collect();
            texts.map_or(Value::Other("a list of other things"), Value::List)
        }
        DeValue::Float(_) => Value::Other("a number with a point"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Table(_) => Value::Other("a table"),
    }
}

/// Byte offset to line number, counted from 1.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn new(text: &str) -> Self {
        Self { starts: std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect() }
    }

    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }
}
