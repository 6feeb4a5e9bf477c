//! The half that runs ahead: a reduced picture and how the camera moved.

use super::camera::{CameraMeter, Texture};
use super::config::MotionConfig;
use super::plane::Plane;
use crate::{Encoded, Encoder, RecallError, SegmentError};
use vokg_engine::frame::Frame;
use vokg_engine::segment::CameraMotion;
use vokg_engine::time::Micros;

/// What the encoder makes of a frame.
pub(super) struct Reduced {
    /// Media time.
    pub t: Micros,
    /// The picture.
    pub plane: Plane,
    /// Its texture, by which it is laid on the background.
    pub texture: Texture,
    /// How the camera moved since the frame before, in pixels of the full frame.
    pub camera: CameraMotion,
}

/// Reduces frames.
pub(super) struct MotionEncoder {
    config: MotionConfig,
    camera: CameraMeter,
}

impl MotionEncoder {
    /// An encoder at the start of a stream.
    pub fn new(config: MotionConfig) -> Self {
        Self { config, camera: CameraMeter::default() }
    }
}

impl Encoder for MotionEncoder {
    fn encode(&mut self, frame: &Frame) -> Result<Encoded, SegmentError> {
        let plane = Plane::of(frame, self.config.plane_width)?;
        let texture = Texture::of(&plane.y, plane.lattice.width);
        let camera = self.camera.measure(frame.t, plane.lattice, &texture);
        Ok(Box::new(Reduced { t: frame.t, plane, texture, camera }))
    }

    fn remember(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(&self.camera).ok()
    }

    fn recall(&mut self, memory: &[u8]) -> Result<(), RecallError> {
        self.camera = postcard::from_bytes(memory).map_err(RecallError::new)?;
        Ok(())
    }
}
