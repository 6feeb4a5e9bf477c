//! OVERLAPS: two things share a part of the picture, and nothing tells which of them is in front.

use super::config::MeasureConfig;
use super::occludes::OccludesConfig;
use super::pair::{End, Pair};
use super::relation::{Judgement, Reach, Relation, confidence};
use vokg_engine::evidence::{IntervalRule, RelationKind};

/// Its kind.
pub const OVERLAPS: RelationKind = RelationKind::literal("OVERLAPS");

/// The boxes of both overlap clearly, the visible share of at least one is not known, and neither stands clearly lower.
/// Symmetric.
///
/// It is what is left of OCCLUDES where its direction cannot be told, with the bounds of that relation, and never holds
/// beside it.
pub struct Overlaps {
    bounds: OccludesConfig,
}

impl Overlaps {
    /// OVERLAPS with the bounds of OCCLUDES.
    pub fn new(bounds: &OccludesConfig) -> Self {
        Self { bounds: bounds.clone() }
    }

    /// Whether the visible shares or the bottom edges tell who is in front.
    fn is_told(&self, pair: &Pair<'_>) -> bool {
        let shares_known = [End::A, End::B].iter().all(|end| pair.visible(*end).is_some());
        let lower = (pair.bottom_px(End::A) - pair.bottom_px(End::B)).abs();
        shares_known
            || lower >= self.bounds.depth_margin * pair.size_px()
            || pair.held_just_before(RelationKind::OCCLUDES)
    }
}

impl Relation for Overlaps {
    fn kind(&self) -> RelationKind {
        OVERLAPS
    }

    fn rule(&self, _measure: &MeasureConfig) -> IntervalRule {
        self.bounds.hold.rule(true)
    }

    fn reach(&self) -> Reach {
        Reach::Gap(self.bounds.off_gap)
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        if !pair.measured() {
            return Judgement::Unclear;
        }
        let apart = 1.0 - pair.box_overlap();
        let holds = match was_on {
            true => apart < self.bounds.off_visible && pair.gap() <= self.bounds.off_gap,
            false => apart <= self.bounds.on_visible && pair.gap() <= self.bounds.on_gap,
        };
        if !holds || self.is_told(pair) {
            return Judgement::Off;
        }
        Judgement::On(confidence(apart, self.bounds.on_visible, 0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::occludes::Occludes;
    use super::super::testing::{clip, held, held_of, seen};
    use super::*;
    use vokg_engine::observation::{Observation, TrackedFrame};

    fn overlaps() -> Overlaps {
        Overlaps::new(&OccludesConfig::default())
    }

    /// Two squares of 20 that overlap in x by `overlap` pixels; the second stands `lower` pixels further down.
    fn two(overlap: f64, lower: f64) -> Vec<Observation> {
        vec![seen(0, 1, 0.0, 0.0, 20.0, 20.0), seen(0, 2, 20.0 - overlap as f32, lower as f32, 20.0, 20.0)]
    }

    #[test]
    fn level_boxes_overlap_while_they_share_enough() {
        let overlap = |s: f64| if s < 1.0 { 10.0 * s } else { 20.0 - 10.0 * s };
        // Of 20 columns 4 are a fifth, and 2 a tenth.
        assert_eq!(held(overlaps(), &clip(2.0, |s| two(overlap(s), 0.0))), [(1, 2, 400, Some(1800))]);
        assert_eq!(held(overlaps(), &clip(1.0, |_| two(3.0, 0.0))), [], "too little");
        assert_eq!(held(overlaps(), &clip(1.0, |_| two(10.0, 2.0))), [], "the second is lower and in front");
    }

    #[test]
    fn known_shares_tell_who_is_in_front_and_one_alone_does_not() {
        let with = |visible: [Option<f32>; 2]| {
            let boxes = two(10.0, 0.0).into_iter().zip(visible);
            boxes.map(|(seen, visible)| Observation { visible, ..seen }).collect::<Vec<_>>()
        };
        assert_eq!(held(overlaps(), &clip(1.0, |_| with([Some(1.0), Some(0.5)]))), []);
        assert_eq!(held(overlaps(), &clip(1.0, |_| with([Some(1.0), None]))).len(), 1);
    }

    #[test]
    fn it_never_holds_beside_an_occlusion() {
        // Level for a second, then the second stands lower, then a hair higher, then level from the other side.
        let lower = |s: f64| match s {
            _ if s < 1.0 => 0.0,
            _ if s < 2.0 => 2.0,
            _ if s < 3.0 => 0.5,
            _ if s < 4.0 => -0.5,
            _ => -2.0,
        };
        let frames = clip(5.0, |s| two(10.0, lower(s)));
        let of = |kind: &'static str, frames: &[TrackedFrame]| {
            let relations: Vec<Box<dyn Relation>> =
                vec![Box::new(Occludes::new(&OccludesConfig::default())), Box::new(overlaps())];
            held_of(RelationKind::literal(kind), relations, frames)
        };
        assert_eq!(of("OCCLUDES", &frames), [(2, 1, 1000, Some(3000)), (1, 2, 4000, Some(4960))]);
        assert_eq!(of("OVERLAPS", &frames), [(1, 2, 0, Some(1000)), (1, 2, 3040, Some(4000))]);
    }
}
