//! Sightings as rows of the MOTChallenge text format (motchallenge.net), which `vokg relate` and trackeval read.
//!
//! `frame, id, left, top, width, height, score, class, visible`: the frame is numbered from 1 among those that were
//! looked at, all of the file unless it was sampled; the id is that of the object; class is −1 (the format has numbers for classes, vokg has names), visible is −1 where unknown. Left and top are
//! as everywhere in vokg: the left top corner of the first pixel is 0, 0.

use super::{ExportError, Sighting, in_order};
use std::io::Write;

/// Writes one row per sighting. `sightings` come in order of time.
///
/// # Errors
/// Those of `out`, and [`ExportError::Disorder`].
pub fn write(out: &mut impl Write, sightings: impl IntoIterator<Item = Sighting>) -> Result<(), ExportError> {
    let mut previous = 0;
    for sighting in sightings {
        in_order(&mut previous, sighting.t)?;
        let frame = sighting.frame;
        let (id, r, score) = (sighting.object.0, sighting.rect, sighting.score);
        write!(out, "{frame},{id},{},{},{},{},{score},-1,", r.left, r.top, r.width, r.height)?;
        match sighting.visible {
            Some(visible) => writeln!(out, "{visible}")?,
            None => writeln!(out, "-1")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::geometry::Rect;
    use vokg_engine::id::{ObjectId, TrackId};

    fn sighting(t: u64, track: u32, object: u32) -> Sighting {
        let rect = Rect::new(1.5, 2.0, 30.0625, 40.0);
        let (track, object, frame) = (TrackId(track), ObjectId(object), 1 + t / 40_000);
        Sighting { t, frame, track, object, rect, score: 0.75, visible: None, mask: None }
    }

    #[test]
    fn rows_carry_the_number_of_the_frame_and_the_object() {
        let mut bytes = Vec::new();
        let seen = Sighting { visible: Some(0.5), ..sighting(120_000, 3, 1) };
        write(&mut bytes, [sighting(0, 1, 1), sighting(0, 2, 2), seen]).unwrap();
        let rows =
            "1,1,1.5,2,30.0625,40,0.75,-1,-1\n1,2,1.5,2,30.0625,40,0.75,-1,-1\n4,1,1.5,2,30.0625,40,0.75,-1,0.5\n";
        assert_eq!(String::from_utf8(bytes).unwrap(), rows);
    }

    #[test]
    fn going_back_in_time_is_refused_with_both_times() {
        let error = write(&mut Vec::new(), [sighting(9, 1, 1), sighting(8, 1, 1)]).unwrap_err();
        assert_eq!(error.to_string(), "sightings are exported in order of time, 8 us came after 9 us");
    }
}
