//! Puts the deltas of each closed time in their one order and numbers them.
