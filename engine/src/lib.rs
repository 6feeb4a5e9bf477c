//! The vocabulary and the runtime every other part of vokg is written in.
//!
//! *Vocabulary*: [`time`], [`frame`], [`mask`], [`look`], [`segment`], [`observation`], [`evidence`], [`interaction`],
//! [`delta`] and [`graph`], in the order in which a clip becomes a graph; [`allen`] compares intervals of it.
//! *Runtime*: [`runtime`] keeps one timely dataflow per stream on the running workers. [`crash`] lets tests end the process
//! at named places.
//!
//! What is deliberately absent: codecs, GPUs, files and networks. Everything here is pure or moves data in memory.

pub mod allen;
pub mod crash;
pub mod delta;
pub mod evidence;
pub mod frame;
pub mod geometry;
pub mod graph;
pub mod id;
pub mod interaction;
pub mod look;
pub mod mask;
pub mod observation;
pub mod record;
pub mod rgb;
pub mod runtime;
pub mod segment;
pub mod time;
