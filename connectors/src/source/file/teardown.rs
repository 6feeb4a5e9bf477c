//! Takes pipelines down without waiting for them.
//!
//! Going to the state Null waits for the threads of a pipeline. One that hangs inside a decoder would hang whoever
//! asked, so a thread of its own asks.

use gstreamer as gst;
use gstreamer::prelude::*;
use std::sync::mpsc;
use std::time::Duration;

/// How long a teardown is watched before it is left to itself. It usually takes a millisecond.
const PATIENCE: Duration = Duration::from_secs(2);

/// Brings `pipeline` to Null. Returns when that is done, or after two seconds with a warning.
pub(super) fn tear_down(pipeline: gst::Pipeline) {
    let (done, is_done) = mpsc::channel();
    let thread = std::thread::Builder::new().name("gst-teardown".into()).spawn(move || {
        // The answer is of no use: there is nothing left to do with a pipeline that cannot stop.
        let _ = pipeline.set_state(gst::State::Null);
        let _ = done.send(());
    });
    match thread {
        Ok(_) if is_done.recv_timeout(PATIENCE).is_err() => {
            tracing::warn!(seconds = PATIENCE.as_secs(), "pipeline does not stop, its threads are left behind");
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "no thread to stop a pipeline, its threads are left behind"),
    }
}
