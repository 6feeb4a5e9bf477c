//! Checkpoints: what the operators of a stream remember after one frame, gathered so that the stream can go on there.
//!
//! A source marks a frame every [`EVERY_US`]. Each operator with a memory keeps what it remembers right after that
//! frame, under a name of its own; once the frame has left the dataflow every part is there, and whoever commits takes
//! them together. All of this happens on the one worker that is the stream's home, so parts need no channel: a frame
//! leaves the dataflow only after every operator is done with it.
//!
//! Differential operators keep nothing. What they hold is made again from what goes into them, see `resolve`.

use super::feed::Timed;
use crate::frame::Arrival;
use crate::time::{Micros, SECOND_US};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use timely::dataflow::StreamVec;
use timely::dataflow::operators::Inspect;

/// Media time between two checkpoints. A restart derives again what lies behind the last one, and of a 720p video of 27 Mbit/s
/// two seconds are a second's work; the checkpoint itself is about a megabyte, so they are not closer.
pub const EVERY_US: Micros = 2 * SECOND_US;

/// The part in which the source keeps its place.
pub const SOURCE: &str = "source";

/// What is remembered of a stream after the frame at `t`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Time of the frame.
    pub t: Micros,
    /// What each operator remembers, by its name.
    pub parts: BTreeMap<String, Vec<u8>>,
}

/// Tells which frames are marked: the first after every [`EVERY_US`] of media time.
#[derive(Clone, Debug)]
pub struct Marks {
    due_us: Micros,
}

impl Marks {
    /// Marks for a stream that begins, or goes on, at `from_us`.
    pub fn new(from_us: Micros) -> Self {
        Self { due_us: (from_us / EVERY_US + 1) * EVERY_US }
    }

    /// Whether the frame at `t` is marked. Asked once for each frame, in order.
    pub fn takes(&mut self, t: Micros) -> bool {
        let takes = t >= self.due_us;
        if takes {
            *self = Self::new(t);
        }
        takes
    }
}

/// A checkpoint that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what {part} remembered at {t} us cannot be read back: {reason}")]
pub struct RestoreError {
    /// Whose.
    pub part: &'static str,
    /// When.
    pub t: Micros,
    /// What the decoder says.
    pub reason: String,
}

#[derive(Debug, Default)]
struct Board {
    resumed: Option<Checkpoint>,
    keepers: BTreeSet<&'static str>,
    /// What was kept so far for each marked frame that has not left the dataflow.
    open: BTreeMap<Micros, BTreeMap<String, Vec<u8>>>,
    refused: Option<RestoreError>,
}

/// The checkpoints of one stream, shared by its operators on their one worker.
#[derive(Clone, Debug, Default)]
pub struct Checkpoints(Rc<RefCell<Board>>);

impl Checkpoints {
    /// For a stream that goes on where it was at `resumed`, or begins.
    pub fn new(resumed: Option<Checkpoint>) -> Self {
        Self(Rc::new(RefCell::new(Board { resumed, ..Board::default() })))
    }

    /// A keeper for the operator `part`. Every checkpoint will have a part of this name.
    pub fn keeper(&self, part: &'static str) -> Keeper {
        self.0.borrow_mut().keepers.insert(part);
        Keeper { part, checkpoints: Some(self.clone()) }
    }

    /// The frame at `t` is marked, and the source is at `position` after it. Called before any operator sees the frame.
    pub fn begin(&self, t: Micros, position: Vec<u8>) {
        self.0.borrow_mut().open.insert(t, BTreeMap::from([(SOURCE.to_owned(), position)]));
    }

    /// Gives out the checkpoint of the frame at `t`, which has left the dataflow; `None` where it is not marked, or an
    /// operator kept nothing.
    pub fn finish(&self, t: Micros) -> Option<Checkpoint> {
        let mut board = self.0.borrow_mut();
        let parts = board.open.remove(&t)?;
        let whole = board.keepers.iter().all(|part| parts.contains_key(*part));
        whole.then_some(Checkpoint { t, parts })
    }

    /// Where the stream goes on, if it does not begin.
    pub fn resumed_us(&self) -> Option<Micros> {
        self.0.borrow().resumed.as_ref().map(|checkpoint| checkpoint.t)
    }

    /// Why the checkpoint that was to be resumed cannot be, if so. Known once all operators are built.
    pub fn refused(&self) -> Option<RestoreError> {
        self.0.borrow().refused.clone()
    }
}

/// Begins a checkpoint at each arrival that tells where its source is. What comes out is what goes in.
pub fn marked<'s>(
    arrivals: StreamVec<'s, Micros, Timed<Arrival>>,
    checkpoints: &Checkpoints,
) -> StreamVec<'s, Micros, Timed<Arrival>> {
    let checkpoints = checkpoints.clone();
    arrivals.inspect(move |arrival| {
        if let Some(position) = &arrival.record.position {
            checkpoints.begin(arrival.t, position.clone());
        }
    })
}

/// One operator's way to keep what it remembers. The default keeps and restores nothing.
#[derive(Clone, Debug, Default)]
pub struct Keeper {
    part: &'static str,
    checkpoints: Option<Checkpoints>,
}

impl Keeper {
    /// What the operator remembered where the stream goes on.
    pub fn restore<T: DeserializeOwned>(&self) -> Option<T> {
        postcard::from_bytes(&self.restore_bytes()?).inspect_err(|error| self.refuse(error)).ok()
    }

    /// The same, for what decodes its memory on its own; [`Keeper::refuse`] where it cannot.
    pub fn restore_bytes(&self) -> Option<Vec<u8>> {
        let checkpoints = self.checkpoints.as_ref()?;
        let bytes = checkpoints.0.borrow().resumed.as_ref()?.parts.get(self.part).cloned();
        if bytes.is_none() {
            self.refuse("it is absent");
        }
        bytes
    }

    /// What was remembered cannot be used.
    pub fn refuse(&self, reason: impl ToString) {
        let Some(checkpoints) = &self.checkpoints else { return };
        let mut board = checkpoints.0.borrow_mut();
        let t = board.resumed.as_ref().map_or(0, |resumed| resumed.t);
        board.refused.get_or_insert(RestoreError { part: self.part, t, reason: reason.to_string() });
    }

    /// Where the stream goes on, if it does not begin.
    pub fn resumed_us(&self) -> Option<Micros> {
        self.checkpoints.as_ref()?.resumed_us()
    }

    /// Whether the frame at `t` is marked.
    pub fn is_due(&self, t: Micros) -> bool {
        self.checkpoints.as_ref().is_some_and(|checkpoints| checkpoints.0.borrow().open.contains_key(&t))
    }

    /// Keeps what the operator remembers after the frame at `t`, if that is marked.
    ///
    /// # Panics
    /// Where the state has no encoding, such as a map within a flattened field.
    pub fn keep<T: Serialize + ?Sized>(&self, t: Micros, state: &T) {
        if self.is_due(t) {
            self.keep_bytes(t, encode(state));
        }
    }

    /// The same, where the state was encoded elsewhere.
    pub fn keep_bytes(&self, t: Micros, state: Vec<u8>) {
        if let Some(checkpoints) = &self.checkpoints
            && let Some(parts) = checkpoints.0.borrow_mut().open.get_mut(&t)
        {
            parts.insert(self.part.to_owned(), state);
        }
    }
}

/// The form in which a state is kept.
///
/// # Panics
/// As [`Keeper::keep`].
pub fn encode<T: Serialize + ?Sized>(state: &T) -> Vec<u8> {
    postcard::to_stdvec(state).expect("states are plain values")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_after_every_two_seconds_is_marked() {
        let mut marks = Marks::new(0);
        let marked = [0, 1_999_999, 2_000_000, 2_040_000, 7_000_000, 7_960_000, 8_000_001];
        let marked: Vec<Micros> = marked.into_iter().filter(|t| marks.takes(*t)).collect();
        assert_eq!(marked, [2_000_000, 7_000_000, 8_000_001]);
        let mut marks = Marks::new(2_000_000);
        assert!(!marks.takes(2_040_000) && marks.takes(4_000_000));
    }

    #[test]
    fn a_checkpoint_has_a_part_of_every_keeper_or_is_none() {
        let checkpoints = Checkpoints::new(None);
        let (track, relate) = (checkpoints.keeper("track"), checkpoints.keeper("relate"));
        assert_eq!(track.restore::<u32>(), None);
        checkpoints.begin(5, vec![1]);
        checkpoints.begin(9, vec![2]);
        for t in [4, 5, 9] {
            track.keep(t, &7u32);
        }
        relate.keep(5, "held");
        let checkpoint = checkpoints.finish(5).expect("every part is there");
        assert_eq!(checkpoint.parts.keys().collect::<Vec<_>>(), ["relate", SOURCE, "track"]);
        assert_eq!((checkpoints.finish(4), checkpoints.finish(9), checkpoints.finish(5)), (None, None, None));

        let resumed = Checkpoints::new(Some(checkpoint));
        assert_eq!(resumed.keeper("track").restore::<u32>(), Some(7));
        assert_eq!((resumed.resumed_us(), resumed.refused()), (Some(5), None));
        assert_eq!(resumed.keeper("identify").restore::<u32>(), None);
        assert_eq!(resumed.refused().map(|refused| (refused.part, refused.t)), Some(("identify", 5)));
    }
}
