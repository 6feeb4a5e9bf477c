//! The text formats of MOTChallenge: boxes per frame in, tracks per frame out, and the camera-motion files beside them.
//!
//! Boxes: `frame,id,left,top,width,height[,score[,class[,visible fraction[,...]]]]`, a row each, frames from 1, pixels
//! (<https://motchallenge.net/instructions/>). Camera motion: `index a b c d e f`, a frame each, index 0 being the first
//! frame, with the affine map from the previous frame's pixels.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use vokg_engine::geometry::{Affine, Rect, Size};
use vokg_engine::id::TrackId;
use vokg_engine::observation::{Observation, TrackedFrame};
use vokg_engine::segment::{CameraMotion, Segment, SegmentOrigin, SegmentedFrame};
use vokg_engine::time::{Micros, SECOND_US};

/// The greatest frame number, so that one wrong digit does not become hours of empty frames.
pub const FRAME_MAX: u32 = 10_000_000;
/// The greatest coordinate or extent, in pixels.
pub const PIXELS_MAX: f32 = 1e6;
/// The lowest frame rate: the time of every frame that has a number is one.
pub const RATE_MIN: f64 = 0.001;
/// The greatest frame rate, in frames per second.
pub const RATE_MAX: f64 = 1000.0;

/// Names of the columns of a row of boxes; all but the last are in every row.
const BOX_COLUMNS: &[&str] = &["frame", "id", "left", "top", "width", "height", "score"];
/// Names of the columns of a row of camera motion.
const MOTION_COLUMNS: &[&str] = &["index", "a", "b", "c", "d", "e", "f"];

/// Why a text is not in one of the formats.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MotError {
    /// A row that is too short.
    #[error("line {line}: {found} columns, these are needed: {names}")]
    Columns {
        /// From 1.
        line: usize,
        /// Columns in the row.
        found: usize,
        /// What the columns are.
        names: String,
    },
    /// A value that is not what its column holds.
    #[error("line {line}, column {column} ({name}): {value:?} is not {wanted}")]
    Value {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What the column is.
        name: &'static str,
        /// What stands there.
        value: String,
        /// What should stand there.
        wanted: String,
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
    /// A camera motion that cannot be.
    #[error("line {line}: the map squeezes the picture onto a line")]
    Singular {
        /// From 1.
        line: usize,
    },
    /// A frame rate that cannot be.
    #[error("{0} frames per second, it takes {RATE_MIN} to {RATE_MAX}")]
    Rate(f64),
}

/// One box of one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct MotRow {
    /// Where it stands in the text, from 1.
    pub line: usize,
    /// From 1.
    pub frame: u32,
    /// Whose box; negative where unknown.
    pub id: i64,
    /// The box.
    pub rect: Rect,
    /// Confidence, in whatever range the detector has; 1 where absent.
    pub score: f32,
    /// Its class; `None` where absent or negative.
    pub class: Option<u32>,
    /// The visible share of it; `None` where absent or outside 0 to 1.
    pub visible: Option<f32>,
}

/// Reads rows of boxes, ordered by frame and within a frame as they stand. Empty lines are skipped.
///
/// # Errors
/// At the first row that is not in the format, naming line and column.
///
/// ```
/// # use vokg_operators::mot::parse_boxes;
/// let rows = parse_boxes("1,-1,10.5,20,30,40,0.9,-1,-1,-1\n").unwrap();
/// assert_eq!((rows[0].frame, rows[0].rect.left, rows[0].score), (1, 10.5, 0.9));
/// let error = parse_boxes("1,-1,10,20,wide,40,0.9\n").unwrap_err();
/// assert_eq!(error.to_string(), r#"line 1, column 5 (width): "wide" is not a number above 0 and at most 1000000"#);
/// ```
pub fn parse_boxes(text: &str) -> Result<Vec<MotRow>, MotError> {
    let mut rows = Vec::new();
    let lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let values: Vec<&str> = line.split(',').map(str::trim).collect();
        rows.push(parse_box(&Row::new(index + 1, values, BOX_COLUMNS, 6)?)?);
    }
    rows.sort_by_key(|row| row.frame);
    Ok(rows)
}

fn parse_box(row: &Row<'_>) -> Result<MotRow, MotError> {
    let place = |column| row.number(column, -PIXELS_MAX..=PIXELS_MAX, &format!("a number within ±{PIXELS_MAX}"));
    let extent = |column| {
        let wanted = format!("a number above 0 and at most {PIXELS_MAX}");
        row.number(column, f32::MIN_POSITIVE..=PIXELS_MAX, &wanted)
    };
    let optional = |column: usize| row.values.get(column).and_then(|value| value.parse::<f32>().ok());
    let score = match row.values.len() {
        6 => 1.0,
        _ => row.number(6, f32::MIN..=f32::MAX, "a finite number")?,
    };
    Ok(MotRow {
        line: row.line,
        frame: row.number(0, 1..=FRAME_MAX, &format!("a whole number from 1 to {FRAME_MAX}"))?,
        id: row.number(1, i64::MIN..=i64::MAX, "a whole number")?,
        rect: Rect::new(place(2)?, place(3)?, extent(4)?, extent(5)?),
        score,
        class: optional(7).filter(|class| *class >= 0.0).map(|class| class as u32),
        visible: optional(8).filter(|visible| (0.0..=1.0).contains(visible)),
    })
}

impl MotRow {
    /// Its id as the number of a track.
    ///
    /// # Errors
    /// Where it is below 0 or above `most`.
    pub fn id_up_to(&self, most: u32) -> Result<u32, MotError> {
        let id = u32::try_from(self.id).ok().filter(|id| *id <= most);
        id.ok_or_else(|| MotError::Value {
            line: self.line,
            column: 2,
            name: "id",
            value: self.id.to_string(),
            wanted: format!("a whole number from 0 to {most}"),
        })
    }
}

/// Gives rows whose score is −1, which is unknown, the greatest of the others; 1 where there is none.
///
/// ```
/// # use vokg_operators::mot::{fill_unknown_scores, parse_boxes};
/// let mut rows = parse_boxes("1,-1,0,0,9,9,-1\n2,-1,0,0,9,9,70\n3,-1,0,0,9,9,40\n").unwrap();
/// fill_unknown_scores(&mut rows);
/// assert_eq!(rows.iter().map(|row| row.score).collect::<Vec<_>>(), [70.0, 70.0, 40.0]);
/// ```
pub fn fill_unknown_scores(rows: &mut [MotRow]) {
    let known = rows.iter().map(|row| row.score).filter(|score| *score != SCORE_UNKNOWN);
    let greatest = known.reduce(f32::max).unwrap_or(1.0);
    rows.iter_mut().filter(|row| row.score == SCORE_UNKNOWN).for_each(|row| row.score = greatest);
}

/// Stands for a score nobody gave.
pub const SCORE_UNKNOWN: f32 = -1.0;

/// Reads rows of camera motion, by frame number from 1.
///
/// # Errors
/// At the first row that is not in the format, naming line and column.
pub fn parse_motion(text: &str) -> Result<BTreeMap<u32, Affine>, MotError> {
    let mut motion = BTreeMap::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row = Row::new(index + 1, line.split_whitespace().collect(), MOTION_COLUMNS, 7)?;
        let frame = 1 + row.number(0, 0..=FRAME_MAX - 1, &format!("a whole number below {FRAME_MAX}"))?;
        let mut map = Affine::IDENTITY;
        for (column, value) in map.m.iter_mut().enumerate() {
            *value = row.number(column + 1, -PIXELS_MAX..=PIXELS_MAX, &format!("a number within ±{PIXELS_MAX}"))?;
        }
        if map.inverse().is_none() {
            return Err(MotError::Singular { line: index + 1 });
        }
        motion.insert(frame, map);
    }
    Ok(motion)
}

/// The values of a line, with what is needed to complain about them.
struct Row<'a> {
    line: usize,
    values: Vec<&'a str>,
    names: &'static [&'static str],
}

impl<'a> Row<'a> {
    fn new(line: usize, values: Vec<&'a str>, names: &'static [&'static str], needed: usize) -> Result<Self, MotError> {
        if values.len() < needed {
            return Err(MotError::Columns { line, found: values.len(), names: names[..needed].join(",") });
        }
        Ok(Self { line, values, names })
    }

    fn number<T>(&self, column: usize, within: std::ops::RangeInclusive<T>, wanted: &str) -> Result<T, MotError>
    where
        T: FromStr + PartialOrd,
    {
        let value = self.values[column];
        let number = value.parse().ok().filter(|number| within.contains(number));
        number.ok_or_else(|| MotError::Value {
            line: self.line,
            column: column + 1,
            name: self.names[column],
            value: value.to_owned(),
            wanted: wanted.to_owned(),
        })
    }
}

/// Frames per second, to give numbered frames a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameRate(f64);

impl FrameRate {
    /// A frame rate from [`RATE_MIN`] to [`RATE_MAX`].
    ///
    /// # Errors
    /// Where it is outside.
    pub fn new(per_second: f64) -> Result<Self, MotError> {
        match per_second {
            RATE_MIN..=RATE_MAX => Ok(Self(per_second)),
            _ => Err(MotError::Rate(per_second)),
        }
    }

    /// When a frame, numbered from 1, is shown.
    pub fn time_of(self, frame: u32) -> Micros {
        (f64::from(frame.saturating_sub(1)) * SECOND_US as f64 / self.0).round() as Micros
    }

    /// Which frame is shown at a time.
    pub fn frame_at(self, t: Micros) -> u32 {
        1 + (t as f64 * self.0 / SECOND_US as f64).round() as u32
    }
}

/// Every frame from 1 to the last that has a box, empty ones included, then the end of the stream.
///
/// `rows` are ordered by frame. The camera's motion is unknown where `motion` has nothing to say.
pub fn segmented_frames<'a>(
    rows: &'a [MotRow],
    motion: &'a BTreeMap<u32, Affine>,
    rate: FrameRate,
    size: Size,
) -> impl Iterator<Item = SegmentedFrame> + 'a {
    let last = rows.last().map_or(0, |row| row.frame);
    let mut rest = rows;
    let frames = (1..=last).map(move |frame| {
        let (now, later) = rest.split_at(rest.partition_point(|row| row.frame <= frame));
        rest = later;
        let camera = motion.get(&frame).map_or(CameraMotion::Unknown, |map| CameraMotion::Moved(*map));
        SegmentedFrame { t: rate.time_of(frame), size, end: false, camera, segments: now.iter().map(segment).collect() }
    });
    let t = if last == 0 { 0 } else { rate.time_of(last) + 1 };
    let end = SegmentedFrame { t, size, end: true, camera: CameraMotion::Unknown, segments: Vec::new() };
    frames.chain([end])
}

fn segment(row: &MotRow) -> Segment {
    let (rect, score) = (row.rect, row.score);
    Segment { rect, mask: None, score, origin: SegmentOrigin::Grid, merged: false, visible: None, look: None }
}

/// Tracks as result rows, ordered by frame and track. Its text is the file.
#[derive(Clone, Debug)]
pub struct MotResult {
    rate: FrameRate,
    rows: BTreeMap<(u32, TrackId), (Rect, f32)>,
}

impl MotResult {
    /// A result without rows.
    pub fn new(rate: FrameRate) -> Self {
        Self { rate, rows: BTreeMap::new() }
    }

    /// Adds what was told about one frame, sightings from before a confirmation included.
    pub fn add(&mut self, tracked: &TrackedFrame) {
        for Observation { t, track, rect, score, .. } in tracked.seen.iter().chain(&tracked.confirmed) {
            self.rows.insert((self.rate.frame_at(*t), *track), (*rect, *score));
        }
    }
}

impl fmt::Display for MotResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((frame, track), (rect, score)) in &self.rows {
            let Rect { left, top, width, height } = rect;
            writeln!(f, "{frame},{},{left},{top},{width},{height},{score},-1,-1,-1", track.0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_line_column_and_what_was_wanted() {
        let message = |text: &str| parse_boxes(text).map_err(|error| error.to_string()).expect_err("not in the format");
        assert_eq!(
            message("1,1,0,0,9,9,1\n\n1,2,3\n"),
            "line 3: 3 columns, these are needed: frame,id,left,top,width,height"
        );
        assert_eq!(
            message("0,1,0,0,9,9,1"),
            "line 1, column 1 (frame): \"0\" is not a whole number from 1 to 10000000"
        );
        assert!(message("1,1,0,0,9,-9,1").starts_with("line 1, column 6 (height): \"-9\" is not a number above 0"));
        for bad in ["1,1,nan,0,9,9,1", "1,1,0,inf,9,9,1", "1,1,0,0,9,9,nan", "1,x,0,0,9,9,1", "99999999,1,0,0,9,9,1"] {
            assert!(parse_boxes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn class_and_visible_share_are_read_where_they_are() {
        let rows = parse_boxes("2,7,0,0,9,9,1,3,0.25\n1,7, 0,0,9,9,1,-1,-1,-1").unwrap_or_default();
        let read: Vec<_> = rows.iter().map(|row| (row.frame, row.class, row.visible)).collect();
        assert_eq!(read, [(1, None, None), (2, Some(3), Some(0.25))]);
    }

    #[test]
    fn motion_starts_at_the_first_frame() {
        let motion = parse_motion("0 1 0 2.5 0 1 -1\n1 1 0 0 0 1 0\n").unwrap_or_default();
        assert_eq!(motion.get(&1), Some(&Affine::translation(2.5, -1.0)));
        assert_eq!(parse_motion("0 1 0 0 0 0 0"), Err(MotError::Singular { line: 1 }));
        let error = parse_motion("0 1 0 0 0 one 0").map_err(|error| error.to_string());
        assert_eq!(error, Err("line 1, column 6 (e): \"one\" is not a number within ±1000000".into()));
    }

    #[test]
    fn frames_keep_their_numbers_through_time() {
        for rate in [0.5, 14.0, 29.97, 30.0, 1000.0] {
            let rate = FrameRate::new(rate).unwrap_or(FrameRate(1.0));
            assert!(
                [1, 2, 3, 1000, 123_457, FRAME_MAX].iter().all(|&frame| rate.frame_at(rate.time_of(frame)) == frame)
            );
        }
        for bad in [0.0, -1.0, 1001.0, f64::NAN, f64::INFINITY] {
            assert!(FrameRate::new(bad).is_err());
        }
    }

    #[test]
    fn empty_frames_are_frames_and_the_end_comes_last() {
        let rows = parse_boxes("3,-1,0,0,9,9,1\n1,-1,0,0,9,9,1\n").unwrap_or_default();
        let (motion, size) = (BTreeMap::new(), Size { width: 9, height: 9 });
        let frames = |rows: &[MotRow]| -> Vec<(Micros, usize, bool)> {
            let frames = segmented_frames(rows, &motion, FrameRate(10.0), size);
            frames.map(|frame| (frame.t, frame.segments.len(), frame.end)).collect()
        };
        assert_eq!(frames(&rows), [(0, 1, false), (100_000, 0, false), (200_000, 1, false), (200_001, 0, true)]);
        assert_eq!(frames(&[]), [(0, 0, true)]);
    }

    #[test]
    fn results_are_rows_by_frame_and_track() {
        let seen = |t, track, left| Observation {
            t,
            track: TrackId(track),
            rect: Rect::new(left, 0.0, 9.0625, 9.0),
            score: 0.5,
            mask: None,
            visible: None,
            merged: false,
            look: None,
        };
        let mut result = MotResult::new(FrameRate(10.0));
        let (seen, confirmed) = (vec![seen(100_000, 2, 1.5)], vec![seen(0, 2, 1.0)]);
        result.add(&TrackedFrame { t: 100_000, seen, confirmed, ..Default::default() });
        assert_eq!(result.to_string(), "1,2,1,0,9.0625,9,0.5,-1,-1,-1\n2,2,1.5,0,9.0625,9,0.5,-1,-1,-1\n");
    }
}
