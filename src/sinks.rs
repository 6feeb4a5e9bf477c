//! The sinks of the configuration: one follower each, beside whatever else the process does.

use crate::config::{Config, SinksConfig};
use crate::exit::{Context, Failure};
use serde::Serialize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use vokg_connectors::follow::{Follower, FollowerConfig, Following, Nudge, SinkControl, SinkState, SinkStatus, Target};
use vokg_connectors::kafka::{Cluster, KafkaConfig, KafkaTarget, SaslMechanism, Written};
use vokg_connectors::neo4j::{Neo4jConfig, Neo4jTarget, Server};
use vokg_connectors::store::Store;
use vokg_engine::time::Micros;

/// How long a sink may take for the portion at hand when it is asked to end.
const STOP_DEADLINE: Duration = Duration::from_secs(10);
/// Time between two looks at the sinks.
const TICK: Duration = Duration::from_millis(20);

/// What is said of a sink at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SinkReport {
    pub sink: String,
    #[serde(flatten)]
    pub status: SinkStatus,
}

/// Sinks at work.
pub struct Sinks {
    following: Vec<Following>,
    nudge: Nudge,
    drain: Duration,
}

impl Sinks {
    /// Starts those of the configuration, or of them the ones named in `only`, where any are.
    ///
    /// # Errors
    /// Where one is named that the configuration does not have, or cannot be set up as it is configured. A target that
    /// is away is no error.
    pub fn start(config: &Config, only: &[String], store: &Store, data_dir: &Path) -> Result<Self, Failure> {
        let SinksConfig { drain_secs, kafka, neo4j } = &config.sinks;
        config.sinks.refuse_unknown(only).map_err(Failure::usage)?;
        let drain = Duration::from_secs_f64(*drain_secs);
        let mut sinks = Self { following: Vec::new(), nudge: Nudge::default(), drain };
        let is_wanted = |name: &String| only.is_empty() || only.contains(name);
        for (name, kafka) in kafka.iter().filter(|(name, _)| is_wanted(name)) {
            let margin_us = config.relate.rules().reach_us();
            let target = kafka_target(name, kafka, margin_us, store)?;
            let limits = FollowerConfig { from: kafka.from, ..FollowerConfig::default() };
            sinks.follow(name, target, limits, store, data_dir)?;
        }
        for (name, neo4j) in neo4j.iter().filter(|(name, _)| is_wanted(name)) {
            let target = neo4j_target(name, neo4j, store)?;
            let portion_pause = Duration::from_secs_f64(neo4j.batch_secs);
            let (portion_entries, from) = (neo4j.batch_entries, neo4j.from);
            let limits = FollowerConfig { portion_entries, portion_pause, from, ..FollowerConfig::default() };
            sinks.follow(name, target, limits, store, data_dir)?;
        }
        Ok(sinks)
    }

    fn follow<T: Target + 'static>(
        &mut self,
        name: &str,
        target: T,
        limits: FollowerConfig,
        store: &Store,
        data_dir: &Path,
    ) -> Result<(), Failure> {
        let control = SinkControl::default();
        let follower = Follower::new(store.clone(), target, name, data_dir, limits, control.clone());
        let follower = follower.context(format!("the sink {name} cannot be started"))?;
        let following = Following::start(name, control, self.nudge.clone(), follower);
        self.following.push(following.context(format!("no thread for the sink {name}"))?);
        Ok(())
    }

    /// To tell them that the log has grown; otherwise they look five times a second.
    pub fn nudge(&self) -> Nudge {
        self.nudge.clone()
    }

    /// Asks all of them to look at the log as it is now; until one has, it counts as behind.
    pub fn look_again(&self) {
        self.following.iter().for_each(Following::look_again);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.following.is_empty()
    }

    /// What each last said of itself. It costs nothing to ask.
    pub fn said(&self) -> Vec<SinkReport> {
        self.following.iter().map(SinkReport::said_by).collect()
    }

    /// How each fares, and how far it is behind now.
    pub fn reports(&self) -> Vec<SinkReport> {
        self.following.iter().map(SinkReport::of).collect()
    }

    /// How long a sink may take at the end.
    pub fn drain(&self) -> Duration {
        self.drain
    }

    /// Waits until every sink holds the whole log, has failed or is paused, at most as long as the configuration says, or until
    /// somebody interrupts; then ends them and tells how they fared.
    pub fn finish(self, interrupt: &AtomicBool) -> Vec<SinkReport> {
        let deadline = Instant::now() + self.drain;
        self.look_again();
        while Instant::now() < deadline && !interrupt.load(Ordering::Acquire) {
            if self.following.iter().all(|sink| sink.is_done() || sink.control().is_paused()) {
                break;
            }
            std::thread::sleep(TICK);
        }
        let reports = self.reports();
        self.stop();
        reports
    }

    /// Ends them after the portion at hand.
    pub fn stop(self) {
        let deadline = Instant::now() + STOP_DEADLINE;
        self.following.iter().for_each(|sink| sink.control().stop());
        for sink in self.following {
            let (name, answers) = (sink.name().to_owned(), sink.control().status().answers);
            // That a target does not answer is said of the sink anyway, and what it began with it keeps its place.
            if !sink.stop(deadline) && answers {
                tracing::warn!(sink = %name, "the sink did not end in time and is left behind; its target keeps its place");
            }
        }
    }
}

fn kafka_target(
    name: &str,
    config: &KafkaConfig,
    margin_us: Micros,
    store: &Store,
) -> Result<KafkaTarget<Cluster>, Failure> {
    let security = &config.security;
    if security.sasl == Some(SaslMechanism::Plain) && !security.tls {
        tracing::warn!(
            sink = name,
            "sasl = \"PLAIN\" without tls = true sends the password as it is to whoever listens"
        );
    }
    let instance = store.instance().context("cannot read the store")?;
    let digits: String = instance.iter().map(|byte| format!("{byte:02x}")).collect();
    // Named by the topics it writes: whoever writes those for the same store is to be fenced off, whatever it is called.
    let cluster = Cluster::new(config.clone(), format!("vokg-{digits}-{}", config.topic_prefix));
    let cluster = cluster.map_err(|error| Failure::usage(format!("sinks.kafka.{name}: {error}")))?;
    let written = Written { state: config.state, finals: config.finals.then_some(margin_us) };
    Ok(KafkaTarget::new(cluster, store.clone(), instance, written))
}

fn neo4j_target(name: &str, config: &Neo4jConfig, store: &Store) -> Result<Neo4jTarget<Server>, Failure> {
    let instance = store.instance().context("cannot read the store")?;
    let server = Server::new(config).map_err(|error| Failure::usage(format!("sinks.neo4j.{name}: {error}")))?;
    Ok(Neo4jTarget::new(server, instance, config.interactions, config.class_labels))
}

impl SinkReport {
    fn of(sink: &Following) -> Self {
        Self { sink: sink.name().to_owned(), status: sink.status() }
    }

    fn said_by(sink: &Following) -> Self {
        Self { sink: sink.name().to_owned(), status: sink.said() }
    }

    /// Whether somebody must look before it goes on.
    pub fn has_failed(&self) -> bool {
        matches!(self.status.state, SinkState::Failed(_))
    }

    /// A line for people.
    pub fn to_text(&self) -> String {
        let SinkStatus { state, applied, behind, dead_letters, last_error, answers, .. } = &self.status;
        let how = match state {
            SinkState::CaughtUp => "holds the whole log".to_owned(),
            SinkState::Failed(reason) => format!("has stopped: {reason}"),
            SinkState::Paused => format!("is paused; vokg sinks resume {} lets it go on", self.sink),
            _ => {
                let because = match last_error {
                    Some(error) => format!(", last: {error}"),
                    None if *answers => String::new(),
                    None => ", its target has not answered yet".to_owned(),
                };
                let how_much = match behind {
                    0 => "has not said whether it holds the last of the log".to_owned(),
                    // What a target holds that does not answer is not known.
                    behind if last_error.is_some() || !answers => {
                        format!("is at most {behind} entries of the present epochs behind")
                    }
                    behind => format!("is {behind} entries behind"),
                };
                format!("{how_much}{because}; the next run or vokg follow goes on")
            }
        };
        let refused = match dead_letters {
            0 => String::new(),
            count => format!(", {count} entries refused (see dead-letters/{}.jsonl)", self.sink),
        };
        format!("sink {}: {how}, {applied} entries told{refused}\n", self.sink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::tests::{begun_with, entry};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use vokg_connectors::follow::{Followed, Portion, TargetError, Told};
    use vokg_connectors::store::{StoreConfig, StreamBatch, Writer};

    /// A target that does not answer until somebody lets it.
    struct Stuck(Receiver<()>);

    impl Target for Stuck {
        fn told(&mut self, _: &Followed) -> Result<Option<Told>, TargetError> {
            Ok(None)
        }

        fn apply(&mut self, _: &Portion<'_>) -> Result<(), TargetError> {
            _ = self.0.recv();
            Ok(())
        }
    }

    /// A target that lets whoever asks it wait until somebody says that it is away.
    struct Away {
        asked: Sender<()>,
        away: Receiver<()>,
    }

    impl Target for Away {
        fn told(&mut self, _: &Followed) -> Result<Option<Told>, TargetError> {
            _ = self.asked.send(());
            _ = self.away.recv();
            Err(TargetError::Again("nobody is there".to_owned()))
        }

        fn apply(&mut self, _: &Portion<'_>) -> Result<(), TargetError> {
            Ok(())
        }
    }

    #[test]
    fn a_sink_whose_target_does_not_answer_is_not_waited_for() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = Writer::open(dir.path(), StoreConfig::default()).expect("the directory is new");
        begun_with(&writer, vec![entry(0)]);
        let ((asked, is_asked), (say, away)) = (channel(), channel());
        let (control, limits, target) = (SinkControl::default(), FollowerConfig::default(), Away { asked, away });
        let follower = Follower::new(writer.store().clone(), target, "away", dir.path(), limits, control.clone());
        let follower = follower.expect("there are no dead letters");
        let following = Following::start("away", control, Nudge::default(), follower).expect("there are threads");
        is_asked.recv_timeout(Duration::from_secs(60)).expect("it asks its target");
        assert!(SinkReport::of(&following).to_text().contains("its target has not answered yet"));
        let begun = Instant::now();
        assert!(!following.stop(begun + Duration::from_secs(600)), "it still waits for an answer");
        assert!(begun.elapsed() < Duration::from_secs(300));
        drop(say);
    }

    #[test]
    fn a_sink_that_has_not_answered_does_not_hold_the_whole_log() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = Writer::open(dir.path(), StoreConfig::default()).expect("the directory is new");
        let (control, (let_go, stuck)) = (SinkControl::default(), channel());
        let limits = FollowerConfig::default();
        let follower =
            Follower::new(writer.store().clone(), Stuck(stuck), "stuck", dir.path(), limits, control.clone());
        let follower = follower.expect("there are no dead letters");
        let following = Following::start("stuck", control, Nudge::default(), follower).expect("there are threads");
        let deadline = Instant::now() + Duration::from_secs(60);
        while !following.is_done() {
            assert!(Instant::now() < deadline, "there is nothing to tell yet");
            std::thread::sleep(TICK);
        }
        assert!(SinkReport::of(&following).to_text().contains("holds the whole log"));

        let stream = begun_with(&writer, vec![entry(0)]);
        following.look_again();
        std::thread::sleep(TICK);
        let report = SinkReport::of(&following);
        assert!(report.status.state == SinkState::Behind && !report.to_text().contains("whole log"), "{report:?}");
        // Its thread waits in the target with the one entry; what has come since is counted all the same.
        writer.commit(&[StreamBatch::of_entries(stream, vec![entry(1)])]).expect("the log keeps every promise");
        assert_eq!(SinkReport::of(&following).status.behind, 2);
        drop(let_go);
    }
}
