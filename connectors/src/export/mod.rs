//! The graph and its log in the formats other tools read.
