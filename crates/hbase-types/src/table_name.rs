//! Table names: `namespace:qualifier`, written without the namespace when it is `default`.

use std::fmt;
use std::str::FromStr;

use crate::NameError;

/// The name of a table. Both parts are checked, so they can stand in a path: neither empty, no separator, no leading dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    namespace: String,
    qualifier: String,
}

impl TableName {
    /// The namespace of tables that are named without one.
    pub const DEFAULT_NAMESPACE: &'static str = "default";
    /// The namespace of HBase's own tables.
    pub const SYSTEM_NAMESPACE: &'static str = "hbase";

    /// A table by its two parts. The rules are `TableName.isLegalFullyQualifiedTableName` of HBase.
    pub fn new(namespace: &str, qualifier: &str) -> Result<Self, NameError> {
        let refuse = |detail| {
            let name = format!("{namespace}:{qualifier}");
            Err(NameError::Table { name, detail })
        };
        if namespace.is_empty() || qualifier.is_empty() {
            return refuse("a part is empty");
        }
        if namespace == "zookeeper" || qualifier == "zookeeper" {
            return refuse("`zookeeper` is reserved");
        }
        if !namespace.chars().all(|letter| letter.is_alphanumeric() || letter == '_') {
            return refuse("a namespace has letters, digits and `_` only");
        }
        if qualifier.starts_with(['.', '-']) {
            return refuse("a table starts with a letter, a digit or `_`");
        }
        if !qualifier.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.')) {
            return refuse("a table has letters, digits, `_`, `-` and `.` only");
        }
        Ok(Self { namespace: namespace.to_owned(), qualifier: qualifier.to_owned() })
    }

    /// Reads `namespace:table` or `table` (namespace `default`).
    pub fn parse(name: &str) -> Result<Self, NameError> {
        match name.split_once(':') {
            Some((namespace, qualifier)) => Self::new(namespace, qualifier),
            None => Self::new(Self::DEFAULT_NAMESPACE, name),
        }
    }

    /// `hbase:meta`, the catalogue of regions.
    pub fn meta() -> Self {
        Self { namespace: Self::SYSTEM_NAMESPACE.to_owned(), qualifier: "meta".to_owned() }
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    pub fn qualifier(&self) -> &str {
        &self.qualifier
    }

    /// Whether this is one of HBase's own tables (`hbase:meta`, `hbase:acl`, …).
    pub fn is_system(&self) -> bool {
        self.namespace == Self::SYSTEM_NAMESPACE
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace == Self::DEFAULT_NAMESPACE {
            formatter.write_str(&self.qualifier)
        } else {
            write!(formatter, "{}:{}", self.namespace, self.qualifier)
        }
    }
}

impl FromStr for TableName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::parse(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_same_table() {
        let plain = TableName::parse("orders").unwrap();
        assert_eq!(plain, TableName::parse("default:orders").unwrap());
        assert_eq!(plain.to_string(), "orders");
        assert_eq!(TableName::parse("shop:a.b-c_1").unwrap().to_string(), "shop:a.b-c_1");
        assert_eq!(TableName::parse("hbase:meta").unwrap(), TableName::meta());
    }

    #[test]
    fn what_hbase_refuses_is_refused() {
        for name in ["", ":t", "ns:", ".tmp", "-t", "a/b", "ns:a:b", "n-s:t", "n.s:t", "..", "a b", "zookeeper", "ns:zookeeper", "a\0b"] {
            assert!(TableName::parse(name).is_err(), "{name:?} was accepted");
        }
    }
}
