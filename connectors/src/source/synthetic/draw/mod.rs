//! Pictures from shapes: colours, outlines, the pen that places them, the ground they stand on.

pub mod colour;
pub mod ground;
pub mod pen;
pub mod raster;
pub mod shape;
