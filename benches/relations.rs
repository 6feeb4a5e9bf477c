//! How well relations are found in noisy boxes of made-up happenings, on seeds that tuned nothing.
//!
//! Prints Markdown: F1 per relation, over frame rates, resolutions and noise, with the true visible shares and, at one size,
//! without any; and false intervals on traps. Without arguments that is of the reported seeds, of which nothing else is ever
//! told. To tune something, give it the first of the tuning seeds and how many of each happening; and, to be told of single
//! misses and of what was found on traps, the place of a noise and of a frame rate in the lists below and names of relations:
//! `cargo bench --bench relations -- 1 60 0 2 LEAVES NEAR`.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use vokg::eval::relations::{Comparison, Fact};
use vokg::eval::zones::with_zones_of;
use vokg_connectors::source::synthetic::{EPISODES, Episode, SynthConfig, Truth, episode_scene};
use vokg_engine::evidence::RelationKind;
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::id::TrackId;
use vokg_engine::observation::Observation;
use vokg_engine::time::{Micros, SECOND_US};
use vokg_operators::mot::FrameRate;
use vokg_operators::relate::facts::facts_of;
use vokg_operators::relate::{OVERLAPS, RelateConfig};

const PLAN: Size = Size { width: 1280, height: 720 };
/// Pictures, and whether the true visible shares are known in them. No truth tells OVERLAPS, which only boxes alone have.
const VIEWS: [(&str, Size, bool); 4] = [
    ("240p", Size { width: 426, height: 240 }, true),
    ("720p", PLAN, true),
    ("4K", Size { width: 3840, height: 2160 }, true),
    ("720p, boxes alone", PLAN, false),
];
const RATES: [f64; 3] = [5.0, 10.0, 25.0];
const NOISES: [f64; 2] = [0.02, 0.05];
const MISSED: f64 = 0.03;

/// Seeds that may be looked at: bounds are tuned on them.
const TUNING: Range<u64> = 1..61;
/// Seeds whose scores are reported: nobody looks at what is missed there, so that no bound can be fitted to it.
const REPORTED: Range<u64> = 1000..1110;

/// What is asked for.
struct Asked {
    seeds: Range<u64>,
    /// Of which noise and frame rate, by their places, misses are told.
    told: (usize, usize),
    /// Of which relations.
    kinds: BTreeSet<RelationKind>,
}

impl Asked {
    /// # Errors
    /// Where the seeds are neither all for tuning nor all reported, or single misses of reported ones are asked for.
    fn of(arguments: &[String]) -> Result<Self, String> {
        let numbers: Vec<u64> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
        let seeds = match numbers[..] {
            [] => REPORTED,
            [first, count, ..] => first..first + count,
            [_] => return Err("after the first seed comes how many there are".into()),
        };
        let within = |all: Range<u64>| all.start <= seeds.start && seeds.end <= all.end;
        let place = |at: usize, default: usize| numbers.get(at).map_or(default, |place| *place as usize);
        let kinds = arguments.iter().filter_map(|argument| RelationKind::parse(argument)).collect();
        let asked = Self { seeds: seeds.clone(), told: (place(2, 0), place(3, RATES.len() - 1)), kinds };
        match (within(TUNING), within(REPORTED)) {
            (true, _) => Ok(asked),
            (_, true) if asked.kinds.is_empty() => Ok(asked),
            (_, true) => {
                Err(format!("misses are told of the seeds {TUNING:?} alone: those of {REPORTED:?} tune nothing"))
            }
            _ => Err(format!("seeds are all of {TUNING:?}, to tune, or all of {REPORTED:?}, to report")),
        }
    }
}

/// Random numbers that repeat: the generator of Steele, Lea, Flood, "Fast splittable pseudorandom number generators"
/// (OOPSLA 2014, section 4).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    }

    /// Mean 0, deviation 1: the sum of twelve uniform numbers.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

/// The relations with the zones of a truth. No truth says whose movement foretells whose.
fn config(truth: &Truth) -> RelateConfig {
    let mut config = with_zones_of(truth, RelateConfig::default());
    config.influence.enabled = false;
    config
}

/// What a detector might have seen: boxes in a picture of another size with noise in shares of theirs, some missed; with the
/// visible shares as they are, or without any.
fn facts(truth: &Truth, size: Size, shares_known: bool, noise: f64, seed: u64) -> Vec<Fact> {
    let out_of_sight = RelateConfig::default().hidden_by.visible;
    let mut dice = Dice(seed);
    let rate = FrameRate::new(truth.fps).unwrap();
    let scale = size.width as f32 / truth.size[0] as f32;
    let mut frames: BTreeMap<u32, BTreeMap<TrackId, Observation>> = BTreeMap::new();
    for object in &truth.objects {
        for b in &object.boxes {
            let spread = noise as f32 * (b.width * b.height).sqrt();
            let mut off = || spread * dice.normal() as f32;
            let (x, y) = (b.left + b.width / 2.0 + off(), b.top + b.height / 2.0 + off());
            let rect = Rect::from_centre(x, y, (b.width + off()).max(1.0), (b.height + off()).max(1.0));
            // Where no share tells that a thing is out of sight, nobody detects it.
            if dice.next() < MISSED || !shares_known && f64::from(b.visible) <= out_of_sight {
                continue;
            }
            let whole = Size { width: truth.size[0], height: truth.size[1] };
            let rect = rect.clipped(whole);
            let rect = Rect::new(rect.left * scale, rect.top * scale, rect.width * scale, rect.height * scale);
            let frame = (b.t_us as f64 * truth.fps / SECOND_US as f64).round() as u32 + 1;
            let (t, track) = (rate.time_of(frame), TrackId(object.id));
            let seen = Observation {
                t,
                track,
                rect: rect.quantised(),
                score: 1.0,
                mask: None,
                visible: shares_known.then_some(b.visible),
                merged: false,
                look: None,
            };
            frames.entry(frame).or_default().insert(track, seen);
        }
    }
    let found = facts_of(&frames, rate, Some(size), &config(truth));
    let fact = |f: vokg_operators::relate::facts::Fact| Fact {
        kind: f.kind,
        a: Some(f.a.0),
        b: Some(f.b.0),
        from_us: f.from_us,
        to_us: f.to_us,
    };
    found.into_iter().filter(|f| f.kind != OVERLAPS).map(fact).collect()
}

fn true_facts(truth: &Truth) -> Vec<Fact> {
    let fact = |i: &vokg_connectors::source::synthetic::truth::TruthInteraction| Fact {
        kind: RelationKind::parse(&i.kind).unwrap(),
        a: Some(i.a),
        b: Some(i.b),
        from_us: i.from_us,
        to_us: i.to_us,
    };
    truth.interactions.iter().map(fact).collect()
}

/// One clip after the other, objects and times apart, so that all of a cell is one comparison.
#[derive(Default)]
struct Cell {
    stated: Vec<Fact>,
    truth: Vec<Fact>,
    length_us: Micros,
    clips: u32,
    /// When each clip begins.
    starts: Vec<Micros>,
}

impl Cell {
    fn add(&mut self, stated: Vec<Fact>, truth: Vec<Fact>, length_us: Micros) {
        let (base_us, ids) = (self.length_us, self.clips * 100);
        let id = |id: Option<u32>| id.map(|id| id % 1_000_000 + id / 1_000_000 * 50 + ids);
        let moved =
            |f: Fact| Fact { a: id(f.a), b: id(f.b), from_us: f.from_us + base_us, to_us: f.to_us + base_us, ..f };
        self.stated.extend(stated.into_iter().map(moved));
        self.truth.extend(truth.into_iter().map(moved));
        self.starts.push(self.length_us);
        self.length_us += length_us;
        self.clips += 1;
    }

    fn comparison(&self) -> Comparison {
        let rules = RelateConfig::default().rules();
        let symmetric: BTreeSet<_> = rules.kinds().filter(|(_, rule)| rule.symmetric).map(|(kind, _)| kind).collect();
        Comparison::new(&self.stated, &self.truth, &symmetric, &BTreeSet::new(), self.length_us)
    }
}

impl Cell {
    /// What was found on traps and is not so, with the best overlap in time with what is.
    fn tell_false_on_traps(&self) {
        let names: Vec<&str> = EPISODES.iter().filter(|episode| episode.trap).map(|episode| episode.name).collect();
        let overlap = |x: &Fact, y: &Fact| {
            let same = x.kind == y.kind && ((x.a, x.b) == (y.a, y.b) || (x.a, x.b) == (y.b, y.a));
            let share = || vokg::eval::relations::temporal_iou((x.from_us, x.to_us), (y.from_us, y.to_us));
            if same { share() } else { 0.0 }
        };
        for fact in &self.stated {
            let best = self.truth.iter().map(|truth| overlap(truth, fact)).fold(0.0, f64::max);
            if best >= 0.5 {
                continue;
            }
            let clip = fact.a.unwrap_or(0) as usize / 100;
            let secs = |us: Micros| us.saturating_sub(self.starts[clip]) as f64 / 1e6;
            println!(
                "trap {} {clip} {} {:?}-{:?} {:.2}-{:.2}, overlap {best:.2}",
                names[clip % names.len()],
                fact.kind,
                fact.a.map(|a| a % 100),
                fact.b.map(|b| b % 100),
                secs(fact.from_us),
                secs(fact.to_us)
            );
        }
    }
}

/// What was not found and what is not so, of one relation, at 720p.
fn tell_misses(cells: &BTreeMap<(usize, usize, usize), Cell>, (noise, rate): (usize, usize), kind: RelationKind) {
    let cell = &cells[&(noise, rate, 1)];
    let of = |facts: &[Fact]| -> Vec<Fact> { facts.iter().filter(|fact| fact.kind == kind).copied().collect() };
    let (stated, truth) = (of(&cell.stated), of(&cell.truth));
    let moment = [RelationKind::CROSSES, RelationKind::PICK_UP, RelationKind::PUT_DOWN].contains(&kind);
    let same = |x: &Fact, y: &Fact| {
        let pair = (x.a, x.b) == (y.a, y.b) || (x.a, x.b) == (y.b, y.a);
        pair && match moment {
            true => x.from_us.abs_diff(y.from_us) <= SECOND_US,
            false => vokg::eval::relations::temporal_iou((x.from_us, x.to_us), (y.from_us, y.to_us)) >= 0.5,
        }
    };
    let secs = |us: Micros| us as f64 / 1e6;
    let tell = |what: &str, fact: &Fact| {
        let clip = fact.a.unwrap_or(0) / 100;
        let names: Vec<&str> = EPISODES.iter().filter(|episode| !episode.trap).map(|episode| episode.name).collect();
        let name = names[clip as usize % names.len()];
        let start = cell.starts[clip as usize];
        println!(
            "{what} {name} {clip} {:?}-{:?} {:.2}-{:.2} ({:.2} s)",
            fact.a.map(|a| a % 100),
            fact.b.map(|b| b % 100),
            secs(fact.from_us - start),
            secs(fact.to_us - start),
            secs(fact.to_us - fact.from_us)
        );
    };
    truth.iter().filter(|t| !stated.iter().any(|s| same(s, t))).for_each(|t| tell("missed", t));
    stated.iter().filter(|s| !truth.iter().any(|t| same(s, t))).for_each(|s| tell("false ", s));
}

fn length_us(truth: &Truth) -> Micros {
    let last = truth.objects.iter().filter_map(|object| object.boxes.last()).map(|b| b.t_us).max().unwrap_or(0);
    last + SECOND_US
}

fn truths(rate: f64, seeds: Range<u64>, wanted: impl Fn(&Episode) -> bool) -> Vec<Truth> {
    let config = SynthConfig { size: PLAN, fps: rate, seconds: None, seed: 1 };
    let episodes: Vec<&Episode> = EPISODES.iter().filter(|episode| wanted(episode)).collect();
    seeds
        .flat_map(|seed| episodes.iter().map(move |episode| (seed, *episode)))
        .map(|(seed, episode)| episode_scene(episode, seed, &config).unwrap().truth())
        .collect()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = Asked::of(&arguments).unwrap_or_else(|refusal| {
        eprintln!("{refusal}");
        std::process::exit(2)
    });
    let first = asked.seeds.start;
    let mut cells: BTreeMap<(usize, usize, usize), Cell> = BTreeMap::new();
    for (r, rate) in RATES.into_iter().enumerate() {
        for (clip, truth) in truths(rate, asked.seeds.clone(), |episode| !episode.trap).iter().enumerate() {
            for (s, (_, size, shares_known)) in VIEWS.into_iter().enumerate() {
                for (n, noise) in NOISES.into_iter().enumerate() {
                    let stated = facts(truth, size, shares_known, noise, first + clip as u64);
                    cells.entry((n, r, s)).or_default().add(stated, true_facts(truth), length_us(truth));
                }
            }
        }
    }
    let kinds: BTreeSet<String> =
        cells.values().flat_map(|cell| cell.truth.iter().map(|fact| fact.kind.to_string())).collect();
    println!(
        "| noise | frames/s | size | micro F1 | boundary | {} |",
        kinds.iter().cloned().collect::<Vec<_>>().join(" | ")
    );
    println!("|---|---|---|---|---|{}", "---|".repeat(kinds.len()));
    for ((n, r, s), cell) in &cells {
        let scores = cell.comparison().scores();
        let f1 = |kind: &String| scores.by_kind.get(kind).map_or(String::from("-"), |score| format!("{:.2}", score.f1));
        let row: Vec<String> = kinds.iter().map(f1).collect();
        let boundary = scores.micro.boundary_error_s.unwrap_or(f64::NAN);
        println!(
            "| {} % | {} | {} | **{:.3}** | {boundary:.2} s | {} |",
            100.0 * NOISES[*n],
            RATES[*r],
            VIEWS[*s].0,
            scores.micro.f1,
            row.join(" | ")
        );
    }
    asked.kinds.iter().for_each(|kind| {
        println!("{kind}");
        tell_misses(&cells, asked.told, *kind);
    });
    let all = cells.values().next().unwrap();
    let truth = |kind: &String| all.truth.iter().filter(|fact| fact.kind.to_string() == *kind).count().to_string();
    println!("| | | true intervals | | | {} |", kinds.iter().map(truth).collect::<Vec<_>>().join(" | "));

    println!(
        "\n| traps | minutes | false a minute | of them without any true overlap | which |\n|---|---|---|---|---|"
    );
    for noise in NOISES {
        let mut cell = Cell::default();
        for (clip, truth) in truths(25.0, asked.seeds.clone(), |episode| episode.trap).iter().enumerate() {
            cell.add(facts(truth, PLAN, true, noise, first + clip as u64), true_facts(truth), length_us(truth));
        }
        let scores = cell.comparison().scores();
        let lone = |fact: &&Fact| {
            let same = |t: &Fact| {
                t.kind == fact.kind
                    && ((t.a, t.b) == (fact.a, fact.b) || (t.b, t.a) == (fact.a, fact.b))
                    && t.from_us <= fact.to_us
                    && fact.from_us <= t.to_us
            };
            !cell.truth.iter().any(same)
        };
        let minutes = cell.length_us as f64 / 60e6;
        let mut which: BTreeMap<String, u32> = BTreeMap::new();
        let lone: Vec<&Fact> = cell.stated.iter().filter(lone).collect();
        if !asked.kinds.is_empty() {
            cell.tell_false_on_traps();
        }
        lone.iter().for_each(|fact| *which.entry(fact.kind.to_string()).or_default() += 1);
        println!(
            "| {} % | {minutes:.0} | {:.2} | {:.2} | {which:?} |",
            100.0 * noise,
            (scores.micro.predicted - scores.micro.hits) as f64 / minutes,
            lone.len() as f64 / minutes
        );
    }
}
