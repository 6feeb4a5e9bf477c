//! The form is lossless, follows its schema, and cannot be changed unseen.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../../../docs/delta.schema.json")).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
});

fn schema_errors(line: &str) -> Vec<String> {
    let line = serde_json::from_str(line).unwrap();
    SCHEMA.iter_errors(&line).map(|e| format!("{}: {e}", e.instance_path)).collect()
}

proptest! {
    #[test]
    fn a_line_gives_back_its_record_and_follows_the_schema(entry in samples::any_entry()) {
        let text = samples::lines(std::slice::from_ref(&entry));
        prop_assert_eq!(schema_errors(&text), Vec::<String>::new());
        let line = parse_line(&text).unwrap();
        prop_assert_eq!(&line.entry, &entry);
        let is_progress = matches!(entry.record, Record::Progress(_));
        prop_assert_eq!(line.origin_us, is_progress.then_some(samples::ORIGIN_US));
    }

    #[test]
    fn no_member_can_be_changed_unseen(entry in samples::any_entry(), pick in any::<prop::sample::Index>()) {
        let line: Value = serde_json::from_str(&samples::lines(std::slice::from_ref(&entry))).unwrap();
        let mut leaves = Vec::new();
        collect_leaves(&line, String::new(), &mut leaves);
        let leaf = pick.get(&leaves);
        let mut changed = line.clone();
        let value = changed.pointer_mut(leaf).unwrap();
        *value = json!(format!("{value}?"));
        let read = parse_line(&changed.to_string());
        prop_assert!(read.is_err() || read.unwrap().entry != entry, "{leaf} of {line}");
    }

    #[test]
    fn hostile_lines_never_panic(text in "\\PC{0,80}") {
        let _ = parse_line(&text);
    }
}

fn collect_leaves(value: &Value, path: String, leaves: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, v)| collect_leaves(v, format!("{path}/{name}"), leaves));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, v)| collect_leaves(v, format!("{path}/{i}"), leaves));
        }
        _ => leaves.push(path),
    }
}

#[test]
fn members_of_a_later_writer_are_skipped_in_the_envelope_and_refused_in_the_body() {
    let text = samples::story_lines();
    let mut line: Value = serde_json::from_str(text.lines().nth(2).unwrap()).unwrap();
    line["trace"] = json!({"hop": 1});
    assert!(schema_errors(&line.to_string()).is_empty());
    assert_eq!(parse_line(&line.to_string()).unwrap().entry, samples::story()[2]);
    line["cud"]["trace"] = json!(1);
    assert_eq!(schema_errors(&line.to_string()).len(), 1);
    let error = parse_line(&line.to_string()).unwrap_err().to_string();
    assert!(error.starts_with("cud contradicts the rest of the record"), "{error}");
}

#[test]
fn whole_numbers_may_lose_their_point_on_the_way() {
    let mut entry = samples::story()[2].clone();
    if let Record::Delta(Delta { element: Element::Vertex(_, vokg_engine::delta::Vertex::Object(object)), .. }) =
        &mut entry.record
    {
        object.confidence_milli = 1000;
    }
    let text = samples::lines(std::slice::from_ref(&entry));
    assert!(text.contains("\"confidence\":1.0"), "{text}");
    assert_eq!(parse_line(&text.replace("\"confidence\":1.0", "\"confidence\":1")).unwrap().entry, entry);
}

#[test]
fn other_versions_and_impossible_values_are_refused_with_their_value() {
    let message = |line: Value| parse_line(&line.to_string()).unwrap_err().to_string();
    let text = samples::story_lines();
    let delta: Value = serde_json::from_str(text.lines().nth(2).unwrap()).unwrap();
    let with = |path: &str, value: Value| {
        let mut line = delta.clone();
        *line.pointer_mut(path).unwrap() = value;
        message(line)
    };
    assert_eq!(with("/v", json!(2)), "the record has version 2, this vokg reads version 1");
    assert_eq!(with("/diff", json!(0)), "diff has the impossible value 0");
    assert_eq!(with("/cud/ids/vokg_id", json!("yard/o/1")), "vokg_id has the impossible value yard/o/1");
    assert_eq!(with("/cud/properties/confidence", json!(-0.5)), "confidence has the impossible value -0.5");
    assert_eq!(
        with("/cud/properties/open", json!(false)).split(':').next(),
        Some("cud contradicts the rest of the record")
    );
}

#[test]
fn the_examples_of_the_documentation_are_what_is_written() {
    let page = include_str!("../../../../docs/delta-format.md");
    let shown: Vec<&str> = page.lines().filter(|line| line.starts_with("{\"v\":")).collect();
    let story = samples::story_lines();
    for line in &shown {
        let seq = parse_line(line).unwrap().entry.seq as usize;
        assert_eq!(Some(*line), story.lines().nth(seq), "docs/delta-format.md, the example with seq {seq}");
    }
    assert_eq!(shown.len(), 9);
}

#[test]
fn the_story_is_in_the_order_the_documentation_promises() {
    let (mut before, mut place_before) = (0, None);
    for entry in samples::story() {
        if let Record::Delta(delta) = entry.record {
            let place = Some(delta.order());
            assert!(delta.t > before || delta.t == before && place > place_before, "seq {}", entry.seq);
            (before, place_before) = (delta.t, place);
        }
    }
}
