//! Places for connections over real sockets: each peer has its share, and when all are taken the oldest idle one goes.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
};

use serde_json::json;
use socket2::{Domain, Socket, Type};

use crate::{PATIENCE, server::Server};

/// Room for four connections, two of one peer, that may be idle for as long as a test takes.
const FEW: [&str; 6] = [
    "--max-connections",
    "4",
    "--max-connections-of-one",
    "2",
    "--request-time",
    "600",
];
/// Room for one.
const ONE: [&str; 2] = ["--max-connections", "1"];

/// A connection from 127.0.0.`peer`: each address of that network is this machine's.
fn connect(peer: u8, to: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let from = SocketAddr::from(([127, 0, 0, peer], 0));
    socket.bind(&from.into()).expect("an address of loopback");
    let to: SocketAddr = to.parse().unwrap();
    socket.connect(&to.into()).expect("it listens");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// All that comes until the server ends the connection.
#[track_caller]
fn end_of(mut stream: TcpStream) -> String {
    let mut words = String::new();
    stream.read_to_string(&mut words).expect("an end");
    words
}

/// Returns true if the server has neither written to the connection nor ended it.
fn is_idle(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let seen = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    seen.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Asks `question` and reads as much as `answer` has.
#[track_caller]
fn assert_answered(mut stream: TcpStream, question: &str, answer: &str) {
    stream.write_all(question.as_bytes()).expect("it reads");
    let mut bytes = vec![0; answer.len()];
    stream.read_exact(&mut bytes).expect("an answer");
    assert_eq!(String::from_utf8_lossy(&bytes), answer);
}

/// Has idle connections of several peers compete for [`FEW`] places at `address`; what those got that had to go.
#[track_caller]
fn compete(address: &str, question: &str, answer: &str) -> [String; 2] {
    let other = connect(2, address);
    let [first, second, third] = [(); 3].map(|()| connect(1, address));
    // The peer's share is two: its own oldest goes.
    let of_one = end_of(first);
    assert!(is_idle(&other) && is_idle(&second));
    let fourth = connect(3, address);
    let fifth = connect(4, address);
    // The places are four: the oldest of all goes.
    let of_all = end_of(other);
    for stream in [second, third, fourth, fifth] {
        assert_answered(stream, question, answer);
    }
    [of_one, of_all]
}

#[test]
fn idle_connections_of_http_push_out_the_oldest_of_their_peer_and_else_the_oldest_of_all() {
    let server = Server::http_alone(&FEW);
    let question = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for refusal in compete(server.http(), question, "HTTP/1.1 200 OK") {
        assert!(refusal.starts_with("HTTP/1.1 503 "), "{refusal}");
        assert!(refusal.contains("connections_used_up"), "{refusal}");
    }
    assert!(server.end());
}

#[test]
fn idle_connections_of_wyoming_push_out_the_oldest_of_their_peer_and_else_the_oldest_of_all() {
    let server = Server::http_alone(&[&FEW[..], &["--wyoming", "127.0.0.1:0"]].concat());
    let question = "{\"type\": \"ping\"}\n";
    assert_eq!(compete(server.wyoming(), question, "{"), ["", ""]);
    assert!(server.end());
}

#[test]
fn a_newcomer_to_wyoming_is_turned_away_where_all_are_being_spoken_to() {
    let server = Server::http_alone(&[&ONE[..], &["--wyoming", "127.0.0.1:0"]].concat());
    let long = "Поезд отправляется через пять минут с третьего пути. ".repeat(100);
    let wanted = json!({ "type": "synthesize", "data": { "text": long } });
    let mut client = connect(1, server.wyoming());
    writeln!(client, "{wanted}").unwrap();
    // Speech has begun.
    client.read_exact(&mut [0]).unwrap();
    assert_eq!(end_of(connect(2, server.wyoming())), "");
    client.read_exact(&mut [0; 4096]).expect("more speech");
    assert!(server.end());
}

#[cfg(feature = "rtsp")]
#[test]
fn idle_connections_of_rtsp_push_out_the_oldest_of_their_peer_and_else_the_oldest_of_all() {
    let server = Server::new(&[&FEW[..], &["--camera", "none"]].concat());
    let question = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";
    let ends = compete(server.rtsp(), question, "RTSP/1.0 200 OK");
    assert_eq!(ends, ["", ""]);
    assert!(server.end());
}

#[cfg(feature = "rtsp")]
#[test]
fn a_newcomer_to_rtsp_is_turned_away_where_all_are_playing() {
    let server = Server::new(&[&ONE[..], &["--camera", "none"]].concat());
    let listener = crate::listener::Listener::new(server.uri("/speech"));
    listener.wait_for(10);
    assert_eq!(end_of(connect(2, server.rtsp())), "");
    server
        .wait_for_start("warning: a client of 127.0.0.2 was refused: 256 of one address and 1 in");
    listener.wait_for(listener.count() + 50);
    assert!(server.end());
}
