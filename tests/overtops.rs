//! A relation that lives outside the crates of vokg: the example works, and the manual shows it as it is.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "the example is a program, too")]
#[path = "../examples/overtops.rs"]
mod overtops;

#[test]
fn a_relation_of_ones_own_is_found_beside_those_there_are() {
    let facts = overtops::found().unwrap();
    let of = |kind: &str| -> Vec<_> {
        let facts = facts.iter().filter(|fact| fact.kind.as_str() == kind);
        facts.map(|fact| (fact.a.0, fact.b.0, fact.from_us / 1000, fact.to_us / 1000)).collect()
    };
    assert_eq!(of("OVERTOPS"), [(1, 2, 1900, 3900)]);
    assert_eq!(of("NEAR"), [(1, 2, 0, 5900)]);
}

#[test]
fn the_manual_shows_the_relation_of_the_example() {
    let relation = |text: &str| {
        let from = text.find("impl Relation for Overtops").unwrap();
        let to = text[from..].find("\n}\n").unwrap();
        text[from..from + to].to_owned()
    };
    let (manual, example) = (include_str!("../docs/operators.md"), include_str!("../examples/overtops.rs"));
    assert_eq!(relation(manual), relation(example));
}
