//! Where frames come from.

pub mod file;
pub mod synthetic;
