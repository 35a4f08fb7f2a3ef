//! The announcer's HTTP server, and clients that are wrong, slow or many.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    process::Stdio,
    thread,
    time::Duration,
};

use crate::{
    PATIENCE,
    announcer::{Announcer, answer, command},
    listener::Listener,
    process::{descriptors, limit_descriptors, threads, ticks},
};

fn speech_alone() -> Announcer {
    Announcer::new(&["--camera", "none"])
}

fn connect(announcer: &Announcer) -> TcpStream {
    let stream = TcpStream::connect(announcer.http()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn an_unknown_voice_is_refused_with_the_names_of_the_voices_and_the_stream_goes_on() {
    let announcer = speech_alone();
    let listener = Listener::new(announcer.uri("/speech"));
    listener.wait_for(1);
    for (target, part) in [
        ("/say?voice=nobody", "golden"),
        ("/say?voice=", "golden"),
        ("/say?priority=%2B5", "a number from"),
        ("/say?interrupt=later", "none, sentence, now"),
        ("/say?volume=3", "voice, instruct, priority, interrupt"),
        ("/say?priority=1&priority=2", "twice"),
        ("/cancel", "id=NUMBER"),
        ("/cancel?id=%2B1", "number"),
        ("/cancel-all?now=1", "\"now\""),
    ] {
        let (status, words) = announcer.post(target, "Да.");
        assert_eq!(status, 400, "{target}: {words}");
        assert!(words.contains(part), "{target}: {words}");
    }
    let (status, id) = announcer.post("/say?voice=golden", "Да.");
    assert_eq!(status, 202, "{id}");
    announcer.wait_for(&format!("announcement {id} finished"));
    listener.wait_for(listener.count() + 10);
    assert!(announcer.end());
}

#[test]
fn requests_have_the_status_that_http_gives_them() {
    let announcer = speech_alone();
    let say = |fields: &str, body: &str| {
        format!("POST /say HTTP/1.1\r\nHost: x\r\n{fields}\r\n{body}").into_bytes()
    };
    let json = |body: &str| {
        let length = body.len();
        let fields = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        say(&fields, body)
    };
    for (request, status) in [
        (say("Content-Length: 5\r\n", "Да."), 202),
        (
            say("Transfer-Encoding: chunked\r\n", "5\r\nДа.\r\n0\r\n\r\n"),
            202,
        ),
        (
            say("Expect: 100-continue\r\nContent-Length: 5\r\n", "Да."),
            202,
        ),
        (json(r#"{"text": "Да.", "voice": "golden"}"#), 202),
        (json(r#"{"text": "Да.", "voice": "nobody"}"#), 400),
        (json(r#"{"words": "Да."}"#), 400),
        (
            say("Content-Length: 5\r\nContent-Length: 6\r\n", "Да.."),
            400,
        ),
        (say("Content-Length: +5\r\n", "Да."), 400),
        (say("Content-Length: 1\r\n", "\u{7f}"), 202),
        (say("Content-Length: 2\r\n", " \n"), 400),
        (say("", ""), 411),
        (say("Content-Length: 99999999\r\n", ""), 413),
        (
            say("Content-Type: audio/wav\r\nContent-Length: 5\r\n", "Да."),
            415,
        ),
        (
            say(
                "Content-Type: text/plain; charset=koi8-r\r\nContent-Length: 1\r\n",
                "x",
            ),
            415,
        ),
        (
            say("Origin: http://page\r\nContent-Length: 5\r\n", "Да."),
            403,
        ),
        (
            b"POST /say HTTP/1.1\r\nContent-Length: 1\r\n\r\n\xc4".to_vec(),
            400,
        ),
        (b"GET /say HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 405),
        (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 404),
        (
            b"POST /cancel?id=1000 HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            404,
        ),
        // No body is a body of no length.
        (
            b"POST /cancel-all HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            202,
        ),
    ] {
        let shown = String::from_utf8_lossy(&request).into_owned();
        let (answered, words) = announcer.send(&request);
        assert_eq!(answered, status, "{shown:?}: {words}");
    }
    // A body that ends before its length says.
    let mut stream = connect(&announcer);
    stream
        .write_all(&say("Content-Length: 9\r\n", "Да."))
        .unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(
        rest.is_empty() || rest.starts_with("HTTP/1.1 400 "),
        "{rest}"
    );
    assert!(announcer.end());
}

#[test]
fn an_answer_reaches_a_client_that_still_sends() {
    let announcer = speech_alone();
    let body = "x".repeat(3 << 20);
    let (status, words) = announcer.post("/say", &body);
    assert_eq!(status, 413, "{words}");
    let long = format!("POST /say HTTP/1.1\r\nx: {body}\r\n\r\n");
    assert_eq!(announcer.send(long.as_bytes()).0, 431);
    assert!(announcer.end());
}

#[test]
fn well_formed_requests_are_answered_beside_idle_connections_and_cost_no_threads() {
    let announcer = speech_alone();
    let id = announcer.say("Да.");
    announcer.wait_for(&format!("announcement {id} finished"));
    let before = threads(announcer.pid());
    let idle: Vec<TcpStream> = (0..200).map(|_| connect(&announcer)).collect();
    thread::scope(|scope| {
        for _ in 0..45 {
            scope.spawn(|| assert_eq!(announcer.post("/cancel-all", "").0, 202));
        }
    });
    let after = threads(announcer.pid());
    assert!(after < before + 20, "{before} threads, then {after}");
    drop(idle);
    assert!(announcer.end());
}

#[test]
fn slow_requests_have_one_deadline_and_shut_nobody_out() {
    let announcer = speech_alone();
    let mut slow: Vec<TcpStream> = (0..100).map(|_| connect(&announcer)).collect();
    // Some are in the head, some in the body, and all of them send on and on.
    for (index, stream) in slow.iter_mut().enumerate() {
        let head = match index % 2 {
            0 => "POST /say HTTP/1.1\r\nx: ",
            _ => "POST /say HTTP/1.1\r\nContent-Length: 60000\r\n\r\n",
        };
        let _ = stream.write_all(head.as_bytes());
    }
    let mut answered = 0;
    while !slow.is_empty() {
        slow.retain_mut(|stream| stream.write_all(b"x").is_ok());
        assert_eq!(announcer.post("/cancel-all", "").0, 202);
        answered += 1;
        thread::sleep(Duration::from_millis(100));
        assert!(answered < 1200, "{} slow requests go on", slow.len());
    }
    println!("{answered} requests were answered meanwhile");
    // A slow client gets the reason.
    let mut stream = connect(&announcer);
    stream.write_all(b"POST /say HTTP/1.1\r\n").unwrap();
    assert_eq!(answer(stream).0, 408);
    assert!(announcer.end());
}

#[test]
fn without_free_descriptors_nothing_spins_and_requests_are_answered_afterwards() {
    let announcer = speech_alone();
    let id = announcer.say("Да.");
    announcer.wait_for(&format!("announcement {id} finished"));
    let pid = announcer.pid();
    let before = limit_and_fill(&announcer);
    announcer.wait_for_start("warning: RTSP connections cannot be accepted");
    let main = "cosyvoice3-anno";
    let used = ticks(pid, "http") + ticks(pid, main);
    thread::sleep(Duration::from_secs(2));
    let used = ticks(pid, "http") + ticks(pid, main) - used;
    println!("{used} ticks of 10 ms in 2 s");
    // A loop without a pause would take all that it gets of 200.
    assert!(used < 20, "{used} ticks of 10 ms in 2 s");
    drop(before);
    assert_eq!(announcer.post("/cancel-all", "").0, 202);
    let listener = Listener::new(announcer.uri("/speech"));
    listener.wait_for(50);
    drop(listener);
    assert!(announcer.end());
}

/// Takes all descriptors that the announcer may have, by connections that send nothing.
fn limit_and_fill(announcer: &Announcer) -> Vec<TcpStream> {
    let pid = announcer.pid();
    // Enough for a client that plays, once the connections are gone.
    let most = descriptors(pid) + 24;
    limit_descriptors(pid, most);
    let rtsp = || TcpStream::connect(announcer.rtsp()).expect("it listens");
    let mut streams: Vec<TcpStream> = (0..40).map(|_| rtsp()).collect();
    streams.extend((0..40).map(|_| connect(announcer)));
    streams
}

#[test]
fn a_log_that_cannot_be_written_ends_nothing() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let unread = || Stdio::from(std::io::pipe().unwrap().1);
    for log in [Stdio::from(full), unread()] {
        let announcer = Announcer::start(command().args(["--camera", "none"]).stderr(log));
        for _ in 0..2 {
            let listener = Listener::new(announcer.uri("/speech"));
            listener.wait_for(1);
            announcer.say("Да.");
            listener.wait_for(listener.count() + 50);
        }
        assert!(announcer.end());
    }
}
