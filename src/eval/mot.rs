//! MOTChallenge texts as boxes to compare: results of any tracker, and the truth of its sequence.

use super::identity::{ID_MAX, Sighting};
use std::collections::BTreeSet;
use vokg_operators::mot::{MotError, MotRow, parse_boxes};

/// Reads the rows of a tracker.
///
/// # Errors
/// At the first row that is not in the format, whose id is no track, or whose track is in its frame already.
pub fn read_result(text: &str) -> Result<Vec<Sighting>, MotError> {
    sightings(&parse_boxes(text)?)
}

/// Reads true rows. Those whose seventh column is 0 are not to be found and are left out.
///
/// # Errors
/// As [`read_result`].
pub fn read_truth(text: &str) -> Result<Vec<Sighting>, MotError> {
    let mut rows = parse_boxes(text)?;
    rows.retain(|row| row.score != 0.0);
    sightings(&rows)
}

fn sightings(rows: &[MotRow]) -> Result<Vec<Sighting>, MotError> {
    let mut seen = BTreeSet::new();
    let sighting = |row: &MotRow| {
        let (line, frame) = (row.line, row.frame);
        let id = row.id_up_to(ID_MAX)?;
        if !seen.insert((frame, id)) {
            return Err(MotError::Twice { line, id, frame });
        }
        Ok(Sighting { frame: u64::from(frame), id, rect: row.rect })
    };
    rows.iter().map(sighting).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_with_flag_0_are_no_truth_but_may_be_results() {
        let text = "1,1,0,0,10,10,0,1,1\n1,2,0,0,10,10,1,1,1\n";
        let ids = |read: Result<Vec<Sighting>, MotError>| read.map(|s| s.iter().map(|s| s.id).collect::<Vec<_>>());
        assert_eq!((ids(read_truth(text)), ids(read_result(text))), (Ok(vec![2]), Ok(vec![1, 2])));
    }

    #[test]
    fn a_row_without_a_track_and_a_track_twice_in_a_frame_are_refused() {
        let message = |text| read_result(text).map_err(|error| error.to_string()).expect_err("it is refused");
        assert!(message("1,-1,0,0,10,10").starts_with("line 1, column 2 (id)"));
        assert!(message("1,2147483648,0,0,10,10").ends_with("is not a whole number from 0 to 2147483647"));
        assert!(read_result("1,2147483647,0,0,10,10").is_ok());
        assert_eq!(message("3,5,0,0,9,9,1\n3,5,0,0,9,9,1"), "line 2: track 5 is in frame 3 already");
    }
}
