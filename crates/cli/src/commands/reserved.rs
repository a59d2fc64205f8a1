//! The part of the command tree that is reserved and not built: each answers with exit code 2 and says so.

/// Top-level verbs and what they will do.
pub(crate) const RESERVED: &[(&str, &str)] = &[
    ("tag", "changes the tags of a backup"),
    ("pin", "keeps a backup from expiring"),
    ("unpin", "lets a backup expire again"),
    ("delete", "marks a backup as deleted"),
    ("wal", "archives write-ahead logs"),
    ("point", "names moments to restore to"),
    ("hold", "keeps HBase's cleaners from deleting"),
    ("release", "lets HBase's cleaners delete again"),
    ("get", "reads one row out of the repository"),
    ("expire", "marks backups by policy"),
    ("gc", "frees space in the repository"),
    ("policy", "tries a retention policy"),
    ("copy", "copies a backup to another repository"),
    ("drill", "proves a restore in a scratch namespace"),
    ("schedule", "runs backups by the clock"),
    ("job", "shows and steers running work"),
    ("report", "writes a report"),
    ("runbook", "writes a runbook"),
    ("audit", "shows who did what"),
    ("serve", "runs the service"),
    ("inspect", "looks into HBase's files"),
    ("diag", "collects diagnostics"),
];

/// Below `repo`.
pub(crate) const RESERVED_REPO: &[(&str, &str)] =
    &[("repair", "repairs from another copy"), ("rescue", "says what a damaged repository can still give back")];

/// Below `repo key`.
pub(crate) const RESERVED_KEY: &[(&str, &str)] = &[("rotate", "makes a new repository key")];
