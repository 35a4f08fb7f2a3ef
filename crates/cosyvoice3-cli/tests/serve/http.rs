//! The HTTP server, and clients that are wrong, slow or many.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

use crate::{
    PATIENCE,
    process::{memory, threads},
    server::{Server, answer},
};

fn announcing() -> Server {
    Server::http_alone(&["--play", "fakesink"])
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.http()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn an_unknown_voice_is_refused_with_the_names_of_the_voices_and_the_stream_goes_on() {
    let server = announcing();
    for (target, part) in [
        ("/say?voice=nobody", "golden"),
        ("/say?priority=%2B5", "a number from"),
        ("/say?interrupt=later", "none, sentence, now"),
        ("/say?language=de", "auto, ru, en, zh"),
        ("/say?markup=html", "none, ssml"),
        ("/say?speed=3", "from 0.5 to 2"),
        ("/say?seed=x", "a number from"),
        ("/say?volume=99", "from -60 to 12"),
        ("/say?repeat=11", "from 1 to 10"),
        ("/say?chime=../x", "there is no chime"),
        (
            "/say?pitch=3",
            "voice, instruct, language, markup, speed, seed, priority, interrupt, volume, repeat, chime",
        ),
        ("/say?priority=1&priority=2", "twice"),
        ("/cancel", "id=NUMBER"),
        ("/cancel?id=%2B1", "number"),
        ("/cancel-all?now=1", "now"),
    ] {
        let (status, words) = server.post(target, "Да.");
        assert_eq!(status, 400, "{target}: {words}");
        assert!(words.contains(part), "{target}: {words}");
    }
    // Nor is a text taken of which nothing could be said.
    let unknown = "<speak><voice name=\"nobody\">Да.</voice></speak>";
    for (target, text, part) in [
        ("/say", "?!", "text_unspeakable"),
        ("/say?markup=none", "<>", "text_unspeakable"),
        ("/say?markup=ssml", "<speak>?!</speak>", "text_unspeakable"),
        (
            "/say?markup=ssml",
            "<speak>…<break time=\"1s\"/></speak>",
            "text_unspeakable",
        ),
        ("/say?markup=ssml", "<speak>Да.", "markup_invalid"),
        ("/say?markup=ssml", unknown, "golden"),
        ("/say?markup=ssml&repeat=2", unknown, "golden"),
    ] {
        let (status, words) = server.post(target, text);
        assert_eq!(status, 400, "{target}, {text}: {words}");
        assert_is_openai_error(&words);
        assert!(words.contains(part), "{target}, {text}: {words}");
    }
    let (status, id) = server.post("/say?voice=golden", "Да.");
    assert_eq!(status, 202, "{id}");
    server.wait_for(&format!("announcement {id} finished"));
    assert!(server.end());
}

/// Every refusal has the shape of OpenAI's errors.
#[track_caller]
fn assert_is_openai_error(body: &str) {
    let error: serde_json::Value = serde_json::from_str(body).expect(body);
    let error = &error["error"];
    assert!(
        error["message"].is_string() && error["type"].is_string(),
        "{body}"
    );
    assert!(
        error.get("param").is_some() && error.get("code").is_some(),
        "{body}"
    );
}

#[test]
fn requests_have_the_status_that_http_gives_them() {
    let server = announcing();
    let say = |fields: &str, body: &str| {
        format!("POST /say HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n{body}").into_bytes()
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
        (say("Content-Length: 1\r\n", "\u{7f}"), 400),
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
        (
            b"GET /say HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            405,
        ),
        (
            b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            404,
        ),
        (
            b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_vec(),
            403,
        ),
        (b"nonsense\r\n\r\n".to_vec(), 400),
        (
            b"POST /cancel?id=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            404,
        ),
        // No body is a body of no length.
        (
            b"POST /cancel-all HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            202,
        ),
    ] {
        let shown = String::from_utf8_lossy(&request).into_owned();
        let (answered, words) = server.send(&request);
        assert_eq!(answered, status, "{shown:?}: {words}");
        if status >= 400 {
            assert_is_openai_error(&words);
        }
    }
    // A body that ends before its length says.
    let mut stream = connect(&server);
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
    assert!(server.end());
}

#[test]
fn an_answer_reaches_a_client_that_still_sends() {
    let server = announcing();
    let body = "x".repeat(3 << 20);
    let (status, words) = server.post("/say", &body);
    assert_eq!(status, 413, "{words}");
    let long = format!("POST /say HTTP/1.1\r\nx: {body}\r\n\r\n");
    let (status, words) = server.send(long.as_bytes());
    assert_eq!(status, 431, "{words}");
    assert_is_openai_error(&words);
    assert!(server.end());
}

#[test]
fn well_formed_requests_are_answered_beside_idle_connections_and_cost_no_threads() {
    let server = announcing();
    let id = server.say("Да.");
    server.wait_for(&format!("announcement {id} finished"));
    let before = threads(server.pid());
    let idle: Vec<TcpStream> = (0..200).map(|_| connect(&server)).collect();
    thread::scope(|scope| {
        for _ in 0..45 {
            scope.spawn(|| assert_eq!(server.post("/cancel-all", "").0, 202));
        }
    });
    let after = threads(server.pid());
    assert!(after < before + 20, "{before} threads, then {after}");
    drop(idle);
    assert!(server.end());
}

#[test]
fn of_a_thousand_announcements_at_once_most_are_refused() {
    let server = announcing();
    let id = server.say("Да.");
    server.wait_for(&format!("announcement {id} finished"));
    let (threads_before, memory_before) = (threads(server.pid()), memory(server.pid()));
    let text = "Поезд отправляется через пять минут с третьего пути. ".repeat(10);
    // As many clients as one address may have connections for.
    let statuses: Vec<u16> = thread::scope(|scope| {
        let client = || {
            let say = |_| {
                let (status, words) = server.post("/say", &text);
                if status != 202 {
                    assert_is_openai_error(&words);
                }
                status
            };
            (0..5).map(say).collect::<Vec<u16>>()
        };
        let clients: Vec<_> = (0..200).map(|_| scope.spawn(client)).collect();
        let answers = clients
            .into_iter()
            .flat_map(|client| client.join().unwrap());
        answers.collect()
    });
    let of = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    println!("{} queued, {} refused", of(202), of(503));
    assert_eq!(of(202) + of(503), 1000, "{statuses:?}");
    assert!((16..100).contains(&of(202)), "{} were queued", of(202));
    let grown = memory(server.pid()).saturating_sub(memory_before) / 1024;
    assert!(grown < 50, "{grown} MiB");
    assert!(threads(server.pid()) < threads_before + 20);
    assert_eq!(server.post("/cancel-all", "").0, 202);
    assert_eq!(
        server
            .send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .0,
        200
    );
    let id = server.say("Да.");
    server.wait_for(&format!("announcement {id} finished"));
    assert!(server.end());
}

#[test]
fn slow_requests_have_one_deadline_and_shut_nobody_out() {
    let server = announcing();
    let mut slow: Vec<TcpStream> = (0..100).map(|_| connect(&server)).collect();
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
        assert_eq!(server.post("/cancel-all", "").0, 202);
        answered += 1;
        thread::sleep(Duration::from_millis(100));
        assert!(answered < 1200, "{} slow requests go on", slow.len());
    }
    println!("{answered} requests were answered meanwhile");
    // A slow client gets the reason.
    let mut stream = connect(&server);
    stream.write_all(b"POST /say HTTP/1.1\r\n").unwrap();
    let (status, words) = answer(stream);
    assert_eq!(status, 408);
    assert_is_openai_error(&words);
    assert!(server.end());
}
