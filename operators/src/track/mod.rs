//! Gives segments to tracks.
