//! The default segmenter: what moves against an adaptive background.
