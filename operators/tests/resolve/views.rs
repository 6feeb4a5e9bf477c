//! Views beside the log: degrees, against counting the edges.

use crate::history::{History, NO_HORIZON, Plan, history, rules};
use crate::oracle::Oracle;
use differential_dataflow::AsCollection;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::InputHandle;
use timely::dataflow::operators::Input;
use vokg_engine::delta::VertexKey;
use vokg_engine::evidence::{EvidenceSpan, RelationKind};
use vokg_engine::id::ObjectId;
use vokg_engine::runtime::checkpoint::Checkpoints;
use vokg_engine::time::Micros;
use vokg_operators::resolve::intervals::Now;
use vokg_operators::resolve::{Degree, ResolveConfig, degrees, resolve};
use vokg_operators::tick::Tick;

type Degrees = BTreeMap<(ObjectId, RelationKind), Degree>;
type Update = (((ObjectId, RelationKind), Degree), Micros, isize);

fn degree_updates(history: History) -> Vec<Update> {
    timely::execute_directly(move |worker| {
        let updates = Rc::new(RefCell::new(Vec::new()));
        let mut spans = InputHandle::<_, CapacityContainerBuilder<Vec<(EvidenceSpan, Micros, isize)>>>::new();
        let (mut changes, mut ticks) = (InputHandle::new(), InputHandle::new());
        worker.dataflow(|scope| {
            let rows = scope.input_from(&mut spans).as_collection();
            let (identities, ticks) = (scope.input_from(&mut changes), scope.input_from(&mut ticks));
            let config = ResolveConfig { rules: rules(), correction_horizon_us: NO_HORIZON };
            let updates = Rc::clone(&updates);
            degrees(resolve(rows, identities, ticks, config, &Checkpoints::default()).standing)
                .inspect(move |update| updates.borrow_mut().push(*update));
        });
        for frame in &history {
            let t = frame.t();
            spans.advance_to(t);
            changes.advance_to(t);
            ticks.advance_to(t);
            frame.spans.iter().for_each(|(span, diff)| spans.send((*span, t, *diff)));
            frame.changes.iter().for_each(|change| changes.send(*change));
            ticks.send(Tick::from(&frame.tracked));
        }
        drop((spans, changes, ticks));
        while worker.step() {}
        updates.take()
    })
}

fn counted(oracle: &Oracle, now: Now) -> Degrees {
    let mut degrees = Degrees::new();
    for (edge, _) in oracle.edges(now).values() {
        let ends: BTreeSet<VertexKey> = edge.ends().into();
        for end in ends {
            let object = match end {
                VertexKey::Object(object) => object,
                VertexKey::Zone(zone) => zone.track().into(),
                end => panic!("an interaction ends at {end:?}"),
            };
            let degree = degrees.entry((object, edge.kind)).or_default();
            degree.total += 1;
            degree.open += u32::from(edge.valid_to_us.is_none());
        }
    }
    degrees
}

#[test]
fn degrees_are_the_counts_of_the_edges() {
    for seed in 0..10 {
        let history = history(seed, Plan { frames: 80, horizon_us: NO_HORIZON });
        let mut updates = degree_updates(history.clone());
        updates.sort_by_key(|(_, t, diff)| (*t, *diff));
        let mut updates = updates.into_iter().peekable();
        let (mut oracle, mut view) = (Oracle::default(), Degrees::new());
        for frame in &history {
            while let Some(((key, degree), _, diff)) = updates.next_if(|(_, t, _)| *t <= frame.t()) {
                match diff {
                    1 => assert_eq!(view.insert(key, degree), None),
                    _ => assert_eq!(view.remove(&key), Some(degree)),
                }
            }
            oracle.take(frame);
            let now = if frame.tracked.end { Now::End(frame.t()) } else { Now::Frame(frame.t()) };
            assert_eq!(view, counted(&oracle, now), "seed {seed}, t {}", frame.t());
        }
    }
}
