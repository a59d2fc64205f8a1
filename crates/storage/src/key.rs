//! Which keys and paths every backend takes.
//!
//! One rule for all backends, so that a repository can be copied from any of them to any other: what a POSIX file system, HDFS
//! (no colon) and a web store all accept without escaping.

use crate::{Result, StorageError};

/// Longest key in bytes; web stores stop at 1024, and a backend puts its own prefix in front.
pub const MAXIMUM_KEY_BYTES: usize = 900;
/// Longest part of a key between two slashes: what POSIX file systems and HDFS take.
pub const MAXIMUM_SEGMENT_BYTES: usize = 255;
/// First segment that backends keep for unfinished objects.
pub const TEMPORARY_SEGMENT: &str = "tmp";

/// Refuses a key that some backend could not hold: empty, too long, a leading, trailing or double slash, a segment that starts
/// with a dot, a character outside ASCII letters, digits and `-_.=+,@~%!`, or the reserved first segment `tmp`.
pub fn check_key(key: &str) -> Result<()> {
    let refuse = |detail: &str| Err(StorageError::Invalid { path: key.to_owned(), detail: detail.to_owned() });
    if key.is_empty() || key.len() > MAXIMUM_KEY_BYTES {
        return refuse("a key has 1 to 900 bytes");
    }
    if !key.bytes().all(is_key_byte) {
        return refuse("a key has only ASCII letters, digits, `/` and `-_.=+,@~%!`");
    }
    for segment in key.split('/') {
        if segment.is_empty() || segment.len() > MAXIMUM_SEGMENT_BYTES {
            return refuse("the parts of a key between slashes have 1 to 255 bytes");
        }
        if segment.starts_with('.') {
            return refuse("no part of a key starts with a dot");
        }
    }
    if key.split('/').next() == Some(TEMPORARY_SEGMENT) {
        return refuse("keys below `tmp` are reserved for unfinished objects");
    }
    Ok(())
}

/// Whether a name found in a store can be a part of a key. Others (`.nfs0001`, `.snapshot`) are
/// not ours and never listed.
pub(crate) fn is_segment(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(|byte| byte != b'/' && is_key_byte(byte))
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-_.=+,@~%!".contains(&byte)
}

/// Refuses a path that is not absolute and plain: `/`, or `/a/b` without `.`, `..`, empty parts or NUL.
pub(crate) fn check_path(path: &str) -> Result<()> {
    let plain = path == "/"
        || path
            .strip_prefix('/')
            .is_some_and(|rest| !path.contains('\0') && rest.split('/').all(|part| !part.is_empty() && part != "." && part != ".."));
    if plain {
        return Ok(());
    }
    Err(StorageError::Invalid { path: path.to_owned(), detail: "a path is absolute, without `.`, `..` and empty parts".to_owned() })
}

/// Directory and name of a path that [`check_path`] accepted; `None` for `/`.
pub(crate) fn split_path(path: &str) -> Option<(&str, &str)> {
    let (parent, name) = path.rsplit_once('/')?;
    if name.is_empty() { None } else { Some((if parent.is_empty() { "/" } else { parent }, name)) }
}

/// The bounds of a range read, checked against the object's length. `Short` says what is there.
pub(crate) fn check_range(path: &str, offset: u64, length: u64, total: u64) -> Result<()> {
    match offset.checked_add(length) {
        Some(end) if end <= total => Ok(()),
        _ => Err(StorageError::Short { path: path.to_owned(), offset, expected: length, actual: total.saturating_sub(offset).min(length) }),
    }
}

/// Length of a range for memory: `Invalid` when it is empty backwards or longer than a machine can hold.
pub(crate) fn range_length(path: &str, range: &std::ops::Range<u64>) -> Result<usize> {
    let invalid = |detail: &str| StorageError::Invalid { path: path.to_owned(), detail: detail.to_owned() };
    let length = range.end.checked_sub(range.start).ok_or_else(|| invalid("the range ends before it starts"))?;
    usize::try_from(length).map_err(|_| invalid("the range is longer than memory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_no_backend_could_hold_are_refused() {
        for good in ["a", "commit/00/0001", "d/ff/x-y_z.1", "a%2Cb=c+d,e@f~g!", &"s".repeat(255), "tmpx/a", "a/tmp"] {
            check_key(good).unwrap_or_else(|error| panic!("{good}: {error}"));
        }
        for bad in
            ["", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.hidden", "tmp", "tmp/x", "a b", "a:b", "ü", "a\\b", "a\nb", &"s".repeat(256)]
        {
            assert!(check_key(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(check_key(&["s".repeat(200), "s".repeat(200), "s".repeat(200), "s".repeat(200), "s".repeat(200)].join("/")).is_err());
    }

    #[test]
    fn paths_are_absolute_and_plain() {
        for good in ["/", "/a", "/a/b,c%2C=.tmp/.hidden"] {
            check_path(good).unwrap_or_else(|error| panic!("{good}: {error}"));
        }
        for bad in ["", "a", "/a/", "//", "/a//b", "/a/./b", "/a/..", "/a\0b"] {
            assert!(check_path(bad).is_err(), "{bad:?} was accepted");
        }
        assert_eq!(split_path("/a/b"), Some(("/a", "b")));
        assert_eq!(split_path("/a"), Some(("/", "a")));
        assert_eq!(split_path("/"), None);
    }

    #[test]
    fn ranges_end_inside_and_never_overflow() {
        assert!(check_range("k", 0, 0, 0).is_ok());
        assert!(check_range("k", 2, 3, 5).is_ok());
        assert!(matches!(check_range("k", 2, 4, 5), Err(StorageError::Short { actual: 3, .. })));
        assert!(matches!(check_range("k", u64::MAX, 2, 5), Err(StorageError::Short { actual: 0, .. })));
        assert!(range_length("k", &std::ops::Range { start: 3, end: 2 }).is_err());
    }
}
