//! `vokg demo`: the whole path once, with nothing but the program: a clip is made, run, printed, drawn and exported.

use super::export;
use super::run::interrupt_flag;
use crate::cli::{self, Common, Format};
use crate::config::{Config, environment};
use crate::exit::{Context, Exit, Failure};
use crate::inputs::Input;
use crate::jobs::{self, Disturbance};
use crate::picture;
use crate::progress::Display;
use crate::report::{RunReport, cpu_seconds};
use crate::say::{note, say};
use std::path::Path;
use vokg_connectors::export::{GraphView, text};
use vokg_connectors::source::synthetic::{SynthConfig, encode, scene};
use vokg_connectors::store::{Store, StoreConfig, Stream};
use vokg_engine::geometry::Size;
use vokg_engine::id::StreamName;

/// The scene that mixes the relations.
const SCENE: &str = "street";
const SIZE: Size = Size { width: 1280, height: 720 };
const FPS: f64 = 25.0;

/// Files of the demo, by format.
const EXPORTS: [(Format, &str); 9] = [
    (Format::Json, "graph.json"),
    (Format::Jsonl, "deltas.jsonl"),
    (Format::Graphml, "graph.graphml"),
    (Format::Gexf, "graph.gexf"),
    (Format::Csv, "csv"),
    (Format::Cypher, "graph.cypher"),
    (Format::Mot, "boxes.txt"),
    (Format::Coco, "coco.json"),
    (Format::Allen, "allen.jsonl"),
];

/// Runs the command.
pub fn run(args: cli::Demo, common: &Common) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref(), environment(), &common.overrides)?;
    let out = args.out.as_path();
    std::fs::create_dir_all(out).context(format!("cannot make the directory {}", out.display()))?;
    let clip = out.join("street.mp4");
    make_clip(&clip, &out.join("truth.json"))?;

    let cpu_before = cpu_seconds();
    let interrupt = interrupt_flag()?;
    let data = out.join("data");
    let name = StreamName::new(SCENE).context("the name of the scene")?;
    let input = Input::file(name, clip.clone());
    let finished = jobs::run(vec![input], &data, &config, Display::new(common), &interrupt, &Disturbance::default())?;
    if finished.interrupted {
        return Ok(Exit::Interrupted);
    }
    if let Some(failure) = finished.failure {
        return Err(failure);
    }
    let report = RunReport::new(finished.reports, finished.seconds, cpu_before);
    if !report.all_complete() {
        let failures: Vec<_> = report.failures().collect();
        return Err(Failure::failed(failures.join("\n")));
    }
    let store = Store::open(&data, StoreConfig::default()).context("cannot open the store")?;
    let stream = store.find_stream(SCENE).context("cannot read the store")?;
    let stream = stream.ok_or_else(|| Failure::failed("the stream is not in the store"))?;
    show(&store, &stream)?;
    for (format, file) in EXPORTS {
        export::write(&store, &stream, format, None, None, Some(&out.join(file)))?;
    }
    picture::write(&store, &stream, &clip, &config, &out.join("picture.svg"))?;

    say(format!(
        "\n{}the picture: {}\nthe exports: {}\nlook again:  {} export --data {} --format json --at 12\n",
        report.to_text(),
        out.join("picture.svg").display(),
        EXPORTS.map(|(_, file)| file).join(", "),
        std::env::args().next().unwrap_or_default(),
        data.display()
    ))?;
    Ok(Exit::Done)
}

/// Makes the clip and its truth, unless they are there.
fn make_clip(clip: &Path, truth: &Path) -> Result<(), Failure> {
    if clip.exists() && truth.exists() {
        return Ok(());
    }
    note(format!("vokg: making the clip {}", clip.display()));
    let config = SynthConfig { size: SIZE, fps: FPS, seconds: None, seed: 1 };
    let scene = scene(SCENE, &config).context("the scene of the demo")?;
    let text = serde_json::to_vec(&scene.truth()).context("cannot write the truth")?;
    std::fs::write(truth, text).context(format!("cannot write {}", truth.display()))?;
    encode(&scene, clip).context("cannot make the clip")
}

fn show(store: &Store, stream: &Stream) -> Result<(), Failure> {
    let graph = store.graph(stream.id, None, None).context("cannot read the graph")?;
    let view = GraphView { stream: &stream.name, at_us: None, known_at: None, graph: &graph };
    text::write(&mut std::io::stdout().lock(), &view).context("cannot write to stdout")
}
