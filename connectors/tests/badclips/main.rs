//! Bad, odd and good video files, each with its tabled outcome. docs/inputs.md is the same table in prose.

mod elsewhere;
mod exact;
mod made;
mod media;
mod resumed;
mod shared;
