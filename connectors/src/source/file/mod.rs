//! Video files, decoded by GStreamer.
