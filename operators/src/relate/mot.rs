//! Tracks as text: rows of the MOTChallenge with one sighting each.
//!
//! `frame,id,left,top,width,height[,score[,class[,visible[,…]]]]`, frames from 1. A score or a visible fraction of −1 is
//! unknown, as the result files of the challenge have it; the class and further columns are not looked at.

use std::collections::BTreeMap;
use vokg_engine::geometry::Rect;
use vokg_engine::id::TrackId;
use vokg_engine::observation::Observation;
use vokg_engine::time::Micros;

/// A row that is none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MotError {
    /// Too few columns.
    #[error("line {line} has {columns} columns, a row has at least 6: frame,id,left,top,width,height")]
    Columns {
        /// From 1.
        line: usize,
        /// How many there are.
        columns: usize,
    },
    /// A column that is no number, or one outside its range.
    #[error("line {line}, column {column}: {name} is {text:?}, it takes {takes}")]
    Value {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What the column is called.
        name: &'static str,
        /// What stands there.
        text: String,
        /// What should.
        takes: &'static str,
    },
    /// The same track twice in one frame.
    #[error("line {line}: track {id} is in frame {frame} already")]
    Twice {
        /// From 1.
        line: usize,
        /// The track.
        id: u32,
        /// The frame.
        frame: u32,
    },
    /// A frame rate nobody has.
    #[error("the frame rate is {0}, it takes more than 0 and at most 1000 frames a second")]
    Fps(f64),
}

/// The sightings of each frame that has any, by the index of the frame, and ordered by track.
pub type Frames = BTreeMap<u32, BTreeMap<TrackId, Observation>>;

/// Reads rows. Their order does not matter; empty lines are skipped.
///
/// The time of a frame is its index over the frame rate, since the rows have no other.
///
/// # Errors
/// At the first row that is none, with its line and column, and where `fps` is not above 0 and at most 1000.
pub fn parse(rows: &str, fps: f64) -> Result<Frames, MotError> {
    if !(fps > 0.0 && fps <= 1000.0) {
        return Err(MotError::Fps(fps));
    }
    let mut frames = Frames::new();
    for (index, row) in rows.trim_start_matches('\u{feff}').lines().enumerate() {
        if row.trim().is_empty() {
            continue;
        }
        let row = Row { line: index + 1, columns: row.split(',').map(str::trim).collect() };
        let frame = row.frame()?;
        let sighting = row.sighting(frame_time(frame, fps))?;
        let (line, id) = (row.line, sighting.track.0);
        if frames.entry(frame).or_default().insert(sighting.track, sighting).is_some() {
            return Err(MotError::Twice { line, id, frame });
        }
    }
    Ok(frames)
}

/// Media time of a frame by its index from 1.
pub fn frame_time(frame: u32, fps: f64) -> Micros {
    (f64::from(frame.saturating_sub(1)) * 1e6 / fps).round() as Micros
}

struct Row<'a> {
    line: usize,
    columns: Vec<&'a str>,
}

const INDEX: &str = "a whole number from 1 to 4294967295";
const ID: &str = "a whole number from 0 to 4294967295";
const PIXELS: &str = "pixels, at most a million either way";
const EXTENT: &str = "pixels, more than 0 and at most a million";
const SHARE: &str = "0 to 1, or -1 where unknown";
const SCORE: &str = "a number, or -1 where unknown";
const LIMIT_PX: f32 = 1e6;

impl Row<'_> {
    fn frame(&self) -> Result<u32, MotError> {
        if self.columns.len() < 6 {
            return Err(MotError::Columns { line: self.line, columns: self.columns.len() });
        }
        self.whole(0, "frame", INDEX).and_then(|frame| match frame {
            0 => Err(self.refuse(0, "frame", INDEX)),
            frame => Ok(frame),
        })
    }

    fn sighting(&self, t: Micros) -> Result<Observation, MotError> {
        let track = TrackId(self.whole(1, "id", ID)?);
        let place = |column, name| self.number(column, name, PIXELS, |v| v.abs() <= LIMIT_PX);
        let extent = |column, name| self.number(column, name, EXTENT, |v| v > 0.0 && v <= LIMIT_PX);
        let rect = Rect::new(place(2, "left")?, place(3, "top")?, extent(4, "width")?, extent(5, "height")?);
        let score = self.optional(6, "score", SCORE, |_| true)?.map_or(1.0, |score| score.clamp(0.0, 1.0));
        let visible = self.optional(8, "visible", SHARE, |v| (0.0..=1.0).contains(&v))?;
        Ok(Observation { t, track, rect, score, mask: None, visible, merged: false, look: None })
    }

    fn whole(&self, column: usize, name: &'static str, takes: &'static str) -> Result<u32, MotError> {
        self.columns[column].parse().map_err(|_| self.refuse(column, name, takes))
    }

    fn number(
        &self,
        column: usize,
        name: &'static str,
        takes: &'static str,
        fits: impl Fn(f32) -> bool,
    ) -> Result<f32, MotError> {
        let number = self.columns[column].parse().ok().filter(|number: &f32| number.is_finite() && fits(*number));
        number.ok_or_else(|| self.refuse(column, name, takes))
    }

    /// `None` where the column is absent, empty or −1.
    fn optional(
        &self,
        column: usize,
        name: &'static str,
        takes: &'static str,
        fits: impl Fn(f32) -> bool,
    ) -> Result<Option<f32>, MotError> {
        if self.columns.get(column).is_none_or(|text| text.is_empty()) {
            return Ok(None);
        }
        let number = self.number(column, name, takes, |v| v == -1.0 || fits(v))?;
        Ok((number != -1.0).then_some(number))
    }

    fn refuse(&self, column: usize, name: &'static str, takes: &'static str) -> MotError {
        MotError::Value { line: self.line, column: column + 1, name, text: self.columns[column].to_owned(), takes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_may_come_in_any_order_and_with_any_number_of_columns() {
        let frames =
            parse("\u{feff}2,1,0,0,10,20,-1,-1,-1,-1\r\n\n1, 7, 1.5,2,3,4,0.5,1,0.25\n1,2,0,0,1,1\n", 10.0).unwrap();
        assert_eq!(frames.keys().copied().collect::<Vec<_>>(), [1, 2]);
        let first: Vec<_> = frames[&1].values().map(|o| (o.t, o.track.0, o.score, o.visible)).collect();
        assert_eq!(first, [(0, 2, 1.0, None), (0, 7, 0.5, Some(0.25))]);
        let second = &frames[&2][&TrackId(1)];
        assert_eq!((second.t, second.score, second.visible), (100_000, 1.0, None));
    }

    #[test]
    fn errors_name_line_column_value_and_range() {
        let message = |rows| parse(rows, 25.0).unwrap_err().to_string();
        assert_eq!(
            message("1,1,0,0,10,10\n1,2,0,0"),
            "line 2 has 4 columns, a row has at least 6: frame,id,left,top,width,height"
        );
        assert_eq!(
            message("0,1,0,0,10,10"),
            "line 1, column 1: frame is \"0\", it takes a whole number from 1 to 4294967295"
        );
        assert_eq!(
            message("1,-1,0,0,10,10"),
            "line 1, column 2: id is \"-1\", it takes a whole number from 0 to 4294967295"
        );
        for (rows, column) in [
            ("1,1,nan,0,10,10", 3),
            ("1,1,0,1e9,10,10", 4),
            ("1,1,0,0,0,10", 5),
            ("1,1,0,0,10,inf", 6),
            ("1,1,0,0,10,10,x", 7),
            ("1,1,0,0,10,10,1,1,1.5", 9),
        ] {
            assert!(message(rows).starts_with(&format!("line 1, column {column}: ")), "{}", message(rows));
        }
        assert_eq!(message("3,5,0,0,10,10\n3,5,0,0,10,10"), "line 2: track 5 is in frame 3 already");
        for fps in [0.0, -1.0, f64::NAN, 1001.0] {
            assert!(matches!(parse("", fps), Err(MotError::Fps(_))));
        }
    }
}
