//! The dataflow of one stream, from source to sink.

use crate::commit::{Results, Sink, commit};
use std::sync::{Arc, Mutex};
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Concat, ConnectLoop, Feedback};
use timely::worker::Worker;
use vokg_connectors::store::Thumbnail;
use vokg_engine::frame::Arrival;
use vokg_engine::runtime::checkpoint::{Checkpoint, Checkpoints, marked};
use vokg_engine::runtime::control::StreamControl;
use vokg_engine::runtime::credit::Credits;
use vokg_engine::runtime::engine::{Build, Placement};
use vokg_engine::runtime::feed::{FeedReceiver, source};
use vokg_engine::runtime::offload::{OffloadConfig, OffloadError, offload};
use vokg_engine::time::Micros;
use vokg_models::Backend;
use vokg_operators::crop::crop;
use vokg_operators::describe::{DescribeConfig, describe};
use vokg_operators::emit::{EmitConfig, emit};
use vokg_operators::identify::{IdentifyConfig, identify};
use vokg_operators::portray::portray;
use vokg_operators::relate::{RelateConfig, Relations, relate};
use vokg_operators::resolve::{ResolveConfig, degrees, objects, resolve, watch_open};
use vokg_operators::segment::{StageConfig, encode, segment};
use vokg_operators::tick::Tick;
use vokg_operators::track::{TrackConfig, track};

/// Everything a stream's dataflow is built from.
pub struct Plan {
    /// Frames come from here.
    pub feed: FeedReceiver<Arrival>,
    /// The log goes there.
    pub sink: Sink,
    /// Shared with whoever watches the stream.
    pub control: Arc<StreamControl>,
    /// How many frames are in flight.
    pub frames_in_flight: usize,
    /// How objects are found.
    pub backend: Arc<dyn Backend>,
    /// How slow stages are run.
    pub offload: OffloadConfig,
    /// What is known of the stream.
    pub describe: DescribeConfig,
    /// Settings of the operators.
    pub operators: Operators,
    /// Where the stream goes on, if it was interrupted.
    pub resume: Option<Checkpoint>,
}

/// Settings of the operators of one stream.
#[derive(Clone)]
pub struct Operators {
    pub track: TrackConfig,
    pub identify: IdentifyConfig,
    pub relate: RelateConfig,
    pub resolve: ResolveConfig,
}

/// The stream's dataflow, to be built on every worker.
pub fn dataflow(plan: Plan) -> Build {
    let Plan { feed, sink, control, frames_in_flight, backend, offload: slow, describe: about, operators, resume } =
        plan;
    let home_only = Mutex::new(Some((feed, sink, resume)));
    Arc::new(move |worker: &mut Worker, placement| {
        let home = (placement == Placement::Home).then(|| home_only.lock().ok()?.take()).flatten();
        let (feed, sink, resume) =
            home.map_or((None, None, None), |(feed, sink, resume)| (Some(feed), Some(sink), resume));
        let slow = slow.clone();
        let lead_us = if resume.is_some() { 0 } else { backend.lead_us() };
        let kept = Checkpoints::new(resume);
        let stage = StageConfig { offload: slow.clone(), control: Arc::clone(&control), checkpoints: kept.clone() };
        let (encoder, segmenter) = backend.open();
        let (about, operators, control) = (about.clone(), operators.clone(), Arc::clone(&control));
        worker.dataflow_named::<Micros, _, _>("stream", |scope| {
            let horizon_us = operators.resolve.correction_horizon_us;
            let credits = Credits::new(frames_in_flight, lead_us);

            let arrivals = marked(source(scope, feed, placement, &credits, &control), &kept);
            let own = describe(arrivals.clone(), about, &kept);

            let (encoded, pictures) = encode(arrivals, encoder, lead_us, &credits, stage.clone());
            let (feedback, hints) = scope.feedback(1);
            let segmented = segment(encoded, hints, segmenter, lead_us, stage);
            let (tracked, hints) = track(segmented, operators.track, &kept);
            hints.connect_loop(feedback);

            let ticks = tracked.clone().map(|frame| Tick::from(&frame));
            let identities = identify(tracked.clone(), operators.identify, &kept);
            let evidence = relate(tracked.clone(), Relations::new(operators.relate), &kept);
            let objects = objects(tracked.clone(), identities.clone(), horizon_us, &kept);
            let interactions = resolve(evidence, identities, ticks.clone(), operators.resolve, &kept);

            watch_open(degrees(interactions.standing), Arc::clone(&control));

            let deltas = own.concat(objects).concat(interactions.deltas);
            let begins = EmitConfig { correction_horizon_us: horizon_us, ..EmitConfig::default() };
            let log = emit(deltas, ticks, begins, &kept);
            let crops = crop(pictures, tracked.clone(), &kept);
            let thumbnails = offload(crops, "thumbnail", slow, |crop| Thumbnail::of(crop.track, &crop.image));
            let lost = |error: &OffloadError| tracing::warn!(%error, "a thumbnail is lost");
            let thumbnails = thumbnails.flat_map(move |thumbnail| thumbnail.inspect_err(lost).ok().flatten());
            let looks = portray(tracked.clone(), &kept);
            let results = Results { log, tracked, thumbnails, looks, evidence: interactions.evidence.inner };
            credits.returned_by(commit(results, sink, control, &kept));
        });
    })
}
