//! Why a source gives no, or no more, frames. Messages name the value, the limit and the way out; the path comes last.

use std::path::PathBuf;

/// Why a source gives no, or no more, frames.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It was told to stop before it was where it was to go on.
    #[error("interrupted on the way to where it was left: {0}")]
    Interrupted(PathBuf),
    /// There is nothing by that name.
    #[error("no such file: {0}")]
    NotFound(PathBuf),
    /// The operating system refuses to read it.
    #[error("cannot read the file ({reason}): {path}")]
    Unreadable {
        /// The system's words.
        reason: String,
        /// Which file.
        path: PathBuf,
    },
    /// A directory, pipe, socket or device.
    #[error("not a regular file but {what}: {path}")]
    NotAFile {
        /// What it is, with its article.
        what: &'static str,
        /// Which path.
        path: PathBuf,
    },
    /// No bytes.
    #[error("empty file: {0}")]
    Empty(PathBuf),
    /// More bytes than allowed.
    #[error("file has {bytes} bytes, the limit is {limit}; raise the limit or split the file: {path}")]
    FileTooLarge {
        /// Bytes in the file.
        bytes: u64,
        /// Bytes allowed.
        limit: u64,
        /// Which file.
        path: PathBuf,
    },
    /// The content is something else.
    #[error(
        "not a video: the content is {what}; MP4, MOV, MKV, WebM, MPEG-TS, AVI, raw H.264 and JPEG are read: {path}"
    )]
    NotAVideo {
        /// What the content looks like.
        what: &'static str,
        /// Which file.
        path: PathBuf,
    },
    /// It only points to other files or addresses, which are never followed.
    #[error(
        "not a video: the content is {what} that points elsewhere, and only the named file is ever opened; name the media files themselves: {path}"
    )]
    PointsElsewhere {
        /// What the content is.
        what: &'static str,
        /// Which file.
        path: PathBuf,
    },
    /// An MP4 that was cut off before its index.
    #[error(
        "truncated: the index (moov) is missing, the recording or copy did not finish; copy it again or repair it with its original recorder: {0}"
    )]
    NoIndex(PathBuf),
    /// Sound or subtitles only.
    #[error("no video track: {0}")]
    NoVideoTrack(PathBuf),
    /// A codec outside the allow-list.
    #[error("codec {codec} is not supported; convert to H.264, H.265, VP8, VP9, AV1 or Motion JPEG: {path}")]
    UnsupportedCodec {
        /// GStreamer's name for it.
        codec: String,
        /// Which file.
        path: PathBuf,
    },
    /// An allowed format whose GStreamer element is not installed.
    #[error("{what} needs the GStreamer element {element}; install the package {package}: {path}")]
    MissingPlugin {
        /// The format.
        what: &'static str,
        /// The element, or several to choose from.
        element: String,
        /// Debian's package.
        package: &'static str,
        /// Which file.
        path: PathBuf,
    },
    /// The coded picture exceeds a limit.
    #[error(
        "picture has {width}x{height} pixels, the limit is {max_width}x{max_height} and {max_pixels} in all; scale the video down: {path}"
    )]
    PictureTooLarge {
        /// Pixels per row.
        width: u32,
        /// Rows.
        height: u32,
        /// Pixels per row allowed.
        max_width: u32,
        /// Rows allowed.
        max_height: u32,
        /// Pixels allowed in all.
        max_pixels: u64,
        /// Which file.
        path: PathBuf,
    },
    /// Not one picture could be decoded.
    #[error("damaged: not one picture could be decoded ({reason}): {path}")]
    Damaged {
        /// GStreamer's words.
        reason: String,
        /// Which file.
        path: PathBuf,
    },
    /// No first picture in time.
    #[error(
        "no picture after {seconds} s; raise limits.open_deadline_secs if the machine is busy, else the file is damaged: {path}"
    )]
    OpenDeadline {
        /// The deadline.
        seconds: u64,
        /// Which file.
        path: PathBuf,
    },
    /// Pictures stopped coming.
    #[error(
        "decoding stood still for {seconds} s at {at_us} us; raise limits.stall_deadline_secs if the machine is busy: {path}"
    )]
    Stalled {
        /// The deadline.
        seconds: u64,
        /// Media time of the last picture.
        at_us: u64,
        /// Which file.
        path: PathBuf,
    },
    /// GStreamer itself does not start.
    #[error("GStreamer does not start ({0}); `vokg doctor` shows what is missing")]
    GStreamer(String),
}
