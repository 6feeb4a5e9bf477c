//! The GStreamer elements vokg uses, and whether this machine has them.

use super::codec::{Codec, Wanted};
use super::setup;
use crate::source::SourceError;
use gstreamer as gst;

/// One element, or one of several that do the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Name of the element, the best one where several do.
    pub element: &'static str,
    /// What it is for.
    pub purpose: String,
    /// The Debian package it comes with.
    pub package: &'static str,
    /// Whether it, or one that does the same, is installed.
    pub present: bool,
    /// Nothing can be read without it.
    pub required: bool,
}

const CODECS: [Codec; 6] = [Codec::H264, Codec::H265, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::Jpeg];
const ENCODERS: Wanted =
    Wanted { what: "h264", names: &["x264enc", "openh264enc"], package: "gstreamer1.0-plugins-ugly" };
const MP4: Wanted = Wanted { what: "mp4", names: &["qtdemux"], package: "gstreamer1.0-plugins-good" };
const CONVERTER: Wanted = Wanted { what: "raw", names: &["videoconvert"], package: "gstreamer1.0-plugins-base" };

/// Looks for every element that reading files and making clips can ask for.
///
/// # Errors
/// Where GStreamer does not start.
pub fn parts() -> Result<Vec<Part>, SourceError> {
    setup::start()?;
    let mut parts = vec![part(CONVERTER, "converts pixels", true), part(MP4, "reads MP4", true)];
    for codec in CODECS {
        parts.push(part(codec.decoder(), &format!("decodes {}", codec.as_str()), codec == Codec::H264));
    }
    parts.push(part(ENCODERS, "encodes the clips of vokg synth and vokg demo", false));
    Ok(parts)
}

fn part(wanted: Wanted, purpose: &str, required: bool) -> Part {
    let present = wanted.names.iter().any(|name| gst::ElementFactory::find(name).is_some());
    let (element, package) = (wanted.names[0], wanted.package);
    Part { element, purpose: purpose.to_owned(), package, present, required }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tests_decode_with_is_found() {
        let parts = parts().expect("GStreamer starts");
        let present = |element| parts.iter().any(|part| part.element == element && part.present);
        assert!(present("qtdemux") && present("avdec_h264"));
    }
}
