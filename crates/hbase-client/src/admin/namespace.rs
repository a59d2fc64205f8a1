//! Namespaces.

use bytes::Bytes;
use hbase_proto as proto;

use crate::connection::Connection;
use crate::core::Repeat;
use crate::error::{ClientError, Result};
use crate::types::{Nonce, ProcedureId};

impl Connection {
    /// All namespaces with their settings (quotas of tables and regions), `default` and `hbase` among them, sorted.
    pub async fn namespaces(&self) -> Result<Vec<(String, Vec<(String, String)>)>> {
        let request = proto::ListNamespaceDescriptorsRequest {};
        let answer: proto::ListNamespaceDescriptorsResponse =
            self.core.master_call("ListNamespaceDescriptors", &request, Repeat::Harmless).await?;
        let mut namespaces = Vec::new();
        for descriptor in answer.namespace_descriptor {
            let name = String::from_utf8(descriptor.name.to_vec())
                .map_err(|_| ClientError::protocol("the master", "a namespace whose name is not UTF-8"))?;
            let settings = descriptor.configuration.into_iter().map(|pair| (pair.name, pair.value)).collect();
            namespaces.push((name, settings));
        }
        namespaces.sort();
        Ok(namespaces)
    }

    /// Makes a namespace and waits for it.
    pub async fn create_namespace(&self, name: &str, configuration: &[(String, String)], nonce: Nonce) -> Result<()> {
        let pair = |(name, value): &(String, String)| proto::NameStringPair { name: name.clone(), value: value.clone() };
        let descriptor = proto::NamespaceDescriptor {
            name: Bytes::copy_from_slice(name.as_bytes()),
            configuration: configuration.iter().map(pair).collect(),
        };
        let (nonce_group, nonce) = (Some(nonce.0), Some(nonce.1));
        let request = proto::CreateNamespaceRequest { namespace_descriptor: descriptor, nonce_group, nonce };
        let answer: proto::CreateNamespaceResponse = self.core.master_call("CreateNamespace", &request, Repeat::Harmless).await?;
        self.wait_namespace(answer.proc_id).await
    }

    /// Deletes an empty namespace and waits for it.
    pub async fn delete_namespace(&self, name: &str, nonce: Nonce) -> Result<()> {
        let (nonce_group, nonce) = (Some(nonce.0), Some(nonce.1));
        let request = proto::DeleteNamespaceRequest { namespace_name: name.to_owned(), nonce_group, nonce };
        let answer: proto::DeleteNamespaceResponse = self.core.master_call("DeleteNamespace", &request, Repeat::Harmless).await?;
        self.wait_namespace(answer.proc_id).await
    }

    async fn wait_namespace(&self, procedure: Option<u64>) -> Result<()> {
        match procedure {
            Some(id) => self.wait_procedure(ProcedureId(id), self.core.options.deadline).await,
            None => Ok(()),
        }
    }
}
