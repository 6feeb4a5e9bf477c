//! Which pairs of a frame are worth judging: those close together, and those with a track that moves.
//!
//! Close pairs come from a sweep over left edges; it is exact, since the gap between two boxes is at least the gap
//! along x. Far pairs of things that stand cost nothing.

use super::pose::Pose;
use super::relation::Reach;

/// Slower than this nobody moves, in sizes per second.
const MOVING_SPEED: f64 = 0.15;

/// The candidates of one frame, as indices into its poses.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Smaller index first, ascending.
    close: Vec<(usize, usize)>,
    /// Ascending.
    moving: Vec<usize>,
    count: usize,
}

/// The union of the reaches of several relations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reaches {
    gap: f64,
    speed: Option<f64>,
}

impl Reaches {
    /// At least pairs within `gap` sizes.
    pub(super) fn new(gap: f64, reaches: impl Iterator<Item = Reach>) -> Self {
        reaches.fold(Self { gap, speed: None }, |all, reach| match reach {
            Reach::Gap(gap) => Self { gap: all.gap.max(gap), ..all },
            // What was held is judged whether it is a candidate or not; what was left meets everybody.
            Reach::After(_) | Reach::Left => all,
            Reach::Moving(_) | Reach::Behind(_) => Self { speed: Some(all.speed.unwrap_or(MOVING_SPEED)), ..all },
            Reach::Towards { speed, .. } => {
                Self { speed: Some(all.speed.map_or(speed, |least| least.min(speed))), ..all }
            }
        })
    }
}

impl Candidates {
    pub(super) fn new(poses: &[Pose], reaches: Reaches) -> Self {
        Self { close: close_pairs(poses, reaches.gap), moving: moving(poses, reaches.speed), count: poses.len() }
    }

    /// Pairs whose boxes are within the gap of [`Reaches`].
    pub(super) fn close(&self) -> &[(usize, usize)] {
        &self.close
    }

    /// Adds the candidates for `i` that come after it.
    pub(super) fn row(&self, i: usize, row: &mut Vec<usize>) {
        if self.moving.binary_search(&i).is_ok() {
            row.extend(i + 1..self.count);
            return;
        }
        let from = self.close.partition_point(|pair| pair.0 < i);
        row.extend(self.close[from..].iter().take_while(|pair| pair.0 == i).map(|pair| pair.1));
        row.extend(&self.moving[self.moving.partition_point(|mover| *mover <= i)..]);
    }
}

fn close_pairs(poses: &[Pose], gap: f64) -> Vec<(usize, usize)> {
    let mut by_left: Vec<usize> = (0..poses.len()).collect();
    by_left.sort_by(|i, j| poses[*i].rect.left.total_cmp(&poses[*j].rect.left));
    let largest_px = poses.iter().map(|pose| pose.size_px).fold(0.0, f64::max);
    let mut close = Vec::new();
    for (at, &i) in by_left.iter().enumerate() {
        let a = &poses[i];
        let furthest = f64::from(a.rect.right()) + gap * (a.size_px * largest_px).sqrt();
        for &j in &by_left[at + 1..] {
            let b = &poses[j];
            if f64::from(b.rect.left) > furthest {
                break;
            }
            if f64::from(a.rect.gap(&b.rect)) <= gap * a.pair_size_px(b) {
                close.push((i.min(j), i.max(j)));
            }
        }
    }
    close.sort_unstable();
    close
}

/// Those that are fast enough beside the smallest, where a size is shortest.
fn moving(poses: &[Pose], speed: Option<f64>) -> Vec<usize> {
    let speed = speed.unwrap_or(f64::INFINITY);
    let smallest_px = poses.iter().map(|pose| pose.size_px).fold(f64::INFINITY, f64::min);
    let moves = |pose: &Pose| pose.speed_px >= speed * (pose.size_px * smallest_px).sqrt();
    (0..poses.len()).filter(|i| poses[*i].left || moves(&poses[*i])).collect()
}

#[cfg(test)]
mod tests {
    use super::super::config::MeasureConfig;
    use super::super::pose::{Motion, Windows};
    use super::super::testing::seen;
    use super::*;
    use proptest::prelude::*;

    fn poses(boxes: &[(f32, f32, f32, f32)]) -> Vec<Pose> {
        let windows = Windows::new(&MeasureConfig::default());
        let pose = |(i, b): (usize, &(f32, f32, f32, f32))| {
            let seen = seen(0, i as u32, b.0, b.1, b.2, b.3);
            Motion::default().observe(&seen, &seen.rect, None, &windows)
        };
        boxes.iter().enumerate().map(pose).collect()
    }

    proptest! {
        #[test]
        fn the_sweep_finds_what_all_against_all_finds(
            boxes in prop::collection::vec((0f32..500.0, 0f32..300.0, 1f32..80.0, 1f32..80.0), 0..40),
            gap in 0f64..2.0,
        ) {
            let poses = poses(&boxes);
            let mut all = Vec::new();
            for i in 0..poses.len() {
                for j in i + 1..poses.len() {
                    let size_px = poses[i].pair_size_px(&poses[j]);
                    if f64::from(poses[i].rect.gap(&poses[j].rect)) <= gap * size_px {
                        all.push((i, j));
                    }
                }
            }
            prop_assert_eq!(close_pairs(&poses, gap), all);
        }
    }

    #[test]
    fn a_mover_meets_everybody_and_the_others_only_whom_they_touch() {
        let mut poses =
            poses(&[(0.0, 0.0, 9.0, 9.0), (5.0, 0.0, 9.0, 9.0), (300.0, 0.0, 9.0, 9.0), (600.0, 0.0, 9.0, 9.0)]);
        poses[2].speed_px = 100.0;
        let reaches = Reaches::new(0.1, [Reach::Gap(0.5), Reach::Towards { speed: 0.15, cos: 0.7 }].into_iter());
        let candidates = Candidates::new(&poses, reaches);
        let row = |i| {
            let mut row = Vec::new();
            candidates.row(i, &mut row);
            row
        };
        assert_eq!([row(0), row(1), row(2), row(3)], [vec![1, 2], vec![2], vec![3], vec![]]);
    }
}
