//! Timely and differential operators, from segments to deltas. Nothing here opens a file or a socket.

mod ground;
mod in_time_order;

pub mod crop;
pub mod describe;
pub mod emit;
pub mod identify;
pub mod influence;
pub mod mot;
pub mod portray;
pub mod relate;
pub mod resolve;
pub mod segment;
pub mod tick;
pub mod track;
