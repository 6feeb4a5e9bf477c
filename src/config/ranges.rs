//! Every number of the configuration against the range that the published schema gives it.

use serde_json::Value as Json;
use toml::Value;

/// Refuses what is no finite number, by the key of the setting.
pub(super) fn refuse_not_finite(path: &str, setting: &Value) -> Result<(), String> {
    match setting {
        Value::Float(number) if !number.is_finite() => Err(format!("{path} is {number}, it takes a finite number")),
        Value::Table(settings) => {
            settings.iter().try_for_each(|(key, inner)| refuse_not_finite(&key_in(path, key), inner))
        }
        Value::Array(entries) => {
            entries.iter().enumerate().try_for_each(|(index, entry)| refuse_not_finite(&entry_in(path, index), entry))
        }
        _ => Ok(()),
    }
}

fn key_in(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// An entry of a list by its place, counted from 1.
fn entry_in(path: &str, index: usize) -> String {
    format!("{path}[{}]", index + 1)
}

/// Looks up the range of each number in its schema; what is outside, with its key.
pub(super) fn out_of_range(path: &str, setting: &Json, schema: &Json, root: &Json) -> Vec<String> {
    // What may be absent has its schema beside that of nothing.
    let some = schema["anyOf"].as_array().and_then(|any| any.iter().find(|one| one["type"] != "null"));
    let schema = some.unwrap_or(schema);
    let reference = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    let schema = reference.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema);
    if let Json::Object(settings) = setting {
        let of_one = |(key, inner): (&String, &Json)| {
            let path = key_in(path, key);
            let known = &schema["properties"][key];
            // A table whose keys the user chooses has one schema for all of them.
            let schema = if known.is_null() { &schema["additionalProperties"] } else { known };
            out_of_range(&path, inner, schema, root)
        };
        return settings.iter().flat_map(of_one).collect();
    }
    if let Json::Array(entries) = setting {
        let of_one = |(index, entry)| out_of_range(&entry_in(path, index), entry, &schema["items"], root);
        return entries.iter().enumerate().flat_map(of_one).collect();
    }
    let (least, most) = (&schema["minimum"], &schema["maximum"]);
    let below = |low: &Json, high: &Json| low.as_f64().zip(high.as_f64()).is_some_and(|(low, high)| low < high);
    if below(setting, least) || below(most, setting) {
        let most = if most.is_null() { String::from("or more") } else { format!("to {most}") };
        return vec![format!("{path} is {setting}, it takes {least} {most}")];
    }
    Vec::new()
}
