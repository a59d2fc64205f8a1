//! Sizes, rates and times as people write them: `1GiB`, `200MB/s`, `8h`.

use serde::Serialize;

/// Bytes per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Rate {
    /// Bytes per second, above zero.
    pub bytes_per_second: u64,
}

/// `1GiB` is 2^30, `1GB` is 10^9; a bare number is bytes.
pub fn parse_bytes(text: &str) -> std::result::Result<u64, String> {
    let size: bytesize::ByteSize =
        text.trim().parse().map_err(|_| format!("{text:?} is no size; write for example 512MiB, 1GiB or 200MB"))?;
    Ok(size.as_u64())
}

/// `200MB/s`; the `/s` is required, so that a size is never taken for a rate.
pub fn parse_rate(text: &str) -> std::result::Result<Rate, String> {
    let amount = text.trim().strip_suffix("/s").ok_or_else(|| format!("{text:?} is no rate; write for example 200MB/s"))?;
    let bytes_per_second = parse_bytes(amount).map_err(|_| format!("{text:?} is no rate; write for example 200MB/s"))?;
    if bytes_per_second == 0 {
        return Err("a rate of 0 would never end; leave the key out for no limit".into());
    }
    Ok(Rate { bytes_per_second })
}

/// `90s`, `8h`, `30d`, `1h 30m`: whole seconds.
pub fn parse_duration_seconds(text: &str) -> std::result::Result<u64, String> {
    let duration =
        humantime::parse_duration(text.trim()).map_err(|_| format!("{text:?} is no duration; write for example 60s, 4h or 30d"))?;
    Ok(duration.as_secs())
}

/// `1.4 GiB`, for people.
pub fn format_bytes(bytes: u64) -> String {
    bytesize::ByteSize(bytes).display().iec().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_and_binary_units_differ() {
        assert_eq!(parse_bytes("1GB"), Ok(1_000_000_000));
        assert_eq!(parse_bytes("1GiB"), Ok(1 << 30));
        assert_eq!(parse_bytes("4096"), Ok(4096));
    }

    #[test]
    fn a_rate_needs_its_seconds_and_a_number_above_zero() {
        assert_eq!(parse_rate("200MB/s"), Ok(Rate { bytes_per_second: 200_000_000 }));
        assert_eq!(parse_rate("1.5MiB/s"), Ok(Rate { bytes_per_second: 1_572_864 }));
        assert!(parse_rate("200MB").is_err());
        assert!(parse_rate("0/s").is_err());
        assert!(parse_rate("fast/s").is_err());
    }

    #[test]
    fn durations_are_seconds() {
        assert_eq!(parse_duration_seconds("8h"), Ok(28_800));
        assert_eq!(parse_duration_seconds("1h 30m"), Ok(5_400));
        assert_eq!(parse_duration_seconds("30d"), Ok(2_592_000));
        assert!(parse_duration_seconds("soon").is_err());
    }
}
