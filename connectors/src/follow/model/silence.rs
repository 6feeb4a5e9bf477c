//! How far behind a sink is, while its target says nothing.

use super::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// A target that is away for as long as somebody says.
struct Fickle {
    model: Model,
    is_away: Arc<AtomicBool>,
}

impl Fickle {
    fn there(&mut self) -> Result<&mut Model, TargetError> {
        if self.is_away.load(Ordering::Acquire) { Err(away()) } else { Ok(&mut self.model) }
    }
}

impl Target for Fickle {
    fn told(&mut self, stream: &Followed) -> Result<Option<Told>, TargetError> {
        self.there()?.told(stream)
    }

    fn apply(&mut self, portion: &Portion<'_>) -> Result<(), TargetError> {
        self.there()?.apply(portion)
    }

    fn held(&mut self) -> Result<Option<super::super::target::Held>, TargetError> {
        self.there()?.held()
    }
}

#[test]
fn the_log_that_grows_while_the_target_is_away_is_counted() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    let (log, first) = (settling_log(40), settling_log(10).len());
    commit(&writer, stream, log[..first].to_vec());
    let (is_away, control) = (Arc::new(AtomicBool::new(false)), SinkControl::default());
    let target = Fickle { model: Model::open(&Arc::default(), 1, false), is_away: is_away.clone() };
    let store = writer.store().clone();
    let mut reader = Follower::new(store, target, "fickle", dir.path(), quick(7), control.clone())
        .expect("there are no dead letters yet");
    while reader.step() == Step::Moved {}
    assert_eq!(control.status().behind, 0);

    is_away.store(true, Ordering::Release);
    for until in [first + 20, log.len()] {
        let from = writer.store().stream(stream).expect("it exists").head.next_seq as usize;
        commit(&writer, stream, log[from..until].to_vec());
        control.look_again();
        // What was asked before the target was away is told first, and the next step asks anew.
        assert!((0..2).all(|_| !matches!(reader.step(), Step::CaughtUp)));
        assert_eq!(control.status().behind, (until - first) as u64);
    }
    is_away.store(false, Ordering::Release);
    while reader.step() != Step::CaughtUp {}
    assert_eq!(control.status().behind, 0);
}

/// A target that holds a stream and notes what the sink says of itself while it is to forget it. At first it is away.
struct Forgetful {
    model: Model,
    stream: (StreamName, StreamId),
    control: SinkControl,
    said: Arc<Mutex<Vec<SinkState>>>,
}

impl Target for Forgetful {
    fn told(&mut self, stream: &Followed) -> Result<Option<Told>, TargetError> {
        self.model.told(stream)
    }

    fn apply(&mut self, portion: &Portion<'_>) -> Result<(), TargetError> {
        self.model.apply(portion)
    }

    fn held(&mut self) -> Result<Option<super::super::target::Held>, TargetError> {
        let (name, id) = &self.stream;
        Ok(Some([(name.clone(), Some(*id))].into()))
    }

    fn remove(&mut self, _stream: &StreamName) -> Result<bool, TargetError> {
        let mut said = self.said.lock().expect("nobody panicked");
        said.push(self.control.status().state);
        if said.len() < 3 { Err(away()) } else { Ok(true) }
    }
}

#[test]
fn who_is_to_take_a_stream_back_does_not_hold_the_whole_log() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let id = begin(&writer, "clip");
    let batch = StreamBatch { outcome: Some(complete()), ..StreamBatch::of_entries(id, random_log(1, 20)) };
    writer.commit(&[batch]).expect("the log keeps every promise");
    let name = writer.store().stream(id).expect("it exists").name;
    let (control, said) = (SinkControl::default(), Arc::default());
    let model = Model::open(&Arc::default(), 1, false);
    let target = Forgetful { model, stream: (name, id), control: control.clone(), said: Arc::clone(&said) };
    let store = writer.store().clone();
    let mut reader = Follower::new(store, target, "forgetful", dir.path(), quick(7), control.clone())
        .expect("there are no dead letters yet");
    while reader.step() != Step::CaughtUp {}
    assert_eq!(*said.lock().expect("nobody panicked"), []);
    writer.drop_stream(id).expect("nothing works at it");
    control.look_again();
    while reader.step() != Step::CaughtUp {}
    assert_eq!(
        *said.lock().expect("nobody panicked"),
        [
            SinkState::Behind,
            // It stays waiting: `follow` counts the time of that state.
            SinkState::Waiting,
            SinkState::Waiting,
        ]
    );
}
