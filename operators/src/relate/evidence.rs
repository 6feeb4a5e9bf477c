//! The life of one evidence span, and what is stated of it.
//!
//! A span is stated when it begins, once more when it has held long enough to be believed, and when it ends. Between
//! it is silent, however many frames it lasts. While a track is unseen the span is closed provisionally where it was
//! last judged, which is stated as soon as an interval could end by it; if the track is back soon enough, it is open again
//! under the same number.

use super::SpanChange;
use serde::{Deserialize, Serialize};
use vokg_engine::evidence::{Detail, EvidenceSpan, RelationKind};
use vokg_engine::id::TrackId;
use vokg_engine::time::Micros;

/// One relation, in one direction, between two tracks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Evidence {
    kind: RelationKind,
    a: TrackId,
    b: TrackId,
    from_us: Micros,
    to_us: Option<Micros>,
    /// When it was last judged to hold.
    on_us: Micros,
    confidence_sum: f64,
    confidence_count: u32,
    lag_sum_us: u64,
    lag_count: u32,
    believed: bool,
    phase: Phase,
    /// It is never stated.
    silent: bool,
    /// Given when it is first stated, at the end of the frame in which it began.
    number: Option<u32>,
    stated: Option<Said>,
}

/// What of a span changes while it is stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    to_us: Option<Micros>,
    confidence_milli: u16,
    lag_ms: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    On,
    Paused,
    Over,
}

impl Evidence {
    /// Judged to hold at `t`, and said to hold since `from_us`.
    pub(super) fn begin(
        kind: RelationKind,
        (a, b): (TrackId, TrackId),
        t: Micros,
        from_us: Micros,
        confidence: f64,
    ) -> Self {
        Self {
            kind,
            a,
            b,
            from_us,
            to_us: None,
            on_us: t,
            confidence_sum: confidence,
            confidence_count: 1,
            lag_sum_us: 0,
            lag_count: 0,
            believed: false,
            phase: Phase::On,
            silent: false,
            number: None,
            stated: None,
        }
    }

    /// The same, never to be stated.
    pub(super) fn silent(self) -> Self {
        Self { silent: true, ..self }
    }

    /// Whether a frame at `t` continues it: it is on, or was paused at most `pause_us` ago.
    pub(super) fn continues(&self, t: Micros, pause_us: Micros) -> bool {
        match self.phase {
            Phase::On => true,
            Phase::Paused => self.on_us + pause_us >= t,
            Phase::Over => false,
        }
    }

    /// When it was last judged to hold.
    pub(super) fn on_us(&self) -> Micros {
        self.on_us
    }

    pub(super) fn kind(&self) -> RelationKind {
        self.kind
    }

    pub(super) fn began_us(&self) -> Micros {
        self.from_us
    }

    /// The first moment a next one of its kind can begin.
    pub(super) fn until_us(&self) -> Micros {
        self.to_us.unwrap_or(self.on_us)
    }

    pub(super) fn is_believed(&self) -> bool {
        self.believed
    }

    pub(super) fn is_on(&self) -> bool {
        self.phase == Phase::On
    }

    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// It holds at `t` as well; believed once it has held for `hold_on_us`. What is over stays so.
    pub(super) fn hold(&mut self, t: Micros, confidence: f64, hold_on_us: Micros, out: &mut Vec<SpanChange>) {
        if self.phase == Phase::Over {
            return;
        }
        self.on_us = t;
        self.confidence_sum += confidence;
        self.confidence_count = self.confidence_count.saturating_add(1);
        let now_believed = !self.believed && t - self.from_us >= hold_on_us;
        let closed = self.stated.is_some_and(|stated| stated.to_us.is_some());
        self.believed |= now_believed;
        (self.phase, self.to_us) = (Phase::On, None);
        if closed || now_believed {
            self.state(out);
        }
    }

    /// Nobody can tell at `t` whether it holds: until further notice it ended there, at the first frame that does not show
    /// it. Of what is believed that is stated once it has lasted for `patience_us`; intervals that bridge as much are the same,
    /// and a sighting missed here and there costs nothing.
    pub(super) fn pause(&mut self, t: Micros, patience_us: Micros, out: &mut Vec<SpanChange>) {
        if self.phase == Phase::On {
            (self.phase, self.to_us) = (Phase::Paused, Some(t.max(self.on_us)));
        }
        let lasts = self.to_us.is_some_and(|to| to + patience_us <= t);
        if self.phase == Phase::Paused && (!self.believed || lasts) {
            self.state(out);
        }
    }

    /// As [`Evidence::pause`], stated at once. Without a frame that does not show it, it ended when it was last judged.
    pub(super) fn close(&mut self, t: Option<Micros>, out: &mut Vec<SpanChange>) {
        self.pause(t.unwrap_or(self.on_us), 0, out);
        if self.phase == Phase::Paused {
            self.state(out);
        }
    }

    /// It no longer holds at `t`. A paused one has ended where it paused.
    pub(super) fn end(&mut self, t: Micros, out: &mut Vec<SpanChange>) {
        if self.phase == Phase::On {
            self.to_us = Some(t.max(self.from_us));
        }
        if self.phase != Phase::Over {
            self.state(out);
        }
        self.phase = Phase::Over;
    }

    /// It turns out that it never held: nothing is left of it.
    pub(super) fn void(&mut self, out: &mut Vec<SpanChange>) {
        (self.phase, self.to_us) = (Phase::Over, Some(self.from_us));
        self.state(out);
    }

    /// The span as it is, `None` once it has a number, as it is then stated already, and where it is never to be stated.
    pub(super) fn unstated(&self) -> Option<EvidenceSpan> {
        (self.number.is_none() && !self.silent).then(|| self.span(0, self.said()))
    }

    /// Gives the number and states the span for the first time.
    pub(super) fn number(&mut self, number: u32, out: &mut Vec<SpanChange>) {
        self.number = Some(number);
        self.state(out);
    }

    /// A lag that was measured while it held.
    pub(super) fn measure(&mut self, lag_us: Micros) {
        self.lag_sum_us += lag_us;
        self.lag_count = self.lag_count.saturating_add(1);
    }

    fn lag_ms(&self) -> Option<u32> {
        let mean_us = self.lag_sum_us.checked_div(self.lag_count.into())?;
        Some(u32::try_from((mean_us + 500) / 1000).unwrap_or(u32::MAX))
    }

    fn said(&self) -> Said {
        let mean = self.confidence_sum / f64::from(self.confidence_count);
        Said { to_us: self.to_us, confidence_milli: (mean * 1000.0).round() as u16, lag_ms: self.lag_ms() }
    }

    fn span(&self, number: u32, said: Said) -> EvidenceSpan {
        EvidenceSpan {
            kind: self.kind,
            a: self.a,
            b: self.b,
            from_us: self.from_us,
            number,
            to_us: said.to_us,
            confidence_milli: said.confidence_milli,
            detail: Detail { lag_ms: said.lag_ms, p_ppm: None, rightwards: None },
        }
    }

    fn state(&mut self, out: &mut Vec<SpanChange>) {
        let Some(number) = self.number else { return };
        let said = self.said();
        if self.stated == Some(said) {
            return;
        }
        if let Some(before) = self.stated.replace(said) {
            out.push(SpanChange { span: self.span(number, before), diff: -1 });
        }
        out.push(SpanChange { span: self.span(number, said), diff: 1 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (diff, to, confidence) of each change, and no change of number or beginning.
    fn changes(out: &mut Vec<SpanChange>) -> Vec<(isize, Option<Micros>, u16)> {
        assert!(out.iter().all(|c| (c.span.number, c.span.from_us) == (5, 100)));
        out.drain(..).map(|c| (c.diff, c.span.to_us, c.span.confidence_milli)).collect()
    }

    #[test]
    fn it_is_stated_when_it_begins_is_believed_and_ends() {
        let mut out = Vec::new();
        let mut evidence = Evidence::begin(RelationKind::NEAR, (TrackId(1), TrackId(2)), 100, 100, 1.0);
        assert!(evidence.unstated().is_some());
        evidence.number(5, &mut out);
        assert_eq!(changes(&mut out), [(1, None, 1000)]);
        evidence.hold(110, 0.5, 20, &mut out);
        assert_eq!(changes(&mut out), []);
        evidence.hold(120, 0.0, 20, &mut out);
        assert_eq!(changes(&mut out), [(-1, None, 1000), (1, None, 500)]);
        evidence.hold(130, 0.5, 20, &mut out);
        evidence.end(140, &mut out);
        assert_eq!(changes(&mut out), [(-1, None, 500), (1, Some(140), 500)]);
        evidence.end(150, &mut out);
        assert!(out.is_empty() && evidence.is_over() && evidence.unstated().is_none());
    }

    #[test]
    fn what_never_held_has_no_length_whether_it_had_ended_or_not() {
        for ended in [false, true] {
            let mut out = Vec::new();
            let mut evidence = Evidence::begin(RelationKind::NEAR, (TrackId(1), TrackId(2)), 100, 100, 1.0);
            evidence.number(5, &mut out);
            if ended {
                evidence.end(140, &mut out);
            }
            out.clear();
            evidence.void(&mut out);
            let before = ended.then_some(140);
            assert_eq!(changes(&mut out), [(-1, before, 1000), (1, Some(100), 1000)]);
            assert!(evidence.is_over());
        }
    }

    #[test]
    fn a_pause_closes_at_the_first_frame_without_and_a_return_opens_it_again() {
        let mut out = Vec::new();
        let mut evidence = Evidence::begin(RelationKind::NEAR, (TrackId(1), TrackId(2)), 100, 100, 1.0);
        evidence.number(5, &mut out);
        evidence.hold(130, 1.0, 1000, &mut out);
        evidence.pause(140, 40, &mut out);
        evidence.pause(150, 40, &mut out);
        assert_eq!(changes(&mut out), [(1, None, 1000), (-1, None, 1000), (1, Some(140), 1000)]);
        assert!(evidence.continues(180, 50) && !evidence.continues(181, 50));
        evidence.hold(170, 1.0, 1000, &mut out);
        assert_eq!(changes(&mut out), [(-1, Some(140), 1000), (1, None, 1000)]);
        evidence.close(None, &mut out);
        out.clear();
        evidence.end(400, &mut out);
        assert_eq!(changes(&mut out), [], "it had ended at 170");
    }

    #[test]
    fn a_short_pause_of_what_is_believed_is_silent() {
        let mut out = Vec::new();
        let mut evidence = Evidence::begin(RelationKind::NEAR, (TrackId(1), TrackId(2)), 100, 100, 1.0);
        evidence.number(5, &mut out);
        evidence.hold(150, 1.0, 50, &mut out);
        out.clear();
        evidence.pause(160, 40, &mut out);
        evidence.hold(170, 0.0, 50, &mut out);
        assert_eq!(changes(&mut out), [], "neither the pause nor its end, nor the confidence that changed");
        evidence.pause(180, 40, &mut out);
        evidence.pause(219, 40, &mut out);
        assert_eq!(changes(&mut out), []);
        evidence.pause(220, 40, &mut out);
        assert_eq!(changes(&mut out), [(-1, None, 1000), (1, Some(180), 667)]);
        evidence.hold(230, 1.0, 50, &mut out);
        assert_eq!(changes(&mut out), [(-1, Some(180), 667), (1, None, 750)]);
        evidence.pause(240, 40, &mut out);
        evidence.end(250, &mut out);
        assert_eq!(changes(&mut out), [(-1, None, 750), (1, Some(240), 750)], "an unstated pause is stated by its end");
    }
}
