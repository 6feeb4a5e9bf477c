//! The topics of a sink: whether they are there and fit, and how they are made.

use super::cluster::MESSAGE_BYTES_MAX;
use super::config::{ANSWER_DEADLINE, KafkaConfig};
use super::errors::{again, hopeless};
use super::lookout::Lookout;
use super::records::Topic;
use super::reports::{Quiet, Reports};
use super::transaction_log::TransactionError;
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
};
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{Producer, ThreadedProducer};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long one question for a topic may take before it is looked whether the cluster turns us away.
const ASKED_AT_ONCE: Duration = Duration::from_secs(1);

/// How long the cluster may take to say how topics are cleaned up. It is the controller who does, and he may be away.
const SETTINGS_DEADLINE: Duration = Duration::from_secs(3);

/// Every session reads all of `progress`, and the segment that is written is never compacted: so it is kept small.
const PROGRESS_SEGMENT_BYTES: u32 = 1 << 20;
const PROGRESS_SEGMENT_MS: u32 = 600_000;

impl Topic {
    /// The settings it is made with.
    pub(super) fn settings(self) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("cleanup.policy", self.policy().to_owned()),
            // Records carry the time of the video, which may be years ago: by age they would be deleted at once.
            ("retention.ms", "-1".to_owned()),
            ("max.message.bytes", MESSAGE_BYTES_MAX.to_string()),
            // Nor is it for the broker to say that a camera's clock is wrong, or in another time zone.
            ("message.timestamp.after.max.ms", i64::MAX.to_string()),
        ];
        if !self.is_compacted() {
            // A broker may have another size by default.
            settings.push(("retention.bytes", "-1".to_owned()));
        }
        if self == Self::Progress {
            settings.extend([
                ("segment.bytes", PROGRESS_SEGMENT_BYTES.to_string()),
                ("segment.ms", PROGRESS_SEGMENT_MS.to_string()),
                ("min.cleanable.dirty.ratio", "0.1".to_owned()),
            ]);
        }
        settings
    }

    fn policy(self) -> &'static str {
        if self.is_compacted() { "compact" } else { "delete" }
    }
}

/// What was found of the topics.
pub(super) struct Found {
    /// Partitions of `deltas`.
    pub partitions: u32,
    /// Some were made just now: whoever asked for them before believes that they are not there.
    pub are_new: bool,
    /// Bytes of a batch that all of them take, where that was asked and told.
    pub batch_bytes: Option<u64>,
}

/// Sees to the topics that are written, and to how they are cleaned up where that is `unchecked`.
///
/// # Errors
/// Where one is missing and is not to be made, or cannot be used as it is.
pub(super) fn see_to_topics(
    config: &KafkaConfig,
    client: &ClientConfig,
    producer: &ThreadedProducer<Reports>,
    unchecked: bool,
) -> Result<Found, TransactionError> {
    let written: Vec<Topic> = Topic::ALL.into_iter().filter(|topic| config.writes(*topic)).collect();
    let mut found = BTreeMap::new();
    for topic in &written {
        found.insert(*topic, count_partitions(producer, config, *topic, client)?);
    }
    let count = |topic: Topic| found.get(&topic).copied().filter(|count| *count > 0);
    let partitions = count(Topic::Deltas).unwrap_or(config.partitions);
    if unchecked && ![partitions, KafkaConfig::default().partitions].contains(&config.partitions) {
        let (deltas, wanted) = (config.topic(Topic::Deltas.part()), config.partitions);
        tracing::warn!(
            "{deltas} has {partitions} partitions and keeps them, whatever the setting of partitions says: {wanted}"
        );
    }
    let wanted = |topic: Topic| if topic == Topic::Progress { 1 } else { partitions };
    for topic in &written {
        if let Some(count) = count(*topic).filter(|count| *count != wanted(*topic)) {
            return Err(TransactionError::Hopeless(other_count(config, *topic, count, wanted(*topic))));
        }
    }
    let (present, absent): (Vec<Topic>, Vec<Topic>) = written.iter().partition(|topic| count(**topic).is_some());
    if !absent.is_empty() && !config.create_topics {
        let names: Vec<_> = absent.iter().map(|topic| config.topic(topic.part())).collect();
        return Err(TransactionError::Hopeless(format!(
            "the cluster has no topic {}; make them (docs/kafka.md has the commands), or set create_topics = true",
            names.join(", ")
        )));
    }
    let admin: AdminClient<Quiet> = client.create_with_context(Quiet).map_err(hopeless)?;
    let batch_bytes = if unchecked { check_settings(config, &admin, &present)? } else { None };
    create(config, &admin, &absent, wanted)?;
    Ok(Found { partitions, are_new: !absent.is_empty(), batch_bytes })
}

/// What is wrong with a topic of so many partitions.
fn other_count(config: &KafkaConfig, topic: Topic, count: u32, wanted: u32) -> String {
    let (name, deltas) = (config.topic(topic.part()), config.topic(Topic::Deltas.part()));
    match topic {
        Topic::Progress => format!(
            "the topic {name} has {count} partitions, it takes 1, for all cursors to be read in order; use another topic_prefix"
        ),
        _ => format!(
            "the topic {name} has {count} partitions and {deltas} has {wanted}: they take the same number, and none can be added \
             once a stream was told, for it would go on in another partition; use another topic_prefix"
        ),
    }
}

/// The partitions of a topic; none where it is not there.
///
/// # Errors
/// Where the cluster does not answer, does not know it just now, or does not let us ask for it.
fn count_partitions(
    producer: &ThreadedProducer<Reports>,
    config: &KafkaConfig,
    topic: Topic,
    client: &ClientConfig,
) -> Result<u32, TransactionError> {
    let name = &config.topic(topic.part());
    let give_up = Instant::now() + ANSWER_DEADLINE;
    let mut lookout = Lookout::new(client, name.clone());
    let metadata = loop {
        match producer.client().fetch_metadata(Some(name), ASKED_AT_ONCE) {
            Ok(metadata) => break metadata,
            Err(error) if producer.context().rejected().is_some() || Instant::now() >= give_up => {
                return Err(
                    unreached(producer.context(), &config.brokers).unwrap_or_else(|| silent(&config.brokers, error))
                );
            }
            Err(_) => lookout.look_after(producer.client()).map_err(again)?,
        }
    };
    let Some(of_topic) = metadata.topics().first() else {
        return Err(TransactionError::Again(format!("Kafka says nothing of the topic {name}")));
    };
    match of_topic.error().map(RDKafkaErrorCode::from) {
        None => Ok(u32::try_from(of_topic.partitions().len()).unwrap_or(u32::MAX)),
        Some(code) => missing(name, code),
    }
}

/// What whoever reads the status is told of a topic that this user may not use.
pub(super) fn forbidden(name: &str, code: RDKafkaErrorCode) -> String {
    format!(
        "Kafka does not let this user use the topic {name} ({code}); allow it to describe, read and write it (docs/kafka.md has \
         the commands), and start again"
    )
}

/// Whether a topic that is not written any more is there to be used.
///
/// # Errors
/// Where the cluster does not answer.
pub(super) fn is_there(
    producer: &ThreadedProducer<Reports>,
    config: &KafkaConfig,
    topic: Topic,
    client: &ClientConfig,
) -> Result<bool, TransactionError> {
    match count_partitions(producer, config, topic, client) {
        Err(TransactionError::Hopeless(reason)) => {
            tracing::warn!(%reason, "what this topic holds of streams that are gone stays there");
            Ok(false)
        }
        count => Ok(count? > 0),
    }
}

/// That nobody answers, and what was in the way last, where the client has told.
fn unreached(reports: &Reports, brokers: &str) -> Option<TransactionError> {
    let reason = reports.unreached()?;
    Some(TransactionError::Again(format!("{brokers} does not answer, last: {reason}; see to brokers and security.tls")))
}

/// That somebody is there and does not say what a broker would.
fn silent(brokers: &str, error: KafkaError) -> TransactionError {
    TransactionError::Again(format!(
        "{brokers} does not answer as Kafka does: {error}; see to brokers and security.tls"
    ))
}

/// What it means that the cluster gives a code instead of a topic: that it is not there, and no other.
fn missing(name: &str, code: RDKafkaErrorCode) -> Result<u32, TransactionError> {
    match code {
        RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic => Ok(0),
        RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed => {
            Err(TransactionError::Hopeless(forbidden(name, code)))
        }
        RDKafkaErrorCode::InvalidTopic => {
            Err(TransactionError::Hopeless(format!("{name} can be no topic ({code}); choose another topic_prefix")))
        }
        code => Err(TransactionError::Again(format!("Kafka: the topic {name}: {code}"))),
    }
}

/// Refuses topics that forget what they must keep, or take too little; how large a batch all of them take, where they tell.
fn check_settings(
    config: &KafkaConfig,
    admin: &AdminClient<Quiet>,
    topics: &[Topic],
) -> Result<Option<u64>, TransactionError> {
    let names: Vec<String> = topics.iter().map(|topic| config.topic(topic.part())).collect();
    let asked: Vec<ResourceSpecifier<'_>> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    if asked.is_empty() {
        return Ok(None);
    }
    let options = AdminOptions::new().request_timeout(Some(SETTINGS_DEADLINE));
    let told = match futures_executor::block_on(admin.describe_configs(&asked, &options)) {
        Ok(told) => told,
        Err(KafkaError::AdminOp(code)) => vec![Err(code)],
        Err(error) => return Err(again(error)),
    };
    let mut most = BTreeMap::new();
    for resource in told {
        match resource {
            Ok(resource) => {
                let Some(topic) = topic_of(config, topics, &resource) else { continue };
                check_policy(config, topic, &resource)?;
                warn_of_age(topic, &config.topic(topic.part()), &resource);
                let bytes =
                    resource.get("max.message.bytes").and_then(|entry| entry.value.as_ref()?.parse::<u64>().ok());
                most.extend(bytes.map(|bytes| (topic, bytes)));
            }
            Err(code) if is_reserved(code) => {
                tracing::warn!(%code, "the cluster does not say how its topics are cleaned up; docs/kafka.md says how they must be");
            }
            Err(code) => return Err(TransactionError::Again(format!("Kafka: {code}"))),
        }
    }
    match too_narrow(&most) {
        None => Ok(most.into_values().min()),
        Some((topic, bytes, wanted)) => Err(TransactionError::Hopeless(format!(
            "the topic {} takes records of {bytes} bytes and that of deltas of {wanted}, of which the same is told: set its \
             max.message.bytes to {wanted}",
            config.topic(topic.part())
        ))),
    }
}

/// A topic that takes less than that of deltas, and how many bytes they take: what it refuses would have to be taken from both.
fn too_narrow(most: &BTreeMap<Topic, u64>) -> Option<(Topic, u64, u64)> {
    let deltas = *most.get(&Topic::Deltas)?;
    let told = [Topic::State, Topic::Final].into_iter().filter_map(|topic| Some((topic, *most.get(&topic)?, deltas)));
    told.into_iter().find(|(_, bytes, _)| *bytes < deltas)
}

fn topic_of(config: &KafkaConfig, topics: &[Topic], resource: &ConfigResource) -> Option<Topic> {
    let OwnedResourceSpecifier::Topic(name) = &resource.specifier else { return None };
    topics.iter().copied().find(|topic| config.topic(topic.part()) == *name)
}

/// Whether the cluster does not tell settings, or not to us, or not now. Writing takes less than asking for them.
fn is_reserved(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::UnsupportedFeature
            | RDKafkaErrorCode::UnsupportedVersion
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
    )
}

fn check_policy(config: &KafkaConfig, topic: Topic, resource: &ConfigResource) -> Result<(), TransactionError> {
    let policy = resource.get("cleanup.policy").and_then(|entry| entry.value.as_deref());
    match policy.and_then(|policy| complaint(topic, &config.topic(topic.part()), policy, &config.brokers)) {
        Some(complaint) => Err(TransactionError::Hopeless(complaint)),
        None => Ok(()),
    }
}

/// Says that a topic drops what a consumer that begins would have to read. Whoever pays for the disk may want that.
fn warn_of_age(topic: Topic, name: &str, resource: &ConfigResource) {
    for key in ["retention.ms", "retention.bytes"] {
        let value = resource.get(key).and_then(|entry| entry.value.as_deref());
        if let Some(value) = value.filter(|value| drops_the_oldest(topic, value)) {
            tracing::warn!(
                topic = name,
                "{key} is {value}: the oldest records are dropped, and no consumer can begin at the beginning; set it to -1 \
                 (docs/kafka.md)"
            );
        }
    }
}

/// Whether a topic with this age or size forgets what is not said again.
fn drops_the_oldest(topic: Topic, most: &str) -> bool {
    !topic.is_compacted() && most.parse::<i64>().is_ok_and(|most| (0..i64::MAX).contains(&most))
}

/// What is wrong with the way a topic is cleaned up, and what mends it.
fn complaint(topic: Topic, name: &str, policy: &str, brokers: &str) -> Option<String> {
    let has = |wanted: &str| policy.split(',').any(|part| part.trim() == wanted);
    let why = match topic {
        Topic::Progress if has("delete") || !has("compact") => {
            "it would forget how far it is, and all would be told again"
        }
        Topic::State if has("delete") || !has("compact") => "it would forget values that still hold",
        Topic::Deltas | Topic::Final if has("compact") => "it would lose records that are no repetition",
        _ => return None,
    };
    let wanted = topic.policy();
    Some(format!(
        "the topic {name} has cleanup.policy={policy}, it takes {wanted}: {why}; mend it with kafka-configs.sh \
         --bootstrap-server {brokers} --alter --entity-type topics --entity-name {name} --add-config \
         cleanup.policy={wanted}"
    ))
}

fn create(
    config: &KafkaConfig,
    admin: &AdminClient<Quiet>,
    absent: &[Topic],
    partitions: impl Fn(Topic) -> u32,
) -> Result<(), TransactionError> {
    if absent.is_empty() {
        return Ok(());
    }
    let described: Vec<_> = absent.iter().map(|topic| (*topic, config.topic(topic.part()), topic.settings())).collect();
    let topics = described.iter().map(|(topic, name, settings)| {
        let replication = TopicReplication::Fixed(i32::try_from(config.replication).unwrap_or(i32::MAX));
        let partitions = i32::try_from(partitions(*topic)).unwrap_or(i32::MAX);
        let made = NewTopic::new(name, partitions, replication);
        settings.iter().fold(made, |made, (key, value)| made.set(key, value))
    });
    let topics: Vec<NewTopic<'_>> = topics.collect();
    let options = AdminOptions::new().operation_timeout(Some(ANSWER_DEADLINE)).request_timeout(Some(ANSWER_DEADLINE));
    for result in futures_executor::block_on(admin.create_topics(&topics, &options)).map_err(again)? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, RDKafkaErrorCode::InvalidConfig)) => {
                return Err(TransactionError::Hopeless(format!(
                    "the topic {name} cannot be made with our settings, of which a Kafka before 3.6 does not know \
                     message.timestamp.after.max.ms; docs/kafka.md has the commands to make it without"
                )));
            }
            Err((name, code)) => {
                return Err(not_made(config, &name, code));
            }
        }
    }
    Ok(())
}

/// That a topic was not made, and the way out.
fn not_made(config: &KafkaConfig, name: &str, code: RDKafkaErrorCode) -> TransactionError {
    let reason = format!("the topic {name} cannot be made: {code}");
    match code {
        RDKafkaErrorCode::RequestTimedOut | RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::NotController => {
            TransactionError::Again(reason)
        }
        RDKafkaErrorCode::InvalidReplicationFactor => TransactionError::Hopeless(format!(
            "{reason}; replication = {} takes as many brokers, and all of them up",
            config.replication
        )),
        RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed => {
            TransactionError::Hopeless(format!(
                "{reason}; allow this user to create it, or make it (docs/kafka.md has the commands)"
            ))
        }
        _ => TransactionError::Hopeless(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_forgets_what_it_must_keep_is_refused_with_the_command_that_mends_it() {
        let of = |topic, policy| complaint(topic, "vokg.x", policy, "here:9092");
        for topic in Topic::ALL {
            assert_eq!(of(topic, topic.policy()), None, "{topic:?} as we make it");
            assert!(of(topic, "compact,delete").is_some(), "{topic:?}");
        }
        let told = of(Topic::Progress, "delete").expect("the cursor would be forgotten");
        assert!(told.contains("vokg.x") && told.contains("cleanup.policy=delete"), "{told}");
        let command = "kafka-configs.sh --bootstrap-server here:9092 --alter --entity-type topics --entity-name vokg.x \
                       --add-config cleanup.policy=compact";
        assert!(told.contains(command), "{told}");
        assert!(of(Topic::State, "delete").is_some() && of(Topic::Deltas, "compact").is_some());
    }

    #[test]
    fn what_drops_its_oldest_records_is_told_of() {
        assert!(drops_the_oldest(Topic::Deltas, "1000") && drops_the_oldest(Topic::Final, "0"));
        assert!(!drops_the_oldest(Topic::Deltas, "-1") && !drops_the_oldest(Topic::State, "1000"));
        assert!(!drops_the_oldest(Topic::Deltas, "9223372036854775807"), "as good as none");
    }

    #[test]
    fn what_takes_less_than_the_topic_of_deltas_is_found() {
        let all = |state, finals| BTreeMap::from([(Topic::Deltas, 9), (Topic::State, state), (Topic::Final, finals)]);
        assert_eq!(too_narrow(&all(9, 12)), None);
        assert_eq!(too_narrow(&all(9, 8)), Some((Topic::Final, 8, 9)));
        assert_eq!(too_narrow(&all(8, 9)), Some((Topic::State, 8, 9)));
        assert_eq!(too_narrow(&BTreeMap::from([(Topic::Final, 8)])), None, "the cluster does not tell");
    }

    #[test]
    fn only_a_topic_that_is_unknown_is_not_there() {
        assert_eq!(missing("vokg.x", RDKafkaErrorCode::UnknownTopicOrPartition), Ok(0));
        for passing in [RDKafkaErrorCode::LeaderNotAvailable, RDKafkaErrorCode::RequestTimedOut] {
            assert!(matches!(missing("vokg.x", passing), Err(TransactionError::Again(_))), "{passing}");
        }
        let Err(TransactionError::Hopeless(told)) = missing("vokg.x", RDKafkaErrorCode::TopicAuthorizationFailed)
        else {
            panic!("nothing will change by itself")
        };
        assert!(told.contains("vokg.x") && told.contains("describe"), "{told}");
    }

    /// docs/kafka.md has the commands for those who make the topics themselves.
    #[test]
    fn the_commands_of_the_manual_make_what_we_make() {
        let manual = include_str!("../../../docs/kafka.md").replace("\\\n", " ");
        for topic in Topic::ALL {
            let name = format!("--topic vokg.{} ", topic.part());
            let command = manual.lines().find(|line| line.contains("--create") && line.contains(&name));
            let command = command.expect("the manual has a command for each");
            // A broker takes these unless told otherwise.
            let default = [("cleanup.policy", "delete")];
            for (key, value) in topic.settings() {
                let said =
                    command.contains(&format!("--config {key}={value}")) || default.contains(&(key, value.as_str()));
                assert!(said, "{key}={value} of {topic:?}: {command}");
            }
        }
    }
}
