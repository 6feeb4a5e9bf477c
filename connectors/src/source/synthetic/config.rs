//! What a clip can be asked for, and what can go wrong.

use std::path::PathBuf;
use vokg_engine::geometry::Size;
use vokg_engine::time::Micros;

/// Shape and length of a clip. Scenes are laid out in seconds and in shares of the frame, so any shape shows the same.
#[derive(Clone, Debug, PartialEq)]
pub struct SynthConfig {
    /// Pixels; even, 64×64 to 3840×2160.
    pub size: Size,
    /// Frames a second, 1 to 120.
    pub fps: f64,
    /// Length in seconds, up to 3600; `None`: as long as the scene is.
    pub seconds: Option<f64>,
    /// Chooses looks and details; for random scenes everything.
    pub seed: u64,
}

impl Default for SynthConfig {
    fn default() -> Self {
        Self { size: Size { width: 1280, height: 720 }, fps: 25.0, seconds: None, seed: 1 }
    }
}

/// Why there is no clip.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// No scene of that name.
    #[error("no scene {name:?}; {hint}")]
    UnknownScene {
        /// What was asked for.
        name: String,
        /// Similar names, or all.
        hint: String,
    },
    /// A size the encoder or the renderer does not take.
    #[error("size {0}x{1} is not possible, both must be even and from 64x64 to 3840x2160")]
    Size(u32, u32),
    /// A frame rate out of range.
    #[error("{0} frames a second is not possible, take 1 to 120")]
    Fps(f64),
    /// A length out of range, or shorter than a frame.
    #[error("{0} seconds is not possible, take one frame to 3600 s")]
    Seconds(f64),
    /// GStreamer cannot start.
    #[error("GStreamer does not start: {0}")]
    GStreamer(String),
    /// An element is not installed.
    #[error("GStreamer has no {element}; install the package {package}")]
    MissingElement {
        /// Which.
        element: String,
        /// The Debian package with it.
        package: &'static str,
    },
    /// The encoder gave up.
    #[error("encoding failed: {0}")]
    Encoder(String),
    /// The encoder made no progress.
    #[error("the encoder made no progress for {0} s")]
    Stalled(u64),
    /// The file cannot be written.
    #[error("{error}: {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// A frame rate as a fraction, so that frame times do not drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRate {
    /// Frames...
    pub frames: u32,
    /// ...in so many seconds.
    pub secs: u32,
}

impl FrameRate {
    /// The fraction meant by a number: whole, the NTSC family (29.97 is 30000/1001), else thousandths.
    pub fn nearest(fps: f64) -> Self {
        let whole = fps.round();
        if (fps - whole).abs() < 1e-6 {
            return Self { frames: whole as u32, secs: 1 };
        }
        let ntsc = (fps * 1.001).round();
        if (fps - ntsc / 1.001).abs() < 0.005 {
            return Self { frames: ntsc as u32 * 1000, secs: 1001 };
        }
        Self { frames: (fps * 1000.0).round() as u32, secs: 1000 }
    }

    /// Frames a second.
    pub fn fps(self) -> f64 {
        f64::from(self.frames) / f64::from(self.secs)
    }

    /// When a frame is shown.
    pub fn time_us(self, index: u32) -> Micros {
        let frames = u64::from(self.frames);
        (u64::from(index) * 1_000_000 * u64::from(self.secs) + frames / 2) / frames
    }

    /// When a frame is shown, in seconds.
    pub fn secs(self, index: u32) -> f64 {
        f64::from(index) * f64::from(self.secs) / f64::from(self.frames)
    }
}

impl SynthConfig {
    /// Frame rate and number of frames, for a scene of so many seconds.
    ///
    /// # Errors
    /// Where size, rate or length is out of range.
    pub fn checked(&self, scene_secs: f64) -> Result<(FrameRate, u32), SynthError> {
        let Size { width, height } = self.size;
        let fits = |pixels: u32, most: u32| pixels.is_multiple_of(2) && (64..=most).contains(&pixels);
        if !fits(width, 3840) || !fits(height, 2160) {
            return Err(SynthError::Size(width, height));
        }
        if !(1.0..=120.0).contains(&self.fps) {
            return Err(SynthError::Fps(self.fps));
        }
        let secs = self.seconds.unwrap_or(scene_secs);
        let rate = FrameRate::nearest(self.fps);
        let frames = (secs * rate.fps()).round();
        if !(secs <= 3600.0 && frames >= 1.0) {
            return Err(SynthError::Seconds(secs));
        }
        Ok((rate, frames as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_rates_become_the_fractions_people_mean() {
        assert_eq!(FrameRate::nearest(25.0), FrameRate { frames: 25, secs: 1 });
        assert_eq!(FrameRate::nearest(29.97), FrameRate { frames: 30_000, secs: 1001 });
        assert_eq!(FrameRate::nearest(23.976), FrameRate { frames: 24_000, secs: 1001 });
        assert_eq!(FrameRate::nearest(12.5), FrameRate { frames: 12_500, secs: 1000 });
        assert_eq!(FrameRate::nearest(30.0).time_us(1), 33_333);
    }

    #[test]
    fn impossible_clips_are_refused_with_the_limit() {
        let refused = |change: fn(&mut SynthConfig)| {
            let mut config = SynthConfig::default();
            change(&mut config);
            config.checked(10.0).map_err(|e| e.to_string()).expect_err("refused")
        };
        assert!(refused(|c| c.size.width = 641).contains("641x720"));
        assert!(refused(|c| c.size.height = 4000).contains("3840x2160"));
        assert!(refused(|c| c.fps = 0.0).contains("1 to 120"));
        assert!(refused(|c| c.fps = f64::NAN).contains("1 to 120"));
        assert!(refused(|c| c.seconds = Some(-1.0)).contains("3600"));
        assert!(refused(|c| c.seconds = Some(f64::NAN)).contains("3600"));
        assert!(refused(|c| c.seconds = Some(f64::INFINITY)).contains("3600"));
    }
}
