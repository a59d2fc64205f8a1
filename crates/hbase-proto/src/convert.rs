//! Between HBase's messages and `hbase-types`. Reading checks what the message only claims; writing makes the messages of RPC
//! arguments. What must be given back unchanged is not made here (see the crate's head).

use bytes::Bytes;
use hbase_types::NameError;

/// A message that decodes but does not say what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// The name of a table or server breaks HBase's rules.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The bytes of a name are not UTF-8.
    #[error("a table name is not UTF-8: {bytes:?}")]
    NotText { bytes: Bytes },
    /// A port above 65535.
    #[error("server {host} has the impossible port {port}")]
    Port { host: String, port: u32 },
}

impl TryFrom<&crate::TableName> for hbase_types::TableName {
    type Error = ConvertError;

    fn try_from(message: &crate::TableName) -> Result<Self, ConvertError> {
        let text =
            |bytes: &Bytes| std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| ConvertError::NotText { bytes: bytes.clone() });
        Ok(Self::new(&text(&message.namespace)?, &text(&message.qualifier)?)?)
    }
}

impl From<&hbase_types::TableName> for crate::TableName {
    fn from(table: &hbase_types::TableName) -> Self {
        Self {
            namespace: Bytes::copy_from_slice(table.namespace().as_bytes()),
            qualifier: Bytes::copy_from_slice(table.qualifier().as_bytes()),
        }
    }
}

impl TryFrom<&crate::RegionInfo> for hbase_types::RegionInfo {
    type Error = ConvertError;

    fn try_from(message: &crate::RegionInfo) -> Result<Self, ConvertError> {
        Ok(Self {
            table: (&message.table_name).try_into()?,
            start_key: message.start_key.clone().unwrap_or_default(),
            end_key: message.end_key.clone().unwrap_or_default(),
            region_id: message.region_id.cast_signed(),
            replica_id: message.replica_id(),
            offline: message.offline(),
            split: message.split(),
        })
    }
}

impl TryFrom<&crate::ServerName> for hbase_types::ServerName {
    type Error = ConvertError;

    fn try_from(message: &crate::ServerName) -> Result<Self, ConvertError> {
        let host = message.host_name.clone();
        let port = message.port();
        let port = u16::try_from(port).map_err(|_| ConvertError::Port { host: host.clone(), port })?;
        Ok(Self { host, port, start_code: message.start_code() })
    }
}

impl From<&hbase_types::ServerName> for crate::ServerName {
    fn from(server: &hbase_types::ServerName) -> Self {
        Self { host_name: server.host.clone(), port: Some(u32::from(server.port)), start_code: Some(server.start_code) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_both_ways() {
        let table = hbase_types::TableName::parse("shop:orders").unwrap();
        assert_eq!(hbase_types::TableName::try_from(&crate::TableName::from(&table)).unwrap(), table);
        let server = hbase_types::ServerName::parse("h,16020,5").unwrap();
        assert_eq!(hbase_types::ServerName::try_from(&crate::ServerName::from(&server)).unwrap(), server);
    }

    #[test]
    fn impossible_names_are_refused() {
        let climbing = crate::TableName { namespace: Bytes::from_static(b"default"), qualifier: Bytes::from_static(b"../x") };
        assert!(matches!(hbase_types::TableName::try_from(&climbing), Err(ConvertError::Name(_))));
        let binary = crate::TableName { namespace: Bytes::from_static(b"\xff"), qualifier: Bytes::from_static(b"x") };
        assert!(matches!(hbase_types::TableName::try_from(&binary), Err(ConvertError::NotText { .. })));
        let server = crate::ServerName { host_name: "h".to_owned(), port: Some(70_000), start_code: None };
        assert!(matches!(hbase_types::ServerName::try_from(&server), Err(ConvertError::Port { port: 70_000, .. })));
    }
}
