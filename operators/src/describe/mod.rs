//! Says what the source itself knows: the stream, its end, and what was not seen.

use serde::{Deserialize, Serialize};
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use vokg_engine::delta::{Delta, Diff, Element, StreamVertex, Vertex, VertexKey};
use vokg_engine::frame::Arrival;
use vokg_engine::geometry::Size;
use vokg_engine::runtime::checkpoint::Checkpoints;
use vokg_engine::runtime::feed::Timed;
use vokg_engine::time::{Micros, TimeSource};

/// What is known of a stream before its first frame.
#[derive(Clone, Debug)]
pub struct DescribeConfig {
    /// UTC time of `t = 0` in microseconds since 1970, where the source knows it.
    pub origin_us: Option<i64>,
    /// Where its time stamps come from.
    pub time_source: TimeSource,
    /// Name of the segmenter.
    pub segmenter: String,
    /// Areas and lines.
    pub zones: Vec<(VertexKey, Vertex)>,
}

/// The vertices a source gives rise to.
struct Describer {
    config: DescribeConfig,
    told: Told,
}

/// What the source has told so far.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Told {
    size: Option<Size>,
    last_us: Micros,
    gaps: u32,
}

impl Describer {
    fn new(config: DescribeConfig) -> Self {
        Self { config, told: Told::default() }
    }

    fn on_arrival(&mut self, t: Micros, arrival: &Arrival) -> Vec<Delta> {
        let mut deltas = Vec::new();
        let mut assert = |key, vertex| {
            deltas.push(Delta { t, diff: Diff::Assert, element: Element::Vertex(key, vertex), caused_by: None });
        };
        for gap in &arrival.gaps {
            self.told.gaps += 1;
            assert(VertexKey::Gap(self.told.gaps), Vertex::Gap(gap.clone()));
        }
        match &arrival.frame {
            Some(frame) => {
                self.told.last_us = t;
                if self.told.size.is_none() {
                    assert(VertexKey::Stream, self.stream(frame.size, None));
                    self.config.zones.iter().cloned().for_each(|(key, zone)| assert(key, zone));
                    self.told.size = Some(frame.size);
                }
            }
            None => {
                if let Some(size) = self.told.size {
                    assert(VertexKey::Stream, self.stream(size, Some(self.told.last_us)));
                }
            }
        }
        deltas
    }

    fn stream(&self, size: Size, ended_us: Option<Micros>) -> Vertex {
        let DescribeConfig { origin_us, time_source, segmenter, .. } = self.config.clone();
        Vertex::Stream(StreamVertex { size, origin_us, time_source, segmenter, ended_us })
    }
}

/// Emits the stream's own vertex and its zones at its first frame, the stream's again at its end, and one vertex for each
/// gap.
pub fn describe<'s>(
    arrivals: StreamVec<'s, Micros, Timed<Arrival>>,
    config: DescribeConfig,
    checkpoints: &Checkpoints,
) -> StreamVec<'s, Micros, Delta> {
    let keeper = checkpoints.keeper("describe");
    arrivals.unary(Pipeline, "describe", |_, _| {
        let mut describer = Describer::new(config);
        describer.told = keeper.restore().unwrap_or_default();
        move |input, output| {
            input.for_each(|capability, arrivals| {
                let mut session = output.session(&capability);
                for Timed { t, record } in arrivals.drain(..) {
                    session.give_iterator(describer.on_arrival(t, &record).into_iter());
                    keeper.keep(t, &describer.told);
                }
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::delta::{GapVertex, ZoneShape, ZoneVertex};
    use vokg_engine::frame::Frame;
    use vokg_engine::id::ZoneId;

    #[test]
    fn a_stream_is_stated_at_its_first_frame_and_at_its_end_and_gaps_are_numbered() {
        let zone = ZoneVertex { name: "gate".to_owned(), shape: ZoneShape::Line, corners_ppm: vec![0, 0, 1, 1] };
        let zones = vec![(VertexKey::Zone(ZoneId(4)), Vertex::Zone(zone))];
        let config =
            DescribeConfig { origin_us: None, time_source: TimeSource::Pts, segmenter: "motion".to_owned(), zones };
        let mut describer = Describer::new(config);
        let size = Size { width: 2, height: 2 };
        let frame = |t| Some(Frame::from_i420(t, size, vec![0; 4], vec![0], vec![0]));
        let gap = GapVertex { from_us: 0, to_us: 90, reason: "missing frames".to_owned() };
        let mut keys = Vec::new();
        for (t, arrival) in [
            (0, Arrival { gaps: vec![], frame: frame(0), position: None }),
            (90, Arrival { gaps: vec![gap], frame: frame(90), position: None }),
            (91, Arrival { gaps: vec![], frame: None, position: None }),
        ] {
            keys.extend(describer.on_arrival(t, &arrival).into_iter().map(|delta| (delta.t, delta.element)));
        }
        let ends: Vec<_> = keys
            .iter()
            .map(|(t, element)| match element {
                Element::Vertex(VertexKey::Stream, Vertex::Stream(stream)) => (*t, "stream", stream.ended_us),
                Element::Vertex(VertexKey::Gap(1), _) => (*t, "gap", None),
                Element::Vertex(VertexKey::Zone(ZoneId(4)), _) => (*t, "zone", None),
                other => panic!("unexpected {other:?}"),
            })
            .collect();
        assert_eq!(ends, vec![(0, "stream", None), (0, "zone", None), (90, "gap", None), (91, "stream", Some(90))]);
    }
}
