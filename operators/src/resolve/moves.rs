//! Where the identity changes of one time lead.

use std::collections::BTreeMap;
use vokg_engine::id::TrackId;
use vokg_engine::observation::IdentityChange;

/// One change per track, ascending by track: from what it was before the first to what it is after the last. A track
/// that ends where it began has none.
pub(super) fn net_moves(changes: &[IdentityChange]) -> Vec<IdentityChange> {
    let mut net: BTreeMap<TrackId, IdentityChange> = BTreeMap::new();
    for change in changes {
        let from = net.get(&change.track).map_or(change.from, |first| first.from);
        net.insert(change.track, IdentityChange { from, ..*change });
    }
    net.into_values().filter(|change| change.from != Some(change.to)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::id::ObjectId;

    #[test]
    fn only_where_the_changes_of_a_track_lead_counts() {
        let change = |track, from: Option<u32>, to| IdentityChange {
            track: TrackId(track),
            from: from.map(ObjectId),
            to: ObjectId(to),
            score_milli: to as u16,
            reason: "test",
        };
        let changes = [change(2, Some(2), 1), change(1, None, 1), change(2, Some(1), 3), change(4, Some(4), 1)];
        assert_eq!(net_moves(&changes), [change(1, None, 1), change(2, Some(2), 3), change(4, Some(4), 1)]);
        assert_eq!(net_moves(&[change(2, Some(2), 1), change(2, Some(1), 2)]), []);
    }
}
