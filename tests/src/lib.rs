//! What the tests of the house share: the tree as it lies on disk.
//!
//! The tests themselves are in `tests/tests/`: `tidy` holds the picture of the map.

pub mod house;
pub mod outside;
pub mod peer;
pub mod rig;
pub mod seat;
pub mod shelf;
pub mod sound;
pub mod tree;
