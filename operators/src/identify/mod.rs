//! Decides which tracks are one object.
