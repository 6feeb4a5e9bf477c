//! The default segmenter: what moves against an adaptive background.
//!
//! Everything happens on a reduced picture some 384 cells wide ([`plane`]). The [`encoder`] makes it and measures how
//! the [`camera`] moved; the [`segmenter`] compares it with the [`background`], first found by [`bootstrap`] where
//! there is little [`unrest`], in the present [`light`]. Foreground that is only [`shadow`] goes, [`morphology`] cleans
//! the rest, [`components`] finds its pieces, [`group`] joins those of one thing and [`split`] shares out a blob among
//! the tracks it covers, by what each looked like while it stood free ([`sprite`]) and by who is in front ([`depth`]);
//! [`newcomers`] come in beside them. [`cargo`] is what somebody carries, and [`loads`] takes it off. While the camera moves, both sides of the
//! comparison are [`smooth`].
//! [`ghosts`] are what remains where something was taken away. Each segment carries its [`look`].
//!
//! Good at tight boxes and right counts on a static or gently moving camera with things that travel. Bad at people
//! who touch when they come in (one thing until they part), at someone who sat there since before the start, and at
//! bedding or foliage moved by somebody. It knows no classes.

use crate::{Backend, Encoder, Segmenter};
use encoder::MotionEncoder;
use segmenter::MotionSegmenter;
use vokg_engine::time::{Micros, micros_from_secs};

mod background;
mod bits;
mod body;
mod bootstrap;
mod camera;
mod cargo;
mod colours;
mod components;
mod config;
mod depth;
mod encoder;
mod expected;
mod foreground;
mod ghosts;
mod group;
mod known;
mod light;
mod loads;
mod look;
mod morphology;
mod newcomers;
mod plane;
mod pose;
mod reduce;
mod registration;
mod scene;
mod segmenter;
mod shadow;
mod smooth;
mod split;
mod sprite;
mod unrest;

pub use config::MotionConfig;

/// Its name in configurations and messages.
const NAME: &str = "motion";

/// The backend `motion`: a background model, no download, no native library.
///
/// ```
/// use vokg_engine::{frame::Frame, geometry::Size, segment::Hints};
/// use vokg_models::{Backend, motion::Motion};
///
/// let motion = Motion::default();
/// let (mut encoder, mut segmenter) = motion.open();
/// let size = Size { width: 64, height: 48 };
/// let empty = Frame::from_i420(0, size, vec![90; 64 * 48], vec![128; 32 * 24], vec![128; 32 * 24]);
/// let encoded = encoder.encode(&empty)?;
/// segmenter.prepare(std::slice::from_ref(&encoded));
/// assert!(segmenter.segment(&encoded, &Hints::default())?.segments.is_empty());
/// # Ok::<(), vokg_models::SegmentError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Motion {
    /// Its settings.
    pub config: MotionConfig,
}

impl Backend for Motion {
    fn name(&self) -> &'static str {
        NAME
    }

    fn lead_us(&self) -> Micros {
        micros_from_secs(self.config.lead_secs)
    }

    fn open(&self) -> (Box<dyn Encoder>, Box<dyn Segmenter>) {
        (Box::new(MotionEncoder::new(self.config.clone())), Box::new(MotionSegmenter::new(self.config.clone())))
    }
}
