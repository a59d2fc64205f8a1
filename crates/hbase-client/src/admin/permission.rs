//! Grants of the AccessController. On a cluster without it there are none.
//!
//! One scope's grants come from the master, which asks for ADMIN there. All of them at once come from a scan of `hbase:acl`:
//! row = table name, `@namespace` or `hbase:acl` for global grants; family `l`, qualifier = `user[,family[,qualifier]]`,
//! value = one letter per action (`PermissionStorage`).

use bytes::Bytes;
use hbase_proto::{self as proto, permission::Action, permission::Type};
use hbase_types::{Cell, TableName};

use crate::connection::Connection;
use crate::core::Repeat;
use crate::error::{ClientError, Result};
use crate::meta::{table_name, table_name_message};
use crate::scan::ScanOptions;
use crate::types::{Permission, PermissionAction, PermissionQuery, PermissionScope};

const ACL_TABLE: &str = "hbase:acl";
const FAMILY: &[u8] = b"l";

impl Connection {
    /// The grants of a scope, sorted. The answer for [`PermissionQuery::Global`] has HBase's superusers too, who need no grant.
    pub async fn permissions(&self, query: &PermissionQuery) -> Result<Vec<Permission>> {
        if !self.table_exists(&acl_table()?).await? {
            return Ok(Vec::new());
        }
        let mut request = proto::GetUserPermissionsRequest::default();
        match query {
            PermissionQuery::Global => request.r#type = Some(Type::Global as i32),
            PermissionQuery::Namespace(name) => {
                request.r#type = Some(Type::Namespace as i32);
                request.namespace_name = Some(Bytes::copy_from_slice(name.as_bytes()));
            }
            PermissionQuery::Table(table) => {
                request.r#type = Some(Type::Table as i32);
                request.table_name = Some(table_name_message(table));
            }
            PermissionQuery::All => return self.all_permissions().await,
        }
        let answer: proto::GetUserPermissionsResponse = self.core.master_call("GetUserPermissions", &request, Repeat::Harmless).await?;
        let mut permissions = answer.user_permission.iter().map(from_message).collect::<Result<Vec<_>>>()?;
        permissions.sort();
        Ok(permissions)
    }

    async fn all_permissions(&self) -> Result<Vec<Permission>> {
        let mut scanner = self.scan(&acl_table()?, ScanOptions { families: vec![Bytes::from_static(FAMILY)], ..ScanOptions::default() });
        let mut permissions = Vec::new();
        while let Some(cells) = scanner.next().await? {
            for cell in &cells {
                permissions.push(from_cell(cell)?);
            }
        }
        permissions.sort();
        Ok(permissions)
    }

    /// Grants a permission; with `merge` added to what the user has in that scope, else in its place.
    pub async fn grant(&self, permission: &Permission, merge: bool) -> Result<()> {
        let request = proto::GrantRequest { user_permission: to_message(permission), merge_existing_permissions: Some(merge) };
        let _: proto::GrantResponse = self.core.master_call("Grant", &request, Repeat::Harmless).await?;
        Ok(())
    }

    /// Takes back the actions of a permission.
    pub async fn revoke(&self, permission: &Permission) -> Result<()> {
        let request = proto::RevokeRequest { user_permission: to_message(permission) };
        let _: proto::RevokeResponse = self.core.master_call("Revoke", &request, Repeat::Harmless).await?;
        Ok(())
    }
}

fn acl_table() -> Result<TableName> {
    TableName::parse(ACL_TABLE).map_err(|error| ClientError::protocol(ACL_TABLE, error.to_string()))
}

fn from_cell(cell: &Cell) -> Result<Permission> {
    let broken = |detail: &str| ClientError::protocol(ACL_TABLE, format!("{detail} in row {}", cell.row.escape_ascii()));
    let row = std::str::from_utf8(&cell.row).map_err(|_| broken("a name that is not UTF-8"))?;
    let mut names = cell.qualifier.splitn(3, |byte| *byte == b',').map(Bytes::copy_from_slice);
    let user = names.next().and_then(|user| String::from_utf8(user.to_vec()).ok()).ok_or_else(|| broken("a user that is not UTF-8"))?;
    let scope = match row.strip_prefix('@') {
        Some(namespace) => PermissionScope::Namespace(namespace.to_owned()),
        None if row == ACL_TABLE => PermissionScope::Global,
        None => {
            let table = TableName::parse(row).map_err(|_| broken("no table name"))?;
            PermissionScope::Table { table, family: names.next(), qualifier: names.next() }
        }
    };
    let action = |code: &u8| PermissionAction::from_letter(*code as char).ok_or_else(|| broken("an unknown action"));
    let mut actions = cell.value.iter().map(action).collect::<Result<Vec<_>>>()?;
    actions.sort();
    Ok(Permission { user, scope, actions })
}

fn from_message(message: &proto::UserPermission) -> Result<Permission> {
    let broken = |detail: String| ClientError::protocol("the master", detail);
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).map_err(|error| broken(error.to_string()));
    let permission = &message.permission;
    let (scope, codes) = match (&permission.table_permission, &permission.namespace_permission, &permission.global_permission) {
        (Some(table), _, _) => {
            let name = table.table_name.as_ref().ok_or_else(|| broken("a table's permission without the table".to_owned()))?;
            let some = |bytes: &Option<Bytes>| bytes.clone().filter(|bytes| !bytes.is_empty());
            let table_scope = PermissionScope::Table {
                table: table_name(name).map_err(broken)?,
                family: some(&table.family),
                qualifier: some(&table.qualifier),
            };
            (table_scope, &table.action)
        }
        (None, Some(namespace), _) => {
            (PermissionScope::Namespace(text(&namespace.namespace_name.clone().unwrap_or_default())?), &namespace.action)
        }
        (None, None, Some(global)) => (PermissionScope::Global, &global.action),
        (None, None, None) => return Err(broken("a permission without a scope".to_owned())),
    };
    let action = |code: &i32| Action::try_from(*code).map(PermissionAction::from).map_err(|_| broken(format!("action {code}")));
    let mut actions = codes.iter().map(action).collect::<Result<Vec<_>>>()?;
    actions.sort();
    Ok(Permission { user: text(&message.user)?, scope, actions })
}

fn to_message(permission: &Permission) -> proto::UserPermission {
    let action: Vec<i32> = permission.actions.iter().map(|action| Action::from(*action) as i32).collect();
    let mut message = proto::Permission::default();
    match &permission.scope {
        PermissionScope::Global => {
            message.r#type = Type::Global as i32;
            message.global_permission = Some(proto::GlobalPermission { action });
        }
        PermissionScope::Namespace(name) => {
            message.r#type = Type::Namespace as i32;
            let namespace_name = Some(Bytes::copy_from_slice(name.as_bytes()));
            message.namespace_permission = Some(proto::NamespacePermission { namespace_name, action });
        }
        PermissionScope::Table { table, family, qualifier } => {
            message.r#type = Type::Table as i32;
            message.table_permission = Some(proto::TablePermission {
                table_name: Some(table_name_message(table)),
                family: family.clone(),
                qualifier: qualifier.clone(),
                action,
            });
        }
    }
    proto::UserPermission { user: Bytes::copy_from_slice(permission.user.as_bytes()), permission: message }
}

impl From<Action> for PermissionAction {
    fn from(action: Action) -> Self {
        match action {
            Action::Read => Self::Read,
            Action::Write => Self::Write,
            Action::Exec => Self::Execute,
            Action::Create => Self::Create,
            Action::Admin => Self::Admin,
        }
    }
}

impl From<PermissionAction> for Action {
    fn from(action: PermissionAction) -> Self {
        match action {
            PermissionAction::Read => Self::Read,
            PermissionAction::Write => Self::Write,
            PermissionAction::Execute => Self::Exec,
            PermissionAction::Create => Self::Create,
            PermissionAction::Admin => Self::Admin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(row: &'static str, qualifier: &'static str, value: &'static str) -> Cell {
        let (row, qualifier, value) = (Bytes::from(row), Bytes::from(qualifier), Bytes::from(value));
        Cell { row, family: Bytes::from_static(FAMILY), qualifier, timestamp: 0, key_type: 4, value, tags: Bytes::new(), sequence_id: 0 }
    }

    #[test]
    fn rows_of_the_acl_table_are_grants() {
        let table = from_cell(&cell("n:t", "@staff,f,q,with comma", "WR")).unwrap();
        let scope = PermissionScope::Table {
            table: TableName::parse("n:t").unwrap(),
            family: Some(Bytes::from_static(b"f")),
            qualifier: Some(Bytes::from_static(b"q,with comma")),
        };
        assert_eq!(table, Permission { user: "@staff".into(), scope, actions: vec![PermissionAction::Read, PermissionAction::Write] });
        assert_eq!(from_cell(&cell("@n", "u", "A")).unwrap().scope, PermissionScope::Namespace("n".into()));
        assert_eq!(from_cell(&cell("hbase:acl", "u", "RWXCA")).unwrap().actions.len(), 5);
        assert!(from_cell(&cell("n:t", "u", "?")).is_err());
        assert!(from_cell(&cell("no table", "u", "R")).is_err());
    }

    #[test]
    fn permissions_go_and_come_back() {
        let scopes = [
            PermissionScope::Global,
            PermissionScope::Namespace("n".into()),
            PermissionScope::Table { table: TableName::parse("t").unwrap(), family: Some(Bytes::from_static(b"f")), qualifier: None },
        ];
        for scope in scopes {
            let actions = vec![PermissionAction::Read, PermissionAction::Create, PermissionAction::Admin];
            let permission = Permission { user: "u".into(), scope, actions };
            assert_eq!(from_message(&to_message(&permission)).unwrap(), permission);
        }
    }
}
