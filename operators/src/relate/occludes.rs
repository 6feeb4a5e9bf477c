//! OCCLUDES: a thing hides part of another.

use super::config::{Hold, MeasureConfig};
use super::pair::{End, Pair};
use super::relation::{Judgement, Reach, Relation, confidence};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vokg_engine::evidence::{IntervalRule, RelationKind};

/// The second track is partly hidden, the first is not, and both touch. Directed, between tracks that are both seen.
///
/// Where neither track's visible share is known, boxes stand in: of two boxes that overlap, the one with the lower
/// bottom edge is nearer to the camera and hides what they share. If neither is clearly lower, nothing is said; nor
/// if one is seen whole inside a much larger box, where it is as likely in front as behind.
pub struct Occludes {
    bounds: OccludesConfig,
}

impl Occludes {
    /// OCCLUDES with these bounds.
    pub fn new(bounds: &OccludesConfig) -> Self {
        Self { bounds: bounds.clone() }
    }

    /// The visible shares of both, `None` if it cannot be known who hides whom.
    fn visible(&self, pair: &Pair<'_>, was_on: bool) -> Option<(f64, f64)> {
        match (pair.visible(End::A), pair.visible(End::B)) {
            (Some(front), Some(back)) => Some((front, back)),
            (None, None) if pair.boxes_only() => Some((1.0, self.visible_behind(pair, was_on)?)),
            _ => None,
        }
    }

    /// The visible share of the second track if the first is in front of it, from boxes alone.
    fn visible_behind(&self, pair: &Pair<'_>, was_on: bool) -> Option<f64> {
        let lower = pair.bottom_px(End::A) - pair.bottom_px(End::B);
        let margin = if was_on { 0.0 } else { self.bounds.depth_margin * pair.size_px() };
        if lower < margin {
            return None;
        }
        let share = pair.box_share_inside();
        let inside = share >= self.bounds.inside_share
            && pair.area_px(End::B) <= self.bounds.inside_area_ratio * pair.area_px(End::A);
        (was_on || !inside).then_some(1.0 - share)
    }

    /// Whether the first can be what hides the second, and not a third beside it: its box covers enough of what is missing.
    fn is_the_cover(&self, pair: &Pair<'_>, visible: f64) -> bool {
        pair.box_share_inside() >= self.bounds.cover_share * (1.0 - visible)
    }
}

impl Relation for Occludes {
    fn kind(&self) -> RelationKind {
        RelationKind::OCCLUDES
    }

    fn rule(&self, _measure: &MeasureConfig) -> IntervalRule {
        self.bounds.hold.rule(false)
    }

    fn reach(&self) -> Reach {
        Reach::Gap(self.bounds.off_gap)
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        if !pair.measured() {
            return Judgement::Unclear;
        }
        let Some((front, back)) = self.visible(pair, was_on) else {
            return Judgement::Off;
        };
        let holds = if was_on {
            back < self.bounds.off_visible && pair.gap() <= self.bounds.off_gap
        } else {
            back <= self.bounds.on_visible
                && front >= self.bounds.front_visible
                && pair.gap() <= self.bounds.on_gap
                && self.is_the_cover(pair, back)
        };
        if !holds {
            return Judgement::Off;
        }
        Judgement::On(confidence(back, self.bounds.on_visible, 0.0))
    }
}

/// Bounds of OCCLUDES.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OccludesConfig {
    /// Begins when at most this share of the hidden thing is visible.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub on_visible: f64,
    /// Ends when at least this share is.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub off_visible: f64,
    /// The hiding thing is visible by at least this share when it begins.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub front_visible: f64,
    /// Begins at a gap of at most this, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub on_gap: f64,
    /// Ends beyond this gap, in sizes: what hides must stay beside what it hides.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub off_gap: f64,
    /// The hiding thing's box covers at least this share of what is hidden when it begins.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub cover_share: f64,
    /// Where only boxes are known, a box of at most this share of the other's area ...
    #[schemars(range(min = 0.0, max = 1.0))]
    pub inside_area_ratio: f64,
    /// ... and with at least this share of its own area inside the other may be in front of it, and nothing begins.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub inside_share: f64,
    /// Where only boxes are known, the lower bottom edge is nearer if it is lower by at least this, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub depth_margin: f64,
    /// So long it goes on while the hidden thing is out of sight behind the other, in seconds; longer is HIDDEN_BY.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub covered_secs: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for OccludesConfig {
    fn default() -> Self {
        Self {
            on_visible: 0.8,
            off_visible: 0.9,
            front_visible: 0.9,
            on_gap: 0.15,
            off_gap: 0.3,
            cover_share: 0.5,
            inside_area_ratio: 0.6,
            inside_share: 0.9,
            depth_margin: 0.05,
            covered_secs: 3.0,
            hold: Hold::new(0.2, 0.2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{clip, held, seen};
    use super::*;
    use vokg_engine::observation::Observation;

    fn occludes() -> Occludes {
        Occludes::new(&OccludesConfig::default())
    }

    /// Two squares of 20 that overlap in x by `overlap` pixels; the second stands `lower` pixels further down.
    fn two(overlap: f64, lower: f32) -> Vec<Observation> {
        vec![seen(0, 1, 0.0, 0.0, 20.0, 20.0), seen(0, 2, 20.0 - overlap as f32, lower, 20.0, 20.0)]
    }

    fn with_visible(overlap: f64, visible: [f32; 2]) -> Vec<Observation> {
        let shares = visible.into_iter().map(Some);
        two(overlap, 0.0).into_iter().zip(shares).map(|(o, visible)| Observation { visible, ..o }).collect()
    }

    #[test]
    fn of_two_boxes_the_lower_one_hides_the_other() {
        let overlap = |s: f64| if s < 1.0 { 10.0 * s } else { 20.0 - 10.0 * s };
        // Of 20 × 20, 18 rows are shared: 80 % is left at 4.44 columns, 90 % at 2.22.
        assert_eq!(held(occludes(), &clip(2.0, |s| two(overlap(s), 2.0))), [(2, 1, 480, Some(1800))]);
        assert_eq!(held(occludes(), &clip(2.0, |s| two(overlap(s), 0.5))), [], "neither is clearly lower");
    }

    #[test]
    fn what_is_seen_whole_inside_a_larger_box_is_not_hidden_by_it() {
        let boxes = |_| vec![seen(0, 1, 10.0, 10.0, 20.0, 20.0), seen(0, 2, 0.0, 0.0, 60.0, 60.0)];
        assert_eq!(held(occludes(), &clip(1.0, boxes)), []);
    }

    #[test]
    fn known_visible_shares_decide_without_the_edges() {
        let visible = |s: f64| if s < 1.0 { [1.0, 0.85] } else { [0.95, 0.8 - 0.05 * (2.0 - s) as f32] };
        assert_eq!(held(occludes(), &clip(2.0, |s| with_visible(5.0, visible(s)))), [(1, 2, 1000, Some(1960))]);
        assert_eq!(held(occludes(), &clip(1.0, |_| with_visible(5.0, [0.8, 0.7]))), [], "both are hidden by a third");
        assert_eq!(held(occludes(), &clip(1.0, |_| with_visible(-20.0, [1.0, 0.5]))), [], "too far apart");
    }
}
