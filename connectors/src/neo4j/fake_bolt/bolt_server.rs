//! The server: what it keeps, what goes wrong with it, and the conversation.

use super::packed::{Packed, map, text};
use crate::neo4j::config::Neo4jConfig;
use crate::neo4j::server::Server;
use crate::neo4j::target::Neo4jTarget;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What goes wrong, once each.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fault {
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
pub(super) const RUN: u8 = 0x10;
pub(super) const BEGIN: u8 = 0x11;
pub(super) const COMMIT: u8 = 0x12;
const ROLLBACK: u8 = 0x13;
pub(super) const PULL: u8 = 0x3F;
const DISCARD: u8 = 0x2F;

pub(super) type Cursors = BTreeMap<String, Packed>;

#[derive(Default)]
pub(super) struct State {
    pub(super) faults: Vec<Fault>,
    pub(super) cursors: Cursors,
    /// The sequence numbers of the cursors that were committed, in order.
    pub(super) committed: Vec<i64>,
    pub(super) hello: Option<Packed>,
    pub(super) statements: u64,
}

/// The server. Its threads end with their connections.
pub(super) struct FakeBolt {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) port: u16,
}

impl FakeBolt {
    pub(super) fn start() -> Self {
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

    pub(super) fn fault(&self, fault: Fault) {
        self.state.lock().expect("nobody panicked").faults.push(fault);
    }

    pub(super) fn config(&self) -> Neo4jConfig {
        let uri = format!("bolt://127.0.0.1:{}", self.port);
        Neo4jConfig { uri, transaction_secs: 3.0, connect_secs: 3.0, ..Neo4jConfig::default() }
    }

    pub(super) fn target(&self) -> Neo4jTarget<Server> {
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
    const CURSOR: [&str; 9] =
        ["stream", "instance", "number", "epoch", "seq", "frontier_us", "form", "mark", "removing"];
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
