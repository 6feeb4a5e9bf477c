//! How the process dies: at named places, where a test lets it end as of `kill -9` or a power cut; and of its own doing,
//! after a last word.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The variable that names a place and at which passage to die, such as `commit.before:17`.
pub const VARIABLE: &str = "VOKG_CRASH_AT";

struct Plan {
    place: String,
    passages_left: AtomicU64,
}

/// Dies here, if [`VARIABLE`] says so: nothing is unwound, flushed, closed or said. Without it this costs one load.
pub fn point(place: &str) {
    if let Some(plan) = plan().filter(|plan| plan.place == place) {
        plan.pass();
    }
}

/// The same, at a place of which there are several, such as `frame` of the stream `yard`: `frame.yard:17`.
pub fn point_of(place: &str, whose: &str) {
    if let Some(plan) = plan()
        && plan.place.strip_prefix(place).and_then(|rest| rest.strip_prefix('.')) == Some(whose)
    {
        plan.pass();
    }
}

impl Plan {
    fn pass(&self) {
        if self.passages_left.fetch_sub(1, Ordering::Relaxed) == 1 {
            std::process::abort();
        }
    }
}

fn plan() -> Option<&'static Plan> {
    static PLAN: OnceLock<Option<Plan>> = OnceLock::new();
    PLAN.get_or_init(|| parse(&std::env::var(VARIABLE).ok()?)).as_ref()
}

type LastWord = Box<dyn Fn(&str) + Send + Sync>;
static LAST_WORD: OnceLock<LastWord> = OnceLock::new();

/// Has `word` called with the reason before the process ends of its own doing. Only the first call counts.
pub fn before_abort(word: impl Fn(&str) + Send + Sync + 'static) {
    let _ = LAST_WORD.set(Box::new(word));
}

/// The process is about to end of its own doing, for this reason.
pub fn last_word(reason: &str) {
    if let Some(word) = LAST_WORD.get() {
        word(reason);
    }
}

fn parse(text: &str) -> Option<Plan> {
    let (place, passage) = text.split_once(':')?;
    Some(Plan { place: place.to_owned(), passages_left: AtomicU64::new(passage.parse().ok().filter(|n| *n > 0)?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_a_place_and_a_passage() {
        let plan = parse("commit.before:17").expect("it is a plan");
        assert_eq!((plan.place.as_str(), plan.passages_left.into_inner()), ("commit.before", 17));
        assert!(["", "x", "x:", "x:0", "x:-1"].iter().all(|text| parse(text).is_none()));
        point("no.such.place");
        point_of("no.such", "place");
    }
}
