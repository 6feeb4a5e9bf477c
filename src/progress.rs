//! How far the streams are: bars on a terminal, JSON lines otherwise, and the watch over frontiers that stand still.

use crate::cli::{Common, LogFormat};
use crate::say::note;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vokg_engine::id::StreamName;
use vokg_engine::runtime::control::{StreamControl, StreamCounters};
use vokg_engine::time::secs_from_micros;

/// Time between two lines about one stream.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Between two looks no more time than this counts.
const LOOK_MAX: Duration = Duration::from_secs(1);
/// Bars drawn at once; further streams show in the count of the others.
const MAX_BARS: usize = 16;

/// Where progress goes.
pub enum Display {
    /// Nowhere.
    Quiet,
    /// Bars that are redrawn.
    Bars(MultiProgress),
    /// A JSON object a line.
    Lines,
}

impl Display {
    /// Bars where stderr is a terminal, lines otherwise.
    pub fn new(common: &Common) -> Self {
        match (common.quiet, common.log_format) {
            (true, _) => Self::Quiet,
            (false, LogFormat::Text) if std::io::stderr().is_terminal() => Self::Bars(MultiProgress::new()),
            (false, _) => Self::Lines,
        }
    }
}

/// One watched stream.
struct Watched {
    name: StreamName,
    control: Arc<StreamControl>,
    started: Instant,
    bar: Option<ProgressBar>,
    last_line: Instant,
    last_counters: StreamCounters,
    still: Duration,
    warned: bool,
    given_up: bool,
}

/// A stream whose frontier stood still.
pub struct Stalled {
    /// The number it was given.
    pub index: usize,
    /// Which.
    pub name: StreamName,
    /// For how long.
    pub for_secs: f64,
    /// Longer than it may.
    pub hopeless: bool,
}

/// Watches all running streams, from the opening of their input on.
pub struct Watch {
    display: Display,
    warn_after: Duration,
    fail_after: Duration,
    last_look: Instant,
    streams: BTreeMap<usize, Watched>,
}

impl Watch {
    /// Watches for frontiers that stand still for longer than these.
    pub fn new(display: Display, warn_after: Duration, fail_after: Duration) -> Self {
        Self { display, warn_after, fail_after, last_look: Instant::now(), streams: BTreeMap::new() }
    }

    /// Begins to watch a stream under this number.
    pub fn begin(&mut self, index: usize, name: &StreamName, control: Arc<StreamControl>) {
        let now = Instant::now();
        let bar = match &self.display {
            Display::Bars(bars) if self.streams.len() < MAX_BARS => Some(bars.add(bar(name))),
            _ => None,
        };
        let counters = control.counters();
        let watched = Watched {
            name: name.clone(),
            control,
            started: now,
            bar,
            last_line: now,
            last_counters: counters,
            still: Duration::ZERO,
            warned: false,
            given_up: false,
        };
        self.streams.insert(index, watched);
    }

    /// Ends the watch over a stream.
    pub fn end(&mut self, index: usize) {
        if let Some(Watched { bar: Some(bar), .. }) = self.streams.remove(&index) {
            bar.finish_and_clear();
        }
    }

    /// The time since the last look is nobody's fault: what the streams wait for is not theirs.
    pub fn pause(&mut self) {
        self.last_look = Instant::now();
    }

    /// Shows where the streams are; returns those that stood still for too long, each once per limit.
    pub fn tick(&mut self) -> Vec<Stalled> {
        let now = Instant::now();
        // A process that was itself stopped for a while must not blame its streams.
        let passed = (now - std::mem::replace(&mut self.last_look, now)).min(LOOK_MAX);
        let mut stalled = Vec::new();
        for (&index, watched) in &mut self.streams {
            let counters = watched.control.counters();
            watched.still += passed;
            if counters != watched.last_counters {
                (watched.last_counters, watched.still, watched.warned) = (counters, Duration::ZERO, false);
            }
            let still = watched.still;
            let hopeless = still >= self.fail_after;
            if (hopeless && !watched.given_up) || (still >= self.warn_after && !watched.warned) {
                watched.warned = true;
                watched.given_up = hopeless;
                let (name, for_secs) = (watched.name.clone(), still.as_secs_f64());
                stalled.push(Stalled { index, name, for_secs, hopeless });
            }
            let seconds = (now - watched.started).as_secs_f64().max(1e-3);
            match (&self.display, &watched.bar) {
                (_, Some(bar)) => draw(bar, counters, seconds),
                (Display::Lines, None) if now - watched.last_line >= LINE_EVERY => {
                    watched.last_line = now;
                    note(line(&watched.name, counters, seconds).to_string());
                }
                _ => {}
            }
        }
        stalled
    }
}

fn bar(name: &StreamName) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:24!} {bar:30} {pos}/{len} frames  {msg}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_prefix(name.to_string())
}

fn rates(counters: StreamCounters, seconds: f64) -> (f64, f64, Option<f64>) {
    let fps = counters.frames_out as f64 / seconds;
    let left = counters.frames_expected.saturating_sub(counters.frames_out) as f64;
    let eta = (counters.frames_expected > 0 && fps > 0.0).then(|| left / fps);
    (fps, secs_from_micros(counters.t_us) / seconds, eta)
}

fn draw(bar: &ProgressBar, counters: StreamCounters, seconds: f64) {
    let (fps, x_realtime, eta) = rates(counters, seconds);
    bar.set_length(counters.frames_expected.max(counters.frames_out));
    bar.set_position(counters.frames_out);
    let queue = counters.frames_in.saturating_sub(counters.frames_out);
    let eta = eta.map_or(String::new(), |eta| format!(", {eta:.0} s left"));
    let open = counters.interactions_open;
    bar.set_message(format!("{fps:.0} fps, {x_realtime:.1}x real time, {queue} in flight, {open} relations{eta}"));
}

fn line(name: &StreamName, counters: StreamCounters, seconds: f64) -> serde_json::Value {
    let (fps, x_realtime, eta_s) = rates(counters, seconds);
    let tenth = |value: f64| (value * 10.0).round() / 10.0;
    serde_json::json!({
        "progress": name.as_str(),
        "frames": counters.frames_out,
        "frames_expected": counters.frames_expected,
        "in_flight": counters.frames_in.saturating_sub(counters.frames_out),
        "interactions_open": counters.interactions_open,
        "t_us": counters.t_us,
        "fps": tenth(fps),
        "x_realtime": tenth(x_realtime),
        "eta_s": eta_s.map(tenth),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn a_stream_that_stands_still_is_reported_once_and_then_given_up() {
        let name = StreamName::slug("cam");
        let control = Arc::new(StreamControl::default());
        let mut watch = Watch::new(Display::Quiet, Duration::from_millis(20), Duration::from_millis(80));
        watch.begin(0, &name, Arc::clone(&control));
        assert!(watch.tick().is_empty());
        std::thread::sleep(Duration::from_millis(30));
        assert!(watch.tick().first().is_some_and(|stalled| !stalled.hopeless));
        assert!(watch.tick().is_empty());
        control.frames_out.fetch_add(1, Ordering::Relaxed);
        assert!(watch.tick().is_empty());
        std::thread::sleep(Duration::from_millis(90));
        assert!(watch.tick().first().is_some_and(|stalled| stalled.hopeless));
        assert!(watch.tick().is_empty());
    }

    #[test]
    fn a_line_tells_rate_and_time_left() {
        let counters =
            StreamCounters { frames_in: 12, frames_out: 10, frames_expected: 30, t_us: 400_000, ..Default::default() };
        let line = line(&StreamName::slug("cam"), counters, 2.0);
        assert_eq!((line["fps"].as_f64(), line["eta_s"].as_f64()), (Some(5.0), Some(4.0)));
        assert_eq!((line["in_flight"].as_u64(), line["x_realtime"].as_f64()), (Some(2), Some(0.2)));
    }
}
