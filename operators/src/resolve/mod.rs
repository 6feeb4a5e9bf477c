//! Turns evidence and identities into interactions between objects.

pub mod intervals;
