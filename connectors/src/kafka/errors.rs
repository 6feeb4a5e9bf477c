//! What an error of librdkafka means to a transaction.

use super::config::{KafkaConfig, Security};
use super::transaction_log::TransactionError;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// What the error of a [`super::lookout::Lookout`] means.
const LOST: &str =
    "this client of Kafka has lost all brokers and finds none again, while a new one is answered: it is replaced";

/// Whether a record was not even handed over, since no broker would take it.
pub(super) fn is_too_large_to_send(error: &KafkaError) -> bool {
    matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge))
}

/// Whether something else in the transaction has failed before, of which the report may yet come.
pub(super) fn is_spoilt(error: &KafkaError) -> bool {
    matches!(
        error,
        KafkaError::MessageProduction(RDKafkaErrorCode::State)
            | KafkaError::Flush(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight)
    )
}

/// What becomes of a transaction, or a session, by an error.
pub(super) fn of_transaction(error: KafkaError) -> TransactionError {
    match error {
        KafkaError::Global(RDKafkaErrorCode::AllBrokersDown) => again(error),
        error => of_code(error.rdkafka_error_code(), error.to_string()),
    }
}

/// The same, of the code of an error and what librdkafka says of it.
pub(super) fn of_code(code: Option<RDKafkaErrorCode>, reason: String) -> TransactionError {
    match code {
        Some(RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch) => {
            TransactionError::Fenced(reason)
        }
        Some(
            RDKafkaErrorCode::TransactionalIdAuthorizationFailed
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::InvalidTransactionTimeout,
        ) => TransactionError::Hopeless(format!("Kafka: {reason}")),
        _ => TransactionError::Again(format!("Kafka: {reason}")),
    }
}

/// What may go well another time.
pub(super) fn again(error: KafkaError) -> TransactionError {
    TransactionError::Again(match error {
        KafkaError::Global(RDKafkaErrorCode::AllBrokersDown) => LOST.to_owned(),
        error => format!("Kafka: {error}"),
    })
}

/// What will not go well until somebody sees to it.
pub(super) fn hopeless(error: KafkaError) -> TransactionError {
    TransactionError::Hopeless(format!("Kafka: {error}"))
}

/// What whoever reads the status is told of a user that the cluster turns away.
pub(super) fn stranger(config: &KafkaConfig, reason: &str) -> String {
    let Security { sasl, username, .. } = &config.security;
    let user = username.as_deref().unwrap_or("nobody");
    let mechanism = sasl.map_or("no SASL", |mechanism| mechanism.name());
    format!(
        "Kafka turns the user {user:?} away ({mechanism}: {reason}); see to username, sasl and password_env or password_file \
         in the security of this sink, or let the cluster know the user, and start again"
    )
}
