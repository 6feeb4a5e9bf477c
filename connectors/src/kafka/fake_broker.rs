//! A broker for tests that answers as it is told, or not at all.

use rdkafka::config::ClientConfig;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// What it answers.
#[derive(Clone, Copy)]
pub(super) enum Answers {
    /// Itself.
    All,
    /// That there are no brokers.
    NoBrokers,
    /// Nothing.
    Nothing,
    /// Nothing to the connections up to this one, itself to those that came later.
    Newcomers(usize),
}

/// A broker that knows as much of the protocol as it takes to begin a session, in its oldest versions: librdkafka's own
/// mock always tells of all brokers.
pub(super) struct Broker {
    address: String,
    told: Arc<Told>,
}

/// What its connections have in common.
struct Told {
    /// The port that it says it is at.
    port: u16,
    connections: AtomicUsize,
    answers: Mutex<Answers>,
}

impl Broker {
    /// On a port of loopback, until the process ends.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
        let port = listener.local_addr().expect("it is bound").port();
        Self::serve(listener, port)
    }

    /// The same, which says that it is at another port.
    pub fn start_as(port: u16) -> Self {
        Self::serve(TcpListener::bind("127.0.0.1:0").expect("loopback has a port"), port)
    }

    fn serve(listener: TcpListener, port: u16) -> Self {
        let address = listener.local_addr().expect("it is bound").to_string();
        let (connections, answers) = (AtomicUsize::new(0), Mutex::new(Answers::All));
        let told = Arc::new(Told { port, connections, answers });
        let of_all = Arc::clone(&told);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (number, told) = (1 + of_all.connections.fetch_add(1, SeqCst), Arc::clone(&of_all));
                std::thread::spawn(move || serve(stream, number, &told));
            }
        });
        Self { address, told }
    }

    /// Where it says that it is.
    pub fn port(&self) -> u16 {
        self.told.port
    }

    /// From now on it answers this way.
    pub fn answer(&self, what: Answers) {
        *self.told.answers.lock().expect("nobody panicked") = what;
    }

    /// From now on it answers only whoever connects from now on.
    pub fn answer_newcomers(&self) {
        self.answer(Answers::Newcomers(self.told.connections.load(SeqCst)));
    }

    /// How to make a client of it.
    pub fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.address);
        client
    }
}

/// Answers the requests of a connection until the client hangs up.
fn serve(mut stream: TcpStream, connection: usize, told: &Told) -> Option<()> {
    let mut number = [0; 4];
    loop {
        stream.read_exact(&mut number).ok()?;
        let mut request = vec![0; u32::from_be_bytes(number) as usize];
        stream.read_exact(&mut request).ok()?;
        let has_broker = match *told.answers.lock().expect("nobody panicked") {
            Answers::All => true,
            Answers::NoBrokers => false,
            Answers::Newcomers(last) if connection > last => true,
            Answers::Nothing | Answers::Newcomers(_) => continue,
        };
        let key = i16::from_be_bytes([request[0], request[1]]);
        let client = usize::from(u16::from_be_bytes([request[8], request[9]]));
        let answer = [&request[4..8], &answer(key, &request[10 + client..], told.port, has_broker)].concat();
        let length = u32::try_from(answer.len()).ok()?.to_be_bytes();
        stream.write_all(&[&length[..], &answer].concat()).ok()?;
    }
}

/// The body of an answer to a request of this kind. Numbers are big-endian, texts and lists come behind their lengths.
fn answer(key: i16, body: &[u8], port: u16, has_broker: bool) -> Vec<u8> {
    const METADATA: i16 = 3;
    const FIND_COORDINATOR: i16 = 10;
    const API_VERSIONS: i16 = 18;
    const INIT_PRODUCER_ID: i16 = 22;
    let short = |number: i16| number.to_be_bytes().to_vec();
    let long = |number: i32| number.to_be_bytes().to_vec();
    let host = [short(9), b"127.0.0.1".to_vec(), long(port.into())].concat();
    match key {
        // Version 3: a list and the end of a structure are written in a byte each.
        API_VERSIONS => {
            let known = [(METADATA, 1), (FIND_COORDINATOR, 1), (API_VERSIONS, 3), (INIT_PRODUCER_ID, 0)];
            let each = known.map(|(key, most)| [short(key), short(0), short(most), vec![0]].concat()).concat();
            [short(0), vec![1 + known.len() as u8], each, long(0), vec![0]].concat()
        }
        METADATA => {
            let brokers = match has_broker {
                true => [long(1), long(1), host, short(-1)].concat(),
                false => long(0),
            };
            let asked = i32::from_be_bytes([body[0], body[1], body[2], body[3]]).max(0);
            let (mut topics, mut rest) = (long(asked), &body[4..]);
            for _ in 0..asked {
                let (name, others) = rest.split_at(2 + usize::from(u16::from_be_bytes([rest[0], rest[1]])));
                rest = others;
                let leader = if has_broker { 1 } else { -1 };
                let partition = [short(0), long(0), long(leader), long(1), long(1), long(1), long(1)].concat();
                topics.extend([short(0), name.to_vec(), vec![0], long(1), partition].concat());
            }
            [brokers, long(if has_broker { 1 } else { -1 }), topics].concat()
        }
        FIND_COORDINATOR => [long(0), short(0), short(-1), long(1), host].concat(),
        INIT_PRODUCER_ID => [long(0), short(0), vec![0; 8], short(0)].concat(),
        other => panic!("it was not said that request {other} is known"),
    }
}
