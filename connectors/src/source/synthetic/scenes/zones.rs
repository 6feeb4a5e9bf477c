//! Scenes of areas and lines on the ground.

use super::cast::Cast;
use crate::source::synthetic::path::Place;

const YARD: [Place; 4] = [(470.0, 330.0), (840.0, 330.0), (900.0, 640.0), (410.0, 640.0)];
const DWELL_SECS: f64 = 5.0;

pub fn inside(cast: &mut Cast) {
    cast.zone(&YARD, DWELL_SECS, 2);
    cast.person(&[(0.0, cast.left(), 440.0), (12.0, cast.right(), 430.0)]);
    cast.person(&[(1.5, cast.right(), 580.0), (7.0, 640.0, 560.0), (8.0, 640.0, 540.0), (12.5, cast.left(), 520.0)]);
    cast.dog(&[(2.0, cast.left(), 680.0), (9.0, cast.right(), 690.0)]);
}

pub fn loiters(cast: &mut Cast) {
    cast.zone(&YARD, DWELL_SECS, 2);
    cast.person(&[
        (0.0, cast.left(), 430.0),
        (4.5, 560.0, 430.0),
        (7.0, 600.0, 410.0),
        (11.0, 570.0, 440.0),
        (15.5, cast.left(), 440.0),
    ]);
    cast.person(&[
        (1.0, cast.right(), 580.0),
        (5.5, 760.0, 580.0),
        (8.0, 720.0, 590.0),
        (11.5, 760.0, 570.0),
        (15.5, cast.right(), 560.0),
    ]);
    cast.person(&[(4.0, cast.left(), 680.0), (14.0, cast.right(), 690.0)]);
}

pub fn crosses(cast: &mut Cast) {
    cast.line([(640.0, 120.0), (690.0, 710.0)]);
    cast.person(&[(0.0, cast.left(), 430.0), (11.0, cast.right(), 420.0)]);
    cast.person(&[(0.8, cast.right(), 600.0), (11.5, cast.left(), 590.0)]);
    cast.dog(&[(3.0, cast.left(), 680.0), (6.0, 560.0, 680.0), (7.5, 560.0, 680.0), (11.0, cast.left(), 660.0)]);
}

pub fn count(cast: &mut Cast) {
    cast.zone(&YARD, DWELL_SECS, 2);
    cast.person(&[(0.0, cast.left(), 430.0), (4.0, 560.0, 430.0), (13.0, 590.0, 440.0)]);
    cast.person(&[(0.0, cast.right(), 560.0), (4.0, 770.0, 560.0), (5.5, 770.0, 560.0), (9.0, cast.right(), 560.0)]);
    cast.person(&[(6.5, cast.right(), 400.0), (10.0, 760.0, 400.0), (12.0, 760.0, 400.0), (16.0, cast.right(), 400.0)]);
}
