//! Power losses, simulated under all that a writer writes: the database, and the observations beside it.
//!
//! A stream is written by one process after the other. Each is killed, or the power goes while it runs, and the next one
//! goes on from the checkpoint, derives again what the log has beyond it, and writes those observations anew.

mod disk;
mod machine;
mod story;
mod supply;
mod tree;

use super::ProgramId;
use super::history::{PROGRAM, begin, is_long};
use disk::SECTOR;
use machine::Machine;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::panic::{AssertUnwindSafe, catch_unwind};
use story::{Held, Process, Story};
use supply::{Device, Liar};
use tree::Counts;

/// A store that has a stream and nothing in it.
fn fresh_image() -> Vec<u8> {
    let machine = Machine::empty(Vec::new(), None, Counts::default());
    let writer = machine.open().expect("the disk is empty");
    begin(&writer, "clip");
    drop(writer);
    machine.image()
}

/// Lets processes write a story, with some kills and at most three losses of power, and one finish it. How many losses
/// there were, and what happened, with what had before.
///
/// # Errors
/// What the store does not hold although it should, or holds although it should not, and what a process stopped at.
fn lives(
    image: &[u8],
    story: &Story,
    rng: &mut ChaCha8Rng,
    liar: Option<Liar>,
    counts: Counts,
) -> Result<(u32, Counts), String> {
    let mut machine = Machine::empty(image.to_vec(), liar, counts);
    let (mut found, mut losses) = (Held::default(), 0);
    for number in 1.. {
        match (losses, rng.next_u32() % 3) {
            (3, _) => {}
            (_, 0) => machine.power.last_for(30 + rng.next_u32() % 1_800, None),
            (_, 1) => machine.power.last_for(1 + rng.next_u32() % 90, Some(Device::Files)),
            // Where directories are made, and where a process that goes on writes files over others.
            _ => machine.power.last_for(1 + rng.next_u32() % 14, Some(Device::Files)),
        }
        let program = if rng.next_u32().is_multiple_of(9) { ProgramId([8; 32]) } else { PROGRAM };
        let process = Process { number, program };
        let written = no_panic(|| machine.write(story, (&found, story.batches.len()), process, rng));
        let possible = written.map_err(|error| format!("after {losses} losses: {error}"))?;
        let is_finished = !machine.power.is_gone();
        machine.power.last_for(u32::MAX, None);
        if losses < 3 && !rng.next_u32().is_multiple_of(3) {
            losses += 1;
            machine = machine.after_loss(&mut |limit| rng.next_u32() as usize % limit);
        }
        let [acknowledged, more] = possible;
        let fits = |held: &Held| no_panic(|| story.fits(&machine, held));
        found = match (fits(&acknowledged), fits(&more)) {
            (Ok(()), _) => acknowledged,
            (_, Ok(())) => more,
            (Err(one), Err(other)) => return Err(format!("after {losses} losses: {one}; {other}")),
        };
        if is_finished {
            break;
        }
    }
    match found.batches == story.batches.len() {
        true => Ok((losses, machine.counts())),
        false => Err(format!("it ends with batch {}", found.batches)),
    }
}

fn no_panic<T>(act: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| Err("a panic".into()))
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_goes() {
    let wanted = if is_long() { 2_000 } else { 100 };
    let (image, stories) = (fresh_image(), Story::both());
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let (mut losses, mut counts) = (0, Counts::default());
    for story in stories.iter().cycle() {
        let lived = lives(&image, story, &mut rng, None, counts);
        let (more, counted) = lived.unwrap_or_else(|error| panic!("power loss {losses} and later: {error}"));
        (losses, counts) = (losses + more, counted);
        if losses >= wanted {
            break;
        }
    }
    println!("{losses} losses of power: nothing lost, nothing torn, every store opens. {counts:?}");
    let Counts { removed, dirs_removed, replaced, losses_of_bytes, losses_of_names } = counts;
    let least = [removed, dirs_removed, replaced, losses_of_bytes, losses_of_names];
    assert!(least.iter().all(|count| *count > 2), "not all of it was tried: {counts:?}");
}

#[test]
fn the_story_that_settles_is_sealed_and_dropped_and_its_files_can_tear() {
    let (machine, [_, story]) = (Machine::empty(fresh_image(), None, Counts::default()), Story::both());
    let (found, process) = (Held::default(), Process { number: 1, program: PROGRAM });
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    machine.write(&story, (&found, story.batches.len()), process, &mut rng).expect("there is power");
    let writer = machine.open().expect("the disk is whole");
    let stream = writer.store().find_stream("clip").expect("it is whole").expect("it was begun").id;
    let oldest = writer.store().oldest(stream).expect("it is whole").expect("something was dropped");
    let files = writer.store().observation_files(stream).expect("it is whole");
    let (first, file) = files.first().expect("the latest are there");
    assert!(oldest.entries > 200 && *first > 10, "{oldest:?}, observations from {first}");
    let bytes = file.path.metadata().expect("it is there").len();
    assert!(bytes > 2 * SECTOR as u64, "{bytes} bytes");
}

/// Wherever the first process is killed, the second leaves nothing to chance.
#[test]
fn what_a_killed_process_left_unsynced_is_synced_by_the_next() {
    let (image, [story, _]) = (fresh_image(), Story::both());
    for (seed, calls) in (0..3).flat_map(|seed| (1..30).map(move |calls| (seed, calls))) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut machine = Machine::empty(image.clone(), None, Counts::default());
        let mut found = Held::default();
        machine.power.last_for(calls, Some(Device::Files));
        for number in 1..=2 {
            let process = Process { number, program: PROGRAM };
            let written = machine.write(&story, (&found, 4), process, &mut rng).expect("there is power");
            machine.power.last_for(u32::MAX, None);
            let held = written.into_iter().find(|held| story.fits(&machine, held).is_ok());
            found = held.expect("a kill takes nothing");
        }
        machine = machine.after_loss(&mut |_| 0);
        assert_eq!(story.fits(&machine, &found), Ok(()), "seed {seed}, killed after {calls} calls");
    }
}

#[test]
fn a_disk_that_lies_about_syncs_is_caught() {
    let (image, stories) = (fresh_image(), Story::both());
    for liar in [Liar::Database, Liar::Bytes, Liar::Names] {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let runs = if is_long() { 100 } else { 10 };
        let mut is_noticed =
            |run: usize| lives(&image, &stories[run % 2], &mut rng, Some(liar), Counts::default()).is_err();
        let caught = (0..runs).filter(|run| is_noticed(*run)).count();
        println!("syncs of {liar:?} that do nothing: noticed in {caught} of {runs} runs");
        assert!(caught * 4 >= runs * 3, "only {caught} of {runs} runs were noticed for {liar:?}");
    }
}
