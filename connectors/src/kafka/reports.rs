//! What librdkafka tells beside the answers to calls.

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often it is looked whether a report has come.
const REPORT_PAUSE: Duration = Duration::from_millis(5);

/// What became of the records of the open transaction, and whether the cluster knows us.
#[derive(Default)]
pub(super) struct Reports {
    /// The first one that failed for a reason of its own, or else for another, and why: what the client throws away behind a
    /// refusal is told before the refusal itself.
    failed: Mutex<Option<(usize, RDKafkaErrorCode)>>,
    /// Why the cluster turned us away, where it did.
    rejected: Mutex<Option<String>>,
    /// Why a broker was not reached the last time.
    unreached: Mutex<Option<String>>,
}

impl Reports {
    /// Why one has failed, where one has.
    pub fn failed(&self) -> Option<RDKafkaErrorCode> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).map(|(_, code)| code)
    }

    /// The record that is never taken, and why, once it is told, at most after so long. Somebody else polls.
    pub fn refused_within(&self, deadline: Duration) -> Option<(usize, RDKafkaErrorCode)> {
        let give_up = Instant::now() + deadline;
        loop {
            let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            let refused = failed.filter(|(_, code)| is_of_the_record(*code));
            if refused.is_some() || Instant::now() >= give_up {
                return refused;
            }
            std::thread::sleep(REPORT_PAUSE);
        }
    }

    /// This record did not even get on its way, which is more certain than what is told of those that did.
    pub fn not_sent(&self, index: usize, code: RDKafkaErrorCode) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some((index, code));
    }

    fn delivery_failed(&self, index: usize, code: RDKafkaErrorCode) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_none_or(|(_, earlier)| is_of_the_record(code) && !is_of_the_record(earlier)) {
            *failed = Some((index, code));
        }
    }

    /// The cluster does what we ask, so it knows us, whatever one of its brokers said before.
    pub fn known(&self) {
        *self.rejected.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Why a broker was not reached the last time.
    pub fn unreached(&self) -> Option<String> {
        self.unreached.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the cluster turned us away, where it did.
    pub fn rejected(&self) -> Option<String> {
        self.rejected.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether the record is the reason, and not the cluster.
fn is_of_the_record(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidMessage
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::InvalidTimestamp
    )
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Quiet.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Authentication) && is_verdict(reason) {
            *self.rejected.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
        if error.rdkafka_error_code().is_some_and(is_of_the_way) {
            *self.unreached.lock().unwrap_or_else(PoisonError::into_inner) = Some(without_state(reason).to_owned());
        }
        Quiet.error(error, reason);
    }
}

/// Whether there is no way to a broker.
fn is_of_the_way(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::Resolve | RDKafkaErrorCode::SSL)
}

/// What happened, without how long the connection had been in which state, which librdkafka puts behind it.
fn without_state(reason: &str) -> &str {
    reason.rsplit_once(" (after ").map_or(reason, |(what, _)| what)
}

/// Whether the broker has answered. librdkafka calls it the same where the connection breaks on the way to the answer.
fn is_verdict(reason: &str) -> bool {
    !reason.contains("Local: ") && !reason.contains("Disconnected")
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, index: Box<usize>) {
        if let Err((error, _)) = result {
            self.delivery_failed(*index, error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail));
        }
    }
}

/// What librdkafka says of itself is for whoever looks for a defect: what matters comes back as an error of a call.
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(?level, facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
    }
}

impl ConsumerContext for Quiet {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_that_is_refused_is_told_from_those_that_are_thrown_away_behind_it() {
        let reports = Reports::default();
        assert_eq!(reports.refused_within(Duration::ZERO), None);
        reports.delivery_failed(9, RDKafkaErrorCode::PurgeQueue);
        assert_eq!(reports.refused_within(Duration::ZERO), None);
        reports.delivery_failed(3, RDKafkaErrorCode::MessageSizeTooLarge);
        reports.delivery_failed(4, RDKafkaErrorCode::MessageSizeTooLarge);
        reports.delivery_failed(5, RDKafkaErrorCode::PurgeInflight);
        assert_eq!(reports.refused_within(Duration::ZERO), Some((3, RDKafkaErrorCode::MessageSizeTooLarge)));
        reports.not_sent(7, RDKafkaErrorCode::MessageSizeTooLarge);
        assert_eq!(reports.refused_within(Duration::ZERO), Some((7, RDKafkaErrorCode::MessageSizeTooLarge)));
    }

    #[test]
    fn only_an_answer_of_the_broker_turns_us_away() {
        let reports = Reports::default();
        let say = |code, reason| reports.error(KafkaError::Global(code), reason);
        let refused = "127.0.0.1:9092/1: Connect failed: Connection refused";
        let in_state = format!("{refused} (after 0ms in state CONNECT)");
        say(RDKafkaErrorCode::BrokerTransportFailure, refused);
        assert_eq!(reports.unreached().as_deref(), Some(refused));
        say(RDKafkaErrorCode::BrokerTransportFailure, &in_state);
        assert_eq!(reports.unreached().as_deref(), Some(refused), "the state tells nobody anything");
        let broken = "SASL authentication error: SaslAuthenticateRequest failed: Local: Broker transport failure";
        say(RDKafkaErrorCode::Authentication, broken);
        say(RDKafkaErrorCode::Authentication, "Disconnected: hung up from peer in state AUTH_LEGACY");
        assert_eq!(reports.rejected(), None);
        let verdict = "SASL authentication error: Authentication failed: Invalid username or password (after 1ms)";
        say(RDKafkaErrorCode::Authentication, verdict);
        assert_eq!(reports.rejected().as_deref(), Some(verdict));
        reports.known();
        assert_eq!(reports.rejected(), None);
    }
}
