//! The quantities relations are judged by: two tracks in one frame, in sizes and seconds.

use super::config::MeasureConfig;
use super::mask_gap::mask_gap;
use super::pairs::Moment;
use super::pose::{Motion, Pose};
use super::trail::{Known, Trail};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use vokg_engine::evidence::RelationKind;
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::id::TrackId;
use vokg_engine::time::Micros;

/// One of the two tracks of a [`Pair`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The one the relation starts from.
    A,
    /// The one it goes to.
    B,
}

/// Two tracks seen in one frame, in the order of the relation that is judged.
///
/// The pair's *size* is the geometric mean of both tracks' sizes (the running medians of the square roots of their
/// areas). Distances are in sizes, speeds in sizes per second, and *along* means along the line from A to B.
pub struct Pair<'a> {
    pub(super) a: &'a Pose,
    pub(super) b: &'a Pose,
    pub(super) shared: &'a Shared<'a>,
    /// 1 where A is the smaller track, −1 where the pair is turned round.
    pub(super) sign: f64,
}

/// How many standard errors of a speed are taken for noise.
const NOISE_ALLOWED: f64 = 2.0;

/// How far back what is read from windows of motion speaks of.
#[derive(Clone, Copy, Default)]
pub(super) struct Delays {
    velocity_us: Micros,
    steady_us: Micros,
}

impl Delays {
    pub(super) fn new(measure: &MeasureConfig) -> Self {
        Self { velocity_us: measure.delay_us(), steady_us: measure.steady_delay_us() }
    }
}

/// What does not depend on the direction.
pub(super) struct Shared<'a> {
    t: Micros,
    frame: Option<Size>,
    delays: Delays,
    pub(super) size_px: f64,
    /// From the one to the other in the middle of the window of the velocity: what moves is compared with where it was then.
    pub(super) line: (f64, f64),
    pub(super) line_px: f64,
    gap: OnceCell<f64>,
    held: &'a [Held],
    motions: &'a BTreeMap<TrackId, Motion>,
    /// The trails have grown since the frame before.
    new_step: bool,
}

/// What is known of one relation between two tracks, as of the frames before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) kind: RelationKind,
    /// From the smaller track to the greater.
    pub(super) forward: bool,
    /// When it began.
    pub(super) from_us: Micros,
    /// When it last held.
    pub(super) on_us: Micros,
    /// It still does.
    pub(super) on: bool,
    /// It has held long enough.
    pub(super) believed: bool,
    /// It was judged not to hold.
    pub(super) over: bool,
}

impl<'a> Shared<'a> {
    /// `held` tells what held between the two, in either direction.
    pub(super) fn new(a: &Pose, b: &Pose, held: &'a [Held], moment: &Moment<'a>) -> Self {
        let line = between(a.mean.centre(), b.mean.centre());
        Self {
            t: moment.t,
            frame: moment.frame,
            delays: moment.delays,
            size_px: a.pair_size_px(b),
            line,
            line_px: length(line),
            gap: OnceCell::new(),
            held,
            motions: moment.motions,
            new_step: moment.new_step,
        }
    }
}

pub(super) fn between(from: (f64, f64), to: (f64, f64)) -> (f64, f64) {
    (to.0 - from.0, to.1 - from.1)
}

pub(super) fn length((x, y): (f64, f64)) -> f64 {
    (x * x + y * y).sqrt()
}

impl<'a> Pair<'a> {
    pub(super) fn new(a: &'a Pose, b: &'a Pose, shared: &'a Shared<'a>) -> Self {
        let sign = if a.track <= b.track { 1.0 } else { -1.0 };
        Self { a, b, shared, sign }
    }

    pub(super) fn pose(&self, end: End) -> &Pose {
        match end {
            End::A => self.a,
            End::B => self.b,
        }
    }

    /// Time of the frame.
    pub fn t(&self) -> Micros {
        self.shared.t
    }

    /// How far back velocities and mean boxes speak of: half of their window.
    pub fn delay_us(&self) -> Micros {
        self.shared.delays.velocity_us
    }

    /// How far back the steady velocities speak of: half of their window.
    pub fn steady_delay_us(&self) -> Micros {
        self.shared.delays.steady_us
    }

    /// Pixels of the frame, where known.
    pub fn frame(&self) -> Option<Size> {
        self.shared.frame
    }

    /// Which track stands at an end.
    pub fn track(&self, end: End) -> TrackId {
        self.pose(end).track
    }

    /// The box of a track in pixels.
    pub fn rect_px(&self, end: End) -> Rect {
        self.pose(end).rect
    }

    /// The pair's size in pixels.
    pub fn size_px(&self) -> f64 {
        self.shared.size_px
    }

    /// Area of a track's box in square pixels.
    pub fn area_px(&self, end: End) -> f64 {
        f64::from(self.pose(end).rect.area())
    }

    /// Height of a track's bottom edge in the frame, in pixels from above.
    pub fn bottom_px(&self, end: End) -> f64 {
        f64::from(self.pose(end).rect.bottom())
    }

    /// Whether both boxes are those of their tracks alone. Where one covers more, only what would hold for any part of
    /// it is certain.
    pub fn measured(&self) -> bool {
        self.a.measured && self.b.measured
    }

    /// Whether there is nothing but boxes: no mask and no given visible share.
    pub fn boxes_only(&self) -> bool {
        [self.a, self.b].iter().all(|pose| pose.mask.is_none() && pose.visible.is_none())
    }

    /// The gap between the tracks in sizes, 0 where they touch: between masks where both have one on the same lattice,
    /// else between boxes.
    pub fn gap(&self) -> f64 {
        *self.shared.gap.get_or_init(|| {
            let masks = self.a.mask.as_deref().zip(self.b.mask.as_deref()).filter(|_| self.measured());
            let between_masks = masks.zip(self.shared.frame).and_then(|((a, b), frame)| mask_gap(a, b, frame));
            // Cells are coarser than boxes: masks may seem closer than their boxes, but are not.
            between_masks.unwrap_or(0.0).max(f64::from(self.a.rect.gap(&self.b.rect))) / self.shared.size_px
        })
    }

    /// The gap in sizes between the mean boxes over the window of the velocity: that of half a window ago, which noise
    /// disturbs less.
    pub fn mean_gap(&self) -> f64 {
        self.a.mean.gap(&self.b.mean) / self.shared.size_px
    }

    /// The standard error of [`Pair::mean_gap`] in sizes, as measured from how both boxes jitter.
    pub fn mean_gap_noise(&self) -> f64 {
        self.a.place_noise_px.hypot(self.b.place_noise_px) / self.shared.size_px
    }

    /// Distance of the centres in sizes.
    pub fn distance(&self) -> f64 {
        length(between(self.a.centre, self.b.centre)) / self.shared.size_px
    }

    /// Velocity of a track in sizes per second, right and down; `None` without enough sightings in the last half
    /// second.
    pub fn velocity(&self, end: End) -> Option<(f64, f64)> {
        let (x, y) = self.pose(end).velocity?;
        Some((x / self.shared.size_px, y / self.shared.size_px))
    }

    /// Speed of a track in sizes per second.
    pub fn speed(&self, end: End) -> Option<f64> {
        self.pose(end).velocity.map(|_| self.pose(end).speed_px / self.shared.size_px)
    }

    /// The share of B's mask, or of its box where it has none, that lies in A's box.
    pub fn share_inside(&self) -> f64 {
        let Some((mask, frame)) = self.b.mask.as_deref().zip(self.shared.frame) else {
            return self.box_share_inside();
        };
        f64::from(mask.share_inside(frame, &self.a.rect))
    }

    /// The share of B's box that lies in A's box.
    pub fn box_share_inside(&self) -> f64 {
        let area = self.area_px(End::B);
        if area <= 0.0 {
            return 0.0;
        }
        f64::from(self.a.rect.overlap(&self.b.rect)) / area
    }

    /// The share of the smaller box that lies in the other.
    pub fn box_overlap(&self) -> f64 {
        let area = self.area_px(End::A).min(self.area_px(End::B));
        if area <= 0.0 {
            return 0.0;
        }
        f64::from(self.a.rect.overlap(&self.b.rect)) / area
    }

    /// The share of B's mean box over the window of the velocity that lies in A's, which noise of single boxes does not lower;
    /// by as much more or less as of its mask lies there than of its box.
    pub fn mean_share_inside(&self) -> f64 {
        let boxes = self.b.mean.share_in(&self.a.mean);
        match self.b.mask.is_some() {
            true => (boxes + self.share_inside() - self.box_share_inside()).clamp(0.0, 1.0),
            false => boxes,
        }
    }

    /// The area of a track's mean box in square pixels.
    pub fn mean_area_px(&self, end: End) -> f64 {
        self.pose(end).mean.area()
    }

    /// The standard error of [`Pair::share_inside`] where an edge of B lies at one of A's: that of the distance of two edges, as
    /// measured from how both boxes jitter, against the shorter extent of B.
    pub fn share_noise(&self) -> f64 {
        self.share_noise_of(|pose| pose.jitter_px)
    }

    /// The standard error of [`Pair::mean_share_inside`], as [`Pair::share_noise`].
    pub fn mean_share_noise(&self) -> f64 {
        self.share_noise_of(|pose| pose.place_noise_px)
    }

    fn share_noise_of(&self, noise_px: fn(&Pose) -> f64) -> f64 {
        noise_px(self.a).hypot(noise_px(self.b)) / self.b.mean.shorter_extent().max(1.0)
    }

    /// The share of a track that nothing hides: as given, or its mask's area against that when nothing was close.
    pub fn visible(&self, end: End) -> Option<f64> {
        self.pose(end).visible
    }

    /// Whether the trails have grown since the frame before. What is judged by them alone begins only then.
    pub(super) fn is_new_step(&self) -> bool {
        self.shared.new_step
    }

    /// Where a track was over the last seconds.
    pub(super) fn trail(&self, end: End) -> Known<'_> {
        let pose = self.pose(end);
        Known::new(self.shared.motions.get(&pose.track).map_or(Trail::NONE, Motion::trail), pose.trail_end)
    }

    /// A track's own size in pixels: the running median of the square root of its area.
    pub fn own_size_px(&self, end: End) -> f64 {
        self.pose(end).size_px
    }

    /// The area of B against that of A, both by their running sizes.
    pub fn size_area_ratio(&self) -> f64 {
        (self.b.size_px * self.b.size_px) / (self.a.size_px * self.a.size_px)
    }

    /// Whether the border of the frame cuts nothing off a track.
    pub fn whole(&self, end: End) -> bool {
        self.pose(end).whole
    }

    /// Whether a track lies where another left it.
    pub fn is_left(&self, end: End) -> bool {
        self.pose(end).left
    }

    /// How long ago a track was first seen.
    pub fn age_us(&self, end: End) -> Micros {
        self.shared.t.saturating_sub(self.pose(end).first_us)
    }

    /// How long ago a track last stood, 0 if it does; `None` if it never did.
    pub fn still_us_ago(&self, end: End) -> Option<Micros> {
        Some(self.shared.t.saturating_sub(self.pose(end).stood_us?))
    }

    /// Speed of a track in sizes per second over a longer window, which noise disturbs less.
    pub fn steady_speed(&self, end: End) -> Option<f64> {
        let (x, y) = self.pose(end).steady?;
        Some((x * x + y * y).sqrt() / self.shared.size_px)
    }

    /// Standard error of the velocity of a track, both axes together, in sizes per second.
    pub fn speed_noise(&self, end: End) -> f64 {
        self.pose(end).speed_noise_px / self.shared.size_px
    }

    /// Standard error of the steady velocity of a track, both axes together, in sizes per second.
    pub fn steady_noise(&self, end: End) -> f64 {
        self.pose(end).steady_noise_px / self.shared.size_px
    }

    /// Whether a track stands, or may well: its steady speed is below `speed`, in sizes per second, and its velocity no
    /// further above than its noise explains. A thing that stops stands as soon as its velocity says so by more than its noise,
    /// if all of it is seen; the one free edge of a cut box may be a leg that swings.
    pub fn is_still(&self, end: End, speed: f64) -> bool {
        let (Some(steady), Some(now)) = (self.steady_speed(end), self.speed(end)) else { return false };
        now + self.speed_noise(end) < speed && self.whole(end)
            || steady < speed && now < speed + NOISE_ALLOWED * self.speed_noise(end)
    }

    /// The smaller of both steady speeds.
    pub fn steady_least(&self) -> Option<f64> {
        Some(self.steady_speed(End::A)?.min(self.steady_speed(End::B)?))
    }

    /// The greater of both steady speeds, 0 where there is none.
    pub fn steady_most(&self) -> f64 {
        let speed = |end| self.steady_speed(end).unwrap_or(0.0);
        speed(End::A).max(speed(End::B))
    }

    /// How much both steady velocities differ, in sizes per second.
    pub fn steady_drift(&self) -> Option<f64> {
        let (a, b) = (self.a.steady?, self.b.steady?);
        let (dx, dy) = (a.0 - b.0, a.1 - b.1);
        Some((dx * dx + dy * dy).sqrt() / self.shared.size_px)
    }

    fn is_mine(&self, held: &Held, kind: RelationKind) -> bool {
        held.kind == kind && held.forward == (self.sign > 0.0)
    }

    /// Whether the relation `kind` held from A to B in the frame before, for long enough to be believed.
    pub fn holds(&self, kind: RelationKind) -> bool {
        self.shared.held.iter().any(|held| self.is_mine(held, kind) && held.on && held.believed)
    }

    /// Whether the relation `kind` held from A to B in the last frame before that showed both, however long ago.
    pub fn held_when_last_seen(&self, kind: RelationKind) -> bool {
        self.shared.held.iter().any(|held| self.is_mine(held, kind) && !held.over)
    }

    /// When the relation `kind`, which holds or held lately from A to B, began and when it was last judged to hold.
    pub(super) fn life_of(&self, kind: RelationKind) -> Option<(Micros, Micros)> {
        self.shared.held.iter().find(|held| self.is_mine(held, kind)).map(|held| (held.from_us, held.on_us))
    }

    /// How long the relation `kind` has held from A to B, as of the frame before; 0 where it does not.
    pub fn lasts_for(&self, kind: RelationKind) -> Micros {
        let mine = self.shared.held.iter().find(|held| self.is_mine(held, kind) && held.on);
        mine.map_or(0, |held| held.on_us.saturating_sub(held.from_us))
    }

    /// Whether the relation `kind` held in the frame before in either direction, for long enough to be believed.
    pub fn holds_either_way(&self, kind: RelationKind) -> bool {
        self.shared.held.iter().any(|held| held.kind == kind && held.on && held.believed)
    }

    /// Whether the relation `kind` held in the frame before in either direction, believed or not.
    pub fn held_just_before(&self, kind: RelationKind) -> bool {
        self.shared.held.iter().any(|held| held.kind == kind && held.on)
    }

    /// Whether the relation `kind` held from A to B long enough to be believed, and ended at most `us` ago.
    pub fn ended_within(&self, kind: RelationKind, us: Micros) -> bool {
        let ended = |held: &Held| !held.on && held.believed && held.on_us + us >= self.shared.t;
        self.shared.held.iter().any(|held| self.is_mine(held, kind) && ended(held))
    }

    /// Whether the relation `kind` held from A to B at most `us` ago.
    pub fn held_towards(&self, kind: RelationKind, us: Micros) -> bool {
        self.shared.held.iter().any(|held| self.is_mine(held, kind) && held.on_us + us >= self.shared.t)
    }

    /// Whether the relation `kind` held between the two, in either direction, at most `us` ago. Remembered for as
    /// long as [`Relation::memory_us`](super::Relation::memory_us) of any relation says.
    pub fn held_within(&self, kind: RelationKind, us: Micros) -> bool {
        self.shared.held.iter().any(|held| held.kind == kind && held.on_us + us >= self.shared.t)
    }

    /// The same, for long enough to be believed.
    pub fn was_believed_within(&self, kind: RelationKind, us: Micros) -> bool {
        self.shared.held.iter().any(|held| held.kind == kind && held.believed && held.on_us + us >= self.shared.t)
    }
}

#[cfg(test)]
mod tests {
    use super::super::pose::{Motion, Windows};
    use super::super::testing::seen;
    use super::*;

    fn moving(track: u32, x: f32, y: f32, vx: f32, vy: f32) -> Pose {
        let (mut motion, windows) = (Motion::default(), Windows::new(&MeasureConfig::default()));
        let mut pose = None;
        for i in 0..=10u64 {
            let s = i as f32 / 10.0 - 1.0;
            let seen = seen(i * 100_000, track, x + vx * s, y + vy * s, 20.0, 20.0);
            pose = Some(motion.observe(&seen, &seen.rect, None, &windows));
        }
        pose.unwrap()
    }

    fn moment(motions: &BTreeMap<TrackId, Motion>) -> Moment<'_> {
        let delays = Delays::new(&MeasureConfig::default());
        Moment { t: 1_000_000, frame: None, poses: &[], pause_us: 0, motions, new_step: true, delays }
    }

    #[test]
    fn quantities_are_in_sizes_and_turn_with_the_pair() {
        // Level with each other a quarter of a second ago, in the middle of the window of the velocity.
        let (a, b) = (moving(1, 0.0, 0.0, 40.0, 0.0), moving(2, 100.0, 2.5, 0.0, 10.0));
        let motions = BTreeMap::new();
        let shared = Shared::new(&a, &b, &[], &moment(&motions));
        let (there, back) = (Pair::new(&a, &b, &shared), Pair::new(&b, &a, &shared));
        let close = |x: Option<f64>, y: f64| assert!((x.unwrap() - y).abs() < 1e-5, "{x:?} {y}");
        close(Some(there.distance()), 100.0f64.hypot(2.5) / 20.0);
        assert_eq!((there.gap(), back.gap()), (4.0, 4.0));
        close(there.along(End::A), 2.0);
        close(there.heading(End::A), 1.0);
        close(back.along(End::B), -2.0);
        close(back.along(End::A), 0.0);
        close(back.speed(End::A), 0.5);
        assert_eq!(there.boxes_only(), back.boxes_only());
        assert!(!there.held_within(RelationKind::NEAR, 1_000_000));
    }

    #[test]
    fn what_held_is_remembered_to_the_microsecond() {
        let (a, b) = (moving(1, 0.0, 0.0, 0.0, 0.0), moving(2, 100.0, 0.0, 0.0, 0.0));
        let kind = RelationKind::NEAR;
        let near = Held { kind, forward: true, from_us: 0, on_us: 400_000, on: false, believed: true, over: false };
        let (held, motions) = ([near], BTreeMap::new());
        let shared = Shared::new(&a, &b, &held, &moment(&motions));
        let pair = Pair::new(&a, &b, &shared);
        assert!(pair.held_within(RelationKind::NEAR, 600_000));
        assert!(!pair.held_within(RelationKind::NEAR, 599_999));
        assert!(!pair.held_within(RelationKind::LEAVES, 600_000));
        assert!(pair.ended_within(RelationKind::NEAR, 600_000) && !pair.holds(RelationKind::NEAR));
        assert!(pair.held_when_last_seen(RelationKind::NEAR));
        let back = Pair::new(&b, &a, &shared);
        assert!(!back.ended_within(RelationKind::NEAR, 600_000) && back.held_within(RelationKind::NEAR, 600_000));
    }

    #[test]
    fn coinciding_centres_have_no_direction() {
        let (a, b) = (moving(1, 5.0, 5.0, 9.0, 0.0), moving(2, 5.0, 5.0, 9.0, 0.0));
        let motions = BTreeMap::new();
        let shared = Shared::new(&a, &b, &[], &moment(&motions));
        let pair = Pair::new(&a, &b, &shared);
        assert_eq!((pair.along(End::A), pair.heading(End::A)), (None, None));
        assert_eq!((pair.share_inside(), pair.gap()), (1.0, 0.0));
    }
}
