//! Runs one timely dataflow per stream.
