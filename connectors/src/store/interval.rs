//! Where a closed interval is filed so that "what held at T" finds it without looking at the others.
//!
//! The time line is a virtual binary tree whose inner nodes are the multiples of powers of two. An interval is filed
//! under its *fork*, the highest node inside it. An interval that holds at T has its fork on the path from the root
//! to T, so 64 nodes answer for all of time, and whatever is filed under a node holds at that node's time: a node
//! never has more intervals than held at one moment. (The relational interval tree: Kriegel, Pötke and Seidl,
//! "Managing intervals efficiently in object-relational databases", VLDB 2000, section 3.)
//!
//! Nothing is rearranged when history is corrected, which is why this was taken rather than lists of what held at
//! chosen times: a back-dated interval would have to be added to every list it reaches over.

use vokg_engine::time::Micros;

/// The node an interval `[from, to)` is filed under; `None` where it holds at no time.
pub(super) fn fork(from: Micros, to: Micros) -> Option<u64> {
    let last = to.checked_sub(1).filter(|last| from <= *last)?;
    match from ^ last {
        0 => Some(from),
        differing => {
            let bit = differing.ilog2();
            Some(last >> bit << bit)
        }
    }
}

/// The nodes under which every interval that holds at `at` is filed, ascending, each once.
pub(super) fn path_to(at: Micros) -> Vec<u64> {
    let mut nodes: Vec<u64> = (0..u64::BITS).map(|bit| ((at >> bit) | 1) << bit).collect();
    nodes.push(at);
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_path_meets_every_interval_that_holds(
            from in prop_oneof![0u64..200, any::<u64>()],
            length in prop_oneof![1u64..200, any::<u64>()],
            share in 0.0f64..1.0,
        ) {
            let to = from.saturating_add(length);
            prop_assume!(to > from);
            let at = from + ((to - from - 1) as f64 * share) as u64;
            let at = at.min(to - 1);
            let node = fork(from, to).expect("it is not empty");
            prop_assert!((from..to).contains(&node));
            prop_assert!(path_to(at).contains(&node), "{from}..{to} at {at} is filed under {node}");
        }
    }

    #[test]
    fn every_small_interval_is_met_at_each_of_its_times() {
        for from in 0..40 {
            for to in from + 1..=40 {
                let node = fork(from, to).expect("it is not empty");
                assert!((from..to).all(|at| path_to(at).contains(&node)), "{from}..{to}");
            }
        }
    }

    #[test]
    fn what_holds_at_no_time_is_filed_nowhere() {
        assert_eq!(fork(5, 5), None);
        assert_eq!(fork(6, 5), None);
        assert_eq!(fork(0, 0), None);
    }
}
