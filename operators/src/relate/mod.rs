//! Judges relations between pairs of tracks and states evidence.
