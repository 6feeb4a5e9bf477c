//! What `vokg run` says at the end: one row per stream, and what the run took.

use crate::inputs::Input;
use crate::sinks::SinkReport;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::Serialize;
use std::collections::BTreeMap;
use vokg_connectors::export::text::printable;
use vokg_connectors::store::{Ending, Stream};
use vokg_engine::delta::VertexKey;
use vokg_engine::graph::Graph;
use vokg_engine::id::StreamName;
use vokg_engine::time::{Micros, secs_from_micros};

/// What becomes of a stream that was interrupted.
const GOES_ON: &str = "the next run over this input goes on with it";

/// The report of a run.
#[derive(Debug, Serialize)]
pub struct RunReport {
    pub streams: Vec<StreamReport>,
    /// From the opening of the first file to the last commit.
    pub seconds: f64,
    /// User and system time of the process; of a demo, without the making of its clip.
    pub cpu_seconds: f64,
    /// Frames a second, of the streams that were not found done.
    pub fps: f64,
    /// Media time of the same streams per second.
    pub x_realtime: f64,
    /// Most memory the process held.
    pub peak_rss_bytes: u64,
    /// How the sinks of the configuration fared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sinks: Vec<SinkReport>,
}

/// User and system time of the process so far; 0 where the system does not tell.
pub fn cpu_seconds() -> f64 {
    getrusage(UsageWho::RUSAGE_SELF).map_or(0.0, |usage| {
        let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        micros as f64 / 1e6
    })
}

/// The report of a stream.
#[derive(Clone, Debug, Serialize)]
pub struct StreamReport {
    pub stream: StreamName,
    pub status: Status,
    pub error: Option<String>,
    pub frames: u64,
    pub frames_expected: Option<u64>,
    pub gaps: u64,
    pub duration_us: Micros,
    pub objects: u64,
    /// Interactions of each kind.
    pub interactions: BTreeMap<String, u64>,
    pub deltas: u64,
    pub digest: String,
    /// It was processed now, and not found done in the store.
    #[serde(skip)]
    pub ran: bool,
    /// The user asked to stop before it was done.
    #[serde(skip)]
    pub interrupted: bool,
    /// What an earlier process had done of it, where this one went on.
    #[serde(skip)]
    pub before: Before,
}

/// How far a stream was when this process took it up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before {
    pub frames: u64,
    pub t_us: Micros,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Complete,
    CompleteWithGaps,
    Failed,
}

impl StreamReport {
    /// An input that gave no stream, for this reason.
    pub fn not_run(input: &Input, reason: &str) -> Self {
        Self {
            stream: input.name.clone(),
            status: Status::Failed,
            error: Some(reason.to_owned()),
            frames: 0,
            frames_expected: None,
            gaps: 0,
            duration_us: 0,
            objects: 0,
            interactions: BTreeMap::new(),
            deltas: 0,
            digest: String::new(),
            ran: false,
            interrupted: false,
            before: Before::default(),
        }
    }

    /// An input of which nothing was read when the user asked to stop, and how far it was.
    pub fn interrupted(input: &Input, how_far: &str) -> Self {
        Self { interrupted: true, ..Self::not_run(input, how_far) }
    }

    /// A stream as it stands in the store.
    pub fn of(stream: &Stream, graph: &Graph, ran: bool) -> Self {
        let outcome = stream.head.outcome.clone();
        let (status, error) = match outcome.as_ref().map(|outcome| &outcome.ending) {
            Some(Ending::Complete) => (Status::Complete, None),
            Some(Ending::CompleteWithGaps) => (Status::CompleteWithGaps, None),
            Some(Ending::Failed(reason)) => (Status::Failed, Some(reason.clone())),
            None => (Status::Failed, Some(format!("interrupted; {GOES_ON}"))),
        };
        let mut interactions = BTreeMap::new();
        for edge in graph.edges.values() {
            *interactions.entry(edge.kind.to_string()).or_default() += 1;
        }
        Self {
            stream: stream.name.clone(),
            status,
            error,
            frames: outcome.as_ref().map_or(0, |outcome| outcome.frames),
            frames_expected: outcome.as_ref().and_then(|outcome| outcome.frames_expected),
            gaps: outcome.as_ref().map_or(0, |outcome| outcome.gaps),
            duration_us: outcome.as_ref().map_or(0, |outcome| outcome.duration_us),
            objects: graph.vertices.keys().filter(|key| matches!(key, VertexKey::Object(_))).count() as u64,
            interactions,
            deltas: stream.head.deltas,
            digest: stream.head.digest.to_string(),
            ran,
            interrupted: outcome.is_none(),
            before: Before::default(),
        }
    }
}

impl RunReport {
    /// The report of these streams, with the processor time that the process has used since it was so much.
    pub fn new(streams: Vec<StreamReport>, seconds: f64, cpu_seconds_before: f64) -> Self {
        let ran = || streams.iter().filter(|stream| stream.ran);
        let frames: u64 = ran().map(|stream| stream.frames.saturating_sub(stream.before.frames)).sum();
        let media = |stream: &StreamReport| secs_from_micros(stream.duration_us.saturating_sub(stream.before.t_us));
        // A sum of nothing is -0.0.
        let media = ran().map(media).sum::<f64>() + 0.0;
        let kibibytes = getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss());
        let per_second = |amount: f64| if seconds > 0.0 { amount / seconds } else { 0.0 };
        Self {
            streams,
            seconds,
            cpu_seconds: cpu_seconds() - cpu_seconds_before,
            fps: per_second(frames as f64),
            x_realtime: per_second(media),
            peak_rss_bytes: u64::try_from(kibibytes).unwrap_or(0) * 1024,
            sinks: Vec::new(),
        }
    }

    /// Whether every input became a complete graph.
    pub fn all_complete(&self) -> bool {
        self.streams.iter().all(|stream| stream.status != Status::Failed)
    }

    /// A line for every stream that failed, or was left off.
    pub fn failures(&self) -> impl Iterator<Item = String> {
        let failed = |stream: &StreamReport| {
            let error = printable(stream.error.as_deref()?);
            // What was set aside or never began has no frames of this run.
            let name = &stream.stream;
            Some(match (stream.interrupted, stream.frames) {
                (true, 0) => format!("{name}: {error}"),
                (true, frames) => format!("{name}: interrupted after {frames} frames; {GOES_ON}"),
                (false, 0) => format!("{name}: failed: {error}"),
                (false, frames) => format!("{name}: failed after {frames} frames: {error}"),
            })
        };
        self.streams.iter().filter_map(failed)
    }

    /// The report for people, without the failures.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for stream in self.streams.iter().filter(|stream| stream.error.is_none()) {
            text.push_str(&stream.to_text());
        }
        if self.all_complete() && !self.streams.iter().any(|stream| stream.ran) {
            text.push_str("nothing to do: the store has these streams already\n");
        } else {
            text.push_str(&format!(
                "{:.1} s, {:.0} frames/s, {:.1}x real time, {:.1} CPU s, {:.0} MB peak\n",
                self.seconds,
                self.fps,
                self.x_realtime,
                self.cpu_seconds,
                self.peak_rss_bytes as f64 / 1e6
            ));
        }
        self.sinks.iter().for_each(|sink| text.push_str(&sink.to_text()));
        text
    }
}

impl StreamReport {
    fn to_text(&self) -> String {
        let gaps = match self.gaps {
            0 => String::new(),
            1 => ", 1 gap".to_owned(),
            gaps => format!(", {gaps} gaps"),
        };
        let kinds: Vec<_> = self.interactions.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        format!(
            "{}: {} frames{gaps}, {:.1} s, {} objects, {}, digest {}\n",
            self.stream,
            self.frames,
            secs_from_micros(self.duration_us),
            self.objects,
            if kinds.is_empty() { "no interactions".to_owned() } else { kinds.join(", ") },
            self.digest.get(..12).unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::NOT_BEGUN;

    #[test]
    fn what_was_interrupted_is_not_told_as_failed() {
        let input = Input::file(StreamName::slug("yard"), "yard.mp4".into());
        let broken = StreamReport::not_run(&input, "no video");
        let begun = StreamReport { interrupted: true, frames: 12, ..broken.clone() };
        let streams = vec![StreamReport::interrupted(&input, NOT_BEGUN), begun, broken];
        let told: Vec<String> = RunReport::new(streams, 1.0, 0.0).failures().collect();
        let goes_on = format!("yard: interrupted after 12 frames; {GOES_ON}");
        assert_eq!(told, ["yard: interrupted before it began", &goes_on, "yard: failed: no video"]);
    }
}
