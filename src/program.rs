//! Which program this is: what one build remembered of a stream means nothing to another.

use std::fs::File;
use std::sync::OnceLock;
use vokg_connectors::source::gstreamer_version;
use vokg_connectors::store::ProgramId;

/// The identity of this build and of the GStreamer it runs with. Read from disk once.
pub fn program_id() -> ProgramId {
    static ID: OnceLock<ProgramId> = OnceLock::new();
    *ID.get_or_init(|| {
        let mut hasher = blake3::Hasher::new();
        hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
        hasher.update(gstreamer_version().as_bytes());
        let mut program = blake3::Hasher::new();
        match std::env::current_exe().and_then(File::open).and_then(|file| program.update_reader(file).map(drop)) {
            Ok(()) => _ = hasher.update(program.finalize().as_bytes()),
            Err(error) => tracing::warn!(%error, "the program cannot be read; its version alone tells it from others"),
        }
        ProgramId(*hasher.finalize().as_bytes())
    })
}

/// Begins to find out the identity, so that it is there once the first input is open.
pub fn read_ahead() {
    let name = "vokg-identity".to_owned();
    // Without a thread for it the first input finds it out.
    let _ = std::thread::Builder::new().name(name).spawn(program_id);
}
