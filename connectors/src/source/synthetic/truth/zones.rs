//! Relations with areas and lines on the ground: IN, LOITERS, COUNT and CROSSES, by the bottom centre of the box.

use super::interval::{Interval, Sign};
use super::sight::Sight;
use super::{Rule, TruthInteraction, tell};
use crate::source::synthetic::stage::{Line, Scene, Zone};
use vokg_engine::time::micros_from_secs;

const IN: Rule = Rule::holds(0.3, 0.3);
const COUNT: Rule = Rule::holds(0.3, 0.3);

type Point = (f64, f64);

pub fn judge(scene: &Scene, sight: &Sight<'_>, sink: &mut Vec<TruthInteraction>) {
    for zone in &scene.zones {
        let corners: Vec<Point> = zone.corners.iter().map(|c| scene.plan_px(*c)).collect();
        judge_zone(sight, zone, &corners, sink);
    }
    for line in &scene.lines {
        let ends = line.ends.map(|end| scene.plan_px(end));
        judge_line(sight, line, ends, sink);
    }
}

fn judge_zone(sight: &Sight<'_>, zone: &Zone, corners: &[Point], sink: &mut Vec<TruthInteraction>) {
    let inside = |actor: usize, frame: usize| foot(sight, actor, frame).is_some_and(|foot| encloses(corners, foot));
    for actor in 0..sight.actors() {
        let stays = IN.intervals(&sight.times, (0..sight.frames()).map(|k| Sign::only(inside(actor, k))));
        let dwell = micros_from_secs(zone.dwell_secs);
        let long: Vec<Interval> = stays.iter().filter(|s| s.to - s.from >= dwell).copied().collect();
        tell(sink, "IN", (sight.id(actor), zone.id), &stays);
        tell(sink, "LOITERS", (sight.id(actor), zone.id), &long);
    }
    let crowded = |k: usize| (0..sight.actors()).filter(|a| inside(*a, k)).count() >= zone.crowd as usize;
    let crowds = COUNT.intervals(&sight.times, (0..sight.frames()).map(|k| Sign::only(crowded(k))));
    tell(sink, "COUNT", (zone.id, zone.id), &crowds);
}

/// The moments an actor's foot changes sides between the ends of the line.
fn judge_line(sight: &Sight<'_>, line: &Line, ends: [Point; 2], sink: &mut Vec<TruthInteraction>) {
    for actor in 0..sight.actors() {
        for frame in 1..sight.frames() {
            let (Some(before), Some(now)) = (foot(sight, actor, frame - 1), foot(sight, actor, frame)) else {
                continue;
            };
            let apart = side(ends, before) * side(ends, now) < 0.0;
            if apart && side([before, now], ends[0]) * side([before, now], ends[1]) < 0.0 {
                let at = sight.times[frame];
                tell(sink, "CROSSES", (sight.id(actor), line.id), &[Interval { from: at, to: at }]);
            }
        }
    }
}

fn foot(sight: &Sight<'_>, actor: usize, frame: usize) -> Option<Point> {
    let rect = sight.see(actor, frame)?.rect;
    Some((f64::from(rect.centre().0), f64::from(rect.bottom())))
}

/// Positive on one side of the line through both ends, negative on the other.
fn side([p, q]: [Point; 2], at: Point) -> f64 {
    (q.0 - p.0) * (at.1 - p.1) - (q.1 - p.1) * (at.0 - p.0)
}

/// Even-odd rule: a ray to the right crosses the outline an odd number of times.
fn encloses(corners: &[Point], at: Point) -> bool {
    let edges = corners.iter().zip(corners.iter().cycle().skip(1));
    edges.filter(|(p, q)| (p.1 > at.1) != (q.1 > at.1) && at.0 < p.0 + (at.1 - p.1) / (q.1 - p.1) * (q.0 - p.0)).count()
        % 2
        == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notched_area_encloses_what_lies_in_its_arms_only() {
        let corners =
            [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (6.0, 10.0), (6.0, 4.0), (4.0, 4.0), (4.0, 10.0), (0.0, 10.0)];
        for (at, inside) in
            [((2.0, 8.0), true), ((8.0, 8.0), true), ((5.0, 8.0), false), ((5.0, 2.0), true), ((11.0, 2.0), false)]
        {
            assert_eq!(encloses(&corners, at), inside, "{at:?}");
        }
    }
}
