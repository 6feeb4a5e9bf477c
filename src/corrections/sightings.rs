//! What was seen of each track, added up from the stored observations.

use crate::exit::{Context, Failure};
use std::collections::{BTreeMap, BTreeSet};
use vokg_connectors::store::{Store, Stream};
use vokg_engine::delta::ObjectVertex;
use vokg_engine::id::TrackId;
use vokg_engine::time::Micros;

/// What was seen of one track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sightings {
    /// First sighting.
    pub first_us: Micros,
    /// Last sighting.
    pub last_us: Micros,
    /// How many there are.
    pub count: u64,
    /// Sum of their scores, in thousandths.
    pub score_milli: u64,
    /// Sums of the middles of their boxes and of the roots of their areas: right, down and size, in pixels.
    pub place_px: [i64; 3],
}

/// What was seen of the tracks of a stream.
///
/// # Errors
/// Where the observations cannot be read.
pub fn of_tracks(store: &Store, stream: &Stream) -> Result<BTreeMap<TrackId, Sightings>, Failure> {
    const UNREADABLE: &str = "cannot read the observations";
    let mut tracks = BTreeMap::new();
    for stored in store.observations(stream.id, 0..Micros::MAX).context(UNREADABLE)? {
        let seen = stored.context(UNREADABLE)?.observation;
        let first = Sightings { first_us: seen.t, last_us: seen.t, count: 0, score_milli: 0, place_px: [0; 3] };
        let track = tracks.entry(seen.track).or_insert(first);
        track.first_us = track.first_us.min(seen.t);
        track.last_us = track.last_us.max(seen.t);
        track.count += 1;
        let (x, y) = seen.rect.centre();
        let place = [x, y, seen.rect.area().max(0.0).sqrt()];
        track.place_px.iter_mut().zip(place).for_each(|(sum, px)| *sum += px.round() as i64);
        track.score_milli += (f64::from(seen.score) * 1000.0).round().clamp(0.0, 1000.0) as u64;
    }
    Ok(tracks)
}

/// The track that was seen first; of several the one with the least number, and before all others one that was seen.
pub fn oldest<'a>(
    tracks: impl IntoIterator<Item = &'a TrackId>,
    sightings: &BTreeMap<TrackId, Sightings>,
) -> Option<TrackId> {
    let first_us = |track: &TrackId| sightings.get(track).map_or(Micros::MAX, |seen| seen.first_us);
    tracks.into_iter().map(|track| (first_us(track), *track)).min().map(|(_, track)| track)
}

/// An object of a complete stream that consists of these tracks; `None` where none of them was seen.
pub fn vertex(
    tracks: &BTreeSet<TrackId>,
    class: Option<String>,
    sightings: &BTreeMap<TrackId, Sightings>,
) -> Option<ObjectVertex> {
    let seen = || tracks.iter().filter_map(|track| sightings.get(track));
    let count: u64 = seen().map(|seen| seen.count).sum();
    let score_milli: u64 = seen().map(|seen| seen.score_milli).sum();
    let mean_milli = (score_milli + count / 2).checked_div(count)?;
    Some(ObjectVertex {
        class,
        first_seen_us: seen().map(|seen| seen.first_us).min()?,
        last_seen_us: seen().map(|seen| seen.last_us).max()?,
        open: false,
        confidence_milli: u16::try_from(mean_milli).unwrap_or(u16::MAX),
        tracks: tracks.iter().copied().collect(),
    })
}
