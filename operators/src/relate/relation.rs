//! What a relation is: a named condition on two tracks in one frame, with separate bounds for on and off.
//!
//! One more relation is a type with this trait in a file of its own and one line in [`Registry::builtin`]; outside
//! these crates it is the same type and a call of [`Registry::add`].

use super::abandoned::{Abandoned, Away, Beside};
use super::approaches::Approaches;
use super::carries::Carries;
use super::chases::Chases;
use super::config::{MeasureConfig, RelateConfig};
use super::contains::Contains;
use super::follows::Follows;
use super::handling::{PickUp, PutDown};
use super::leaves::Leaves;
use super::meets::Meets;
use super::moves_with::MovesWith;
use super::near::Near;
use super::occludes::Occludes;
use super::overlaps::Overlaps;
use super::pair::Pair;
use std::collections::BTreeMap;
use vokg_engine::evidence::{IntervalRule, RelationKind};
use vokg_engine::time::{Micros, SECOND_US};

/// What a frame says about a relation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Judgement {
    /// It does not hold.
    Off,
    /// It does not hold, and is known to have ended at this time, at most the delay of its rule ago.
    OffSince(Micros),
    /// It holds, with this confidence from 0 to 1 before the scores of the tracks are considered.
    On(f64),
    /// It holds with this confidence, and one was this far behind the other.
    OnWithLag(f64, Micros),
    /// It holds with this confidence, and is known to have begun at this time: where what begins is told by another relation.
    OnSince(f64, Micros),
    /// The frame cannot tell, for instance because a box covers more than its track. Like a missing sighting: what held
    /// goes on if the relation holds again soon, and else ended when it was last judged.
    Unclear,
}

/// Which pairs a relation can hold for. What lies outside is not judged and is [`Judgement::Off`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reach {
    /// Pairs whose boxes are at most this far apart, in sizes.
    Gap(f64),
    /// Pairs at any distance whose first track moves towards the second.
    Towards {
        /// At least this fast along the line between both, in sizes per second.
        speed: f64,
        /// Least cosine between the movement and that line; below 0 counts as 0.
        cos: f64,
    },
    /// Pairs whose tracks both move, and whose boxes are at most this far apart, in sizes.
    Moving(f64),
    /// Pairs so far apart whose first track moves towards the second, and the second away from the first.
    Behind(f64),
    /// Pairs between which this relation held lately, in either direction: for as long as [`Relation::memory_us`] says.
    After(RelationKind),
    /// Pairs whose second track lies where another left it.
    Left,
}

/// How long after its end evidence is remembered, at the least.
pub const MEMORY_US: Micros = 5 * SECOND_US;

/// A relation between two tracks.
pub trait Relation: Send {
    /// Its name.
    fn kind(&self) -> RelationKind;

    /// How its evidence becomes intervals, and whether (a, b) and (b, a) are the same. What is judged by the velocity or the
    /// steady velocity speaks of the middle of their windows: `measure` tells that delay.
    fn rule(&self, measure: &MeasureConfig) -> IntervalRule;

    /// Which pairs it can begin for. It must be true to [`Relation::judge`], since what it leaves out is not judged. A
    /// relation that holds is judged wherever it goes.
    fn reach(&self) -> Reach;

    /// Whether it holds in the frame of `pair`, given whether it did before: `was_on` is where on and off bounds part.
    ///
    /// A symmetric relation is asked once, with the smaller track first; a directed one is asked both ways.
    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement;

    /// How far back it asks whether another relation held between the two. As long after its end all evidence of a pair is
    /// remembered that is seen.
    fn memory_us(&self) -> Micros {
        MEMORY_US
    }

    /// Whether its evidence leaves this operator. If not, it is what others ask of a pair and nothing else.
    fn is_stated(&self) -> bool {
        true
    }

    /// Whether it goes on while the first track is out of sight, given the speed of the second in its own sizes per second.
    /// `None`, as by default: it is paused like anything that is not seen.
    fn judge_alone(&self, _speed: Option<f64>) -> Option<Judgement> {
        None
    }
}

/// The relations that are judged, in the order of their kinds.
#[derive(Default)]
pub struct Registry {
    relations: Vec<Box<dyn Relation>>,
}

impl Registry {
    /// The relations that ship with vokg.
    pub fn builtin(config: &RelateConfig) -> Self {
        let mut registry = Self::default();
        registry.add(Box::new(Abandoned::new(&config.abandoned)));
        registry.add(Box::new(Approaches::new(&config.approaches)));
        registry.add(Box::new(Away::new(&config.abandoned)));
        registry.add(Box::new(Beside::new(&config.abandoned)));
        registry.add(Box::new(Carries::new(&config.carries)));
        registry.add(Box::new(Chases::new(&config.chases)));
        registry.add(Box::new(Contains::new(&config.contains)));
        registry.add(Box::new(Follows::new(&config.follows)));
        registry.add(Box::new(Leaves::new(&config.leaves)));
        registry.add(Box::new(Meets::new(&config.meets)));
        registry.add(Box::new(MovesWith::new(&config.moves_with)));
        registry.add(Box::new(Near::new(&config.near)));
        registry.add(Box::new(Occludes::new(&config.occludes)));
        registry.add(Box::new(Overlaps::new(&config.occludes)));
        registry.add(Box::new(PickUp::new(&config.carries)));
        registry.add(Box::new(PutDown::new(&config.carries)));
        registry
    }

    /// Adds a relation; one of the same kind is replaced.
    pub fn add(&mut self, relation: Box<dyn Relation>) {
        match self.relations.binary_search_by_key(&relation.kind(), |known| known.kind()) {
            Ok(at) => self.relations[at] = relation,
            Err(at) => self.relations.insert(at, relation),
        }
    }

    /// The rules that turn evidence into intervals, by kind.
    pub fn rules(&self, measure: &MeasureConfig) -> BTreeMap<RelationKind, IntervalRule> {
        self.relations.iter().map(|relation| (relation.kind(), relation.rule(measure))).collect()
    }

    pub(super) fn into_relations(self) -> Vec<Box<dyn Relation>> {
        self.relations
    }
}

/// How far `x` is on the way from the bound at which a relation begins to the value at which nobody doubts it, 0 to 1.
///
/// ```
/// use vokg_operators::relate::confidence;
/// assert_eq!(confidence(0.25, 0.5, 0.0), 0.5);
/// assert_eq!(confidence(0.6, 0.5, 0.0), 0.0);
/// ```
pub fn confidence(x: f64, on: f64, ideal: f64) -> f64 {
    ((on - x) / (on - ideal)).clamp(0.0, 1.0)
}
