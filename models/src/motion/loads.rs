//! What live tracks carry, taken off the blobs they walk in.

use super::cargo::placed;
use super::components::{Piece, Run};
use super::expected::Expected;
use super::known::KnownTracks;
use super::plane::Plane;
use super::scene::Thing;
use super::split::{found_at, trimmed_rect};
use super::sprite::Anchor;
use vokg_engine::geometry::Rect;

/// A track whose expected box overlaps the place of a load so much is that load.
const SAME_LOAD_IOU: f32 = 0.25;
/// A load fills at least this share of its box; else it is not there.
const FILLED_SHARE: f32 = 0.5;
/// Cells around its box that are a load's as well: straps, and cells that show both it and the ground.
const RIM: f32 = 2.0;
/// A load is where it looks as it did before, if its cells misfit by no more than this on average.
const FOUND_MISFIT: f32 = 0.4;
/// A load that overlaps the place where it was carried by less than this has been put down.
const CARRIED_IOU: f32 = 0.5;
/// Somebody without his load has at least this share of the cells.
const BODY_SHARE: f32 = 0.3;

/// The loads of all expected tracks.
pub(super) struct Loads {
    /// By expectation, about the anchor of who carries it.
    carried: Vec<Option<Rect>>,
    /// By expectation, the one that is its load.
    loads: Vec<Option<usize>>,
}

impl Loads {
    /// What the expected tracks carry, and which of them are carried.
    pub fn of(expected: &[Expected], known: &KnownTracks) -> Self {
        let carried: Vec<Option<Rect>> = expected.iter().map(|live| known.cargo(live).copied()).collect();
        let place = |(live, load): (&Expected, &Option<Rect>)| {
            let anchor = known.sprite(live)?.anchor_in(&live.rect);
            Some(placed(load.as_ref()?, anchor))
        };
        let places: Vec<Option<Rect>> = expected.iter().zip(&carried).map(place).collect();
        let load = |(carrier, place): (usize, &Option<Rect>)| {
            let overlap = |i: usize| place.map_or(0.0, |place| place.iou(&expected[i].rect));
            let others = (0..expected.len()).filter(|i| *i != carrier).map(|i| (i, overlap(i)));
            let best = others.filter(|(_, overlap)| *overlap > SAME_LOAD_IOU);
            best.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|(i, _)| i)
        };
        Self { loads: places.iter().enumerate().map(load).collect(), carried }
    }

    /// Who carries an expectation.
    pub fn carrier_of(&self, index: usize) -> Option<usize> {
        self.loads.iter().position(|load| *load == Some(index))
    }

    /// Whether an expectation carries something.
    pub fn carries(&self, index: usize) -> bool {
        self.carried[index].is_some()
    }

    /// A thing as itself and its load, where it carries one. A load that was seen for a while is where it looks so; if
    /// that is not where it was carried, it has been put down. While no believed track follows the load, who carries it
    /// keeps its cells, and before any does his box stays whole: his track would take the load for himself.
    pub fn taken_off(&self, thing: Thing, expected: &[Expected], known: &KnownTracks, plane: &Plane) -> Vec<Thing> {
        let Some(owner) = thing.owner else { return vec![thing] };
        let Some(load) = self.carried[owner] else { return vec![thing] };
        let anchor = thing.anchor.unwrap_or_else(|| Anchor::of(&thing.piece));
        let carried = placed(&load, anchor);
        let track = self.loads[owner];
        let seen = track.and_then(|i| {
            let (rect, misfit) = found_at(&thing.piece, &expected[i].rect, known.sprite(&expected[i])?, plane)?;
            (misfit <= FOUND_MISFIT).then_some(rect)
        });
        let place = seen.unwrap_or(carried);
        let put_down = place.iou(&carried) < CARRIED_IOU;
        let still_carries = seen.is_some() && !put_down;
        let (load, body) = parted(&thing.piece, &with_rim(&place, anchor));
        let filled = load.area as f32 >= FILLED_SHARE * place.area();
        if !filled || (body.area as f32) < BODY_SHARE * thing.piece.area as f32 {
            return vec![thing];
        }
        let load_rect = shared(&place, &trimmed_rect(&load));
        let follows = |(i, live): (usize, &Expected)| i != owner && live.rect.iou(&load_rect) > SAME_LOAD_IOU;
        let followers = || expected.iter().enumerate().filter(|follower| follows(*follower)).map(|(_, live)| live);
        let believed = followers().any(|live| live.track.is_some());
        let followed = believed || followers().any(|live| live.unseen_us == 0);
        let alone = thing.alone && !put_down && believed;
        let load = Thing { rect: load_rect, alone, ..Thing::of(load, track, thing.merged) };
        if !followed && !put_down {
            return vec![Thing { with_cargo: Some(thing.piece.clone()), ..thing }, load];
        }
        let rect = match put_down {
            true => trimmed_rect(&body),
            // Who carries reaches from head to ground, whatever his load hides.
            false => Rect { top: thing.rect.top, height: thing.rect.height, ..trimmed_rect(&body) },
        };
        let alone = thing.alone && !put_down;
        let own = if believed || put_down { body } else { thing.piece.clone() };
        let body = Thing { rect, with_cargo: Some(thing.piece), piece: own, alone, put_down, still_carries, ..thing };
        vec![body, load]
    }
}

/// What two boxes have in common.
fn shared(a: &Rect, b: &Rect) -> Rect {
    let (left, top) = (a.left.max(b.left), a.top.max(b.top));
    Rect::new(left, top, (a.right().min(b.right()) - left).max(0.0), (a.bottom().min(b.bottom()) - top).max(0.0))
}

/// A load's place with its rim, but none towards who carries it.
fn with_rim(place: &Rect, anchor: Anchor) -> Rect {
    let wider = Rect::new(place.left, place.top - RIM, place.width + RIM, place.height + 2.0 * RIM);
    if place.centre().0 < anchor.x as f32 { Rect { left: wider.left - RIM, ..wider } } else { wider }
}

/// The cells of a piece inside a box, and the others.
fn parted(piece: &Piece, place: &Rect) -> (Piece, Piece) {
    let columns = place.left.round().max(0.0) as usize..place.right().round().max(0.0) as usize;
    let rows = place.top.round().max(0.0) as usize..place.bottom().round().max(0.0) as usize;
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for run in &piece.runs {
        let (from, to) = (run.from.clamp(columns.start, columns.end), run.to.clamp(columns.start, columns.end));
        let (from, to) = if rows.contains(&run.y) && from < to { (from, to) } else { (run.to, run.to) };
        inside.push(Run { from, to, ..*run });
        outside.extend([Run { to: from, ..*run }, Run { from: to, ..*run }]);
    }
    let filled = |runs: &mut Vec<Run>| runs.retain(|run| run.from < run.to);
    filled(&mut inside);
    filled(&mut outside);
    (Piece::new(inside), Piece::new(outside))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::expected::rect_of;
    use crate::motion::sprite::tests::scene;
    use vokg_engine::id::TrackId;

    fn block(x: usize, y: usize, width: usize, height: usize) -> Piece {
        Piece::new((y..y + height).map(|y| Run { y, from: x, to: x + width }).collect())
    }

    /// A trunk of columns 20 to 28 with a bag of columns 24 to 38 before it.
    fn walker() -> Piece {
        let rows = (10..50).map(|y| Run { y, from: 20, to: if (30..45).contains(&y) { 38 } else { 28 } });
        Piece::new(rows.collect())
    }

    fn loads() -> Loads {
        Loads { carried: vec![Some(Rect::new(0.0, 20.0, 14.0, 15.0))], loads: vec![None] }
    }

    /// The track of the walker's load.
    fn follower(track: Option<u32>) -> Expected {
        let (track, rect) = (track.map(TrackId), Rect::new(24.0, 30.0, 14.0, 15.0));
        Expected { track, rect, settled: false, unseen_us: 0 }
    }

    fn taken_off(thing: Thing) -> Vec<Thing> {
        taken_off_by(&loads(), thing, Some(follower(Some(2))))
    }

    fn taken_off_by(loads: &Loads, thing: Thing, follower: Option<Expected>) -> Vec<Thing> {
        let plane = scene(&[]).0;
        let carrier = Expected { track: None, rect: rect_of(&thing.piece), settled: false, unseen_us: 0 };
        let expected: Vec<Expected> = [carrier].into_iter().chain(follower).collect();
        loads.taken_off(thing, &expected, &KnownTracks::default(), &plane)
    }

    #[test]
    fn a_load_that_stays_behind_is_put_down() {
        let live = |track, rect| Expected { track: Some(TrackId(track)), rect, settled: false, unseen_us: 0 };
        let bag = live(2, Rect::new(24.0, 30.0, 14.0, 15.0));
        let mut known = KnownTracks::default();
        known.update(&[live(1, rect_of(&walker())), bag.clone()]);
        let (plane, piece) = scene(&[(24..38, 30..45, 30)]);
        (0..10).for_each(|i| known.saw(&bag, i * 40_000, &piece, &plane, true));
        let loads = Loads { loads: vec![Some(1), None], carried: vec![Some(Rect::new(0.0, 20.0, 14.0, 15.0)), None] };
        let things_at = |x: usize| {
            let (plane, piece) = scene(&[(x..x + 8, 10..50, 90), (24..38, 30..45, 30)]);
            let expected = [live(1, Rect::new(x as f32, 10.0, 8.0, 40.0)), bag.clone()];
            loads.taken_off(
                Thing { anchor: Some(Anchor { x: x as i32 + 4, y: 10 }), ..Thing::of(piece, Some(0), false) },
                &expected,
                &known,
                &plane,
            )
        };
        assert!(!things_at(20)[0].put_down && things_at(20)[1].alone);
        let things = things_at(14);
        assert!(things[0].put_down && !things[0].alone);
        assert_eq!(things[1].rect, Rect::new(24.0, 30.0, 14.0, 15.0));
    }

    #[test]
    fn a_load_is_taken_off_and_the_rest_is_who_carries_it() {
        let things = taken_off(Thing::of(walker(), Some(0), false));
        let rects: Vec<Rect> = things.iter().map(|thing| thing.rect).collect();
        assert_eq!(rects, [Rect::new(20.0, 10.0, 8.0, 40.0), Rect::new(24.0, 30.0, 14.0, 15.0)]);
        assert_eq!(things[0].with_cargo.as_ref().map(|piece| piece.area), Some(walker().area));
        assert_eq!((things[0].owner, things[1].owner), (Some(0), None));
    }

    #[test]
    fn who_carries_reaches_from_head_to_ground_where_the_load_hides_his_legs() {
        let rows = (10..50).map(|y| Run { y, from: 20, to: if y < 34 { 28 } else { 36 } });
        let loads = Loads { carried: vec![Some(Rect::new(-4.0, 24.0, 16.0, 14.0))], ..loads() };
        let things =
            taken_off_by(&loads, Thing::of(Piece::new(rows.collect()), Some(0), false), Some(follower(Some(2))));
        assert_eq!((things.len(), things[0].rect.top, things[0].rect.height), (2, 10.0, 40.0));
    }

    #[test]
    fn who_carries_keeps_his_box_until_his_load_is_followed_and_his_cells_until_that_is_believed() {
        let things = |follower: Option<Expected>| {
            let things = taken_off_by(&loads(), Thing::of(walker(), Some(0), false), follower);
            things.iter().map(|thing| (thing.rect, thing.merged, thing.piece.area)).collect::<Vec<_>>()
        };
        let (area, body) = (walker().area, Rect::new(20.0, 10.0, 8.0, 40.0));
        let followed = things(Some(follower(Some(2))));
        let load = followed[1];
        assert_eq!((load.0, load.1), (Rect::new(24.0, 30.0, 14.0, 15.0), false));
        assert_eq!(followed[0], (body, false, area - load.2));
        assert_eq!(things(None), [(rect_of(&walker()), false, area), load]);
        assert_eq!(things(Some(follower(None))), [(body, false, area), load], "nobody believes in it");
    }

    #[test]
    fn a_load_that_was_put_down_is_not_taken_off() {
        assert_eq!(taken_off(Thing::of(block(20, 10, 8, 40), Some(0), false)).len(), 1);
        assert_eq!(taken_off(Thing::of(walker(), None, false)).len(), 1);
    }

    #[test]
    fn the_cells_of_a_piece_are_shared_out_without_loss() {
        let (inside, outside) = parted(&walker(), &Rect::new(22.0, 28.0, 40.0, 10.0));
        assert_eq!(inside.area + outside.area, walker().area);
        assert_eq!((inside.columns, inside.rows), (22..38, 28..38));
    }
}
