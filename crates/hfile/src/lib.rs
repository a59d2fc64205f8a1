//! hfile
