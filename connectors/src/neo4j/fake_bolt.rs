//! A server in this process that speaks Bolt 4.4, keeps cursors and nothing else, and breaks off where it is told to; and
//! what the sink makes of it.

use super::config::Neo4jConfig;
use super::server::Server;
use super::target::Neo4jTarget;
use crate::follow::{Followed, Follower, FollowerConfig, Portion, SinkControl, Step, Target, TargetError};
use crate::store::history::{begin, open, random_log};
use crate::store::{Position, StreamBatch, StreamId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use vokg_engine::id::StreamName;
use vokg_engine::record::LogEntry;

/// A value of PackStream, as far as we use it.
#[derive(Clone, Debug, PartialEq)]
enum Packed {
    Null,
    Flag(bool),
    Integer(i64),
    Decimal(f64),
    Text(String),
    List(Vec<Packed>),
    Map(BTreeMap<String, Packed>),
    Struct(u8, Vec<Packed>),
}

impl Packed {
    fn get(&self, name: &str) -> Option<&Self> {
        if let Self::Map(map) = self { map.get(name) } else { None }
    }

    fn text(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }

    fn len(&self) -> usize {
        if let Self::List(items) = self { items.len() } else { 0 }
    }

    fn read(bytes: &mut &[u8]) -> Self {
        let marker = take(bytes, 1)[0];
        match marker {
            0xC0 => Self::Null,
            0xC1 => Self::Decimal(f64::from_be_bytes(take(bytes, 8).try_into().expect("8 bytes"))),
            0xC2 | 0xC3 => Self::Flag(marker == 0xC3),
            0xC8 => Self::Integer(i64::from(take(bytes, 1)[0].cast_signed())),
            0xC9 => Self::Integer(i16::from_be_bytes(take(bytes, 2).try_into().expect("2 bytes")).into()),
            0xCA => Self::Integer(i32::from_be_bytes(take(bytes, 4).try_into().expect("4 bytes")).into()),
            0xCB => Self::Integer(i64::from_be_bytes(take(bytes, 8).try_into().expect("8 bytes"))),
            0x80..=0x8F | 0xD0..=0xD2 => {
                let length = length(marker, 0x80, 0xD0, bytes);
                Self::Text(String::from_utf8(take(bytes, length).to_vec()).expect("texts are UTF-8"))
            }
            0x90..=0x9F | 0xD4..=0xD6 => {
                let length = length(marker, 0x90, 0xD4, bytes);
                Self::List((0..length).map(|_| Self::read(bytes)).collect())
            }
            0xA0..=0xAF | 0xD8..=0xDA => {
                let length = length(marker, 0xA0, 0xD8, bytes);
                let entry = |_| (Self::read(bytes).text().to_owned(), Self::read(bytes));
                Self::Map((0..length).map(entry).collect())
            }
            0xB0..=0xBF => {
                let signature = take(bytes, 1)[0];
                Self::Struct(signature, (0..marker & 0xF).map(|_| Self::read(bytes)).collect())
            }
            _ => Self::Integer(marker.cast_signed().into()),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let head = |out: &mut Vec<u8>, tiny: u8, large: u8, length: usize| match u8::try_from(length) {
            Ok(short @ 0..=15) => out.push(tiny | short),
            _ => {
                out.push(large);
                out.extend(u32::try_from(length).expect("answers are short").to_be_bytes());
            }
        };
        match self {
            Self::Null => out.push(0xC0),
            Self::Flag(flag) => out.push(0xC2 + u8::from(*flag)),
            Self::Integer(number) => {
                out.push(0xCB);
                out.extend(number.to_be_bytes());
            }
            Self::Decimal(number) => {
                out.push(0xC1);
                out.extend(number.to_be_bytes());
            }
            Self::Text(text) => {
                head(out, 0x80, 0xD2, text.len());
                out.extend(text.as_bytes());
            }
            Self::List(items) => {
                head(out, 0x90, 0xD6, items.len());
                items.iter().for_each(|item| item.write(out));
            }
            Self::Map(map) => {
                head(out, 0xA0, 0xDA, map.len());
                for (name, value) in map {
                    Self::Text(name.clone()).write(out);
                    value.write(out);
                }
            }
            Self::Struct(signature, fields) => {
                out.extend([0xB0 | fields.len() as u8, *signature]);
                fields.iter().for_each(|field| field.write(out));
            }
        }
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}

fn length(marker: u8, tiny: u8, large: u8, bytes: &mut &[u8]) -> usize {
    match marker.checked_sub(large) {
        None => usize::from(marker - tiny),
        Some(power) => take(bytes, 1 << power).iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
    }
}

fn map<const N: usize>(entries: [(&str, Packed); N]) -> Packed {
    Packed::Map(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn text(text: &str) -> Packed {
    Packed::Text(text.to_owned())
}

/// What goes wrong, once each.
#[derive(Clone, Debug, PartialEq)]
enum Fault {
    /// The connection ends before the handshake is answered, or is never answered.
    Mute,
    /// The server says so to whoever introduces himself.
    Refuse(&'static str),
    /// The connection ends at the first message of this kind.
    DropAt(u8),
    /// The connection ends at the commit of a cursor, which is not committed.
    DropBeforeCommit,
    /// A cursor is committed, and the connection ends without an answer.
    DropAfterCommit,
    /// A statement fails with this code.
    Fail(&'static str),
    /// A statement is answered this much later.
    Slow(Duration),
}

const HELLO: u8 = 0x01;
const RESET: u8 = 0x0F;
const RUN: u8 = 0x10;
const BEGIN: u8 = 0x11;
const COMMIT: u8 = 0x12;
const ROLLBACK: u8 = 0x13;
const PULL: u8 = 0x3F;
const DISCARD: u8 = 0x2F;

type Cursors = BTreeMap<String, Packed>;

#[derive(Default)]
struct State {
    faults: Vec<Fault>,
    cursors: Cursors,
    /// The sequence numbers of the cursors that were committed, in order.
    committed: Vec<i64>,
    hello: Option<Packed>,
    statements: u64,
}

/// The server. Its threads end with their connections.
struct FakeBolt {
    state: Arc<Mutex<State>>,
    port: u16,
}

impl FakeBolt {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there are ports");
        let port = listener.local_addr().expect("it has one").port();
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { state, port }
    }

    fn fault(&self, fault: Fault) {
        self.state.lock().expect("nobody panicked").faults.push(fault);
    }

    fn config(&self) -> Neo4jConfig {
        let uri = format!("bolt://127.0.0.1:{}", self.port);
        Neo4jConfig { uri, transaction_secs: 3.0, connect_secs: 3.0, ..Neo4jConfig::default() }
    }

    fn target(&self) -> Neo4jTarget<Server> {
        let server = Server::new(&self.config()).expect("it is configured");
        Neo4jTarget::new(server, [7; 16], false, 100)
    }
}

fn take_fault(state: &Mutex<State>, wanted: impl Fn(&Fault) -> bool) -> Option<Fault> {
    let mut state = state.lock().expect("nobody panicked");
    let index = state.faults.iter().position(wanted)?;
    Some(state.faults.remove(index))
}

fn receive(stream: &mut TcpStream) -> io::Result<Packed> {
    let mut bytes = Vec::new();
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        match usize::from(u16::from_be_bytes(length)) {
            0 if bytes.is_empty() => {}
            0 => return Ok(Packed::read(&mut bytes.as_slice())),
            length => {
                let begin = bytes.len();
                bytes.resize(begin + length, 0);
                stream.read_exact(&mut bytes[begin..])?;
            }
        }
    }
}

fn send(stream: &mut TcpStream, signature: u8, field: Packed) -> io::Result<()> {
    let mut bytes = Vec::new();
    Packed::Struct(signature, vec![field]).write(&mut bytes);
    let mut message = Vec::new();
    for chunk in bytes.chunks(60_000) {
        message.extend((chunk.len() as u16).to_be_bytes());
        message.extend(chunk);
    }
    message.extend([0, 0]);
    stream.write_all(&message)
}

fn success(stream: &mut TcpStream, metadata: Packed) -> io::Result<()> {
    send(stream, 0x70, metadata)
}

fn failure(stream: &mut TcpStream, code: &str, message: &str) -> io::Result<()> {
    send(stream, 0x7F, map([("code", text(code)), ("message", text(message))]))
}

/// Serves a connection until it ends. An open transaction ends with it.
fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let ended = converse(&mut stream, state);
    // Whoever ends a connection is no error, here or there.
    drop(ended);
}

fn converse(stream: &mut TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let mut offered = [0; 20];
    stream.read_exact(&mut offered)?;
    assert_eq!(offered[..4], [0x60, 0x60, 0xB0, 0x17]);
    if take_fault(state, |fault| *fault == Fault::Mute).is_some() {
        // Nothing is said until the other side has had enough.
        return stream.read_exact(&mut offered);
    }
    stream.set_nodelay(true)?;
    stream.write_all(&[0, 0, 4, 4])?;
    let mut open: Option<Cursors> = None;
    let mut rows: Vec<Packed> = Vec::new();
    let mut has_failed = false;
    loop {
        let Packed::Struct(signature, fields) = receive(stream)? else { panic!("a message is a structure") };
        if take_fault(state, |fault| *fault == Fault::DropAt(signature)).is_some() {
            return Ok(());
        }
        if has_failed && signature != RESET {
            send(stream, 0x7E, map([]))?;
            continue;
        }
        match signature {
            HELLO => {
                state.lock().expect("nobody panicked").hello = Some(fields[0].clone());
                if let Some(Fault::Refuse(message)) = take_fault(state, |fault| matches!(fault, Fault::Refuse(_))) {
                    failure(stream, "Neo.ClientError.Security.Unauthorized", message)?;
                    return Ok(());
                }
                success(stream, map([("server", text("Neo4j/4.4.0"))]))?;
            }
            RESET => {
                (open, has_failed) = (None, false);
                success(stream, map([]))?;
            }
            BEGIN => {
                open = Some(state.lock().expect("nobody panicked").cursors.clone());
                success(stream, map([]))?;
            }
            ROLLBACK => {
                open = None;
                success(stream, map([]))?;
            }
            COMMIT => {
                let cursors = open.take().expect("a transaction is open");
                let moves = state.lock().expect("nobody panicked").cursors != cursors;
                if moves && take_fault(state, |fault| *fault == Fault::DropBeforeCommit).is_some() {
                    return Ok(());
                }
                commit(&mut state.lock().expect("nobody panicked"), cursors);
                if moves && take_fault(state, |fault| *fault == Fault::DropAfterCommit).is_some() {
                    return Ok(());
                }
                success(stream, map([]))?;
            }
            RUN => {
                state.lock().expect("nobody panicked").statements += 1;
                if let Some(Fault::Slow(wait)) = take_fault(state, |fault| matches!(fault, Fault::Slow(_))) {
                    std::thread::sleep(wait);
                }
                if let Some(Fault::Fail(code)) = take_fault(state, |fault| matches!(fault, Fault::Fail(_))) {
                    (open, has_failed) = (None, true);
                    failure(stream, code, "as it was told")?;
                    continue;
                }
                let cursors = open.as_mut().expect("a transaction is open");
                let (names, answer) = answer(fields[0].text(), &fields[1], cursors);
                rows = answer;
                success(stream, map([("fields", Packed::List(names.iter().map(|name| text(name)).collect()))]))?;
            }
            PULL | DISCARD => {
                for row in rows.drain(..) {
                    send(stream, 0x71, row)?;
                }
                success(stream, map([("has_more", Packed::Flag(false))]))?;
            }
            _ => return Ok(()),
        }
    }
}

fn commit(state: &mut State, cursors: Cursors) {
    for (stream, cursor) in &cursors {
        if let (true, Some(Packed::Integer(seq))) = (state.cursors.get(stream) != Some(cursor), cursor.get("seq")) {
            state.committed.push(*seq);
        }
    }
    state.cursors = cursors;
}

/// The names and the rows that a statement gives, in the open transaction.
fn answer(statement: &str, parameters: &Packed, cursors: &mut Cursors) -> (Vec<&'static str>, Vec<Packed>) {
    const CURSOR: [&str; 8] = ["stream", "instance", "number", "epoch", "seq", "frontier_us", "form", "removing"];
    let stream = parameters.get("stream").map(|stream| stream.text().to_owned());
    let touched = |count: usize| Packed::List(vec![Packed::Integer(count as i64)]);
    let given = |name: &str| parameters.get(name).map_or(0, Packed::len);
    if statement.starts_with("MATCH (s:VokgSink") && statement.contains("RETURN s.stream") {
        let wanted = cursors.iter().filter(|(name, _)| stream.as_ref().is_none_or(|stream| stream == *name));
        let row = |(name, cursor): (&String, &Packed)| {
            let own = CURSOR[1..].iter().map(|key| cursor.get(key).cloned().unwrap_or(Packed::Null));
            Packed::List([text(name)].into_iter().chain(own).collect())
        };
        return (CURSOR.to_vec(), wanted.map(row).collect());
    }
    if statement.contains("SET s += $properties") {
        let properties = parameters.get("properties").expect("the cursor has properties").clone();
        cursors.insert(stream.expect("it names its stream"), properties);
        return (vec!["touched"], vec![touched(1)]);
    }
    match statement {
        s if s.contains(" AS found") => (vec!["found"], vec![Packed::List(vec![Packed::List(vec![])])]),
        s if s.contains("$rows") => (vec!["touched"], vec![touched(given("rows"))]),
        s if s.contains("$ids") => (vec!["touched"], vec![touched(given("ids"))]),
        s if s.contains(" AS touched") => (vec!["touched"], vec![touched(0)]),
        _ => (vec![], vec![]),
    }
}

fn stream() -> Followed {
    Followed { id: StreamId(1), name: StreamName::slug("clip"), origin_us: Some(1_795_348_800_000_000) }
}

fn portion<'a>(stream: &'a Followed, entries: &'a [LogEntry], none: &'a BTreeSet<Position>) -> Portion<'a> {
    Portion { stream, after: None, entries, refused: none }
}

fn again(result: Result<(), TargetError>, words: &str) {
    assert!(matches!(&result, Err(TargetError::Again(reason)) if reason.contains(words)), "{result:?}");
}

#[test]
fn a_portion_is_written_and_its_position_read_back() {
    let (fake, stream, entries, none) = (FakeBolt::start(), stream(), random_log(3, 40), BTreeSet::new());
    let mut target = fake.target();
    assert_eq!(target.position(&stream), Ok(None));
    let portion = portion(&stream, &entries, &none);
    assert_eq!(target.apply(&portion), Ok(()));
    assert_eq!(fake.target().position(&stream), Ok(Some(portion.last())));
    let hello = fake.state.lock().expect("nobody panicked").hello.clone().expect("it was said");
    assert_eq!(hello.get("principal"), Some(&text("neo4j")));
}

#[test]
fn what_becomes_of_a_commit_without_an_answer_is_asked() {
    let (fake, stream, entries, none) = (FakeBolt::start(), stream(), random_log(3, 40), BTreeSet::new());
    let mut target = fake.target();
    let portion = portion(&stream, &entries, &none);
    assert_eq!(target.position(&stream), Ok(None));
    fake.fault(Fault::DropBeforeCommit);
    again(target.apply(&portion), "Neo4j");
    assert_eq!(target.position(&stream), Ok(None), "it did not arrive");
    fake.fault(Fault::DropAfterCommit);
    again(target.apply(&portion), "Neo4j");
    assert_eq!(target.position(&stream), Ok(Some(portion.last())), "it did");
    again(target.apply(&portion), "somebody else has moved the cursor");
    assert_eq!(fake.state.lock().expect("nobody panicked").committed.len(), 1, "it is there once");
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for() {
    let (fake, stream, entries, none) = (FakeBolt::start(), stream(), random_log(3, 40), BTreeSet::new());
    let mut target = fake.target();
    let begun = Instant::now();
    fake.fault(Fault::Mute);
    assert!(matches!(target.position(&stream), Err(TargetError::Again(reason)) if reason.contains("time")));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(target.position(&stream), Ok(None));
    let begun = Instant::now();
    fake.fault(Fault::Slow(Duration::from_secs(30)));
    again(target.apply(&portion(&stream, &entries, &none)), "time");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let gone = Neo4jConfig { uri: "bolt://127.0.0.1:1".into(), ..fake.config() };
    let mut target = Neo4jTarget::new(Server::new(&gone).expect("it is configured"), [7; 16], false, 100);
    assert!(matches!(target.position(&stream), Err(TargetError::Again(_))));
}

#[test]
fn errors_that_pass_are_tried_again_and_others_stop_the_sink() {
    let (fake, stream, entries, none) = (FakeBolt::start(), stream(), random_log(3, 40), BTreeSet::new());
    let mut target = fake.target();
    let portion = portion(&stream, &entries, &none);
    for code in [
        "Neo.TransientError.Transaction.DeadlockDetected",
        "Neo.DatabaseError.General.UnknownError",
        "Neo.ClientError.Transaction.TransactionTimedOut",
    ] {
        assert_eq!(target.position(&stream), Ok(None));
        fake.fault(Fault::Fail(code));
        again(target.apply(&portion), code);
    }
    fake.fault(Fault::Fail("Neo.ClientError.Statement.SyntaxError"));
    let stopped = target.apply(&portion);
    assert!(matches!(&stopped, Err(TargetError::Hopeless(reason)) if reason.contains("SyntaxError")), "{stopped:?}");
    fake.fault(Fault::Refuse("The client is unauthorized due to authentication failure."));
    let refused = fake.target().position(&stream);
    assert!(matches!(&refused, Err(TargetError::Hopeless(reason)) if reason.contains("unauthorized")), "{refused:?}");
    assert_eq!(target.apply(&portion), Ok(()), "it goes on");
}

/// The whole follower against a server that breaks off everywhere: every portion is committed once, in order.
#[test]
fn whatever_breaks_off_each_portion_is_committed_once() {
    let fake = FakeBolt::start();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let (stream, log) = (begin(&writer, "clip"), random_log(9, 200));
    writer.commit(&[StreamBatch::of_entries(stream, log.clone())]).expect("the log keeps every promise");
    let wait = Duration::from_millis(1);
    let config =
        FollowerConfig { portion_entries: 12, retry_first: wait, retry_most: wait, ..FollowerConfig::default() };
    let mut follower =
        Follower::new(writer.store().clone(), fake.target(), "neo4j", dir.path(), config, SinkControl::default())
            .expect("the directory is empty");
    let mut chance = ChaCha8Rng::seed_from_u64(11);
    let mut waits = 0;
    for _ in 0..3_000 {
        let faults = [
            Fault::DropAt(BEGIN),
            Fault::DropAt(RUN),
            Fault::DropAt(PULL),
            Fault::DropAt(COMMIT),
            Fault::DropBeforeCommit,
            Fault::DropAfterCommit,
            Fault::Fail("Neo.TransientError.General.OutOfMemoryError"),
        ];
        if chance.next_u32().is_multiple_of(3) {
            fake.fault(faults[chance.next_u32() as usize % faults.len()].clone());
        }
        match follower.step() {
            Step::CaughtUp => break,
            Step::Failed(reason) => panic!("{reason}"),
            Step::Wait(_) => waits += 1,
            Step::Moved | Step::Soon(_) => {}
        }
    }
    let state = fake.state.lock().expect("nobody panicked");
    assert!(waits > 10, "{waits} faults had an effect");
    assert!(state.committed.windows(2).all(|two| two[0] < two[1]), "{:?}", state.committed);
    assert_eq!(state.committed.last(), Some(&i64::try_from(log[log.len() - 1].seq).expect("it is small")));
}
