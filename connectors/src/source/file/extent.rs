//! Where a container says its file ends. A file that ends earlier was cut off, whatever the demuxer makes of it.

use super::sniff::Container;

/// The length the outermost element of AVI or Matroska declares, from the first bytes of the file. `None` where it
/// does not say, and for containers without such an element.
pub fn declared_bytes(container: Container, head: &[u8]) -> Option<u64> {
    match container {
        Container::Avi => riff_bytes(head),
        Container::Matroska => segment_end(head),
        Container::Mp4 | Container::MpegTs | Container::RawH264 | Container::Jpeg => None,
    }
}

/// The first RIFF chunk; 0 while a recorder has not finished.
fn riff_bytes(head: &[u8]) -> Option<u64> {
    let size = u32::from_le_bytes(head.get(4..8)?.try_into().ok()?);
    (size != 0 && size != u32::MAX).then(|| u64::from(size) + 8)
}

/// The end of the Segment that follows the EBML header (RFC 8794, section 6; RFC 9559, section 5.1).
fn segment_end(head: &[u8]) -> Option<u64> {
    let (header, body) = data_size(head, 4)?;
    let segment = body.checked_add(usize::try_from(header).ok()?)?;
    if head.get(segment..segment.checked_add(4)?)? != [0x18, 0x53, 0x80, 0x67] {
        return None;
    }
    let (bytes, body) = data_size(head, segment + 4)?;
    bytes.checked_add(body as u64)
}

/// A variable-length size and the place after it; `None` for the unknown size, which is all ones.
fn data_size(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let first = *bytes.get(at)?;
    let width = first.leading_zeros() as usize + 1;
    if width > 8 {
        return None;
    }
    let mask = (1u64 << (7 * width)) - 1;
    let raw = bytes.get(at..at + width)?.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    let value = raw & mask;
    (value != mask).then_some((value, at + width))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn riff_and_segment_sizes_are_read() {
        assert_eq!(declared_bytes(Container::Avi, b"RIFF\x00\x01\x00\x00AVI "), Some(264));
        assert_eq!(declared_bytes(Container::Avi, b"RIFF\0\0\0\0AVI "), None);
        let mkv = b"\x1a\x45\xdf\xa3\x84abcd\x18\x53\x80\x67\x01\x00\x00\x00\x00\x00\x10\x00";
        assert_eq!(declared_bytes(Container::Matroska, mkv), Some(0x1000 + 21));
        let live = b"\x1a\x45\xdf\xa3\x84abcd\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff";
        assert_eq!(declared_bytes(Container::Matroska, live), None);
    }

    proptest! {
        #[test]
        fn any_bytes_get_an_answer(head in proptest::collection::vec(any::<u8>(), 0..64)) {
            declared_bytes(Container::Avi, &head);
            declared_bytes(Container::Matroska, &head);
        }
    }
}
