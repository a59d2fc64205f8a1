//! What a server's exception means: an error with a name of its own, and what the next try should do.
//!
//! Java wraps freely: the class in the header may be `RemoteException`-like and the real one stands in the stack trace, so the
//! message is the first line of the trace, without the class. Sources: `ClientExceptionsUtil`, `RSRpcServices`, `MasterRpcServices`.

use hbase_proto::ExceptionResponse;

use crate::error::ClientError;

/// What a failed try means for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advice {
    /// The server did nothing and will not: report.
    Fail,
    /// The server did nothing now; the same server can do it later.
    Retry,
    /// The server did nothing; another one is (or will be) responsible.
    Rediscover,
    /// A scanner is gone: open a new one where the old one stood.
    ResetScanner,
}

/// Rejected before anything was done, may be tried again at the same place.
const BUSY: &[&str] = &[
    "PleaseHoldException",
    "ServerNotRunningYetException",
    "CallQueueTooBigException",
    "CallDroppedException",
    "ServerTooBusyException",
    "RegionTooBusyException",
    "RpcThrottlingException",
    "RegionInTransitionException",
    "RetryImmediatelyException",
    "MultiActionResultTooLarge",
];

/// The wrong server, or one that is going away.
const WRONG_SERVER: &[&str] = &[
    "MasterNotRunningException",
    "NotActiveMasterException",
    "MasterStoppedException",
    "RegionServerStoppedException",
    "RegionServerAbortedException",
    "NotServingRegionException",
    "RegionMovedException",
    "RegionOpeningException",
    "RegionOfflineException",
];

/// Only ever about one scanner.
const SCANNER: &[&str] = &["UnknownScannerException", "LeaseException", "OutOfOrderScannerNextException", "ScannerResetException"];

/// The error for an exception that `server` sent, and what to do next.
pub(crate) fn interpret(exception: &ExceptionResponse, server: &str) -> (ClientError, Advice) {
    let class = exception.exception_class_name.clone().unwrap_or_default();
    let message = message_of(&class, exception.stack_trace.as_deref().unwrap_or_default());
    let do_not_retry = exception.do_not_retry.unwrap_or(false);
    let advice = advice_for(simple_name(&class));
    (named(class, message, do_not_retry, server), advice)
}

/// The error for a Java class and message, however they came (a procedure's end has them too).
pub(crate) fn named(class: String, message: String, do_not_retry: bool, server: &str) -> ClientError {
    match simple_name(&class) {
        "AccessDeniedException" => ClientError::AccessDenied { message },
        "TableNotFoundException" => ClientError::TableNotFound { table: message },
        "TableExistsException" => ClientError::TableExists { table: message },
        "TableNotEnabledException" => ClientError::TableNotEnabled { table: message },
        "TableNotDisabledException" => ClientError::TableNotDisabled { table: message },
        "NamespaceNotFoundException" => ClientError::NamespaceNotFound { namespace: message },
        "NamespaceExistException" => ClientError::NamespaceExists { namespace: message },
        "SnapshotExistsException" => ClientError::SnapshotExists { snapshot: message },
        "SnapshotDoesNotExistException" | "UnknownSnapshotException" => ClientError::SnapshotNotFound { snapshot: message },
        "SnapshotCreationException"
        | "HBaseSnapshotException"
        | "CorruptedSnapshotException"
        | "RestoreSnapshotException"
        | "TablePartiallyOpenException"
        | "SnapshotTTLExpiredException" => ClientError::SnapshotFailed { class, message },
        _ => ClientError::Remote { class, message, do_not_retry, server: server.to_owned() },
    }
}

fn advice_for(name: &str) -> Advice {
    if SCANNER.contains(&name) {
        Advice::ResetScanner
    } else if WRONG_SERVER.contains(&name) {
        Advice::Rediscover
    } else if BUSY.contains(&name) {
        Advice::Retry
    } else {
        Advice::Fail
    }
}

/// `a.b.C$D` is `C$D` to us.
pub(crate) fn simple_name(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}

/// The first line of the stack trace without the class before it.
fn message_of(class: &str, stack_trace: &str) -> String {
    let lines: Vec<&str> = stack_trace.lines().take_while(|line| !line.starts_with("\tat ")).collect();
    let text = lines.join(" ");
    let text = text.strip_prefix(class).unwrap_or(&text);
    text.strip_prefix(": ").unwrap_or(text).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exception(class: &str, trace: &str) -> ExceptionResponse {
        ExceptionResponse { exception_class_name: Some(class.into()), stack_trace: Some(trace.into()), ..Default::default() }
    }

    #[test]
    fn the_message_is_what_stands_before_the_trace() {
        let class = "org.apache.hadoop.hbase.security.AccessDeniedException";
        let trace = format!("{class}: Insufficient permissions (user=a)\n\tat x.Y.z(Y.java:1)\n\tat b\n");
        let (error, advice) = interpret(&exception(class, &trace), "h:1");
        assert!(matches!(&error, ClientError::AccessDenied { message } if message == "Insufficient permissions (user=a)"), "{error:?}");
        assert_eq!(advice, Advice::Fail);
    }

    #[test]
    fn classes_decide_what_is_next() {
        let advice = |class: &str| interpret(&exception(&format!("org.apache.{class}"), ""), "h:1").1;
        assert_eq!(advice("PleaseHoldException"), Advice::Retry);
        assert_eq!(advice("NotServingRegionException"), Advice::Rediscover);
        assert_eq!(advice("ipc.ServerNotRunningYetException"), Advice::Retry);
        assert_eq!(advice("UnknownScannerException"), Advice::ResetScanner);
        assert_eq!(advice("DoNotRetryIOException"), Advice::Fail);
        assert_eq!(advice("NeverHeardOfException"), Advice::Fail);
    }

    #[test]
    fn what_has_no_name_keeps_class_and_message() {
        let (error, _) = interpret(&exception("a.B", "a.B: why\n\tat c"), "h:1");
        assert_eq!(error.to_string(), "a.B: why (from h:1)");
    }
}
