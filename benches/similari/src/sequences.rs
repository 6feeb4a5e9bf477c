//! Detections of real sequences: a folder with `SEQUENCE/det/det.txt` and `SEQUENCE/seqinfo.ini`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use vokg_engine::geometry::Size;
use vokg_engine::segment::SegmentedFrame;
use vokg_operators::mot::{FrameRate, parse_boxes, segmented_frames};

/// The frames of each sequence in `folder`, by name.
pub fn read(folder: &Path) -> Result<BTreeMap<String, Vec<SegmentedFrame>>, Box<dyn Error>> {
    let mut sequences = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let detections = entry.path().join("det/det.txt");
        if detections.is_file() {
            let about = fs::read_to_string(entry.path().join("seqinfo.ini"))?;
            let rate = about.lines().find_map(|line| line.trim().strip_prefix("frameRate=")).ok_or("no frameRate")?;
            let rows = parse_boxes(&fs::read_to_string(detections)?)?;
            let (motion, size) = (BTreeMap::new(), Size { width: 1920, height: 1080 });
            let frames = segmented_frames(&rows, &motion, FrameRate::new(rate.trim().parse()?)?, size);
            let shown = frames.filter(|frame| !frame.end).collect();
            sequences.insert(entry.file_name().to_string_lossy().into_owned(), shown);
        }
    }
    Ok(sequences)
}
