//! A broker that takes SASL over TLS alone is told as any other, and nothing with a wrong password.

use crate::broker::{OwnBroker, broker, config, kafka};
use crate::support::{clip, run};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use vokg::config::Config;
use vokg::jobs::Disturbance;
use vokg::sinks::Sinks;
use vokg_connectors::follow::SinkState;
use vokg_connectors::kafka::{SaslMechanism, Security};

fn security(home: &Path, mechanism: SaslMechanism, password: &str) -> Security {
    let password_file = home.join(format!("password-{}", password.len()));
    std::fs::write(&password_file, format!("{password}\n")).unwrap();
    Security {
        tls: true,
        ca_file: Some(home.join("kafka/ca.pem")),
        sasl: Some(mechanism),
        username: Some("vokg".to_owned()),
        password_file: Some(password_file),
        ..Security::default()
    }
}

#[test]
fn over_tls_with_a_password() {
    if broker().is_none() {
        return;
    }
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("SKIPPED: Kafka over TLS, since there is no openssl to make certificates with");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("services");
    let own = OwnBroker::start(&home, true);
    let (path, _) = clip(dir.path(), "near", None);
    for mechanism in [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512] {
        let mut config: Config = config(&own.address(), &format!("vokg-{}", mechanism.name()));
        config.sinks.kafka.get_mut("main").unwrap().security = security(&home, mechanism, "open sesame");
        let data = dir.path().join(mechanism.name());
        let finished = run(std::slice::from_ref(&path), &data, &config, &Disturbance::default());
        assert_eq!(finished.sinks[0].status.state, SinkState::CaughtUp, "{mechanism:?}: {:?}", finished.sinks);
        assert!(finished.sinks[0].status.applied > 0);
    }
    // Beside the rights that were granted.
    let mut elsewhere = config(&own.address(), "wrong");
    elsewhere.sinks.kafka.get_mut("main").unwrap().security = security(&home, SaslMechanism::Plain, "open sesame");
    let reason = refusal(&elsewhere, &dir.path().join("PLAIN"));
    assert!(reason.contains("wrong-") && reason.contains("allow"), "{reason}");
    let mut config = config(&own.address(), "vokg-wrong");
    config.sinks.kafka.get_mut("main").unwrap().security = security(&home, SaslMechanism::Plain, "open barley");
    assert!(kafka(&config).security.tls);
    let reason = refusal(&config, &dir.path().join("PLAIN"));
    assert!(reason.contains("\"vokg\"") && reason.contains("password_file"), "{reason}");
    assert!(!reason.contains("barley"), "{reason}");
}

/// Why a sink of this store has stopped before it told anything.
fn refusal(config: &Config, data: &Path) -> String {
    let store = crate::support::store(data);
    let sinks = Sinks::start(config, &[], &store, data).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let told = loop {
        let status = sinks.reports()[0].status.clone();
        if matches!(status.state, SinkState::Failed(_)) || Instant::now() >= deadline {
            break status;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let SinkState::Failed(reason) = told.state else { panic!("it waits for what will never be: {told:?}") };
    assert_eq!(told.applied, 0);
    sinks.stop();
    reason
}
