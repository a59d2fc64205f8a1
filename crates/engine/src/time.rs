//! Times and places in the log, for people and JSON.

/// RFC 3339 in UTC, to the second.
pub(crate) fn rfc3339(millis: i64) -> String {
    let seconds = millis.div_euclid(1000);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| format!("{millis} ms"), |time| time.to_string())
}

/// `sequence:hash8` of a place in the commit log.
pub(crate) fn head(head: &repository::Head) -> String {
    let hash: String = head.hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{}:{hash}", head.sequence)
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_as_utc() {
        assert_eq!(super::rfc3339(1_700_000_000_999), "2023-11-14T22:13:20Z");
    }
}
