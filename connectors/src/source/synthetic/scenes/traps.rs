//! Scenes that look like something they are not.

use super::cast::Cast;
use crate::source::synthetic::camera::{Camera, Light};
use crate::source::synthetic::draw::ground::Scenery;

pub fn parked_pair(cast: &mut Cast) {
    cast.scenery = Scenery::Street;
    cast.car(&[(0.0, 420.0, 420.0)]);
    cast.car(&[(0.0, 740.0, 420.0)]);
    cast.person(&[(1.0, -140.0, 690.0), (6.0, 560.0, 700.0), (11.5, 1420.0, 690.0)]);
}

pub fn crossing(cast: &mut Cast) {
    cast.person(&[(0.0, cast.left(), 330.0), (10.5, cast.right(), 640.0)]);
    cast.person(&[(1.0, cast.right(), 680.0), (11.5, cast.left(), 320.0)]);
    cast.person(&[(1.0, 930.0, cast.below()), (9.0, 560.0, 230.0), (12.0, 460.0, 190.0)]);
}

pub fn parked_target(cast: &mut Cast) {
    cast.scenery = Scenery::Street;
    cast.car(&[(0.0, cast.left(), 420.0), (3.0, 700.0, 420.0), (12.0, 700.0, 420.0)]);
    cast.dog(&[(4.0, cast.left(), 470.0), (7.4, 560.0, 470.0), (10.5, cast.right(), 500.0)]);
    cast.person(&[(5.0, cast.right(), 660.0), (12.5, cast.left(), 660.0)]);
}

pub fn stopped(cast: &mut Cast) {
    cast.person(&[(0.5, cast.left(), 450.0), (4.5, 600.0, 450.0), (13.0, 600.0, 450.0), (18.0, cast.right(), 450.0)]);
}

pub fn light_change(cast: &mut Cast) {
    cast.light = Light::Steps(vec![(4.0, 0.72), (8.0, 1.12)]);
    ramble(cast);
}

pub fn rest(cast: &mut Cast) {
    ramble(cast);
}

pub fn shake_1(cast: &mut Cast) {
    cast.camera = Camera::Shake(0.01);
    ramble(cast);
}

pub fn shake_3(cast: &mut Cast) {
    cast.camera = Camera::Shake(0.03);
    ramble(cast);
}

pub fn pan(cast: &mut Cast) {
    cast.camera = Camera::Pan(0.02);
    ramble(cast);
}

/// Three who cross the square, each in a band of its own.
fn ramble(cast: &mut Cast) {
    cast.person(&[(0.0, cast.left(), 330.0), (11.5, cast.right(), 310.0)]);
    cast.person(&[(0.5, cast.right(), 490.0), (6.0, 640.0, 500.0), (7.0, 640.0, 500.0), (13.0, cast.left(), 480.0)]);
    cast.dog(&[(3.0, cast.left(), 660.0), (6.5, 560.0, 650.0), (10.5, cast.right(), 670.0)]);
}
