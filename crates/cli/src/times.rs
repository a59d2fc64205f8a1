//! Times as typed and as shown: always with a zone, or relative.

use api::ErrorKind;
use jiff::{Timestamp, Zoned};

use crate::outcome::Failure;

/// Milliseconds since the epoch of `2026-11-09T02:00:00Z`, `2026-11-09 02:00+01:00`, `-15m`, `-2d`.
pub(crate) fn parse_millis(text: &str, now_millis: i64) -> Result<i64, Failure> {
    if let Some(back) = text.strip_prefix('-') {
        let seconds = config::parse_duration_seconds(back).map_err(|_| wrong(text))?;
        let back_millis = i64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(1000));
        return back_millis.and_then(|back| now_millis.checked_sub(back)).ok_or_else(|| wrong(text));
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp.as_millisecond());
    }
    text.parse::<Zoned>().map(|zoned| zoned.timestamp().as_millisecond()).map_err(|_| wrong(text))
}

fn wrong(text: &str) -> Failure {
    Failure::new(ErrorKind::Usage, format!("{text:?} is no time with a zone"))
        .with_hint("for example 2026-11-09T02:00:00Z, 2026-11-09T03:00:00+01:00, or -15m for a quarter of an hour ago")
}

/// `2026-11-09 02:49:57 UTC` from RFC 3339; as it is if it is not.
pub(crate) fn show(rfc3339: &str) -> String {
    match rfc3339.parse::<Timestamp>() {
        Ok(timestamp) => timestamp.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => rfc3339.to_string(),
    }
}

/// `3 s`, `4 min 10 s`, `2 h 10 min`, `3 d 4 h`.
pub(crate) fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if seconds < 60 => format!("{seconds} s"),
        () if minutes < 60 => format!("{minutes} min {} s", seconds % 60),
        () if hours < 24 => format!("{hours} h {} min", minutes % 60),
        () => format!("{days} d {} h", hours % 24),
    }
}

/// Wall time of a run: `0.4 s`, `12 s`, `4 min 10 s`.
pub(crate) fn wall(seconds: f64) -> String {
    if seconds < 10.0 { format!("{seconds:.1} s") } else { duration(seconds.round() as u64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_zone_or_are_relative() {
        assert_eq!(parse_millis("1970-01-01T00:01:00Z", 0).unwrap(), 60_000);
        assert_eq!(parse_millis("1970-01-01T01:01:00+01:00", 0).unwrap(), 60_000);
        assert_eq!(parse_millis("-15m", 1_000_000).unwrap(), 100_000);
        assert!(parse_millis("2026-11-09 02:00", 0).is_err());
        assert!(parse_millis("yesterday", 0).is_err());
    }

    #[test]
    fn durations_are_two_units_at_most() {
        assert_eq!(duration(3), "3 s");
        assert_eq!(duration(250), "4 min 10 s");
        assert_eq!(duration(7_800), "2 h 10 min");
        assert_eq!(duration(273_600), "3 d 4 h");
        assert_eq!(wall(0.44), "0.4 s");
    }
}
