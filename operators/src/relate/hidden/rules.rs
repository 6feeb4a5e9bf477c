//! How evidence of HIDDEN_BY becomes intervals, and what is taken out of it.

use super::super::config::RelateConfig;
use vokg_engine::evidence::{IntervalRule, RelationKind};
use vokg_engine::time::micros_from_secs;

/// Evidence that somebody came into sight after another went out of it behind a cover.
pub(super) const REAPPEARS: RelationKind = RelationKind::literal("REAPPEARS");

/// The rules of HIDDEN_BY and of what is taken out of it.
pub(in crate::relate) fn rules(config: &RelateConfig) -> [(RelationKind, IntervalRule); 2] {
    let hold_off_us = micros_from_secs(config.occludes.hold.off_secs);
    let hold_on_us = micros_from_secs(config.occludes.covered_secs);
    let hidden = IntervalRule { hold_on_us, hold_off_us, without: Some(REAPPEARS), ..IntervalRule::PLAIN };
    let reappears = IntervalRule { internal: true, of_earlier: true, ..IntervalRule::PLAIN };
    [(RelationKind::HIDDEN_BY, hidden), (REAPPEARS, reappears)]
}
