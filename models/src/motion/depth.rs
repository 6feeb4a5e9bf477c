//! Who stands in front of whom in a blob that is shared out, and how much of each can be seen.
//!
//! Where two things are laid over each other, the picture shows the one in front. Of two whose looks are known cell by
//! cell, that is the one that fits the shared cells better; of one that is known so and one that is not, the known one is
//! in front where it fits them. What stands lower in the picture is nearer, so it has the benefit of the doubt.

/// Of two that overlap, the one that stands lower is nearer by so much mean misfit.
const LOWER_BONUS: f32 = 0.1;
/// Rows by which one must stand lower for that.
const LOWER_ROWS: f32 = 2.0;
/// Mean misfit, from 0 to 1, at which cells show something else as likely as the thing itself.
const HIDDEN_MISFIT: f32 = 0.5;
/// Fewest shared cells that tell who is in front.
const FEWEST_SHARED: usize = 4;

/// How the cells that two things share look, seen from one of them.
pub(super) struct Shared {
    /// How many they are.
    pub cells: usize,
    /// Mean misfit of either thing there; `None` of one whose look is not known cell by cell.
    pub misfits: [Option<f32>; 2],
    /// Rows by which the first stands lower than the second.
    pub lower: f32,
}

impl Shared {
    /// Which of the two is behind, 0 or 1; `None` where nothing tells.
    pub fn behind(&self) -> Option<usize> {
        if self.cells < FEWEST_SHARED {
            return None;
        }
        let bonus = if self.lower.abs() > LOWER_ROWS { LOWER_BONUS * self.lower.signum() } else { 0.0 };
        let [first, second] = self.misfits;
        if first.is_none() && second.is_none() {
            return None;
        }
        let or_other = |misfit: Option<f32>| misfit.unwrap_or(HIDDEN_MISFIT);
        Some(usize::from(or_other(first) - bonus <= or_other(second)))
    }
}

/// Which things are in front of which.
pub(super) struct Depth {
    in_front: Vec<Vec<usize>>,
}

impl Depth {
    /// Nothing is known of this many things.
    pub fn unknown(count: usize) -> Self {
        Self { in_front: vec![Vec::new(); count] }
    }

    /// Puts one thing behind another.
    pub fn put_behind(&mut self, behind: usize, front: usize) {
        self.in_front[behind].push(front);
    }

    /// Whether `front` is in front of `thing`.
    pub fn hides(&self, front: usize, thing: usize) -> bool {
        self.in_front[thing].contains(&front)
    }

    /// Whether nothing is known to be in front of a thing.
    pub fn is_foremost(&self, thing: usize) -> bool {
        self.in_front[thing].is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(misfits: [Option<f32>; 2], lower: f32) -> Option<usize> {
        Shared { cells: 20, misfits, lower }.behind()
    }

    #[test]
    fn what_the_picture_shows_is_in_front() {
        assert_eq!(behind([Some(0.2), Some(0.7)], 0.0), Some(1));
        assert_eq!(behind([Some(0.7), Some(0.2)], 0.0), Some(0));
        assert_eq!(behind([Some(0.45), Some(0.4)], 6.0), Some(1), "the first stands lower");
        assert_eq!(behind([Some(0.45), Some(0.4)], 1.0), Some(0), "but not by much");
    }

    #[test]
    fn one_known_thing_tells_of_the_other() {
        assert_eq!(behind([Some(0.2), None], 0.0), Some(1));
        assert_eq!(behind([None, Some(0.9)], 0.0), Some(1));
        assert_eq!(behind([None, None], 9.0), None);
        assert_eq!(Shared { cells: 2, misfits: [Some(0.0), Some(1.0)], lower: 0.0 }.behind(), None);
    }

    #[test]
    fn who_is_behind_has_others_in_front() {
        let mut depth = Depth::unknown(2);
        depth.put_behind(1, 0);
        assert!(depth.hides(0, 1) && !depth.hides(1, 0));
        assert!(depth.is_foremost(0) && !depth.is_foremost(1));
    }
}
