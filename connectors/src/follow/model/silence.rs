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
