//! A person: head, hair, torso, arms and legs that swing with the way walked.

use super::Stance;
use crate::source::synthetic::draw::colour::Rgb;
use crate::source::synthetic::draw::pen::Pen;
use crate::source::synthetic::draw::shape::{Pattern, Shape};
use crate::source::synthetic::random::sine;

/// What a person wears.
#[derive(Clone, Debug)]
pub struct Person {
    /// In world units.
    pub height: f32,
    /// Face and hands.
    pub skin: Rgb,
    /// Hair or hat.
    pub hair: Rgb,
    /// Upper body and arms.
    pub coat: Rgb,
    /// Pattern of the coat.
    pub pattern: Pattern,
    /// Legs.
    pub trousers: Rgb,
}

/// Two steps, in body heights.
const STRIDE: f32 = 0.85;

impl Person {
    /// Legs and arms first, then what lies over them. All lengths are in body heights.
    pub(super) fn draw(&self, mut pen: Pen, stance: &Stance) -> Vec<Shape> {
        let turn = stance.facing;
        let phase = f64::from(stance.walked / (self.height * STRIDE));
        let swing = sine(phase) as f32 * stance.pace;
        let lift = sine(phase + 0.25) as f32 * stance.pace;
        let bob = 0.012 * lift.abs();
        let half = 0.058 + 0.042 * (1.0 - turn.abs());
        let shoes = self.trousers.lit(0.45);

        self.arm(&mut pen, -half * 1.25, -swing * turn, bob, 0.72);
        for (side, light) in [(-1.0, 0.74), (1.0, 1.0)] {
            let hip = (side * half * 0.55, 0.5 + bob);
            let raised = (side * lift).max(0.0) * 0.07;
            let foot = (hip.0 + side * swing * turn * 0.21, 0.035 + raised + side * swing * (1.0 - turn.abs()) * 0.02);
            let knee = ((hip.0 + foot.0) / 2.0 + turn * (0.02 + raised * 0.7), 0.27 + raised * 0.5);
            pen.matt(self.trousers.lit(light)).limb(hip, knee, 0.058, 0.046).limb(knee, foot, 0.046, 0.034);
            pen.matt(shoes).limb(
                (foot.0 - 0.012 * turn, foot.1 - 0.008),
                (foot.0 + 0.05 * turn, foot.1 - 0.012),
                0.027,
                0.023,
            );
        }
        let (hem, chest) = ((0.0, 0.5 + bob), (0.008 * turn, 0.765 + bob));
        pen.matt(self.coat).patterned(self.pattern).limb(hem, chest, half + 0.028, half + 0.036);
        pen.matt(self.skin.lit(0.85)).limb((0.008 * turn, 0.8 + bob), (0.012 * turn, 0.86 + bob), 0.033, 0.033);
        pen.matt(self.hair).ellipse((-0.008 * turn, 0.925 + bob), 0.064, 0.069);
        pen.matt(self.skin).ellipse((0.018 * turn, 0.909 + bob), 0.05, 0.062);
        pen.matt(self.hair).limb((-0.03, 0.963 + bob), (0.034, 0.966 + bob), 0.026, 0.02);
        self.arm(&mut pen, half * 1.25, swing * turn, bob, 1.0);
        pen.finish()
    }

    fn arm(&self, pen: &mut Pen, shoulder_x: f32, swing: f32, bob: f32, light: f32) {
        let shoulder = (shoulder_x * 0.8, 0.775 + bob);
        let elbow = (shoulder_x + 0.07 * swing, 0.63 + bob);
        let hand = (shoulder_x + 0.17 * swing, 0.5 + bob + 0.03 * swing.abs());
        pen.matt(self.coat.lit(0.9 * light)).limb(shoulder, elbow, 0.037, 0.032).limb(elbow, hand, 0.032, 0.025);
        pen.matt(self.skin.lit(light)).ellipse(hand, 0.024, 0.027);
    }
}
