//! What tests of several crates share: fixtures.

pub mod fixtures;
