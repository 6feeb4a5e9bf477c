//! From evidence and identities to the log, as dataflows: against recomputation, in steps a reader can follow, and the
//! same bytes however it is run.

mod bitmap;
mod dice;
mod emission;
mod from_scratch;
mod history;
mod meaning;
mod oracle;
mod resumed;
mod run;
mod same_bytes;
mod sealing;
mod views;
mod walk_through;
