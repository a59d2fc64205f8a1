//! Quotas: read as they stand in `hbase:quota`, and set again one limit at a time, which is all that HBase's call offers.
//!
//! Row = `u.user`, `t.table`, `n.namespace` or `r.server`; family `q`, qualifier `s` (the subject as a whole) or, for users,
//! `s.table` or `s.namespace:`; value = `PBUF` + `Quotas` (`QuotaTableUtil`).

use bytes::Bytes;
use hbase_proto::{self as proto, Message, PROTOBUF_MAGIC, ThrottleType};
use hbase_types::TableName;

use crate::connection::Connection;
use crate::core::Repeat;
use crate::error::{ClientError, Result};
use crate::meta::table_name_message;
use crate::scan::ScanOptions;
use crate::types::QuotaRecord;

const QUOTA_TABLE: &str = "hbase:quota";
const FAMILY: &[u8] = b"q";

impl Connection {
    /// All quota settings; none on a cluster without quotas.
    pub async fn quotas(&self) -> Result<Vec<QuotaRecord>> {
        let table = TableName::parse(QUOTA_TABLE).map_err(|error| broken(error.to_string()))?;
        if !self.table_exists(&table).await? {
            return Ok(Vec::new());
        }
        let mut scanner = self.scan(&table, ScanOptions { families: vec![Bytes::from_static(FAMILY)], ..ScanOptions::default() });
        let mut records = Vec::new();
        while let Some(cells) = scanner.next().await? {
            records.extend(cells.into_iter().map(|cell| QuotaRecord { row: cell.row, qualifier: cell.qualifier, value: cell.value }));
        }
        Ok(records)
    }

    /// Sets the limits of a record. Limits that the subject has and the record has not stay.
    pub async fn apply_quota(&self, record: &QuotaRecord) -> Result<()> {
        for request in requests(record)? {
            let _: proto::SetQuotaResponse = self.core.master_call("SetQuota", &request, Repeat::Harmless).await?;
        }
        Ok(())
    }
}

fn broken(detail: impl Into<String>) -> ClientError {
    ClientError::protocol(QUOTA_TABLE, detail)
}

/// One request per limit.
fn requests(record: &QuotaRecord) -> Result<Vec<proto::SetQuotaRequest>> {
    let subject = subject(record)?;
    let message = record.value.strip_prefix(PROTOBUF_MAGIC).ok_or_else(|| broken("a value without PBUF"))?;
    let quotas = proto::Quotas::decode(message).map_err(|error| broken(error.to_string()))?;
    let mut requests = Vec::new();
    if quotas.bypass_globals.unwrap_or(false) {
        requests.push(proto::SetQuotaRequest { bypass_globals: Some(true), ..subject.clone() });
    }
    for (kind, limit) in quotas.throttle.iter().flat_map(limits) {
        let throttle = proto::ThrottleRequest { r#type: Some(kind as i32), timed_quota: Some(limit) };
        requests.push(proto::SetQuotaRequest { throttle: Some(throttle), ..subject.clone() });
    }
    if let Some(quota) = quotas.space {
        let space_limit = Some(proto::SpaceLimitRequest { quota: Some(quota) });
        requests.push(proto::SetQuotaRequest { space_limit, ..subject });
    }
    Ok(requests)
}

fn subject(record: &QuotaRecord) -> Result<proto::SetQuotaRequest> {
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).map_err(|error| broken(error.to_string()));
    let table = |name: &str| TableName::parse(name).map(|name| table_name_message(&name)).map_err(|error| broken(error.to_string()));
    let (row, qualifier) = (text(&record.row)?, text(&record.qualifier)?);
    let mut request = proto::SetQuotaRequest::default();
    match row.split_once('.') {
        Some(("u", user)) => {
            request.user_name = Some(user.to_owned());
            match qualifier.strip_prefix("s.") {
                Some(scope) => match scope.strip_suffix(':') {
                    Some(namespace) => request.namespace = Some(namespace.to_owned()),
                    None => request.table_name = Some(table(scope)?),
                },
                None => require_whole(&qualifier)?,
            }
            return Ok(request);
        }
        Some(("t", name)) => request.table_name = Some(table(name)?),
        Some(("n", name)) => request.namespace = Some(name.to_owned()),
        Some(("r", name)) => request.region_server = Some(name.to_owned()),
        _ => return Err(broken(format!("row `{row}`"))),
    }
    require_whole(&qualifier)?;
    Ok(request)
}

fn require_whole(qualifier: &str) -> Result<()> {
    if qualifier == "s" { Ok(()) } else { Err(broken(format!("column `{qualifier}`"))) }
}

fn limits(throttle: &proto::Throttle) -> Vec<(ThrottleType, proto::TimedQuota)> {
    let all = [
        (ThrottleType::RequestNumber, throttle.req_num),
        (ThrottleType::RequestSize, throttle.req_size),
        (ThrottleType::WriteNumber, throttle.write_num),
        (ThrottleType::WriteSize, throttle.write_size),
        (ThrottleType::ReadNumber, throttle.read_num),
        (ThrottleType::ReadSize, throttle.read_size),
        (ThrottleType::RequestCapacityUnit, throttle.req_capacity_unit),
        (ThrottleType::WriteCapacityUnit, throttle.write_capacity_unit),
        (ThrottleType::ReadCapacityUnit, throttle.read_capacity_unit),
        (ThrottleType::AtomicReadSize, throttle.atomic_read_size),
        (ThrottleType::AtomicRequestNumber, throttle.atomic_req_num),
        (ThrottleType::AtomicWriteSize, throttle.atomic_write_size),
        (ThrottleType::RequestHandlerUsageMs, throttle.req_handler_usage_ms),
    ];
    all.into_iter().filter_map(|(kind, limit)| limit.map(|limit| (kind, limit))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(row: &'static str, qualifier: &'static str) -> QuotaRecord {
        let limit = proto::TimedQuota { time_unit: proto::TimeUnit::Seconds as i32, soft_limit: Some(5), share: None, scope: None };
        let throttle = proto::Throttle { read_num: Some(limit), write_size: Some(limit), ..Default::default() };
        let quotas = proto::Quotas { throttle: Some(throttle), ..Default::default() };
        let value = [PROTOBUF_MAGIC.as_slice(), &quotas.encode_to_vec()].concat();
        QuotaRecord { row: Bytes::from(row), qualifier: Bytes::from(qualifier), value: Bytes::from(value) }
    }

    #[test]
    fn each_limit_is_a_request_for_its_subject() {
        let requests = requests(&record("t.n:t", "s")).unwrap();
        let kinds: Vec<_> = requests.iter().map(|request| request.throttle.as_ref().unwrap().r#type()).collect();
        assert_eq!(kinds, [ThrottleType::WriteSize, ThrottleType::ReadNumber]);
        assert!(requests.iter().all(|request| request.table_name.is_some() && request.user_name.is_none()));
    }

    #[test]
    fn users_have_scopes() {
        let first = |row, qualifier| requests(&record(row, qualifier)).unwrap().remove(0);
        assert_eq!(first("u.joe", "s.n:").namespace.as_deref(), Some("n"));
        assert!(first("u.joe", "s.t").table_name.is_some());
        assert_eq!(first("u.joe.x", "s").user_name.as_deref(), Some("joe.x"));
        for (row, qualifier) in [("t.t", "s.u"), ("x.y", "s"), ("joe", "s"), ("u.joe", "p")] {
            assert!(requests(&record(row, qualifier)).is_err(), "{row} {qualifier}");
        }
    }
}
