//! A server without free descriptors, and one whose log cannot be written.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use crate::{
    PATIENCE,
    clients::Client,
    listener::Listener,
    process::{descriptors, limit_descriptors, ticks, wait_for_descriptors},
    server::{Server, command},
};

#[test]
fn without_free_descriptors_nothing_spins_and_requests_are_answered_afterwards() {
    let server = Server::new(&["--camera", "none"]);
    let id = server.say("Да.");
    server.wait_for(&format!("announcement {id} finished"));
    let pid = server.pid();
    let usual = descriptors(pid);
    let before = limit_and_fill(&server);
    server.wait_for_start("warning: RTSP connections cannot be accepted");
    let main = "cosyvoice3";
    let used = ticks(pid, "http") + ticks(pid, main);
    thread::sleep(Duration::from_secs(2));
    let used = ticks(pid, "http") + ticks(pid, main) - used;
    println!("{used} ticks of 10 ms in 2 s");
    // A loop without a pause would take all that it gets of 200.
    assert!(used < 20, "{used} ticks of 10 ms in 2 s");
    drop(before);
    // Those that the server has not accepted yet would take its descriptors once more, beside the listener's. They are
    // accepted in turn: an answer says that none waits before it.
    wait_for_an_answer(&server);
    assert_eq!(server.post("/cancel-all", "").0, 202);
    wait_for_descriptors(pid, usual + 8);
    let listener = Listener::new(server.uri("/speech"));
    listener.wait_for(50);
    drop(listener);
    assert!(server.end());
}

#[test]
fn a_client_that_is_accepted_when_descriptors_run_short_gets_its_stream() {
    let server = Server::new(&["--camera", "none"]);
    let id = server.say("Да.");
    server.wait_for(&format!("announcement {id} finished"));
    // They stay open: only those that must go make room.
    let _idle = limit_and_fill(&server);
    server.wait_for_start("warning: RTSP connections cannot be accepted");
    let started = Instant::now();
    // A connection that has to wait too long for its turn is made again, as clients do.
    loop {
        let mut client = Client::new(&server);
        let set_up = client.ask_for_setup();
        if let Some((status, session)) = set_up {
            assert_eq!(status, 200, "the stream is refused");
            if client.begin(&session) && client.packet().is_some() {
                break;
            }
        }
        assert!(started.elapsed() < PATIENCE, "no client plays");
    }
    assert!(server.end());
}

/// Takes all descriptors that the server may have, by connections that send nothing.
fn limit_and_fill(server: &Server) -> Vec<TcpStream> {
    let pid = server.pid();
    // Enough for a client that plays, once the connections are gone.
    let most = descriptors(pid) + 24;
    limit_descriptors(pid, most);
    let rtsp = || TcpStream::connect(server.rtsp()).expect("it listens");
    let mut streams: Vec<TcpStream> = (0..40).map(|_| rtsp()).collect();
    let http = || TcpStream::connect(server.http()).expect("it listens");
    streams.extend((0..40).map(|_| http()));
    streams
}

/// Asks over RTSP until there is an answer.
fn wait_for_an_answer(server: &Server) {
    let started = Instant::now();
    while !answers(server) {
        assert!(started.elapsed() < PATIENCE, "no answer over RTSP");
    }
}

/// True if there is an answer over RTSP; false if the connection was ended to make room.
fn answers(server: &Server) -> bool {
    let mut stream = TcpStream::connect(server.rtsp()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let asked = stream.write_all(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    asked
        .and_then(|()| stream.read_exact(&mut [0; b"RTSP/1.0 200".len()]))
        .is_ok()
}

#[test]
fn a_log_that_cannot_be_written_ends_nothing() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let unread = || Stdio::from(std::io::pipe().unwrap().1);
    for log in [Stdio::from(full), unread()] {
        let server = Server::start(command().args(["--camera", "none"]).stderr(log));
        for _ in 0..2 {
            let listener = Listener::new(server.uri("/speech"));
            listener.wait_for(1);
            server.say("Да.");
            listener.wait_for(listener.count() + 50);
        }
        assert!(server.end());
    }
}
