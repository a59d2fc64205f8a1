//! Data objects: header | frames | frame table | footer. Written by [`sealer`], read by [`opener`].

pub(crate) mod header;
pub(crate) mod opener;
pub(crate) mod sealer;
pub(crate) mod table;
