//! The codecs vokg decodes, and with which elements. What is not listed here is never decoded: plugins are not asked
//! what else they could do.

use gstreamer as gst;

/// A codec on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Codec {
    /// ITU-T H.264.
    H264,
    /// ITU-T H.265.
    H265,
    /// VP8.
    Vp8,
    /// VP9; its alpha channel is left out.
    Vp9,
    /// AV1.
    Av1,
    /// JPEG, moving or still.
    Jpeg,
}

impl Codec {
    /// The codec of compressed caps.
    pub fn from_media_type(media_type: &str) -> Option<Self> {
        match media_type {
            "video/x-h264" => Some(Self::H264),
            "video/x-h265" => Some(Self::H265),
            "video/x-vp8" => Some(Self::Vp8),
            "video/x-vp9" => Some(Self::Vp9),
            "video/x-av1" => Some(Self::Av1),
            "image/jpeg" => Some(Self::Jpeg),
            _ => None,
        }
    }

    /// Its name for people and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::Vp8 => "vp8",
            Self::Vp9 => "vp9",
            Self::Av1 => "av1",
            Self::Jpeg => "jpeg",
        }
    }

    /// The element that cuts the stream into pictures and knows their coded size. GStreamer 1.22 has none for VP8.
    pub(super) fn parser(self) -> Option<Wanted> {
        let names: &'static [&'static str] = match self {
            Self::H264 => &["h264parse"],
            Self::H265 => &["h265parse"],
            Self::Vp8 => return None,
            Self::Vp9 => &["vp9parse"],
            Self::Av1 => &["av1parse"],
            Self::Jpeg => &["jpegparse"],
        };
        Some(Wanted { what: self.as_str(), names, package: "gstreamer1.0-plugins-bad" })
    }

    /// The elements that decode it, the best first.
    pub(super) fn decoder(self) -> Wanted {
        let (names, package): (&'static [&'static str], _) = match self {
            Self::H264 => (&["avdec_h264", "openh264dec"], "gstreamer1.0-libav"),
            Self::H265 => (&["avdec_h265", "libde265dec"], "gstreamer1.0-libav"),
            Self::Vp8 => (&["vp8dec", "avdec_vp8"], "gstreamer1.0-plugins-good"),
            Self::Vp9 => (&["vp9dec", "avdec_vp9"], "gstreamer1.0-plugins-good"),
            Self::Av1 => (&["av1dec", "dav1ddec"], "gstreamer1.0-plugins-bad"),
            Self::Jpeg => (&["jpegdec", "avdec_mjpeg"], "gstreamer1.0-plugins-good"),
        };
        Wanted { what: self.as_str(), names, package }
    }
}

/// An element, one of several that do, and where to get the first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub what: &'static str,
    pub names: &'static [&'static str],
    pub package: &'static str,
}

impl Wanted {
    /// The first that is installed.
    pub fn make(self) -> Option<gst::Element> {
        self.names.iter().find_map(|name| gst::ElementFactory::make(name).build().ok())
    }
}
