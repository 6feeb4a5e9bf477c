//! Starts GStreamer once per process, with everything that could open a connection or a second file turned off.

use crate::source::SourceError;
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use std::sync::OnceLock;

/// Elements no file may ever lead to. Pipelines here are built from named elements, so none of these could be chosen
/// anyway; this is the second wall, for code that lets GStreamer choose.
const NEVER_CHOSEN: [&str; 24] = [
    "hlsdemux",
    "hlsdemux2",
    "dashdemux",
    "dashdemux2",
    "mssdemux",
    "mssdemux2",
    "sdpdemux",
    "sdpsrc",
    "souphttpsrc",
    "curlhttpsrc",
    "neonhttpsrc",
    "rtspsrc",
    "rtspsrc2",
    "rtmpsrc",
    "rtmp2src",
    "udpsrc",
    "tcpclientsrc",
    "srtsrc",
    "srtclientsrc",
    "webrtcsrc",
    "giosrc",
    "dvdreadsrc",
    "cdparanoiasrc",
    "playbin",
];

/// Starts GStreamer, at the first call only. Takes up to a second where its registry must be built.
///
/// # Errors
/// Where it does not start. The answer of the first call is kept.
pub fn start() -> Result<(), SourceError> {
    static STARTED: OnceLock<Result<(), SourceError>> = OnceLock::new();
    STARTED.get_or_init(start_once).clone()
}

fn start_once() -> Result<(), SourceError> {
    gst::init().map_err(|error| SourceError::GStreamer(error.to_string()))?;
    // Plugins complain about hostile files through GLib, which prints to stderr where nobody asked for it.
    glib::log_set_default_handler(|domain, level, message| {
        tracing::debug!(domain = domain.unwrap_or(""), ?level, message, "glib");
    });
    let registry = gst::Registry::get();
    for name in NEVER_CHOSEN {
        if let Some(feature) = registry.lookup_feature(name) {
            feature.set_rank(gst::Rank::NONE);
        }
    }
    Ok(())
}
