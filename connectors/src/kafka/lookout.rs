//! Whether a client waits for a cluster that it will never find again.
//!
//! A broker that comes back is let in again a moment after it answers, and until then tells of topics and, where it is the
//! only one, of no brokers at all. By that librdkafka lets go of all it has learned, keeps the one it knows as the coordinator
//! half closed, and never asks another (confluentinc/librdkafka#5301): such a client waits until its deadlines, while a new
//! one is answered at once. To look is to ask as well, and may itself be answered in that moment; then what is at hand is done
//! anew some seconds later.

use super::reports::Quiet;
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::time::{Duration, Instant};

/// How long a client is left in peace before it is looked after, and between two looks. Each of them is a connection, of
/// which a broker that stands still keeps some fifty until it goes on.
const LOOK_PAUSE: Duration = Duration::from_millis(1_500);
/// How long it may take a client to find a broker.
const FOUND_WITHIN: Duration = Duration::from_millis(500);
/// How long it may take a new one to connect and be answered, where it begins and where it is sent from there.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);

/// Looks after a client while it waits.
pub(super) struct Lookout<'a> {
    /// How to make a new one.
    client: &'a ClientConfig,
    /// A topic to ask for.
    topic: String,
    next: Instant,
}

impl<'a> Lookout<'a> {
    /// Begins now, with a pause.
    pub fn new(client: &'a ClientConfig, topic: String) -> Self {
        Self { client, topic, next: Instant::now() + LOOK_PAUSE }
    }

    /// The client got on: there is nothing to look for yet.
    pub fn rest(&mut self) {
        self.next = Instant::now() + LOOK_PAUSE;
    }

    /// Mostly this looks at the clock alone; else it takes up to some 3 s, and longer where the name service is away.
    ///
    /// # Errors
    /// Where the client finds no broker, and a new one is answered: `AllBrokersDown`.
    pub fn look_after<C: ClientContext>(&mut self, own: &Client<C>) -> Result<(), KafkaError> {
        if Instant::now() < self.next {
            return Ok(());
        }
        let is_lost = self.finds_no_broker(own) && self.is_answered_anew();
        self.rest();
        if is_lost { Err(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown)) } else { Ok(()) }
    }

    /// Whether there is none to be asked, which is something else than one that does not answer.
    fn finds_no_broker<C: ClientContext>(&self, own: &Client<C>) -> bool {
        let found = own.fetch_metadata(Some(&self.topic), FOUND_WITHIN);
        matches!(found, Err(KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerTransportFailure)))
    }

    /// Where a client begins is one address, and where the brokers say that they are is another, which may be slower: the second
    /// answer comes from there. Where nobody listens there, a client begins anew by itself.
    fn is_answered_anew(&self) -> bool {
        let new: Result<BaseConsumer<Quiet>, _> = self.client.create_with_context(Quiet);
        new.is_ok_and(|new| {
            (0..2).all(|_| {
                let answer = new.fetch_metadata(Some(&self.topic), ANSWERED_WITHIN);
                answer.is_ok_and(|metadata| !metadata.brokers().is_empty())
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake_broker::{Answers, Broker};
    use super::*;
    use rdkafka::producer::{BaseProducer, Producer};

    fn look<C: ClientContext>(client: &ClientConfig, own: &Client<C>) -> Result<(), KafkaError> {
        let mut lookout = Lookout::new(client, "topic".to_owned());
        lookout.next = Instant::now();
        lookout.look_after(own)
    }

    /// Asks where the client begins, and then where it is sent.
    fn begin<C: ClientContext>(own: &Client<C>) {
        for _ in 0..2 {
            let told = own.fetch_metadata(Some("topic"), Duration::from_secs(30)).expect("the broker answers");
            assert!(!told.brokers().is_empty());
        }
    }

    /// If a librdkafka recovers from it by itself, all of this file can go.
    #[test]
    fn who_was_told_of_no_brokers_is_lost_once_there_are_brokers_again() {
        let broker = Broker::start();
        let client = broker.client();
        let own: BaseProducer = client.clone().set("transactional.id", "lost").create().expect("it is whole");
        own.init_transactions(Duration::from_secs(30)).expect("the broker answers");
        begin(own.client());
        assert_eq!(look(&client, own.client()), Ok(()));
        broker.answer(Answers::NoBrokers);
        let told = own.client().fetch_metadata(Some("topic"), Duration::from_secs(30)).expect("the broker answers");
        assert!(told.brokers().is_empty());
        assert_eq!(look(&client, own.client()), Ok(()), "a new client is told the same");
        broker.answer(Answers::All);
        let lost = Err(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown));
        // A machine that does much else may take a new client longer than it has.
        let is_lost = (0..30).any(|_| look(&client, own.client()) == lost);
        assert!(is_lost, "it goes on by itself");
    }

    /// The broker of its connection says nothing, and a new client would be answered.
    #[test]
    fn who_waits_for_a_broker_that_stands_still_is_not_lost() {
        let broker = Broker::start();
        let client = broker.client();
        let own: BaseProducer = client.create().expect("it is whole");
        begin(own.client());
        broker.answer(Answers::Nothing);
        assert_eq!(look(&client, own.client()), Ok(()));
        broker.answer_newcomers();
        assert_eq!(look(&client, own.client()), Ok(()));
        broker.answer(Answers::All);
        assert_eq!(look(&client, own.client()), Ok(()));
    }

    /// A new client would be answered where it begins, and not where it is sent.
    #[test]
    fn who_waits_for_a_broker_that_is_silent_where_it_says_that_it_is_is_not_lost() {
        let silent = Broker::start();
        silent.answer(Answers::Nothing);
        let broker = Broker::start_as(silent.port());
        let client = broker.client();
        let own: BaseProducer = client.create().expect("it is whole");
        let told = own.client().fetch_metadata(Some("topic"), Duration::from_secs(30)).expect("the broker answers");
        assert!(!told.brokers().is_empty());
        for _ in 0..3 {
            assert_eq!(look(&client, own.client()), Ok(()));
        }
    }
}
