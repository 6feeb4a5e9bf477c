//! Colours, fonts and the width of words.

use super::Scene;
use std::collections::BTreeMap;
use vokg_engine::evidence::RelationKind;
use vokg_engine::id::ObjectId;

/// A part of the picture, in its own units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) height: f32,
}

impl Area {
    pub(super) fn right(&self) -> f32 {
        self.x + self.width
    }

    pub(super) fn bottom(&self) -> f32 {
        self.y + self.height
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }
}

pub(super) const CSS: &str = "\
text{font-family:Inter,system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;fill:#e6ebf5;font-size:15px}\
.page{fill:#0d1320}.panel{fill:#151d2d;stroke:#263248}.title{font-size:24px;font-weight:650}\
.dim{fill:#93a1ba}.small{font-size:13px}.tiny{font-size:12px}.strong{font-weight:650}\
.over{paint-order:stroke;stroke:#151d2d;stroke-width:5px;stroke-linejoin:round}\
.tag{font-size:14px;font-weight:650;fill:#0d1320}.grid{stroke:#263248}.now{stroke:#fff}";

/// Well apart on dark ground and in photographs, also for the colour-blind in the order given (after Okabe and Ito).
const OBJECT_COLOURS: [&str; 10] =
    ["#56c2ff", "#ffb000", "#3ddc97", "#ff7ab6", "#f5e663", "#a78bfa", "#ff8a5c", "#7ee0e0", "#c4d65b", "#e0a3ff"];

const RELATION_COLOURS: [&str; 6] = ["#f8fafc", "#fda4af", "#86efac", "#fcd34d", "#93c5fd", "#d8b4fe"];

/// One colour per object and per relation, in their order.
pub(super) struct Colours {
    objects: BTreeMap<ObjectId, &'static str>,
    relations: BTreeMap<RelationKind, &'static str>,
}

impl Colours {
    pub(super) fn of(scene: &Scene<'_>) -> Self {
        let objects = scene.objects().map(|(id, _)| id).zip(OBJECT_COLOURS.into_iter().cycle()).collect();
        let mut kinds: Vec<_> = scene.graph.edges.values().map(|edge| edge.kind).collect();
        kinds.sort_by_key(|kind| (*kind != RelationKind::NEAR, *kind));
        kinds.dedup();
        Self { objects, relations: kinds.into_iter().zip(RELATION_COLOURS.into_iter().cycle()).collect() }
    }

    pub(super) fn object(&self, id: ObjectId) -> &'static str {
        self.objects.get(&id).copied().unwrap_or(OBJECT_COLOURS[0])
    }

    pub(super) fn relation(&self, kind: RelationKind) -> &'static str {
        self.relations.get(&kind).copied().unwrap_or(RELATION_COLOURS[0])
    }
}

/// An upper estimate of the width of a text: fonts differ, and no font is known here.
pub(super) fn text_width(text: &str, font_px: f32) -> f32 {
    text.chars().count() as f32 * font_px * 0.6
}

/// The text, or its beginning and `…` where it is longer.
pub(super) fn shortened(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        None => text.to_owned(),
        Some(_) => text.chars().take(chars.saturating_sub(1)).chain(['…']).collect(),
    }
}
