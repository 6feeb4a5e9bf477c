//! Names that stand in the text of a statement.

use std::fmt;
use vokg_engine::delta::VertexKey;

/// A label or a type of relationships. Cypher takes neither as a parameter, so the text of a statement holds it: that is
/// why there is no other way to one than a check of every character.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier(String);

/// The longest identifier, in bytes.
const LENGTH_MAX: usize = 40;

impl Identifier {
    /// The label of an interaction as a vertex.
    pub const INTERACTION: &'static str = "Interaction";
    /// The label of the cursors.
    pub const SINK: &'static str = "VokgSink";

    /// A letter, then letters, digits and underscores, 40 at most; `None` for any other text.
    pub fn new(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
        (begins && text.len() <= LENGTH_MAX && text.chars().all(fits)).then(|| Self(text.to_owned()))
    }

    /// The label of a class: its words, each with a capital: `traffic light` is `TrafficLight`. `None` where a class makes
    /// no label, or one that means something else here.
    pub fn of_class(class: &str) -> Option<Self> {
        if class.len() > 4 * LENGTH_MAX {
            return None;
        }
        let words = class.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let label: String = words.flat_map(|word| [word[..1].to_ascii_uppercase(), word[1..].to_owned()]).collect();
        let taken = VertexKey::LABELS.contains(&label.as_str()) || [Self::INTERACTION, Self::SINK].contains(&&*label);
        Self::new(&label).filter(|_| !taken)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn classes_become_labels_or_none() {
        let label = |class| Identifier::of_class(class).map(|label| label.0);
        for (class, wanted) in [
            ("person", Some("Person")),
            ("traffic light", Some("TrafficLight")),
            ("TV-monitor_2", Some("TVMonitor2")),
            ("車", None),
            ("", None),
            ("2cv", None),
            ("object", None),
            ("vokg sink", None),
            ("Person`) DETACH DELETE n //", Some("PersonDETACHDELETEN")),
        ] {
            assert_eq!(label(class).as_deref(), wanted, "{class}");
        }
        assert_eq!(label(&"x".repeat(41)), None);
    }

    proptest! {
        #[test]
        fn no_text_leaves_the_allowed_characters(text in "\\PC{0,60}") {
            for label in [Identifier::new(&text), Identifier::of_class(&text)].into_iter().flatten() {
                prop_assert!(label.0.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && label.0.len() <= 40);
                prop_assert!(label.0.starts_with(|c: char| c.is_ascii_alphabetic()));
            }
        }
    }
}
