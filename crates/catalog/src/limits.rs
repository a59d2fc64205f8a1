//! Bounds on what is stored. A record beyond them is refused when written and when read, before anything is allocated for it.

/// Longest value, bytes: a table descriptor or a list row with many thousand tables fits many times.
pub const RECORD_BYTES: usize = 16 << 20;
/// Longest list row, bytes. All rows of a repository are read at once, so they stay small.
pub const ROW_BYTES: usize = 16 << 10;
/// Longest key, bytes.
pub const KEY_BYTES: usize = 4 << 10;
/// So many bytes of a region's start key are in manifest keys.
pub const START_KEY_BYTES: usize = 512;
/// Longest name of a table, family, file, user, peer or label, bytes.
pub const NAME_BYTES: usize = 4 << 10;
/// Longest raw HBase message in a record (descriptor, region info), bytes.
pub const RAW_BYTES: usize = 15 << 20;
/// Most tables in one backup.
pub const TABLES: usize = 100_000;
/// Most families in one region.
pub const FAMILIES: usize = 10_000;
/// Most grants in one scope.
pub const PERMISSIONS: usize = 100_000;
/// Most tags, omissions and configuration pairs.
pub const PAIRS: usize = 10_000;
/// Most MOB files that one store file leads to.
pub const MOB_REFERENCES: usize = 1_000_000;
