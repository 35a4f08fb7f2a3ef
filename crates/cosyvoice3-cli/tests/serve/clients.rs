//! RTSP clients that are many, or go without a word.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    thread,
};

use socket2::SockRef;

use crate::{PATIENCE, listener::Listener, long, server::Server};

/// A client that speaks RTSP by hand, and does not care for what it gets.
pub struct Client<'a> {
    server: &'a Server,
    stream: BufReader<TcpStream>,
    sequence: u32,
}

impl<'a> Client<'a> {
    pub fn new(server: &'a Server) -> Self {
        let stream = TcpStream::connect(server.rtsp()).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            server,
            stream: BufReader::new(stream),
            sequence: 0,
        }
    }

    /// Sends a request; the status and the session, if the server answers at all.
    fn request(&mut self, method: &str, path: &str, fields: &str) -> Option<(u16, String)> {
        self.sequence += 1;
        let (address, sequence) = (self.server.rtsp(), self.sequence);
        let request =
            format!("{method} rtsp://{address}{path} RTSP/1.0\r\nCSeq: {sequence}\r\n{fields}\r\n");
        self.stream.get_mut().write_all(request.as_bytes()).ok()?;
        self.skip_packets()?;
        let (mut status, mut session) = (None, String::new());
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end();
            if let Some(rest) = line.strip_prefix("RTSP/1.0 ") {
                status = rest[..3].parse().ok();
            } else if let Some(id) = line.strip_prefix("Session: ") {
                session = id.split(';').next().unwrap().to_string();
            } else if line.is_empty() {
                return Some((status?, session));
            }
        }
    }

    /// The same, for which the kernel keeps little that it has not read.
    pub fn with_a_small_buffer(server: &'a Server) -> Self {
        let client = Self::new(server);
        let socket = SockRef::from(client.stream.get_ref());
        socket.set_recv_buffer_size(4096).expect("a buffer");
        client
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.stream.get_ref().local_addr().unwrap().port()
    }

    /// Skips packets of the stream, which may come before an answer.
    fn skip_packets(&mut self) -> Option<()> {
        while self.stream.fill_buf().ok()?.first() == Some(&b'$') {
            self.packet()?;
        }
        Some(())
    }

    /// The next packet of the stream, of sound or about it.
    pub fn packet(&mut self) -> Option<Vec<u8>> {
        let mut header = [0; 4];
        self.stream.read_exact(&mut header).ok()?;
        let mut packet = vec![0; usize::from(u16::from_be_bytes([header[2], header[3]]))];
        self.stream.read_exact(&mut packet).ok()?;
        Some(packet)
    }

    /// Sets the speech up; the session.
    fn set_up(&mut self) -> Option<String> {
        let (status, session) = self.ask_for_setup()?;
        (status == 200).then_some(session)
    }

    /// Asks for the speech; the status and the session.
    pub fn ask_for_setup(&mut self) -> Option<(u16, String)> {
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
        self.request("SETUP", "/speech/stream=0", transport)
    }

    /// Sets the speech up and plays it; whether that was granted.
    pub fn play(&mut self) -> bool {
        let session = self.set_up();
        session.is_some_and(|session| self.begin(&session))
    }

    /// Plays what was set up; whether that was granted.
    pub fn begin(&mut self, session: &str) -> bool {
        let session = format!("Session: {session}\r\n");
        let answer = self.request("PLAY", "/speech/", &session);
        answer.is_some_and(|(status, _)| status == 200)
    }
}

/// A server whose stream is there already.
fn with_a_listener() -> (Server, Listener) {
    let server = Server::new(&["--camera", "none"]);
    let listener = Listener::new(server.uri("/speech"));
    listener.wait_for(1);
    (server, listener)
}

#[test]
fn sessions_end_with_their_connections() {
    let (server, listener) = with_a_listener();
    // More than there may be connections and sessions at a time.
    for number in 0..600 {
        let session = Client::new(&server).set_up();
        assert!(session.is_some(), "client {number} is refused");
    }
    assert!(Client::new(&server).play());
    listener.wait_for(listener.count() + 50);
    assert!(server.end());
}

#[test]
fn fifty_clients_that_reconnect_at_once_are_all_admitted() {
    let (server, listener) = with_a_listener();
    let times = if long() { 40 } else { 10 };
    thread::scope(|scope| {
        for number in 0..50 {
            let server = &server;
            scope.spawn(move || {
                for time in 0..times {
                    assert!(Client::new(server).play(), "client {number}, time {time}");
                }
            });
        }
    });
    listener.wait_for(listener.count() + 50);
    assert!(server.end());
}

#[test]
fn connections_that_do_not_play_give_way_to_one_that_does() {
    let (server, listener) = with_a_listener();
    let idle: Vec<Client> = (0..300).map(|_| Client::new(&server)).collect();
    let waiting: Vec<Client> = (0..150)
        .map(|_| {
            let mut client = Client::new(&server);
            client.set_up();
            client
        })
        .collect();
    assert!(Client::new(&server).play());
    // A client that played before is not disturbed.
    listener.wait_for(listener.count() + 50);
    drop((idle, waiting));
    assert!(server.end());
}

#[test]
fn one_connection_cannot_open_sessions_without_end() {
    let (server, listener) = with_a_listener();
    let mut greedy = Client::new(&server);
    let opened = (0..20).take_while(|_| greedy.set_up().is_some()).count();
    assert!((1..=5).contains(&opened), "{opened}");
    server.wait_for_start("warning: a client was disconnected");
    listener.wait_for(listener.count() + 50);
    assert!(server.end());
}
