//! A file never makes vokg open an address or another file. A server on the loopback counts whoever comes.

use crate::media::{BALL, Folder, error_of, read};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use vokg_connectors::source::file::FileConfig;

struct Counter {
    address: String,
    visits: Arc<AtomicUsize>,
}

impl Counter {
    fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let visits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&visits);
        std::thread::spawn(move || {
            for _ in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, visits }
    }

    fn visits(&self) -> usize {
        std::thread::sleep(Duration::from_millis(200));
        self.visits.load(Ordering::SeqCst)
    }
}

#[test]
fn nothing_that_points_elsewhere_is_followed() {
    let (folder, server) = (Folder::new(), Counter::listen());
    let other = folder.make("other.ts", &format!("{BALL} ! mpegtsmux"));
    for target in [format!("http://{}/a.ts", server.address), format!("file://{}", other.display())] {
        let texts = [
            format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n"),
            format!("\u{feff}\n#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n"),
            format!("ffconcat version 1.0\nfile '{target}'\n"),
            format!("[playlist]\nFile1={target}\nNumberOfEntries=1\n"),
            format!("<?xml version=\"1.0\"?><MPD type=\"static\"><BaseURL>{target}</BaseURL></MPD>"),
            format!("<smil><body><video src=\"{target}\"/></body></smil>"),
            format!("<?xml version=\"1.0\"?><SmoothStreamingMedia Url=\"{target}\"/>"),
            format!("RTSPtext\n{target}\n"),
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=video 9 RTP/AVP 96\r\n".to_owned(),
        ];
        for (text, name) in texts.iter().flat_map(|text| [(text, "list.mp4"), (text, "list.m3u8")]) {
            let error = error_of(&folder.write(name, text.as_bytes()));
            assert!(error.contains("that points elsewhere"), "{text}: {error}");
        }
    }
    assert_eq!(server.visits(), 0, "somebody came");
    TcpStream::connect(&server.address).expect("the server listens");
    assert_eq!(server.visits(), 1, "the server counts");
}

#[test]
fn an_mp4_with_its_media_elsewhere_is_refused() {
    let (folder, server) = (Folder::new(), Counter::listen());
    let good = std::fs::read(folder.make("good.mp4", &format!("{BALL} ! mp4mux"))).expect("it was made");
    let location = format!("http://{}/media.mp4\0", server.address);
    let error = error_of(&folder.write("external.mp4", &with_external_data(&good, location.as_bytes())));
    assert!(error.contains("an MP4 with its media in another file that points elsewhere"), "{error}");
    assert_eq!(server.visits(), 0);
}

/// Names another place in the data reference, whose containers all grow. The index is at the end, so no offset moves.
fn with_external_data(file: &[u8], location: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    let position = |file: &[u8], name: &[u8]| file.windows(4).position(|at| at == name).expect("the box is there");
    let entry = position(&file, b"url ");
    for name in [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref", b"url "] {
        let at = position(&file, name) - 4;
        let size = u32::from_be_bytes(file[at..at + 4].try_into().expect("four bytes")) + location.len() as u32;
        file[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
    file[entry + 7] = 0;
    file.splice(entry + 8..entry + 8, location.iter().copied());
    file
}

#[test]
fn a_video_with_a_playlist_behind_it_stays_a_video() {
    let (folder, server) = (Folder::new(), Counter::listen());
    let mut bytes = std::fs::read(folder.make("a.ts", &format!("{BALL} ! mpegtsmux"))).expect("it was made");
    bytes.extend(format!("#EXTM3U\nhttp://{}/a.ts\n", server.address).as_bytes());
    assert_eq!(read(&folder.write("b.ts", &bytes), &FileConfig::default()).expect("it reads").report.frames, 60);
    assert_eq!(server.visits(), 0);
}
