//! Why a track is which object, in words that stand in the log.

use serde::{Deserialize, Deserializer};

/// One of the words below.
pub(super) type Reason = &'static str;

/// The reason of a track that is the first of its object.
pub const BEGAN: &str = "began";
/// The reason of a track that goes on where another ended.
pub const FRAGMENT: &str = "fragment";
/// The reason of a track that is a thing come back.
pub const RETURN: &str = "return";
/// The reason of a track that was taken for another thing and is not.
pub const PARTED: &str = "parted";

/// Reads back one of the reasons.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Reason, D::Error> {
    let text = String::deserialize(deserializer)?;
    let known = [BEGAN, FRAGMENT, RETURN, PARTED].into_iter().find(|reason| *reason == text);
    known.ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no reason of an identity")))
}
