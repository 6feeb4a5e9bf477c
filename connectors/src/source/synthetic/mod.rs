//! Labelled clips made in code.
