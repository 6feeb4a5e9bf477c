//! How two tracks move along the line between them.

use super::pair::{End, Pair, between, length};
use super::pose::Pose;

impl Pair<'_> {
    /// Speed of a track along the line from A to B in sizes per second: positive at A is towards B, positive at B is
    /// away from A. `None` without a velocity, or where the centres coincide.
    pub fn along(&self, end: End) -> Option<f64> {
        self.along_px(end).map(|along| along / self.shared.size_px)
    }

    /// Cosine of the angle between a track's movement and the line from A to B; `None` also where it stands.
    pub fn heading(&self, end: End) -> Option<f64> {
        let (along, speed) = (self.along_px(end)?, self.pose(end).speed_px);
        (speed > 0.0).then(|| along / speed)
    }

    /// The same of A where what the border of the frame cuts of either is as large as the other: towards where its centre is
    /// then.
    pub fn heading_beyond_border(&self) -> Option<f64> {
        let (x, y) = self.a.velocity?;
        let (dx, dy) = between(centre_beyond_border(self.a, self.b), centre_beyond_border(self.b, self.a));
        let scale = length((dx, dy)) * self.a.speed_px;
        (scale > 0.0).then(|| (x * dx + y * dy) / scale)
    }

    /// Cosine of the angle between a track's steady velocity and the line from A to B.
    pub fn steady_heading(&self, end: End) -> Option<f64> {
        let (x, y) = self.pose(end).steady?;
        let (dx, dy) = self.shared.line;
        let speed = (x * x + y * y).sqrt() * self.shared.line_px;
        (speed > 0.0).then(|| self.sign * (x * dx + y * dy) / speed)
    }

    /// Steady speed of a track along the line from A to B in sizes per second, as [`Pair::along`].
    pub fn steady_along(&self, end: End) -> Option<f64> {
        Some(self.steady_heading(end)? * self.steady_speed(end)?)
    }

    fn along_px(&self, end: End) -> Option<f64> {
        let (x, y) = self.pose(end).velocity?;
        let (dx, dy) = self.shared.line;
        (self.shared.line_px > 0.0).then(|| self.sign * (x * dx + y * dy) / self.shared.line_px)
    }
}

/// The centre of a mean box, with what the border cuts of it taken as large as the box of the other.
fn centre_beyond_border(pose: &Pose, other: &Pose) -> (f64, f64) {
    let ((width, height), (as_wide, as_high)) = (pose.mean.extents(), other.mean.extents());
    let (x, y) = pose.mean.centre();
    (x + pose.cut.0 * (as_wide - width).max(0.0) / 2.0, y + pose.cut.1 * (as_high - height).max(0.0) / 2.0)
}
