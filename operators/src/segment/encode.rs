//! The half of a segmenter that needs pixels alone.

use super::StageConfig;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use vokg_engine::frame::{Arrival, Frame};
use vokg_engine::geometry::Size;
use vokg_engine::runtime::credit::{Credits, Lead};
use vokg_engine::runtime::feed::Timed;
use vokg_engine::runtime::offload::Lane;
use vokg_engine::time::Micros;
use vokg_models::{Encoded, Encoder, SegmentError};

/// What is left of a frame after encoding.
pub struct EncodedFrame {
    /// Media time of the frame.
    pub t: Micros,
    /// Pixels of the frame.
    pub size: Size,
    /// For the segmenter; `None` marks the end of the stream.
    pub encoded: Option<Encoded>,
}

struct Job {
    t: Micros,
    frame: Option<Frame>,
    /// Whether to tell what the encoder remembers after it.
    remember: bool,
}

/// Encodes frames in order.
///
/// The second stream carries the frames themselves for whoever wants pixels later, but only those after the lead
/// ([`Lead`]): those of the lead wait for seconds, and would hold the decoder's buffers that long. A stream that goes on
/// within its lead leaves out the rest of it too, so that the same frames give pictures.
pub fn encode<'s>(
    arrivals: StreamVec<'s, Micros, Timed<Arrival>>,
    mut encoder: Box<dyn Encoder>,
    lead_us: Micros,
    credits: &Credits,
    config: StageConfig,
) -> (StreamVec<'s, Micros, EncodedFrame>, StreamVec<'s, Micros, Frame>) {
    let scope = arrivals.scope();
    let mut builder = OperatorBuilder::new("encode".to_owned(), scope);
    let info = builder.operator_info();
    let mut input = builder.new_input(arrivals, Pipeline);
    let (encoded_output, encoded) = builder.new_output();
    let (picture_output, pictures) = builder.new_output();
    let mut encoded_output = OutputBuilder::from(encoded_output);
    let mut picture_output = OutputBuilder::from(picture_output);
    let keeper = config.checkpoints.keeper("encode");
    if let Some(memory) = keeper.restore_bytes()
        && let Err(error) = encoder.recall(&memory)
    {
        keeper.refuse(error);
    }
    let work = move |Job { t, frame, remember }| -> Result<(EncodedFrame, Option<Vec<u8>>), SegmentError> {
        let size = frame.as_ref().map_or(Size { width: 0, height: 0 }, |frame: &Frame| frame.size);
        let encoded = frame.map(|frame| encoder.encode(&frame)).transpose()?;
        let memory = if remember { encoder.remember() } else { None };
        Ok((EncodedFrame { t, size, encoded }, memory))
    };
    let mut lane = Lane::new(scope, &info, "encode", config.offload, work);
    let lead_keeper = config.checkpoints.keeper("lead");
    let mut lead = lead_keeper.restore().unwrap_or_else(|| Lead::new(lead_us));
    let credits = credits.clone();
    builder.build(move |_| {
        move |_| {
            let mut pictures = picture_output.activate();
            input.for_each(|capability, arrivals| {
                let Some(for_picture) = capability.retain_least(1) else { return };
                let Some(for_encoded) = capability.retain_least(0) else { return };
                for Timed { t, record } in arrivals.drain(..) {
                    let in_lead = lead.takes(t);
                    lead_keeper.keep(t, &lead);
                    if let Some(frame) = record.frame.clone().filter(|_| !in_lead) {
                        pictures.session(&for_picture.delayed(&t)).give(frame);
                    }
                    let job = Job { t, frame: record.frame, remember: keeper.is_due(t) };
                    lane.offer(for_encoded.delayed(&t), job);
                }
            });
            let mut encoded = encoded_output.activate();
            lane.pump(|capability: Capability<Micros>, answer| match answer {
                Ok(Ok((frame, memory))) => {
                    credits.encoded(frame.t);
                    memory.into_iter().for_each(|memory| keeper.keep_bytes(frame.t, memory));
                    encoded.session(&capability).give(frame);
                }
                Ok(Err(error)) => config.control.fail(error.to_string()),
                Err(error) => config.control.fail(error.to_string()),
            });
        }
    });
    (encoded, pictures)
}
