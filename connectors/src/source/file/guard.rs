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
    /// A compressed picture that is to be shown went into the decoder.
    Picture,
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
    // A pad's probes run one at a time on its streaming thread; the lock only tells the compiler so.
    let seen = Mutex::new(None);
    let admit = move |size: Size| {
        if !limits.allow_picture(size) {
            return Some(Sighting::TooLarge(size));
        }
        let before = seen.lock().ok().and_then(|mut seen| seen.replace(size));
        (before != Some(size)).then_some(Sighting::Size(size))
    };
    let mask = gst::PadProbeType::EVENT_DOWNSTREAM | gst::PadProbeType::BUFFER;
    pad.add_probe(mask, move |_, passing| {
        let size = match &passing.data {
            Some(gst::PadProbeData::Event(event)) => match event.view() {
                gst::EventView::Caps(caps) => coded_size(caps.caps()),
                _ => None,
            },
            Some(gst::PadProbeData::Buffer(buffer)) => {
                if keyframes_only && buffer.flags().contains(gst::BufferFlags::DELTA_UNIT) {
                    return gst::PadProbeReturn::Drop;
                }
                if is_shown(buffer, codec) {
                    tell(Sighting::Picture);
                }
                vp8_head(buffer, codec).and_then(|head| vp8_key_size(&head))
            }
            _ => None,
        };
        let sighting = size.and_then(&admit);
        sighting.into_iter().for_each(&tell);
        match sighting {
            Some(Sighting::TooLarge(_)) => gst::PadProbeReturn::Drop,
            _ => gst::PadProbeReturn::Ok,
        }
    });
}

/// The size compressed caps give.
pub(super) fn coded_size(caps: &gst::CapsRef) -> Option<Size> {
    let structure = caps.structure(0)?;
    let field = |name| structure.get::<i32>(name).ok().and_then(|value| u32::try_from(value).ok());
    Some(Size { width: field("width")?, height: field("height")? })
}

/// Whether a picture should come out for this one: VP8, VP9 and AV1 also code pictures only to refer to.
fn is_shown(buffer: &gst::BufferRef, codec: Codec) -> bool {
    // Section 9.1 of RFC 6386 again: the fifth bit is `show_frame`.
    let hidden = vp8_head(buffer, codec).is_some_and(|head| head[0] & 0x10 == 0);
    !hidden && !buffer.flags().contains(gst::BufferFlags::DECODE_ONLY)
}

fn vp8_head(buffer: &gst::BufferRef, codec: Codec) -> Option<[u8; 10]> {
    let mut head = [0; 10];
    let copied = codec == Codec::Vp8 && buffer.copy_to_slice(0, &mut head).is_ok();
    copied.then_some(head)
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
