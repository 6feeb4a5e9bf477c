//! Clips made in code, with known truth: scenes for every relation and for the traps, rendered and encoded.
//!
//! A [`Scene`] is a list of actors on a [`stage`], each a [`body`] on a [`path`], under a [`camera`] and a light. From
//! it come frames ([`Scene::frames`], drawn by [`render`]), the [`Truth`] (judged by [`truth`], apart from the
//! operators), and with [`encode`] an H.264 file. Nothing depends on the clock, on threads or on the platform's
//! mathematics: the same configuration gives the same bytes.
//!
//! ```
//! use vokg_connectors::source::synthetic::{SynthConfig, scene};
//! use vokg_engine::geometry::Size;
//!
//! let config = SynthConfig { size: Size { width: 320, height: 180 }, fps: 5.0, seconds: Some(2.0), seed: 1 };
//! let near = scene("near", &config)?;
//! assert_eq!(near.frames().count(), 10);
//! assert_eq!(near.truth().size, [320, 180]);
//! # Ok::<(), vokg_connectors::source::synthetic::SynthError>(())
//! ```

pub mod body;
pub mod camera;
pub mod config;
pub mod draw;
mod encode;

pub mod path;
mod random;
pub mod render;
mod scenes;
pub mod stage;
pub mod truth;
mod wardrobe;

pub use config::{SynthConfig, SynthError};

pub use encode::encode;
pub use scenes::{EPISODES, Episode, SCENES, SceneEntry, episode_scene, random_scene, scene, scene_names};
pub use stage::Scene;
pub use truth::Truth;
