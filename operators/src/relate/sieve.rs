//! Which pairs of a row may call for anything: all of one track against all after it, in single precision and without
//! branches, since in a crowd that moves everybody meets everybody in every frame.
//!
//! It errs on the side of asking: what it leaves out, [`Judges::ask`](super::judges::Judges::ask) would answer with nothing.

use super::judges::Glance;

/// Comparisons of squares are decided for asking by more than single precision loses.
const GENEROUS: f32 = 1.0 - 1e-3;

/// The most generous bounds of all relations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    /// Beyond this gap, in sizes, no relation bound to a gap begins.
    pub(super) gap: f32,
    /// Further apart than this, in sizes, none between one behind the other.
    pub(super) behind: f32,
    /// Less straight than this, as the square of a cosine, nobody is behind another.
    pub(super) behind_cos: f32,
    /// Squares of the least speed towards another, in sizes per second, and of the least cosine; infinite where no relation
    /// asks.
    pub(super) towards_speed: f32,
    pub(super) towards_cos: f32,
}

/// What of a pair goes through the sieve: whether it may be within the reach of a gap, one behind the other, or one on its way
/// towards the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Through {
    pub(super) near: bool,
    pub(super) behind: bool,
    pub(super) towards: bool,
}

impl Through {
    /// What was not sifted.
    pub(super) const ALL: Self = Self { near: true, behind: true, towards: true };

    pub(super) fn any(self) -> bool {
        self.near | self.behind | self.towards
    }
}

/// The tracks of a frame, quantity by quantity.
#[derive(Default)]
pub(super) struct Sieve {
    tracks: Vec<Grain>,
}

/// One track, in pixels and pixels per second; centres are told from that of the first, since the ground may be far away.
#[derive(Clone, Copy)]
struct Grain {
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
    x: f32,
    y: f32,
    vx: f32,
    vy: f32,
    speed_square: f32,
    size: f32,
}

impl Sieve {
    /// Of these tracks, in their order.
    pub(super) fn new(glances: &[Glance]) -> Self {
        let (x, y) = glances.first().map_or((0.0, 0.0), |glance| glance.centre);
        let grain = |glance: &Glance| {
            let (vx, vy) = glance.velocity.unwrap_or((0.0, 0.0));
            let rect = &glance.rect;
            Grain {
                left: rect.left,
                right: rect.right(),
                top: rect.top,
                bottom: rect.bottom(),
                x: (glance.centre.0 - x) as f32,
                y: (glance.centre.1 - y) as f32,
                vx: vx as f32,
                vy: vy as f32,
                speed_square: glance.speed_square as f32,
                size: glance.size_px as f32,
            }
        };
        Self { tracks: glances.iter().map(grain).collect() }
    }

    /// For each track after the `i`th, what both may call for.
    pub(super) fn row(&self, i: usize, bounds: &Bounds, may: &mut Vec<Through>) {
        let a = self.tracks[i];
        may.clear();
        may.extend(self.tracks[i + 1..].iter().map(|b| {
            let size_square = a.size * b.size;
            let gap_x = (a.left.max(b.left) - a.right.min(b.right)).max(0.0);
            let gap_y = (a.top.max(b.top) - a.bottom.min(b.bottom)).max(0.0);
            let gap_square = (gap_x * gap_x + gap_y * gap_y) * GENEROUS;
            let (dx, dy) = (b.x - a.x, b.y - a.y);
            let distance_square = (dx * dx + dy * dy) * GENEROUS;
            let (a_comes, b_comes) = (a.vx * dx + a.vy * dy, -(b.vx * dx + b.vy * dy));
            let (a_square, b_square) = (a_comes * a_comes, b_comes * b_comes);
            let near = gap_square <= bounds.gap * bounds.gap * size_square;
            let behind = (gap_square <= bounds.behind * bounds.behind * size_square)
                & (a_comes * b_comes <= 0.0)
                & (a_square >= bounds.behind_cos * a.speed_square * distance_square)
                & (b_square >= bounds.behind_cos * b.speed_square * distance_square);
            let least = bounds.towards_speed * size_square * distance_square;
            let a_towards = (a_comes >= 0.0)
                & (a_square >= least)
                & (a_square >= bounds.towards_cos * a.speed_square * distance_square);
            let b_towards = (b_comes >= 0.0)
                & (b_square >= least)
                & (b_square >= bounds.towards_cos * b.speed_square * distance_square);
            Through { near, behind, towards: a_towards | b_towards }
        }));
    }
}
