//! A scene for each relation between two things. Times in seconds, places in world units; comments in the truth's
//! words would repeat the `about` of the list.

use super::cast::Cast;
use crate::source::synthetic::draw::ground::Scenery;
use crate::source::synthetic::path::Path;

pub fn near(cast: &mut Cast) {
    cast.person(&[(0.3, cast.right(), 436.0), (4.5, 706.0, 436.0), (13.0, 706.0, 436.0)]);
    cast.person(&[
        (0.0, cast.left(), 440.0),
        (4.0, 575.0, 440.0),
        (4.8, 650.0, 440.0),
        (6.4, 650.0, 440.0),
        (8.6, 380.0, 450.0),
        (10.8, 650.0, 440.0),
        (13.0, 650.0, 440.0),
    ]);
}

pub fn contains(cast: &mut Cast) {
    cast.scenery = Scenery::Street;
    cast.van(&[(0.0, cast.left(), 540.0), (4.0, 600.0, 540.0), (10.8, 600.0, 540.0), (13.5, cast.right(), 540.0)]);
    cast.dog(&[
        (2.5, cast.right(), 545.0),
        (5.3, 640.0, 545.0),
        (6.8, 575.0, 545.0),
        (8.6, 200.0, 550.0),
        (10.2, cast.left(), 550.0),
    ]);
    cast.person(&[(2.2, cast.left(), 545.0), (7.8, 500.0, 545.0), (9.6, 690.0, 545.0), (13.5, cast.right(), 560.0)]);
}

pub fn occludes(cast: &mut Cast) {
    cast.scenery = Scenery::Street;
    cast.person(&[(0.0, 120.0, 352.0), (13.0, 930.0, 352.0)]);
    cast.car(&[(1.0, cast.left(), 406.0), (9.5, cast.right(), 406.0)]);
    cast.car(&[(5.8, cast.right(), 410.0), (14.0, cast.left(), 410.0)]);
}

/// The vans stand back to back, so that nobody is seen between them; the third goes behind the one and comes out from
/// behind the other.
pub fn hidden_by(cast: &mut Cast) {
    cast.scenery = Scenery::Street;
    cast.van(&[(0.0, 400.0, 540.0), (15.0, 400.0, 540.0), (18.5, 393.0, 540.0)]);
    cast.van(&[(0.0, 744.0, 540.5)]);
    cast.person(&[(0.0, cast.left(), 524.0), (4.0, 430.0, 524.0), (8.6, 430.0, 524.0), (12.6, cast.left(), 524.0)]);
    cast.person(&[(0.4, cast.right(), 523.0), (5.2, 715.0, 523.0), (10.2, 715.0, 523.0), (15.0, cast.right(), 523.0)]);
    cast.person(&[(3.5, cast.left(), 525.0), (16.5, cast.right(), 525.0)]);
}

pub fn approaches(cast: &mut Cast) {
    cast.person(&[(0.0, cast.right(), 404.0), (4.0, 860.0, 404.0), (12.0, 860.0, 404.0)]);
    cast.person(&[(0.5, cast.left(), 420.0), (7.6, 740.0, 412.0), (12.0, 740.0, 412.0)]);
    cast.dog(&[(6.0, cast.right(), 600.0), (10.6, 930.0, 470.0), (12.0, 930.0, 470.0)]);
}

pub fn leaves(cast: &mut Cast) {
    cast.person(&[
        (0.0, cast.left(), 430.0),
        (4.0, 590.0, 430.0),
        (5.4, 590.0, 430.0),
        (10.5, 90.0, 470.0),
        (12.5, cast.left(), 480.0),
    ]);
    cast.person(&[
        (0.0, cast.right(), 434.0),
        (4.2, 645.0, 434.0),
        (6.4, 645.0, 434.0),
        (11.0, 1180.0, 400.0),
        (13.0, cast.right(), 396.0),
    ]);
}

pub fn follows(cast: &mut Cast) {
    cast.scenery = Scenery::Park;
    let leader = [
        (0.0, cast.left(), 360.0),
        (4.0, 250.0, 420.0),
        (7.5, 640.0, 340.0),
        (11.0, 1040.0, 400.0),
        (14.0, cast.right(), 350.0),
    ];
    cast.person(&leader);
    cast.person_on(Path::through(&leader).later(1.6, 0.0, 3.0));
    let walker = [(0.5, cast.right(), 650.0), (6.0, 860.0, 600.0), (10.0, 420.0, 640.0), (15.0, cast.left(), 600.0)];
    cast.person(&walker);
    cast.person_on(Path::through(&walker).later(1.5, 0.0, 4.0));
}

pub fn chases(cast: &mut Cast) {
    cast.scenery = Scenery::Park;
    let there = [(0.2, cast.left(), 420.0), (3.2, 560.0, 470.0), (6.4, cast.right(), 410.0)];
    cast.person(&there);
    cast.dog_on(Path::through(&there).later(0.75, 0.0, 6.0));
    let back = [(6.4, cast.right(), 560.0), (9.4, 660.0, 600.0), (12.6, cast.left(), 540.0)];
    cast.person(&back);
    cast.dog_on(Path::through(&back).later(0.7, 0.0, 6.0));
}

pub fn moves_with(cast: &mut Cast) {
    let up = |from: f64, x: f64, below: f64| {
        [(from, x, below), (from + 9.0, x - 20.0, 250.0), (from + 10.5, x - 20.0, 240.0)]
    };
    let below = cast.below();
    cast.person(&up(0.0, 330.0, below));
    cast.person(&up(0.0, 412.0, below + 6.0));
    cast.person(&up(1.6, 872.0, below));
    cast.person(&up(1.6, 956.0, below + 5.0));
}

pub fn carries(cast: &mut Cast) {
    let mover = [
        (0.0, cast.left(), 450.0),
        (3.6, 400.0, 450.0),
        (4.2, 400.0, 450.0),
        (8.0, 790.0, 450.0),
        (8.8, 790.0, 450.0),
        (12.5, 1130.0, 400.0),
    ];
    cast.person(&mover);
    cast.carton(&mover, (430.0, 451.0), &[(3.7, 8.1)]);
    let traveller = [(1.0, cast.right(), 610.0), (13.0, cast.left(), 590.0)];
    cast.person(&traveller);
    cast.bag(&traveller, (cast.right(), 610.0), &[(-5.0, 9e9)]);
}

pub fn meets(cast: &mut Cast) {
    cast.person(&[(0.0, cast.left(), 450.0), (3.8, 560.0, 450.0), (14.0, 560.0, 450.0)]);
    cast.person(&[(0.2, cast.right(), 446.0), (4.0, 615.0, 446.0), (6.8, 615.0, 446.0), (11.5, cast.right(), 400.0)]);
    cast.person(&[(5.4, cast.left(), 462.0), (10.2, 505.0, 456.0), (14.0, 505.0, 456.0)]);
}

pub fn abandoned(cast: &mut Cast) {
    let first = [
        (0.0, cast.left(), 400.0),
        (3.6, 330.0, 400.0),
        (4.6, 330.0, 400.0),
        (9.5, 820.0, 380.0),
        (20.0, 820.0, 380.0),
    ];
    cast.person(&first);
    cast.bag(&first, (cast.left(), 400.0), &[(-5.0, 3.8)]);
    let second = [
        (0.8, cast.right(), 620.0),
        (4.8, 980.0, 620.0),
        (5.8, 980.0, 620.0),
        (10.8, 480.0, 640.0),
        (20.0, 480.0, 640.0),
    ];
    cast.person(&second);
    cast.bag(&second, (cast.right(), 620.0), &[(-5.0, 5.0)]);
}
