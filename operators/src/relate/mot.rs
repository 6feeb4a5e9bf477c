//! Boxes in text as sightings: every id is a track that is believed.

use crate::mot::{FrameRate, MotError, parse_boxes};
use std::collections::BTreeMap;
use vokg_engine::id::TrackId;
use vokg_engine::observation::Observation;

/// The sightings of each frame that has any, by the number of the frame, and ordered by track.
pub type Frames = BTreeMap<u32, BTreeMap<TrackId, Observation>>;

/// Reads rows of boxes as sightings. Their order does not matter. A score of −1 is unknown and counts as 1.
///
/// # Errors
/// At the first row that is not in the format, whose id is no track, or whose track is in its frame already.
pub fn sightings(rows: &str, rate: FrameRate) -> Result<Frames, MotError> {
    let mut frames = Frames::new();
    for row in parse_boxes(rows)? {
        let (line, frame) = (row.line, row.frame);
        let id = row.id_up_to(TrackId::MAX)?;
        let score = if row.score < 0.0 { 1.0 } else { row.score.min(1.0) };
        let (t, track, rect, visible) = (rate.time_of(frame), TrackId(id), row.rect, row.visible);
        let sighting = Observation { t, track, rect, score, mask: None, visible, merged: false, look: None };
        if frames.entry(frame).or_default().insert(track, sighting).is_some() {
            return Err(MotError::Twice { line, id, frame });
        }
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &str) -> Result<Frames, String> {
        let rate = FrameRate::new(10.0).map_err(|error| error.to_string())?;
        sightings(rows, rate).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_may_come_in_any_order_and_with_any_number_of_columns() {
        let frames = read("\u{feff}2,1,0,0,10,20,-1,-1,-1,-1\r\n\n1, 7, 1.5,2,3,4,0.5,1,0.25\n1,2,0,0,1,1\n").unwrap();
        assert_eq!(frames.keys().copied().collect::<Vec<_>>(), [1, 2]);
        let first: Vec<_> = frames[&1].values().map(|o| (o.t, o.track.0, o.score, o.visible)).collect();
        assert_eq!(first, [(0, 2, 1.0, None), (0, 7, 0.5, Some(0.25))]);
        let second = &frames[&2][&TrackId(1)];
        assert_eq!((second.t, second.score, second.visible), (100_000, 1.0, None));
    }

    #[test]
    fn a_row_without_a_track_and_a_track_twice_in_a_frame_are_refused() {
        let message = |rows| read(rows).expect_err("it is refused");
        assert_eq!(
            message("1,-1,0,0,10,10"),
            "line 1, column 2 (id): \"-1\" is not a whole number from 0 to 4278190079"
        );
        // Greater ones are zones.
        assert!(message("1,4278190080,0,0,10,10").contains("from 0 to 4278190079"));
        assert!(read("1,4278190079,0,0,10,10").is_ok());
        assert_eq!(message("3,5,0,0,10,10\n3,5,0,0,10,10"), "line 2: track 5 is in frame 3 already");
    }
}
