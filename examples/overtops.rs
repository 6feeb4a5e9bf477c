//! A relation of one's own: OVERTOPS holds while the first thing stands right above the second.
//!
//! It lives outside the crates of vokg and needs nothing of them but what they publish. `cargo run --example overtops`
//! judges it, beside all relations that ship with vokg, in a few frames made here.

use vokg_engine::evidence::{IntervalRule, RelationKind};
use vokg_operators::mot::{FrameRate, MotError};
use vokg_operators::relate::facts::{Fact, facts_by};
use vokg_operators::relate::mot::sightings;
use vokg_operators::relate::{
    End, Hold, Judgement, MeasureConfig, Pair, Reach, Registry, RelateConfig, Relation, confidence,
};

/// The first track's bottom edge touches the top of the second. Directed.
pub struct Overtops;

impl Relation for Overtops {
    fn kind(&self) -> RelationKind {
        RelationKind::literal("OVERTOPS")
    }

    fn rule(&self, _measure: &MeasureConfig) -> IntervalRule {
        Hold::new(0.4, 0.4).rule(false)
    }

    fn reach(&self) -> Reach {
        Reach::Gap(0.3)
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        if !pair.measured() {
            return Judgement::Unclear;
        }
        let top = f64::from(pair.rect_px(End::B).top);
        let off_by = (pair.bottom_px(End::A) - top).abs() / pair.size_px();
        if pair.gap() > 0.3 || off_by > if was_on { 0.3 } else { 0.15 } {
            return Judgement::Off;
        }
        Judgement::On(confidence(off_by, 0.15, 0.0))
    }
}

/// Two boxes of 40 pixels; the first climbs onto the second, stays for two seconds and climbs down.
fn rows() -> String {
    let row = |frame: u32| {
        let secs = f64::from(frame) / 10.0;
        let top = if (2.0..4.0).contains(&secs) { 60.0 } else { 100.0 };
        format!("{frame},1,20,{top},40,40\n{frame},2,20,100,40,40\n")
    };
    (1..=60).map(row).collect()
}

/// What all relations, and this one, say of these boxes.
///
/// # Errors
/// Never: the rows are whole.
pub fn found() -> Result<Vec<Fact>, MotError> {
    let config = RelateConfig::default();
    let mut registry = Registry::builtin(&config);
    registry.add(Box::new(Overtops));
    let rate = FrameRate::new(10.0)?;
    Ok(facts_by(registry, &sightings(&rows(), rate)?, rate, None, &config))
}

fn main() -> Result<(), MotError> {
    for fact in found()? {
        println!("{:10} {} - {}  {:.1} - {:.1} s", fact.kind, fact.a.0, fact.b.0, secs(fact.from_us), secs(fact.to_us));
    }
    Ok(())
}

fn secs(us: u64) -> f64 {
    vokg_engine::time::secs_from_micros(us)
}
