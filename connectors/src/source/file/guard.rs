//! Watches compressed pictures on their way into the decoder: the decoder never learns of a size that is not allowed.

use super::codec::Codec;
use super::limits::Limits;
use gstreamer as gst;
use gstreamer::prelude::*;
use std::sync::Mutex;
use vokg_engine::geometry::Size;

/// What the guard tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sighting {
    /// The first, or another, size that is allowed.
    Size(Size),
    /// A size beyond the limits; it was held back.
    TooLarge(Size),
}

/// Watches `pad`, the last before the decoder.
pub(super) fn watch(
    pad: &gst::Pad,
    codec: Codec,
    limits: &Limits,
    keyframes_only: bool,
    tell: impl Fn(Sighting) + Send + Sync + 'static,
) {
    let limits = limits.clone();
    let seen = Mutex::new(None);
    // A pad's probes run one at a time on its streaming thread; the lock only tells the compiler so.
    let admit = move |size: Size| {
        if !limits.allow_picture(size) {
            tell(Sighting::TooLarge(size));
            return false;
        }
        let before = seen.lock().ok().and_then(|mut seen| seen.replace(size));
        if before != Some(size) {
            tell(Sighting::Size(size));
        }
        true
    };
    let mask = gst::PadProbeType::EVENT_DOWNSTREAM | gst::PadProbeType::BUFFER;
    pad.add_probe(mask, move |_, passing| {
        let allowed = match &passing.data {
            Some(gst::PadProbeData::Event(event)) => match event.view() {
                gst::EventView::Caps(caps) => coded_size(caps.caps()).is_none_or(&admit),
                _ => true,
            },
            Some(gst::PadProbeData::Buffer(buffer)) => {
                let wanted = !keyframes_only || !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
                wanted && (codec != Codec::Vp8 || vp8_buffer_size(buffer).is_none_or(&admit))
            }
            _ => true,
        };
        if allowed { gst::PadProbeReturn::Ok } else { gst::PadProbeReturn::Drop }
    });
}

/// The size compressed caps give.
pub(super) fn coded_size(caps: &gst::CapsRef) -> Option<Size> {
    let structure = caps.structure(0)?;
    let field = |name| structure.get::<i32>(name).ok().and_then(|value| u32::try_from(value).ok());
    Some(Size { width: field("width")?, height: field("height")? })
}

fn vp8_buffer_size(buffer: &gst::BufferRef) -> Option<Size> {
    let mut head = [0; 10];
    buffer.copy_to_slice(0, &mut head).ok()?;
    vp8_key_size(&head)
}

/// The size in the header of a VP8 key picture (RFC 6386, section 9.1). VP8 has no parser that would tell it.
fn vp8_key_size(head: &[u8; 10]) -> Option<Size> {
    let is_key = head[0] & 1 == 0 && head[3..6] == [0x9d, 0x01, 0x2a];
    let dimension = |low: u8, high: u8| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    is_key.then(|| Size { width: dimension(head[6], head[7]), height: dimension(head[8], head[9]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_vp8_key_picture_is_read_without_its_scale_bits() {
        let head = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x41, 0xf0, 0x80];
        assert_eq!(vp8_key_size(&head), Some(Size { width: 320, height: 240 }));
        assert_eq!(vp8_key_size(&[0x11, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x41, 0xf0, 0x80]), None, "not a key picture");
        assert_eq!(vp8_key_size(&[0; 10]), None);
    }
}
