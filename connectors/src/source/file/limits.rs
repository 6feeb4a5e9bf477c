//! How much of a file is tolerated before it is refused.

use std::time::Duration;
use vokg_engine::geometry::Size;

/// Bounds on what a file may ask of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file. Default 64 GiB.
    pub file_bytes: u64,
    /// Greatest width and height, before rotation. Default 8192 each.
    pub picture_px: Size,
    /// Greatest number of pixels of a picture. Default 64 million.
    pub pixels: u64,
    /// Time to the first picture. Default 5 s.
    pub open_deadline: Duration,
    /// Time between two pictures while somebody waits. Default 10 s.
    pub stall_deadline: Duration,
    /// Frames that may share memory with the decoder at once; further ones are copied, so that a consumer that keeps
    /// frames cannot starve the decoder of buffers. Default 16.
    pub shared_frames: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 64 << 30,
            picture_px: Size { width: 8192, height: 8192 },
            pixels: 64_000_000,
            open_deadline: Duration::from_secs(5),
            stall_deadline: Duration::from_secs(10),
            shared_frames: 16,
        }
    }
}

impl Limits {
    /// Whether a picture of this size may be decoded.
    pub fn allow_picture(&self, size: Size) -> bool {
        size.width <= self.picture_px.width && size.height <= self.picture_px.height && size.area() <= self.pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_must_hold_every_limit() {
        let limits = Limits::default();
        assert!(limits.allow_picture(Size { width: 8192, height: 7812 }));
        assert!(!limits.allow_picture(Size { width: 8192, height: 8192 }));
        assert!(!limits.allow_picture(Size { width: 8193, height: 16 }));
        assert!(!limits.allow_picture(Size { width: 16, height: 8193 }));
    }
}
