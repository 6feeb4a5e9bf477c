//! How the camera and the light behave.

use super::random::{sine, smooth, unit};

/// What the camera does. Distances are shares of the frame's width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Camera {
    /// On a tripod.
    Still,
    /// Held in a hand: it strays at most this far to either side, with several swings a second.
    Shake(f64),
    /// Turns slowly to the right, so much a second, looking straight ahead in the middle of the clip.
    Pan(f64),
}

impl Camera {
    /// How far it looks to the right and down of straight ahead, in shares of the frame's width.
    pub fn offset(&self, secs: f64, clip_secs: f64) -> (f64, f64) {
        match self {
            Self::Still => (0.0, 0.0),
            Self::Shake(reach) => {
                let sway = 0.62 * sine(secs * 0.83) + 0.28 * sine(secs * 2.27 + 0.3) + 0.1 * sine(secs * 4.9 + 0.7);
                let nod = 0.55 * sine(secs * 1.09 + 0.6) + 0.3 * sine(secs * 2.71) + 0.15 * sine(secs * 5.3 + 0.2);
                (reach * sway, 0.6 * reach * nod)
            }
            Self::Pan(speed) => (speed * (secs - clip_secs / 2.0), 0.0),
        }
    }

    /// The largest offset in a clip, in shares of the frame's width.
    pub fn reach(&self, clip_secs: f64) -> f64 {
        match self {
            Self::Still => 0.0,
            Self::Shake(reach) => *reach,
            Self::Pan(speed) => speed * clip_secs / 2.0,
        }
    }
}

/// What the light does, on top of a flicker below one percent that is always there.
#[derive(Clone, Debug, PartialEq)]
pub enum Light {
    /// Stays.
    Steady,
    /// From a moment in seconds on, over half a second, everything is as bright as the factor says.
    Steps(Vec<(f64, f64)>),
}

const STEP_SECS: f64 = 0.5;

impl Light {
    /// The factor on all light in frame `index` at `secs`.
    pub fn gain(&self, secs: f64, index: u32, seed: u32) -> f64 {
        let flicker = 0.004 * sine(secs * 0.37)
            + 0.003 * sine(secs * 1.9 + 0.4)
            + 0.004 * (f64::from(unit([seed, index, 9])) - 0.5);
        let level = match self {
            Self::Steady => 1.0,
            Self::Steps(steps) => steps.iter().fold(1.0, |level, (at, to)| {
                level + (to - level) * f64::from(smooth(((secs - at) / STEP_SECS) as f32))
            }),
        };
        level * (1.0 + flicker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shaking_hand_stays_within_its_reach_and_uses_it() {
        let camera = Camera::Shake(0.03);
        let xs: Vec<f64> = (0..1000).map(|i| camera.offset(f64::from(i) * 0.02, 12.0).0).collect();
        let most = xs.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        assert!(most <= 0.03 * 1.003 && most > 0.024, "{most}");
    }

    #[test]
    fn light_steps_are_reached_and_flicker_is_slight() {
        let light = Light::Steps(vec![(2.0, 0.7), (5.0, 1.1)]);
        for (secs, level) in [(1.0, 1.0), (4.0, 0.7), (6.0, 1.1)] {
            assert!((light.gain(secs, 3, 1) / level - 1.0).abs() < 0.01);
        }
    }
}
