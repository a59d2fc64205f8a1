//! The tree of known keys: what each takes. The only list of keys there is; checking, suggestions, the environment and `config show` all read it.

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `version = 1`.
    Version,
    /// Any text.
    Text,
    /// A path on this machine.
    Path,
    /// An address, never with a secret in it.
    Url,
    /// A list of texts; from the environment, separated by commas.
    TextList,
    /// `1GiB`.
    Size,
    /// `200MB/s`.
    Rate,
    /// `8h`.
    Duration,
    /// A whole number from 1 to 1024.
    Count,
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Kind {
    /// The kind in a message.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Version => "the number 1",
            Self::Text => "text in quotes",
            Self::Path => "a path in quotes",
            Self::Url => "an address in quotes",
            Self::TextList => "a list of texts",
            Self::Size => "a size such as \"1GiB\"",
            Self::Rate => "a rate such as \"200MB/s\"",
            Self::Duration => "a duration such as \"4h\"",
            Self::Count => "a whole number from 1 to 1024",
            Self::Boolean => "true or false",
            Self::Choice(_) => "one of a few words",
        }
    }
}

/// One place in the tree.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Node {
    /// A value.
    Leaf(Kind),
    /// A table with these keys.
    Table(&'static [(&'static str, Node)]),
    /// A table of tables whose names the operator chooses.
    Named(&'static [(&'static str, Node)]),
    /// A table of secret references: a plain text in its place is somebody's secret.
    Reference(&'static [(&'static str, Node)]),
    /// Accepted with everything below it; does nothing yet.
    Reserved,
}

/// The whole configuration.
pub(crate) const ROOT: Node = Node::Table(&[
    ("version", Node::Leaf(Kind::Version)),
    ("cluster", Node::Named(CLUSTER)),
    ("set", Node::Named(SET)),
    ("repo", Node::Named(REPOSITORY)),
    ("limits", Node::Table(LIMITS)),
    ("wal", Node::Reserved),
    ("schedule", Node::Reserved),
    ("policy", Node::Reserved),
    ("notify", Node::Reserved),
    ("audit", Node::Reserved),
    ("server", Node::Reserved),
]);

const CLUSTER: &[(&str, Node)] = &[
    ("conf_dir", Node::Leaf(Kind::Path)),
    ("zookeeper", Node::Leaf(Kind::Text)),
    ("masters", Node::Leaf(Kind::TextList)),
    ("rootdir", Node::Leaf(Kind::Url)),
    ("wal_dir", Node::Leaf(Kind::Url)),
    ("user", Node::Leaf(Kind::Text)),
    ("offline", Node::Leaf(Kind::Boolean)),
    ("deadline", Node::Leaf(Kind::Duration)),
    ("kerberos", Node::Reserved),
];

const SET: &[(&str, Node)] = &[
    ("cluster", Node::Leaf(Kind::Text)),
    ("tables", Node::Leaf(Kind::TextList)),
    ("exclude", Node::Leaf(Kind::TextList)),
    ("objectives", Node::Table(OBJECTIVES)),
];

const OBJECTIVES: &[(&str, Node)] = &[
    ("rpo", Node::Leaf(Kind::Duration)),
    ("rto", Node::Leaf(Kind::Duration)),
    ("verify_every", Node::Leaf(Kind::Duration)),
    ("drill_every", Node::Leaf(Kind::Duration)),
];

const REPOSITORY: &[(&str, Node)] = &[
    ("url", Node::Leaf(Kind::Url)),
    ("endpoint", Node::Leaf(Kind::Url)),
    ("region", Node::Leaf(Kind::Text)),
    ("ca_file", Node::Leaf(Kind::Path)),
    ("conf_dir", Node::Leaf(Kind::Path)),
    ("compression", Node::Leaf(Kind::Choice(&["auto", "none", "zstd"]))),
    ("credentials", Node::Reference(CREDENTIALS)),
    ("key", Node::Reference(KEY)),
];

const CREDENTIALS: &[(&str, Node)] =
    &[("env", Node::Leaf(Kind::Boolean)), ("file", Node::Leaf(Kind::Path)), ("command", Node::Leaf(Kind::Text))];

const KEY: &[(&str, Node)] = &[
    ("file", Node::Leaf(Kind::Path)),
    ("passphrase_env", Node::Leaf(Kind::Text)),
    ("passphrase_file", Node::Leaf(Kind::Path)),
    ("passphrase_command", Node::Leaf(Kind::Text)),
];

const LIMITS: &[(&str, Node)] = &[
    ("read", Node::Leaf(Kind::Rate)),
    ("upload", Node::Leaf(Kind::Rate)),
    ("workers", Node::Leaf(Kind::Count)),
    ("memory", Node::Leaf(Kind::Size)),
];

impl Node {
    /// The node one step below, for a key.
    pub(crate) fn child(self, key: &str) -> Option<Node> {
        match self {
            Self::Table(keys) | Self::Reference(keys) => keys.iter().find(|(name, _)| *name == key).map(|(_, node)| *node),
            Self::Named(keys) => Some(Self::Table(keys)),
            Self::Leaf(_) => None,
            Self::Reserved => Some(Self::Reserved),
        }
    }

    /// The known key nearest to a wrong one, if one is near enough to be meant.
    pub(crate) fn nearest(self, wrong: &str) -> Option<&'static str> {
        let (Self::Table(keys) | Self::Reference(keys)) = self else { return None };
        nearest(wrong, keys.iter().map(|(name, _)| *name))
    }
}

/// The candidate most like `wrong`; none when nothing is similar.
pub(crate) fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const SIMILAR: f64 = 0.7;
    let lower = wrong.to_lowercase();
    let scored = candidates.into_iter().map(|name| (strsim::jaro_winkler(&lower, &name.to_lowercase()), name));
    scored.filter(|(score, _)| *score >= SIMILAR).max_by(|left, right| left.0.total_cmp(&right.0)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_the_one_that_was_meant() {
        assert_eq!(ROOT.nearest("limit"), Some("limits"));
        assert_eq!(ROOT.nearest("clusters"), Some("cluster"));
        assert_eq!(Node::Table(LIMITS).nearest("raed"), Some("read"));
        assert_eq!(Node::Table(CLUSTER).nearest("root_dir"), Some("rootdir"));
        assert_eq!(Node::Table(CLUSTER).nearest("confdir"), Some("conf_dir"));
        assert_eq!(Node::Table(LIMITS).nearest("xyzzy"), None);
    }
}
