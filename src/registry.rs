//! The parts a name in the configuration can stand for. A new one costs one line here.

use crate::config::Config;
use crate::exit::Failure;
use std::sync::Arc;
use vokg_models::Backend;
use vokg_models::motion::Motion;

type Open = fn(&Config) -> Arc<dyn Backend>;

/// Segmenters by name, with what they are good at.
pub const SEGMENTERS: [(&str, &str, Open); 1] =
    [("motion", "what moves against a background; no download, any CPU", |config| {
        Arc::new(Motion { config: config.motion.clone() })
    })];

/// The segmenter of the configuration.
///
/// # Errors
/// Where there is none of that name.
pub fn segmenter(config: &Config) -> Result<Arc<dyn Backend>, Failure> {
    let wanted = &config.run.segmenter;
    let found = SEGMENTERS.iter().find(|(name, _, _)| name == wanted);
    let names = || SEGMENTERS.map(|(name, _, _)| name).join(", ");
    let unknown = || Failure::usage(format!("there is no segmenter {wanted:?} in this version, there is: {}", names()));
    found.map(|(_, _, open)| open(config)).ok_or_else(unknown)
}
