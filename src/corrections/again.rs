//! A new generation of a stream is corrected as the one before was by hand, where it still has the tracks.
//!
//! Tracks have numbers, and other settings may give another thing the same number: a track is the same where it was seen
//! for at least half of the time of either, and on the mean within half of its size of the same place. What is made again is
//! a correction of the new generation like any other: it can be undone, and once undone is not made again.

use super::desk::Desk;
use super::moves::{Refused, merge, split};
use super::sightings::{Sightings, of_tracks};
use crate::exit::{Context, Failure};
use crate::sightings::objects_by_track;
use std::collections::{BTreeMap, BTreeSet};
use vokg_connectors::store::{Hand, HandCorrection, Outcome, Store, Stream, Writer};
use vokg_engine::delta::IdentityMove;
use vokg_engine::graph::Graph;
use vokg_engine::id::TrackId;
use vokg_operators::resolve::Rules;

const UNREADABLE: &str = "cannot read the store";

type Seen = BTreeMap<TrackId, Sightings>;

/// Why a correction is not made again; the text is for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The new generation has no such track, or it is another thing.
    #[error("track {} is no longer there", .0.0)]
    Track(TrackId),
    /// What was one object is several.
    #[error("its tracks are of several objects now")]
    Apart,
    /// It makes no sense any more.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Which tracks become another object where a correction of the generation before is made again; none where what it says
/// is believed already.
///
/// # Errors
/// Where a track it speaks of is gone, or it makes no sense any more.
pub fn again(
    correction: &HandCorrection,
    graph: &Graph,
    (before, now): (&Seen, &Seen),
) -> Result<Vec<IdentityMove>, Lost> {
    let objects = objects_by_track(graph);
    let own = |track: TrackId| {
        let is_same = before.get(&track).zip(now.get(&track)).is_some_and(|(before, now)| is_same(before, now));
        objects.get(&track).copied().filter(|_| is_same).ok_or(Lost::Track(track))
    };
    let moved: BTreeSet<TrackId> = correction.moves.iter().map(|change| change.track).collect();
    let owners = moved.iter().map(|track| own(*track)).collect::<Result<BTreeSet<_>, _>>()?;
    let (Some(owner), true) = (owners.first().copied(), owners.len() == 1) else {
        return Err(Lost::Apart);
    };
    match correction.what {
        Hand::Merge => {
            // An object is named by its oldest track.
            let Some(named_by) = correction.moves.first().map(|change| TrackId(change.to.0)) else { return Ok(vec![]) };
            match own(named_by)? {
                other if other == owner => Ok(vec![]),
                other => Ok(merge(graph, now, (other, owner))?),
            }
        }
        Hand::Split => match objects.iter().any(|(track, of)| *of == owner && !moved.contains(track)) {
            true => Ok(split(graph, now, owner, &moved)?),
            false => Ok(vec![]),
        },
    }
}

fn is_same(a: &Sightings, b: &Sightings) -> bool {
    let both_us = (a.last_us.min(b.last_us) + 1).saturating_sub(a.first_us.max(b.first_us));
    let longer_us = (a.last_us - a.first_us).max(b.last_us - b.first_us) + 1;
    2 * both_us >= longer_us && is_same_place(a, b)
}

fn is_same_place(a: &Sightings, b: &Sightings) -> bool {
    let mean = |of: &Sightings| of.place_px.map(|sum| sum as f64 / of.count.max(1) as f64);
    let ([ax, ay, a_size], [bx, by, b_size]) = (mean(a), mean(b));
    2.0 * (ax - bx).hypot(ay - by) <= a_size.min(b_size)
}

/// Corrects a complete stream as the generation before it of the same content was corrected by hand, and says what could
/// not be.
///
/// # Errors
/// Where the store cannot be read.
pub fn correct_as_before(writer: &Writer, stream: &Stream, rules: &Rules) -> Result<(), Failure> {
    let store = writer.store();
    let Some(before) = before(store, stream)? else { return Ok(()) };
    let made = store.corrections(stream.id).context(UNREADABLE)?;
    let corrections = store.corrections(before.id).context(UNREADABLE)?.into_iter().map(|(_, correction)| correction);
    let standing = corrections.filter(|correction| !correction.undone);
    let left: Vec<HandCorrection> =
        standing.filter(|correction| !made.iter().any(|(_, made)| repeats(made, correction))).collect();
    if left.is_empty() {
        return Ok(());
    }
    let seen = (of_tracks(store, &before)?, of_tracks(store, stream)?);
    for correction in left {
        let what = match correction.what {
            Hand::Merge => "merge",
            Hand::Split => "split",
        };
        let (name, of) = (&stream.name, &before.name);
        let tracks: Vec<u32> = correction.moves.iter().map(|change| change.track.0).collect();
        match make(writer, stream, &correction, (&seen.0, &seen.1), rules) {
            Ok(true) => tracing::info!(stream = %name, ?tracks, "a {what} by hand of {of} is made again"),
            Ok(false) => {}
            Err(reason) => {
                tracing::warn!(stream = %name, ?tracks, "a {what} by hand of {of} is not made again: {reason}")
            }
        }
    }
    Ok(())
}

/// Makes one correction again; whether there was something to change.
fn make(
    writer: &Writer,
    stream: &Stream,
    correction: &HandCorrection,
    seen: (&Seen, &Seen),
    rules: &Rules,
) -> Result<bool, String> {
    let desk = Desk::new(writer, stream.id).map_err(|failure| failure.to_string())?;
    let moves = again(correction, &desk.graph, seen).map_err(|lost| lost.to_string())?;
    if moves.is_empty() {
        return Ok(false);
    }
    let corrected = desk.correct(correction.what, moves, seen.1, rules);
    corrected.map(|_| true).map_err(|failure| failure.to_string())
}

/// Whether a correction of this generation moves what one of another moved, also if it was taken back since.
fn repeats(made: &HandCorrection, other: &HandCorrection) -> bool {
    let is_moved = |track: TrackId| made.moves.iter().any(|change| change.track == track);
    made.what == other.what && other.moves.iter().all(|change| is_moved(change.track))
}

/// The latest complete generation of the same content before this one.
fn before(store: &Store, stream: &Stream) -> Result<Option<Stream>, Failure> {
    let own = &stream.descriptor;
    if own.generation == 1 {
        return Ok(None);
    }
    let streams = store.streams().context(UNREADABLE)?.into_iter();
    let earlier = streams.filter(|other| {
        let descriptor = &other.descriptor;
        descriptor.request.name == own.request.name
            && descriptor.request.content_hash == own.request.content_hash
            && descriptor.generation < own.generation
            && other.head.outcome.as_ref().is_some_and(Outcome::is_complete)
    });
    Ok(earlier.max_by_key(|other| other.descriptor.generation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use vokg_engine::delta::{ObjectVertex, Vertex, VertexKey};
    use vokg_engine::id::ObjectId;
    use vokg_engine::time::Micros;

    fn seen(spans: &[(u32, Micros, Micros)]) -> Seen {
        let place_px = [900, 450, 360];
        let sightings = |(first_us, last_us)| Sightings { first_us, last_us, count: 9, score_milli: 9000, place_px };
        spans.iter().map(|(track, first_us, last_us)| (TrackId(*track), sightings((*first_us, *last_us)))).collect()
    }

    fn graph(objects: &[&[u32]]) -> Graph {
        let object = |tracks: &&[u32]| {
            let vertex = ObjectVertex {
                class: None,
                first_seen_us: 0,
                last_seen_us: 1,
                open: false,
                confidence_milli: 900,
                tracks: tracks.iter().map(|track| TrackId(*track)).collect(),
            };
            (VertexKey::Object(ObjectId(tracks[0])), Vertex::Object(vertex))
        };
        Graph { vertices: objects.iter().map(object).collect(), edges: BTreeMap::new() }
    }

    fn by_hand(what: Hand, tracks: &[u32], from: u32, to: u32) -> HandCorrection {
        let change = |track: &u32| IdentityMove {
            track: TrackId(*track),
            from: ObjectId(from),
            to: ObjectId(to),
            score_milli: 1000,
        };
        HandCorrection { what, moves: tracks.iter().map(change).collect(), epoch: 2, undone: false }
    }

    fn moved(moves: &[IdentityMove]) -> Vec<(u32, u32)> {
        moves.iter().map(|change| (change.track.0, change.to.0)).collect()
    }

    #[test]
    fn a_merge_is_made_again_by_the_tracks_it_moved() {
        let seen = seen(&[(1, 0, 100), (2, 200, 300), (3, 320, 400)]);
        let both = (&seen, &seen);
        let merge = by_hand(Hand::Merge, &[2], 2, 1);
        let made = again(&merge, &graph(&[&[1], &[2, 3]]), both).expect("all tracks are there");
        assert_eq!(moved(&made), [(2, 1), (3, 1)], "with what is one with it now");
        assert_eq!(again(&merge, &graph(&[&[1, 2, 3]]), both), Ok(vec![]), "it is believed already");
        let two = by_hand(Hand::Merge, &[2, 3], 2, 1);
        assert_eq!(again(&two, &graph(&[&[1], &[2], &[3]]), both), Err(Lost::Apart));
    }

    #[test]
    fn a_split_is_made_again_where_there_is_something_to_part() {
        let seen = seen(&[(1, 0, 100), (2, 200, 300), (3, 320, 400)]);
        let split = by_hand(Hand::Split, &[2], 1, 2);
        let made = again(&split, &graph(&[&[1, 2, 3]]), (&seen, &seen)).expect("all tracks are there");
        assert_eq!(moved(&made), [(2, 2)]);
        assert_eq!(again(&split, &graph(&[&[1], &[2]]), (&seen, &seen)), Ok(vec![]));
    }

    #[test]
    fn a_number_that_another_thing_has_now_is_no_track_of_it() {
        let before = seen(&[(1, 0, 100), (2, 200, 300)]);
        let merge = by_hand(Hand::Merge, &[2], 2, 1);
        let graph = graph(&[&[1], &[2]]);
        let later = seen(&[(1, 0, 100), (2, 500, 600)]);
        assert_eq!(again(&merge, &graph, (&before, &later)), Err(Lost::Track(TrackId(2))));
        let shifted = seen(&[(1, 0, 100), (2, 240, 330)]);
        assert_eq!(again(&merge, &graph, (&before, &shifted)).map(|moves| moved(&moves)), Ok(vec![(2, 1)]));
        let mut aside = before.clone();
        aside.entry(TrackId(2)).and_modify(|seen| seen.place_px[0] += 9 * 25);
        assert_eq!(
            again(&merge, &graph, (&before, &aside)),
            Err(Lost::Track(TrackId(2))),
            "25 pixels beside, of a size of 40"
        );
        let gone = seen(&[(2, 200, 300)]);
        assert_eq!(again(&merge, &graph, (&before, &gone)), Err(Lost::Track(TrackId(1))));
    }

    #[test]
    fn what_was_taken_back_here_counts_as_made_whatever_came_after() {
        let merge = by_hand(Hand::Merge, &[2], 2, 1);
        let undone = HandCorrection { undone: true, ..by_hand(Hand::Merge, &[2], 2, 1) };
        let wider = by_hand(Hand::Merge, &[2, 3], 2, 1);
        assert!(repeats(&undone, &merge) && repeats(&wider, &merge));
        assert!(!repeats(&by_hand(Hand::Merge, &[3], 3, 2), &merge));
        assert!(!repeats(&by_hand(Hand::Split, &[2], 1, 2), &merge));
    }
}
