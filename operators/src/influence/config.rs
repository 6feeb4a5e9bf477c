//! When one thing is said to influence another, in sizes and seconds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How influence is judged. The defaults are the definition of the documentation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InfluenceConfig {
    /// Whether it is judged at all.
    pub enabled: bool,
    /// A window of movement is this long, in seconds.
    #[schemars(range(min = 5.0, max = 120.0))]
    pub window_secs: f64,
    /// A window closes every so many seconds of media time.
    #[schemars(range(min = 1.0, max = 120.0))]
    pub hop_secs: f64,
    /// All things of a test are seen together for at least this long in the window, in seconds.
    #[schemars(range(min = 5.0, max = 120.0))]
    pub shared_secs: f64,
    /// A thing unseen for at most this long is taken as seen between its sightings, in seconds.
    #[schemars(range(min = 0.1, max = 5.0))]
    pub interpolate_secs: f64,
    /// Only things whose mean distance in the window is at most this are tested or conditioned on, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub reach: f64,
    /// A thing slower than this through half of the window or more is still and not tested, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub still_speed: f64,
    /// At most this share of what is found in a window is false, by the procedure of Benjamini and Hochberg.
    #[schemars(range(min = 0.000_001, max = 0.2))]
    pub false_share: f64,
    /// The leader's past removes at least this share of the forecast's squared error.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_gain: f64,
}

impl Default for InfluenceConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            window_secs: 30.0,
            hop_secs: 5.0,
            shared_secs: 12.0,
            interpolate_secs: 0.5,
            reach: 8.0,
            still_speed: 0.1,
            false_share: 0.01,
            min_gain: 0.05,
        }
    }
}

impl InfluenceConfig {
    /// Refuses a window that is shorter than what must be shared in it, or than the hop from one to the next, as such a
    /// configuration would find nothing or look at a part of the time only.
    ///
    /// # Errors
    /// The names and values of the two.
    pub fn refuse_crossed_bounds(&self) -> Result<(), String> {
        let at_most_window = [("shared_secs", self.shared_secs), ("hop_secs", self.hop_secs)];
        let crossed = at_most_window.into_iter().find(|(_, secs)| *secs > self.window_secs);
        crossed.map_or(Ok(()), |(name, secs)| {
            Err(format!("influence.{name} is {secs}, it takes at most influence.window_secs, {}", self.window_secs))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_what_must_be_shared_in_it() {
        assert_eq!(InfluenceConfig::default().refuse_crossed_bounds(), Ok(()));
        let short = InfluenceConfig { window_secs: 10.0, ..InfluenceConfig::default() };
        assert!(short.refuse_crossed_bounds().unwrap_err().contains("influence.shared_secs is 12"));
    }
}
