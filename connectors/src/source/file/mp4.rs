//! What an MP4 says about itself, read before any demuxer sees it: whether its index is there, how many pictures it
//! lists, and whether its media would lie in another file.
//!
//! Boxes and fields as in ISO/IEC 14496-12; section numbers of its 2015 edition. Nothing here is trusted with memory:
//! boxes are slices of what was read, and lengths that do not fit end the walk.

use std::io::{self, Read, Seek, SeekFrom};

/// Boxes of the top level that are looked at; fragmented files have two per fragment.
const MAX_TOP_BOXES: usize = 65_536;

/// An index beyond this is left to the demuxer.
const MAX_INDEX_BYTES: u64 = 64 << 20;

/// What an MP4 says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mp4 {
    /// The index (`moov`) is there.
    pub has_index: bool,
    /// It has fragments (`moof`), each with an index of its own.
    pub fragmented: bool,
    /// Where the boxes say the file ends.
    pub declared_bytes: u64,
    /// The first video track.
    pub video: Option<VideoTrack>,
}

/// What the index says about a video track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoTrack {
    /// Pictures listed; 0 in fragmented files.
    pub pictures: u64,
    /// How long it is presented, in nanoseconds; 0 where the index does not say.
    pub duration_nanos: u64,
    /// It is to be shown turned or mirrored.
    pub turned: bool,
    /// Its media lies in another file.
    pub external: bool,
}

impl Mp4 {
    /// Walks the top level of `file` and reads its index.
    ///
    /// # Errors
    /// Where reading fails. Damage is no error: the walk ends there.
    pub fn read(file: &mut (impl Read + Seek), file_bytes: u64) -> io::Result<Self> {
        let mut mp4 = Self::default();
        let mut at = 0;
        for _ in 0..MAX_TOP_BOXES {
            let Some(top) = TopBox::read(file, at, file_bytes)? else { break };
            mp4.declared_bytes = top.end;
            match &top.name {
                b"moov" => mp4.read_index(file, &top, file_bytes)?,
                b"moof" => mp4.fragmented = true,
                _ => {}
            }
            at = top.end;
        }
        Ok(mp4)
    }

    fn read_index(&mut self, file: &mut (impl Read + Seek), top: &TopBox, file_bytes: u64) -> io::Result<()> {
        // An index that is cut off is as good as none: sample tables stand at its end.
        if top.end > file_bytes {
            return Ok(());
        }
        self.has_index = true;
        let bytes = top.end - top.body;
        if bytes > MAX_INDEX_BYTES {
            return Ok(());
        }
        let mut index = Vec::new();
        file.seek(SeekFrom::Start(top.body))?;
        file.take(bytes).read_to_end(&mut index)?;
        self.video = video_track(&index);
        Ok(())
    }
}

struct TopBox {
    name: [u8; 4],
    body: u64,
    end: u64,
}

impl TopBox {
    fn read(file: &mut (impl Read + Seek), at: u64, file_bytes: u64) -> io::Result<Option<Self>> {
        if at.saturating_add(8) > file_bytes {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(at))?;
        let mut head = Vec::new();
        file.take(16).read_to_end(&mut head)?;
        let (Some(size), Some(name)) = (be32(&head, 0), head.get(4..8)) else { return Ok(None) };
        let (body, end) = match size {
            0 => (at + 8, file_bytes),
            1 => match be64(&head, 8) {
                Some(size) if size >= 16 => (at + 16, at.saturating_add(size)),
                _ => return Ok(None),
            },
            2..8 => return Ok(None),
            size => (at + 8, at + u64::from(size)),
        };
        Ok(Some(Self { name: [name[0], name[1], name[2], name[3]], body, end }))
    }
}

/// The first video track of the body of a `moov`.
pub fn video_track(index: &[u8]) -> Option<VideoTrack> {
    let timescale = child(index, b"mvhd").and_then(movie_timescale).unwrap_or(0);
    let tracks = boxes(index).filter(|(name, _)| name == b"trak").map(|(_, body)| body);
    let mut video_tracks = tracks.filter(|track| handler(track) == Some(*b"vide"));
    if let Some(track) = video_tracks.next() {
        let media = path(track, &[b"mdia", b"minf"]);
        return Some(VideoTrack {
            pictures: media.and_then(|media| path(media, &[b"stbl"])).and_then(sample_count).unwrap_or(0),
            duration_nanos: child(track, b"tkhd").and_then(|header| track_nanos(header, timescale)).unwrap_or(0),
            turned: child(track, b"tkhd").and_then(turns).unwrap_or(false),
            external: media.and_then(|media| path(media, &[b"dinf", b"dref"])).is_some_and(is_external),
        });
    }
    // A reference movie (QuickTime File Format, "Reference Movies") has no track, only places to look for others.
    child(index, b"rmra").map(|_| VideoTrack { external: true, ..VideoTrack::default() })
}

/// Handler reference box, 8.4.3.
fn handler(track: &[u8]) -> Option<[u8; 4]> {
    path(track, &[b"mdia", b"hdlr"])?.get(8..12)?.try_into().ok()
}

/// Movie header box, 8.2.2.
fn movie_timescale(header: &[u8]) -> Option<u32> {
    be32(header, if header.first()? == &1 { 20 } else { 12 })
}

/// Track header box, 8.3.2: the duration is in units of the movie's timescale and includes edit lists.
fn track_nanos(header: &[u8], timescale: u32) -> Option<u64> {
    let duration = match header.first()? {
        1 => be64(header, 28).filter(|duration| *duration != u64::MAX)?,
        _ => be32(header, 20).filter(|duration| *duration != u32::MAX)?.into(),
    };
    let nanos = u128::from(duration).checked_mul(1_000_000_000)?.checked_div(timescale.into())?;
    u64::try_from(nanos).ok()
}

/// Track header box again: the matrix turns where it is more than a scale, which is read off its upper left part.
fn turns(header: &[u8]) -> Option<bool> {
    let matrix = if header.first()? == &1 { 52 } else { 40 };
    let at = |index: usize| be32(header, matrix + index * 4).map(u32::cast_signed);
    Some(at(1)? != 0 || at(3)? != 0 || at(0)? < 0 || at(4)? < 0)
}

/// Sample size boxes, 8.7.3: both kinds keep the count at the same place.
fn sample_count(table: &[u8]) -> Option<u64> {
    let sizes = child(table, b"stsz").or_else(|| child(table, b"stz2"))?;
    be32(sizes, 8).map(u64::from)
}

/// Data reference box, 8.7.2: a reference without the flag "same file" that names a place.
fn is_external(references: &[u8]) -> bool {
    let entries = references.get(8..).unwrap_or_default();
    boxes(entries).any(|(_, reference)| be32(reference, 0).is_some_and(|flags| flags & 1 == 0) && reference.len() > 5)
}

fn path<'a>(body: &'a [u8], names: &[&[u8; 4]]) -> Option<&'a [u8]> {
    names.iter().try_fold(body, |body, name| child(body, name))
}

fn child<'a>(body: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(body).find(|(name, _)| name == wanted).map(|(_, body)| body)
}

/// The boxes inside a body, each as name and body. Ends at the first that does not fit.
fn boxes(mut rest: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let size = be32(rest, 0)? as usize;
        let name: [u8; 4] = rest.get(4..8)?.try_into().ok()?;
        let body = rest.get(8..size)?;
        rest = &rest[size..];
        Some((name, body))
    })
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).expect("small");
        [&size.to_be_bytes(), name.as_slice(), body].concat()
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn index(reference: &[u8]) -> Vec<u8> {
        let stbl = boxed(b"stbl", &boxed(b"stsz", &words(&[0, 0, 60])));
        let dref = boxed(b"dref", &[words(&[0, 1]), boxed(b"url ", reference)].concat());
        let minf = boxed(b"minf", &[boxed(b"dinf", &dref), stbl].concat());
        let hdlr = boxed(b"hdlr", &[words(&[0, 0]), b"vide".to_vec()].concat());
        let mdia = boxed(b"mdia", &[hdlr, minf].concat());
        let tkhd = boxed(b"tkhd", &words(&[0, 0, 0, 1, 0, 2_500]));
        [boxed(b"mvhd", &words(&[0, 0, 0, 1000, 2_500])), boxed(b"trak", &[tkhd, mdia].concat())].concat()
    }

    fn read(bytes: &[u8]) -> Mp4 {
        Mp4::read(&mut Cursor::new(bytes), bytes.len() as u64).expect("memory can be read")
    }

    #[test]
    fn the_index_tells_pictures_and_duration() {
        let file = [boxed(b"ftyp", b"isom"), boxed(b"mdat", &[0; 50]), boxed(b"moov", &index(&words(&[1])))].concat();
        let mp4 = read(&file);
        assert!(mp4.has_index && !mp4.fragmented);
        assert_eq!(mp4.declared_bytes, file.len() as u64);
        assert_eq!(
            mp4.video,
            Some(VideoTrack { pictures: 60, duration_nanos: 2_500_000_000, turned: false, external: false })
        );
    }

    #[test]
    fn a_cut_file_lacks_its_end_or_its_index() {
        let front = [boxed(b"moov", &index(&words(&[1]))), boxed(b"mdat", &[0; 500])].concat();
        let cut = read(&front[..front.len() - 200]);
        assert!(cut.has_index);
        assert_eq!(cut.declared_bytes, front.len() as u64);

        let back = [boxed(b"mdat", &[0; 500]), boxed(b"moov", &index(&words(&[1])))].concat();
        assert!(!read(&back[..300]).has_index);
        assert!(!read(&back[..back.len() - 1]).has_index);
    }

    #[test]
    fn media_in_another_file_is_noticed() {
        let elsewhere = [words(&[0]), b"file:///etc/passwd\0".to_vec()].concat();
        assert!(video_track(&index(&elsewhere)).expect("a track").external);
        assert!(video_track(&boxed(b"rmra", &[])).expect("a reference").external);
        let nowhere = words(&[0]);
        assert!(!video_track(&index(&nowhere)).expect("a track").external, "no place named: this file is meant");
    }

    #[test]
    fn a_matrix_that_turns_or_mirrors_is_noticed() {
        let header = |a: i32, b: i32, c: i32, d: i32| {
            let matrix = [a, b, 0, c, d, 0, 0, 0, 0x4000_0000].map(i32::cast_unsigned);
            [words(&[0; 10]), words(&matrix)].concat()
        };
        let one = 0x10000;
        assert_eq!(turns(&header(one, 0, 0, one)), Some(false));
        assert_eq!(turns(&header(0, one, -one, 0)), Some(true), "a quarter turn");
        assert_eq!(turns(&header(-one, 0, 0, -one)), Some(true), "a half turn");
        assert_eq!(turns(&header(-one, 0, 0, one)), Some(true), "mirrored");
        assert_eq!(turns(&[0; 30]), None);
    }

    #[test]
    fn long_boxes_and_boxes_to_the_end_are_followed() {
        let long = [words(&[1]), b"mdat".to_vec(), 24u64.to_be_bytes().to_vec(), vec![0; 8]].concat();
        let open = [words(&[0]), b"moov".to_vec(), index(&words(&[1]))].concat();
        assert!(read(&[long, open].concat()).video.is_some());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            read(&bytes);
            video_track(&bytes);
        }

        #[test]
        fn a_changed_byte_is_no_panic(at in 0usize..1000, byte in any::<u8>()) {
            let mut file = [boxed(b"moov", &index(&words(&[1]))), boxed(b"mdat", &[0; 50])].concat();
            let at = at % file.len();
            file[at] = byte;
            read(&file);
        }
    }
}
