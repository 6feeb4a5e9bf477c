//! What is known of one pair: the evidence of each relation between its tracks.

use super::evidence::Evidence;
use super::judges::Judges;
use super::pair::Held;
use super::pairs::Key;
use serde::{Deserialize, Serialize};
use vokg_engine::evidence::RelationKind;
use vokg_engine::id::TrackId;
use vokg_engine::time::Micros;

/// What is known of a pair.
#[derive(Serialize, Deserialize)]
pub(super) struct PairEvidence {
    pub(super) slots: Vec<Slot>,
    /// While both are out of reach of each other, nothing is asked of them, and nothing is forgotten, until after this time. In a
    /// crowd most pairs are so in most frames, and need not be read.
    #[serde(skip)]
    pub(super) rests_until: Option<Micros>,
}

impl PairEvidence {
    /// Sees whether the pair rests from now on.
    pub(super) fn settle(&mut self, relations: &Judges, memory_us: Micros) {
        let rests = |slot: &Slot| slot.evidence.is_over() && !relations.has_followers(slot.relation);
        let oldest_us = self.slots.iter().map(|slot| slot.evidence.on_us()).min();
        self.rests_until = oldest_us.filter(|_| self.slots.iter().all(rests)).map(|on_us| on_us + memory_us);
    }
}

/// Evidence of one relation in one direction.
#[derive(Serialize, Deserialize)]
pub(super) struct Slot {
    /// By place in [`Judges::all`].
    pub(super) relation: usize,
    pub(super) forward: bool,
    pub(super) evidence: Evidence,
}

impl Slot {
    /// For [`Judges::ask`].
    pub(super) fn standing(&self) -> (usize, bool, bool) {
        (self.relation, self.forward, self.evidence.is_over())
    }

    pub(super) fn held(&self) -> Held {
        let Self { forward, evidence, .. } = self;
        let (kind, from_us, on_us) = (evidence.kind(), evidence.began_us(), evidence.on_us());
        let (on, believed, over) = (evidence.is_on(), evidence.is_believed(), evidence.is_over());
        Held { kind, forward: *forward, from_us, on_us, on, believed, over }
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.evidence.kind() == RelationKind::ABANDONED
    }

    pub(super) fn ends(&self, (a, b): Key) -> (TrackId, TrackId) {
        if self.forward { (a, b) } else { (b, a) }
    }
}

/// Forgets what was over `memory_us` ago.
pub(super) fn forget_old(slots: &mut Vec<Slot>, t: Micros, memory_us: Micros) {
    let stays = |slot: &Slot| !slot.evidence.is_over() || slot.evidence.on_us() + memory_us >= t;
    if !slots.iter().all(stays) {
        slots.retain(stays);
    }
}
