//! Records of one stream, handed on in the order of their time however they arrived.

use std::collections::BTreeMap;
use timely::progress::frontier::AntichainRef;
use vokg_engine::time::Micros;

/// Records that wait, each with the right to answer at its time, until nothing earlier can come.
///
/// It holds no more than the flow control of the stream lets in flight.
pub(crate) struct InTimeOrder<C, R> {
    /// Keyed by time, then by arrival.
    waiting: BTreeMap<(Micros, u64), (C, R)>,
    arrived: u64,
}

impl<C, R> InTimeOrder<C, R> {
    pub(crate) fn new() -> Self {
        Self { waiting: BTreeMap::new(), arrived: 0 }
    }

    pub(crate) fn add(&mut self, t: Micros, capability: C, record: R) {
        self.waiting.insert((t, self.arrived), (capability, record));
        self.arrived += 1;
    }

    /// The earliest record, unless the frontier says that an earlier one may still come.
    pub(crate) fn next(&mut self, frontier: AntichainRef<'_, Micros>) -> Option<(C, R)> {
        let earliest = self.waiting.first_entry()?;
        let may_be_preceded = frontier.less_than(&earliest.key().0);
        (!may_be_preceded).then(|| earliest.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use timely::progress::Antichain;

    #[test]
    fn a_record_waits_for_earlier_ones_that_may_come() {
        let mut order = InTimeOrder::new();
        order.add(20, (), "second");
        let mut next = |at: u64| order.next(Antichain::from_elem(at).borrow()).map(|(_, record)| record);
        assert_eq!(next(10), None);
        assert_eq!(next(20), Some("second"));
        order.add(20, (), "second");
        order.add(10, (), "first");
        let mut next = |at: u64| order.next(Antichain::from_elem(at).borrow()).map(|(_, record)| record);
        assert_eq!((next(10), next(10), next(21)), (Some("first"), None, Some("second")));
        assert_eq!(order.next(Antichain::new().borrow()), None);
    }
}
