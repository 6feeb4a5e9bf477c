//! What is really to be seen in a scene: boxes, identities, visible shares, and when which relation holds.
//!
//! The relations are judged here once more, plainly and from noise-free places, apart from the operators: this is what
//! they are measured against. Two choices differ from what an operator can do. Velocities are taken over half a second
//! *around* a moment, not before it, and from the middle of the still body in the plane of a camera that does not
//! move, so that neither swinging legs, nor the frame's edge, nor a shaking hand counts as motion. Likewise FOLLOWS and
//! CHASES look at a window around the moment.
//!
//! * A box is the whole body's, hidden parts included, cut off at the frame's edge. Shadows are not part of it. Bodies
//!   of which less than a pixel's width or height is inside the frame have no row.
//! * `visible` is the share of the body's pixels inside the frame that no nearer body covers.
//! * Intervals are half-open. What still holds in the last frame ends one frame after it.
//! * In symmetric relations `a` is the smaller number. For IN and LOITERS `b` is a zone, for CROSSES a line, for COUNT
//!   both are the zone. CROSSES is a moment: `from_us` = `to_us`.

mod encounter;
mod interval;
mod motion;
mod proximity;
mod sight;
mod zones;

use super::stage::Scene;
use interval::{Interval, Rule};
use serde::{Deserialize, Serialize};
use sight::Sight;
use std::fmt::Write;
use vokg_engine::time::Micros;

/// The truth of a clip, as `truth.json` has it (`docs/truth.schema.json`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Frames a second.
    pub fps: f64,
    /// Width and height of the frames in pixels.
    pub size: [u32; 2],
    /// Everything that was to be seen, by number.
    pub objects: Vec<TruthObject>,
    /// Relations, by kind, pair and time.
    pub interactions: Vec<TruthInteraction>,
    /// Areas the relations speak of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<TruthZone>,
    /// Lines the relations speak of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<TruthLine>,
}

/// One thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TruthObject {
    /// Its number.
    pub id: u32,
    /// `person`, `car`, `van`, `dog`, `bag` or `box`.
    pub class: String,
    /// Where it was, frame by frame.
    pub boxes: Vec<TruthBox>,
}

/// A thing in a frame: `[t_us, left, top, width, height, visible]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "BoxRow", into = "BoxRow")]
pub struct TruthBox {
    /// Time of the frame.
    pub t_us: Micros,
    /// Left edge in pixels.
    pub left: f32,
    /// Top edge in pixels.
    pub top: f32,
    /// Width in pixels.
    pub width: f32,
    /// Height in pixels.
    pub height: f32,
    /// Share of the body inside the frame that nothing hides, 0 to 1.
    pub visible: f32,
}

type BoxRow = (Micros, f32, f32, f32, f32, f32);

impl From<BoxRow> for TruthBox {
    fn from((t_us, left, top, width, height, visible): BoxRow) -> Self {
        Self { t_us, left, top, width, height, visible }
    }
}

impl From<TruthBox> for BoxRow {
    fn from(b: TruthBox) -> Self {
        (b.t_us, b.left, b.top, b.width, b.height, b.visible)
    }
}

/// A relation that held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TruthInteraction {
    /// Name of the relation.
    pub kind: String,
    /// Who.
    pub a: u32,
    /// Towards whom.
    pub b: u32,
    /// First moment.
    pub from_us: Micros,
    /// First moment it no longer held.
    pub to_us: Micros,
}

/// An area in pixels of the first frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TruthZone {
    /// Its number.
    pub id: u32,
    /// Corners (x, y).
    pub polygon: Vec<[f32; 2]>,
    /// Staying so long is loitering.
    pub dwell_us: Micros,
    /// So many objects inside count.
    pub count: u32,
}

/// A line in pixels of the first frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TruthLine {
    /// Its number.
    pub id: u32,
    /// Its ends (x, y).
    pub ends: [[f32; 2]; 2],
}

impl Scene {
    /// Judges the scene.
    pub fn truth(&self) -> Truth {
        let sight = Sight::of(self);
        let mut interactions = Vec::new();
        for (a, b) in ordered_pairs(self.actors.len()) {
            proximity::judge(&sight, a, b, &mut interactions);
        }
        for (a, b) in ordered_pairs(self.actors.len()) {
            motion::judge(&sight, a, b, &mut interactions);
        }
        motion::drop_explained(&mut interactions, "CHASES", &["CARRIES"]);
        motion::drop_explained(&mut interactions, "MOVES_WITH", &["CARRIES"]);
        motion::drop_explained(&mut interactions, "FOLLOWS", &["CHASES", "CARRIES"]);
        encounter::judge(&sight, &mut interactions);
        zones::judge(self, &sight, &mut interactions);
        interactions.sort_by(|x, y| (&x.kind, x.a, x.b, x.from_us).cmp(&(&y.kind, y.a, y.b, y.from_us)));
        let corner = |place| {
            let (x, y) = self.plan_px(place);
            [x as f32, y as f32]
        };
        Truth {
            fps: self.rate.fps(),
            size: [self.size.width, self.size.height],
            objects: sight.objects(),
            interactions,
            zones: self
                .zones
                .iter()
                .map(|z| TruthZone {
                    id: z.id,
                    polygon: z.corners.iter().copied().map(corner).collect(),
                    dwell_us: vokg_engine::time::micros_from_secs(z.dwell_secs),
                    count: z.crowd,
                })
                .collect(),
            lines: self.lines.iter().map(|l| TruthLine { id: l.id, ends: l.ends.map(corner) }).collect(),
        }
    }
}

fn ordered_pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(move |a| (0..n).filter(move |b| *b != a).map(move |b| (a, b)))
}

/// Appends the intervals of a relation.
fn tell(sink: &mut Vec<TruthInteraction>, kind: &str, (a, b): (u32, u32), intervals: &[Interval]) {
    sink.extend(intervals.iter().map(|i| TruthInteraction { kind: kind.into(), a, b, from_us: i.from, to_us: i.to }));
}

impl Truth {
    /// Whether a number is that of an object, and not of a zone or line.
    pub fn is_thing(&self, id: u32) -> bool {
        self.objects.iter().any(|object| object.id == id)
    }

    /// The boxes as MOTChallenge rows, by frame and number: frame (from 1), id, left, top, width, height, score 1,
    /// class, visible share. Classes 1 (pedestrian) and 3 (car, van) are the benchmark's (Milan et al., "MOT16",
    /// arXiv 1603.00831, table 3); 21 dog, 22 bag and 23 box lie beyond its 13.
    pub fn to_mot(&self) -> String {
        let mut rows: Vec<(u64, u32, u32, &TruthBox)> = Vec::new();
        for object in &self.objects {
            let class = mot_class(&object.class);
            let frame = |b: &TruthBox| (b.t_us as f64 * self.fps / 1e6).round() as u64 + 1;
            rows.extend(object.boxes.iter().map(|b| (frame(b), object.id, class, b)));
        }
        rows.sort_by_key(|(frame, id, ..)| (*frame, *id));
        let mut text = String::new();
        for (frame, id, class, b) in rows {
            let TruthBox { left, top, width, height, visible, .. } = b;
            writeln!(text, "{frame},{id},{left},{top},{width},{height},1,{class},{visible}")
                .expect("writing to a string cannot fail");
        }
        text
    }
}

fn mot_class(class: &str) -> u32 {
    match class {
        "person" => 1,
        "car" | "van" => 3,
        "dog" => 21,
        "bag" => 22,
        _ => 23,
    }
}

#[cfg(test)]
mod tests {
    use crate::source::synthetic::{SCENES, Scene, SynthConfig, Truth, random_scene, scene};
    use serde_json::{Value, json};
    use vokg_engine::geometry::Size;

    const SMALL: Size = Size { width: 320, height: 180 };

    fn config() -> SynthConfig {
        SynthConfig { size: SMALL, fps: 12.5, seconds: None, seed: 1 }
    }

    fn all_scenes() -> Vec<Scene> {
        let named = SCENES.iter().map(|entry| scene(entry.name, &config()));
        let random = (0..6).map(|seed| random_scene(seed, &config()));
        named.chain(random).map(|scene| scene.expect("a scene")).collect()
    }

    fn schema(text: &str) -> jsonschema::Validator {
        let schema: Value = serde_json::from_str(text).expect("the schema is JSON");
        jsonschema::validator_for(&schema).expect("the schema is a schema")
    }

    #[test]
    fn every_relation_scene_shows_its_relation_twice_and_no_trap_holds_what_it_lures_with() {
        for entry in SCENES {
            let truth = scene(entry.name, &config()).expect("a scene").truth();
            let count = |kind: &str| truth.interactions.iter().filter(|i| i.kind == kind).count();
            if let Some(kind) = entry.shows {
                assert!(count(kind) >= 2, "{}: {kind} {} times, of {:#?}", entry.name, count(kind), truth.interactions);
            }
            for kind in entry.lures {
                let found: Vec<_> = truth.interactions.iter().filter(|i| i.kind == *kind).collect();
                assert!(found.is_empty(), "{}: {found:?}", entry.name);
            }
        }
    }

    #[test]
    fn boxes_lie_in_the_frame_and_intervals_within_both_lives() {
        for scene in all_scenes() {
            let truth = scene.truth();
            let life = |id: u32| {
                let boxes = &truth.objects.iter().find(|o| o.id == id)?.boxes;
                Some((boxes.first()?.t_us, boxes.last()?.t_us))
            };
            for object in &truth.objects {
                assert!(object.boxes.windows(2).all(|w| w[0].t_us < w[1].t_us), "{}", scene.name);
                for b in &object.boxes {
                    assert!(
                        b.left >= 0.0 && b.top >= 0.0 && b.width >= 1.0 && b.height >= 1.0,
                        "{}: {b:?}",
                        scene.name
                    );
                    assert!(b.left + b.width <= 320.0 && b.top + b.height <= 180.0, "{}: {b:?}", scene.name);
                    assert!((0.0..=1.0).contains(&b.visible), "{}: {b:?}", scene.name);
                }
            }
            for fact in &truth.interactions {
                let instant = fact.kind == "CROSSES";
                assert!(fact.from_us < fact.to_us || instant, "{}: {fact:?}", scene.name);
                for (first, last) in [fact.a, fact.b].into_iter().filter_map(life) {
                    assert!(first <= fact.from_us && fact.to_us <= last + 80_000, "{}: {fact:?}", scene.name);
                }
            }
        }
    }

    #[test]
    fn intervals_do_not_depend_on_size_or_frame_rate() {
        let at = |size, fps| scene("meets", &SynthConfig { size, fps, ..config() }).expect("a scene").truth();
        let (small, large) = (at(SMALL, 10.0), at(Size { width: 1920, height: 1080 }, 25.0));
        for kind in ["NEAR", "MEETS", "APPROACHES"] {
            let of = |truth: &Truth| truth.interactions.iter().filter(|i| i.kind == kind).cloned().collect::<Vec<_>>();
            let (small, large) = (of(&small), of(&large));
            assert_eq!(small.len(), large.len(), "{kind}: {small:#?} {large:#?}");
            for (s, l) in small.iter().zip(&large) {
                assert!(
                    s.from_us.abs_diff(l.from_us) <= 250_000 && s.to_us.abs_diff(l.to_us) <= 250_000,
                    "{s:?} {l:?}"
                );
            }
        }
    }

    #[test]
    fn truth_and_facts_obey_their_schemas_and_the_schemas_refuse_others() {
        let truths = schema(include_str!("../../../../../docs/truth.schema.json"));
        let facts = schema(include_str!("../../../../../docs/facts.schema.json"));
        for scene in all_scenes() {
            let truth = scene.truth();
            let value = serde_json::to_value(&truth).expect("truth is JSON");
            if let Err(error) = truths.validate(&value) {
                panic!("{}: {error} at {}", scene.name, error.instance_path);
            }
            let back: Truth = serde_json::from_value(value).expect("truth is read back");
            assert_eq!(back, truth);
            for i in &truth.interactions {
                let fact = json!({"kind": i.kind, "a": i.a, "b": i.b, "from_us": i.from_us, "to_us": i.to_us, "confidence": 0.5});
                assert!(facts.is_valid(&fact), "{fact}");
            }
        }
        let row = |row: Value| json!({"fps": 25, "size": [2, 2], "objects": [{"id": 1, "class": "car", "boxes": [row]}], "interactions": []});
        assert!(truths.is_valid(&row(json!([0, 1, 2, 3, 4, 0.5]))));
        assert!(!truths.is_valid(&row(json!([0, 1, 2, 3, 4]))));
        assert!(!truths.is_valid(&row(json!([0, 1, 2, 3, 4, 1.5]))));
        assert!(!facts.is_valid(&json!({"kind": "near", "a": 1, "b": 2, "from_us": 0, "to_us": 1, "confidence": 1})));
    }

    #[test]
    fn mot_rows_are_sorted_by_frame_and_carry_the_visible_share() {
        let truth = scene("occludes", &config()).expect("a scene").truth();
        let mot = truth.to_mot();
        let rows: Vec<Vec<f64>> =
            mot.lines().map(|l| l.split(',').map(|f| f.parse().expect("a number")).collect()).collect();
        assert_eq!(rows.len(), truth.objects.iter().map(|o| o.boxes.len()).sum::<usize>());
        assert!(rows.iter().all(|r| r.len() == 9 && r[6] == 1.0));
        assert!(rows.windows(2).all(|w| (w[0][0], w[0][1]) < (w[1][0], w[1][1])));
        assert_eq!(rows[0][0], 1.0);
        assert!(rows.iter().any(|r| r[8] < 0.8) && rows.iter().any(|r| r[7] == 3.0));
    }
}
