//! A dog: four legs that trot, a tail that wags.

use super::Stance;
use crate::source::synthetic::draw::colour::Rgb;
use crate::source::synthetic::draw::pen::Pen;
use crate::source::synthetic::draw::shape::Shape;
use crate::source::synthetic::random::sine;

/// A dog.
#[derive(Clone, Debug)]
pub struct Dog {
    /// Breast to rump, in world units.
    pub length: f32,
    /// Its fur.
    pub fur: Rgb,
    /// Ears and back.
    pub patch: Rgb,
}

impl Dog {
    /// All lengths are in dog lengths, the nose at about +0.6.
    pub(super) fn draw(&self, mut pen: Pen, stance: &Stance) -> Vec<Shape> {
        let phase = f64::from(stance.walked / (self.length * 1.15));
        let wave = |shift: f64| sine(phase + shift) as f32 * stance.pace;
        let bob = 0.03 * wave(0.1).abs();
        let back = 0.46 + bob;
        let wag = 0.06 * sine(phase * 1.7 + 0.2) as f32;
        for (hip_x, shift, light) in [(-0.3, 0.5, 0.7), (0.22, 0.0, 0.7), (-0.26, 0.0, 0.95), (0.26, 0.5, 0.95)] {
            let hip = (hip_x, back - 0.08);
            let raised = wave(shift + 0.25).max(0.0) * 0.07;
            let foot = (hip_x + 0.17 * wave(shift), 0.035 + raised);
            let knee = ((hip.0 + foot.0) / 2.0 + if hip_x < 0.0 { -0.03 } else { 0.03 }, 0.2 + raised * 0.5);
            pen.matt(self.fur.lit(light)).limb(hip, knee, 0.075, 0.045).limb(knee, foot, 0.045, 0.033);
        }
        pen.matt(self.fur.lit(0.9)).limb((-0.36, back + 0.03), (-0.55, back + 0.24 + wag), 0.045, 0.025);
        pen.matt(self.fur).limb((-0.29, back), (0.25, back + 0.01), 0.135, 0.155);
        pen.matt(self.patch).limb((-0.22, back + 0.07), (0.02, back + 0.075), 0.055, 0.065);
        pen.matt(self.fur).limb((0.28, back + 0.06), (0.42, back + 0.25), 0.11, 0.09);
        pen.ellipse((0.46, back + 0.28), 0.105, 0.095);
        pen.limb((0.5, back + 0.26), (0.6, back + 0.235), 0.055, 0.04);
        pen.matt(Rgb(34.0, 30.0, 30.0)).ellipse((0.635, back + 0.245), 0.022, 0.02).ellipse(
            (0.505, back + 0.31),
            0.014,
            0.016,
        );
        pen.matt(self.patch).limb((0.4, back + 0.34), (0.37, back + 0.22), 0.045, 0.035);
        pen.finish()
    }
}
