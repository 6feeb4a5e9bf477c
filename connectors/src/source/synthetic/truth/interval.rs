//! From a condition judged frame by frame to intervals: two bounds, holds, a least length, bridges.

use vokg_engine::time::Micros;

/// What one frame says about a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The condition to begin holds.
    On,
    /// The condition to end holds.
    Off,
    /// Between the two: as it was.
    Neither,
}

impl Sign {
    /// On, off, or neither.
    pub fn of(on: bool, off: bool) -> Self {
        match (on, off) {
            (true, _) => Self::On,
            (false, true) => Self::Off,
            (false, false) => Self::Neither,
        }
    }

    /// On or off.
    pub fn only(on: bool) -> Self {
        Self::of(on, !on)
    }
}

/// A half-open stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// First moment.
    pub from: Micros,
    /// First moment after.
    pub to: Micros,
}

impl Interval {
    fn length(&self) -> Micros {
        self.to - self.from
    }
}

/// Holds, least length and bridge, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The condition must last this long.
    pub hold_on: f64,
    /// A pause shorter than this is none.
    pub hold_off: f64,
    /// Shorter intervals are dropped.
    pub least: f64,
    /// Intervals closer than this are one.
    pub bridge: f64,
}

impl Rule {
    /// Holds alone.
    pub const fn holds(hold_on: f64, hold_off: f64) -> Self {
        Self { hold_on, hold_off, least: 0.0, bridge: 0.0 }
    }

    /// Both ends lie at the evidence, not at the moment it was believed.
    pub fn intervals(&self, times: &[Micros], signs: impl Iterator<Item = Sign>) -> Vec<Interval> {
        let us = |secs: f64| (secs * 1e6).round() as Micros;
        let mut found = joined(spans(times, signs), us(self.hold_off));
        found.retain(|i| i.length() >= us(self.hold_on));
        let mut found = joined(found, us(self.bridge));
        found.retain(|i| i.length() >= us(self.least));
        found
    }
}

/// `times` has one moment more than there are signs: the end of the last frame.
fn spans(times: &[Micros], signs: impl Iterator<Item = Sign>) -> Vec<Interval> {
    let mut spans = Vec::new();
    let mut since = None;
    for (sign, t) in signs.zip(times) {
        match (sign, since) {
            (Sign::On, None) => since = Some(*t),
            (Sign::Off, Some(from)) => {
                spans.push(Interval { from, to: *t });
                since = None;
            }
            _ => {}
        }
    }
    if let (Some(from), Some(to)) = (since, times.last()) {
        spans.push(Interval { from, to: *to });
    }
    spans
}

fn joined(spans: Vec<Interval>, pause: Micros) -> Vec<Interval> {
    let mut joined: Vec<Interval> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.from - last.to < pause => last.to = span.to,
            _ => joined.push(span),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_holds_least_and_bridge_each_do_their_part() {
        let signs = |text: &str| {
            let sign = |c| match c {
                '+' => Sign::On,
                '-' => Sign::Off,
                _ => Sign::Neither,
            };
            text.chars().map(sign).collect::<Vec<_>>()
        };
        let found = |rule: Rule, text: &str| {
            let times: Vec<Micros> = (0..=text.len() as u64).map(|t| t * 100_000).collect();
            let found = rule.intervals(&times, signs(text).into_iter());
            found.iter().map(|i| (i.from / 100_000, i.to / 100_000)).collect::<Vec<_>>()
        };
        assert_eq!(found(Rule::holds(0.0, 0.0), ".++..-..+"), [(1, 5), (8, 9)]);
        assert_eq!(found(Rule::holds(0.3, 0.0), "++-+++-"), [(3, 6)]);
        assert_eq!(found(Rule::holds(0.3, 0.3), "++--++-"), [(0, 6)]);
        let long = Rule { least: 0.5, bridge: 0.4, ..Rule::holds(0.2, 0.0) };
        assert_eq!(found(long, "+--++--++-----+++-"), [(3, 9)]);
    }
}
