//! What a file is, told from its first bytes. The name of a file is never asked: a playlist called `.mp4` is a
//! playlist.

/// Bytes [`sniff`] wants to see; less where the file is shorter.
pub const SNIFF_BYTES: usize = 4096;

/// A container vokg reads. Each has exactly one demuxer, chosen here and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Container {
    /// ISO base media: MP4, MOV, 3GP.
    Mp4,
    /// Matroska and WebM.
    Matroska,
    /// MPEG transport stream, packets of 188 bytes or 192 (M2TS).
    MpegTs,
    /// RIFF AVI.
    Avi,
    /// An H.264 byte stream without container (Annex B).
    RawH264,
    /// A single JPEG picture.
    Jpeg,
}

impl Container {
    /// Its name for people and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Matroska => "matroska",
            Self::MpegTs => "mpegts",
            Self::Avi => "avi",
            Self::RawH264 => "h264",
            Self::Jpeg => "jpeg",
        }
    }
}

/// What a file is that is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Something that leads a player to other files or addresses.
    PointsElsewhere(&'static str),
    /// Anything else, as far as it can be named.
    Other(&'static str),
}

/// The MP4 boxes a file may begin with (ISO/IEC 14496-12 and the QuickTime File Format).
const MP4_FIRST_BOXES: [&[u8; 4]; 7] = [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp"];

const FOREIGN: [(&[u8], Foreign); 15] = [
    (b"#EXTM3U", Foreign::PointsElsewhere("a playlist (M3U or HLS)")),
    (b"ffconcat", Foreign::PointsElsewhere("a playlist (ffconcat)")),
    (b"[playlist]", Foreign::PointsElsewhere("a playlist (PLS)")),
    (b"[Reference]", Foreign::PointsElsewhere("a playlist (ASX)")),
    (b"RTSPtext", Foreign::PointsElsewhere("a QuickTime reference (RTSP)")),
    (b"v=0", Foreign::PointsElsewhere("a session description (SDP)")),
    (b"<smil", Foreign::PointsElsewhere("a playlist (SMIL)")),
    (b"<MPD", Foreign::PointsElsewhere("a DASH manifest")),
    (b"\x89PNG", Foreign::Other("a PNG picture")),
    (b"GIF8", Foreign::Other("a GIF picture")),
    (b"%PDF", Foreign::Other("a PDF document")),
    (b"OggS", Foreign::Other("an Ogg file")),
    (b"FLV\x01", Foreign::Other("a Flash video")),
    (b"\x30\x26\xb2\x75", Foreign::Other("a Windows Media file")),
    (b"\x00\x00\x01\xba", Foreign::Other("an MPEG program stream")),
];

/// Tells what begins with `head`.
///
/// ```
/// use vokg_connectors::source::file::sniff::{Container, Foreign, sniff};
/// assert_eq!(sniff(b"\0\0\0\x18ftypmp42"), Ok(Container::Mp4));
/// assert!(matches!(sniff(b"#EXTM3U\nhttp://example.org/a.ts"), Err(Foreign::PointsElsewhere(_))));
/// ```
pub fn sniff(head: &[u8]) -> Result<Container, Foreign> {
    if head.get(4..8).is_some_and(|name| MP4_FIRST_BOXES.iter().any(|known| *known == name)) {
        return Ok(Container::Mp4);
    }
    if head.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
        return sniff_ebml(head);
    }
    if is_transport_stream(head) {
        return Ok(Container::MpegTs);
    }
    if head.starts_with(b"RIFF") && matches!(head.get(8..12), Some(b"AVI " | b"AVIX")) {
        return Ok(Container::Avi);
    }
    if head.starts_with(&[0xff, 0xd8, 0xff]) {
        return Ok(Container::Jpeg);
    }
    if is_h264_byte_stream(head) {
        return Ok(Container::RawH264);
    }
    Err(name_foreign(head))
}

fn sniff_ebml(head: &[u8]) -> Result<Container, Foreign> {
    let header = &head[..head.len().min(64)];
    let names = |word: &[u8]| header.windows(word.len()).any(|window| window == word);
    if names(b"matroska") || names(b"webm") {
        return Ok(Container::Matroska);
    }
    Err(Foreign::Other("an EBML file that is neither Matroska nor WebM"))
}

/// Three sync bytes at the distance of a packet (ISO/IEC 13818-1, 2.4.3.2; Blu-ray puts 4 bytes before each packet).
fn is_transport_stream(head: &[u8]) -> bool {
    let synced = |first: usize, step: usize| (0..3).all(|packet| head.get(first + packet * step) == Some(&0x47));
    synced(0, 188) || synced(4, 192)
}

/// A start code and an SPS, SEI or access unit delimiter (ITU-T H.264, 7.3.1 and table 7-1).
fn is_h264_byte_stream(head: &[u8]) -> bool {
    let unit = match head {
        [0, 0, 0, 1, unit, ..] | [0, 0, 1, unit, ..] => *unit,
        _ => return false,
    };
    unit & 0x80 == 0 && matches!(unit & 0x1f, 6 | 7 | 9)
}

fn name_foreign(head: &[u8]) -> Foreign {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if let Some((_, foreign)) = FOREIGN.iter().find(|(magic, _)| text.starts_with(magic)) {
        return *foreign;
    }
    if text.starts_with(b"<") {
        let names = |word: &[u8]| text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
        return match () {
            () if names(b"<MPD") => Foreign::PointsElsewhere("a DASH manifest"),
            () if names(b"<SmoothStreamingMedia") => Foreign::PointsElsewhere("a Smooth Streaming manifest"),
            () if names(b"<smil") => Foreign::PointsElsewhere("a playlist (SMIL)"),
            () if names(b"<playlist") || names(b"<asx") => Foreign::PointsElsewhere("a playlist (XML)"),
            () if names(b"<html") => Foreign::Other("a web page (HTML)"),
            () => Foreign::Other("XML text"),
        };
    }
    if !head.is_empty() && head.iter().all(|byte| *byte == 0) {
        return Foreign::Other("zero bytes");
    }
    let printable = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    if head.iter().all(printable) && std::str::from_utf8(&head[..head.len().saturating_sub(3)]).is_ok() {
        return Foreign::Other("text");
    }
    Foreign::Other("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packets(first: usize, step: usize) -> Vec<u8> {
        let mut bytes = vec![1; first + 3 * step];
        (0..3).for_each(|packet| bytes[first + packet * step] = 0x47);
        bytes
    }

    #[test]
    fn every_container_is_known_by_its_first_bytes() {
        let cases: [(Vec<u8>, Container); 9] = [
            (b"\0\0\0\x20ftypisom".to_vec(), Container::Mp4),
            (b"\0\0\x10\0moov".to_vec(), Container::Mp4),
            (b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska".to_vec(), Container::Matroska),
            (b"\x1a\x45\xdf\xa3\x93\x42\x82\x84webm".to_vec(), Container::Matroska),
            (packets(0, 188), Container::MpegTs),
            (packets(4, 192), Container::MpegTs),
            (b"RIFF\0\0\0\0AVI LIST".to_vec(), Container::Avi),
            (b"\0\0\0\x01\x67\x42".to_vec(), Container::RawH264),
            (b"\xff\xd8\xff\xe0".to_vec(), Container::Jpeg),
        ];
        for (head, container) in cases {
            assert_eq!(sniff(&head), Ok(container));
        }
    }

    #[test]
    fn what_points_elsewhere_is_named_whatever_stands_before_it() {
        let texts: [&[u8]; 6] = [
            b"#EXTM3U\n",
            b"\xef\xbb\xbf#EXTM3U\n",
            b"\n\n  #EXTM3U\n",
            b"ffconcat version 1.0\nfile x",
            b"<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn\">",
            b"v=0\r\no=- 1 1 IN IP4 127.0.0.1",
        ];
        for text in texts {
            assert!(matches!(sniff(text), Err(Foreign::PointsElsewhere(_))), "{:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn other_content_is_named_as_far_as_possible() {
        let cases: [(&[u8], &str); 6] = [
            (b"<!DOCTYPE html><html>", "a web page (HTML)"),
            (b"hello\n", "text"),
            (b"\x89PNG\r\n", "a PNG picture"),
            (&[0; 100], "zero bytes"),
            (b"\x1a\x45\xdf\xa3nothing", "an EBML file that is neither Matroska nor WebM"),
            (b"\0\0\x01\xba", "an MPEG program stream"),
        ];
        for (head, name) in cases {
            assert_eq!(sniff(head), Err(Foreign::Other(name)));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_get_an_answer(head in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = sniff(&head);
        }

        #[test]
        fn printable_text_is_never_a_container(head in "[ -~\n]{1,200}") {
            prop_assume!(!MP4_FIRST_BOXES.iter().any(|name| head.as_bytes().get(4..8) == Some(*name)));
            prop_assume!(!is_transport_stream(head.as_bytes()) && !head.starts_with("RIFF"));
            prop_assert!(sniff(head.as_bytes()).is_err());
        }
    }
}
