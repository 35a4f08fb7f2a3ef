//! OpenAI's speech API, as a client on a socket sees it.

use std::{fs, io::Write, net::TcpStream, thread};

use serde_json::{Value, json};

use crate::{
    not_checked,
    process::memory,
    request::{Answer, get, send, speak},
    server::{Server, http_command},
    voices::User,
};

/// A value of the server's metrics.
pub fn metric(server: &Server, name: &str) -> f64 {
    let text = send(server, "GET", "/metrics", "", "").text();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|value| value.trim().parse().ok());
    value.unwrap_or_else(|| panic!("{name}: {text}"))
}

/// Waits until a metric is `wanted`.
pub fn wait_for_metric(server: &Server, name: &str, wanted: impl Fn(f64) -> bool) {
    let begin = std::time::Instant::now();
    while !wanted(metric(server, name)) {
        assert!(
            begin.elapsed() < crate::PATIENCE,
            "{name} is {}",
            metric(server, name)
        );
        thread::yield_now();
    }
}

#[test]
fn a_text_becomes_speech_in_each_format_and_the_same_samples_in_wav_and_pcm() {
    let server = Server::http_alone(&[]);
    let ask = |format: &str| {
        speak(
            &server,
            &json!({ "model": "tts-1", "input": "Да.", "voice": "golden", "response_format": format }),
        )
    };
    let wav = ask("wav");
    assert_eq!((wav.status, wav.header("content-type")), (200, "audio/wav"));
    let wav = wav.bytes();
    assert_eq!((&wav[..4], &wav[8..16]), (&b"RIFF"[..], &b"WAVEfmt "[..]));
    let pcm = ask("pcm").bytes();
    assert_eq!(wav[44..], pcm);
    assert!(
        pcm.len() > 4800 && pcm.iter().any(|byte| *byte != 0),
        "{} bytes",
        pcm.len()
    );
    for (format, kind, start) in [
        ("mp3", "audio/mpeg", &[0xff][..]),
        ("opus", "audio/ogg", b"OggS"),
        ("flac", "audio/flac", b"fLaC"),
        ("aac", "audio/aac", &[0xff]),
    ] {
        let answer = ask(format);
        if answer.status == 501 {
            let error = answer.error(501);
            let words = error["message"].as_str().unwrap();
            assert!(words.contains("gstreamer1.0-"), "{words}");
            not_checked(words);
            continue;
        }
        assert_eq!((answer.status, answer.header("content-type")), (200, kind));
        let bytes = answer.bytes();
        assert!(
            bytes.starts_with(start) && bytes.len() > 400,
            "{format}: {} bytes",
            bytes.len()
        );
    }
    assert!(server.end());
}

#[test]
fn a_long_text_comes_piece_by_piece_and_events_carry_the_same_sound() {
    let server = Server::http_alone(&[]);
    let text = "Раз, два, три. Поезд отправляется через пять минут с третьего пути. ".repeat(6);
    let mut wanted =
        json!({ "input": text, "voice": "golden", "response_format": "pcm", "seed": 3 });
    let mut answer = speak(&server, &wanted);
    let mut pcm = Vec::new();
    let mut chunks = 0;
    while let Some(chunk) = answer.chunk() {
        pcm.extend(chunk);
        chunks += 1;
    }
    assert!(chunks >= 4, "{chunks} chunks");
    wanted["stream_format"] = "sse".into();
    let answer = speak(&server, &wanted);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let text = answer.text();
    let events: Vec<Value> = text
        .split_terminator("\n\n")
        .map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap())
        .collect();
    let (last, deltas) = events.split_last().unwrap();
    assert_eq!(last["type"], "speech.audio.done");
    assert!(last["usage"]["total_tokens"].as_u64() > Some(100), "{last}");
    let sound = deltas.iter().map(|event| {
        assert_eq!(event["type"], "speech.audio.delta");
        base64_length(event["audio"].as_str().unwrap())
    });
    assert_eq!(sound.sum::<usize>(), pcm.len());
    assert!(server.end());
}

/// Length of what base64 stands for.
fn base64_length(text: &str) -> usize {
    text.len() / 4 * 3 - text.bytes().rev().take_while(|byte| *byte == b'=').count()
}

#[test]
fn a_wrong_request_gets_one_error_that_names_the_field_and_its_values() {
    let server = Server::http_alone(&["--max-text", "100"]);
    let long = "я".repeat(101);
    for (wanted, status, param, part) in [
        (
            json!({ "input": "Да.", "voice": "nobody" }),
            400,
            json!("voice"),
            "golden",
        ),
        (
            json!({ "input": "Да.", "model": "gpt-5" }),
            404,
            json!("model"),
            "tts-1",
        ),
        (
            json!({ "input": "Да.", "response_format": "ogg" }),
            400,
            json!("response_format"),
            "wav, pcm",
        ),
        (
            json!({ "input": "Да.", "stream_format": "ws" }),
            400,
            json!("stream_format"),
            "audio, sse",
        ),
        (
            json!({ "input": "Да.", "speed": 4.0 }),
            400,
            json!("speed"),
            "from 0.5 to 2",
        ),
        (
            json!({ "input": "Да.", "language": "de" }),
            400,
            json!("language"),
            "auto, ru, en, zh",
        ),
        (
            json!({ "input": "Да.", "markup": "html" }),
            400,
            json!("markup"),
            "none, ssml",
        ),
        (
            json!({ "input": "<speak>Да.", "markup": "ssml" }),
            400,
            Value::Null,
            "speak",
        ),
        (json!({ "voice": "golden" }), 400, json!("input"), "missing"),
        (
            json!({ "input": " !? " }),
            400,
            json!("input"),
            "nothing to say",
        ),
        (
            json!({ "input": "<speak>?!</speak>", "markup": "ssml" }),
            400,
            json!("input"),
            "nothing to say",
        ),
        (
            json!({ "input": long }),
            413,
            json!("input"),
            "101 characters, the limit is 100",
        ),
        (json!({ "input": 7 }), 400, Value::Null, "string"),
    ] {
        let error = speak(&server, &wanted).error(status);
        let words = error["message"].as_str().unwrap();
        assert!(words.contains(part), "{wanted}: {words}");
        assert_eq!(error["param"], param, "{wanted}: {words}");
    }
    let not_json = send(&server, "POST", "/v1/audio/speech", "", "{");
    assert_eq!(not_json.error(400)["code"], "invalid_json");
    // Nothing of this hurt.
    assert_eq!(speak(&server, &json!({ "input": "Да." })).status, 200);
    assert!(server.end());
}

#[test]
fn models_and_voices_are_listed_and_a_voice_has_other_names() {
    let server = Server::http_alone(&["--voice-alias", "alloy=golden"]);
    let models = get(&server, "/v1/models");
    let ids: Vec<&str> = models["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    assert!(
        ids.contains(&"cosyvoice3") && ids.contains(&"tts-1"),
        "{ids:?}"
    );
    assert_eq!(get(&server, "/v1/models/tts-1")["object"], "model");
    send(&server, "GET", "/v1/models/gpt-5", "", "").error(404);
    for (method, path) in [
        ("GET", "/v1/models/%ff"),
        ("DELETE", "/v1/audio/voices/%ff"),
    ] {
        let error = send(&server, method, path, "", "").error(400);
        assert_eq!(error["code"], "invalid_value", "{path}");
    }
    let voices = get(&server, "/v1/audio/voices");
    let ids: Vec<&str> = voices["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|voice| voice["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["golden", "alloy"]);
    assert_eq!(voices["data"][0]["language"], "ru");
    assert_eq!(voices["voices"][1]["alias_of"], "golden");
    let pcm = |voice: &str| {
        speak(
            &server,
            &json!({ "input": "Да.", "voice": voice, "response_format": "pcm" }),
        )
        .bytes()
    };
    assert_eq!(pcm("alloy"), pcm("golden"));
    assert!(server.end());
}

#[test]
fn with_a_key_file_only_clients_with_a_key_are_served_and_supervisors_need_none() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys");
    fs::write(
        &file,
        "# keys\nthe-first-key-of-two\nthe-other-key-of-two\n",
    )
    .unwrap();
    let server = Server::start(http_command().arg("--api-key-file").arg(&file));
    server.wait_for_start("warning: every user of this machine may read the API keys");
    let ask = |fields: &str| send(&server, "GET", "/v1/models", fields, "");
    assert_eq!(ask("").error(401)["code"], "invalid_api_key");
    ask("Authorization: Bearer the-first-key-of-tw\r\n").error(401);
    assert_eq!(
        ask("Authorization: Bearer the-other-key-of-two\r\n").status,
        200
    );
    for path in ["/metrics", "/v1/audio/voices", "/nowhere"] {
        send(&server, "GET", path, "", "").error(401);
    }
    wait_until_ready(&server);
    assert!(server.end());
}

pub fn wait_until_ready(server: &Server) {
    let begin = std::time::Instant::now();
    while send(server, "GET", "/healthz", "", "").status != 200 {
        assert!(
            begin.elapsed() < crate::PATIENCE,
            "the models are not loaded"
        );
        thread::yield_now();
    }
}

#[test]
fn a_client_that_leaves_ends_its_synthesis_and_the_others_go_on() {
    let server = Server::http_alone(&[]);
    wait_until_ready(&server);
    let long = "Поезд отправляется через пять минут с третьего пути. ".repeat(100);
    let mut leaver = speak(&server, &json!({ "input": long, "response_format": "pcm" }));
    assert!(leaver.chunk().is_some());
    // One that waits for its first sound leaves as well.
    let waits = {
        use std::io::Write;
        let body = json!({ "input": long }).to_string();
        let mut stream = std::net::TcpStream::connect(server.http()).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST /v1/audio/speech HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        stream
    };
    // Both are known to the server.
    let begin = std::time::Instant::now();
    while get(&server, "/healthz")["requests"] != 2 {
        assert!(
            begin.elapsed() < crate::PATIENCE,
            "the requests do not arrive"
        );
        thread::yield_now();
    }
    drop(leaver);
    drop(waits);
    wait_for_metric(
        &server,
        "cosyvoice3_requests_total{end=\"cancelled\"}",
        |count| count == 2.0,
    );
    assert_eq!(speak(&server, &json!({ "input": "Да." })).status, 200);
    let made = metric(&server, "cosyvoice3_speech_seconds_total");
    assert!(made < 120.0, "{made} s were made, of some 400");
    assert!(server.end());
}

#[test]
fn synthesis_stops_within_one_decode_step_when_its_client_leaves() {
    let server = Server::http_alone(&[]);
    wait_until_ready(&server);
    let tokens = || metric(&server, "cosyvoice3_speech_tokens_total");
    let short = json!({ "input": "Да.", "response_format": "pcm", "seed": 1 });
    assert!(!speak(&server, &short).bytes().is_empty());
    let of_the_short_one = tokens();
    assert!(of_the_short_one > 0.0);
    for times in 1..=5 {
        let text = "Поезд отправляется через пять минут с третьего пути. ".repeat(100);
        let mut leaver = speak(&server, &json!({ "input": text, "response_format": "pcm" }));
        assert!(leaver.chunk().is_some());
        drop(leaver);
        wait_for_metric(
            &server,
            "cosyvoice3_requests_total{end=\"cancelled\"}",
            |count| count == f64::from(times),
        );
        let cancelled = tokens();
        // The next request waits until the language model has nothing else to do.
        assert!(!speak(&server, &short).bytes().is_empty());
        let further = tokens() - cancelled - of_the_short_one;
        println!("{further} steps after the client had left");
        assert!((0.0..=1.0).contains(&further), "{further} steps");
    }
    assert!(server.end());
}

#[test]
fn more_requests_than_the_limit_are_refused_and_those_that_wait_are_answered() {
    let server = Server::http_alone(&["--max-requests", "4"]);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let clients: Vec<_> = (0..40)
            .map(|_| {
                scope.spawn(|| {
                    let answer = speak(
                        &server,
                        &json!({ "input": "Да.", "response_format": "pcm" }),
                    );
                    let status = answer.status;
                    match status {
                        200 => assert!(!answer.bytes().is_empty()),
                        _ => assert_eq!(answer.error(429)["code"], "queue_full"),
                    }
                    status
                })
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    let answered = statuses.iter().filter(|status| **status == 200).count();
    assert!(
        (4..40).contains(&answered),
        "{answered} of 40 were answered"
    );
    assert!(server.end());
}

#[test]
fn slow_clients_and_idle_ones_cost_little_memory_and_nobody_waits_for_them() {
    let server = Server::http_alone(&[]);
    assert!(speak(&server, &json!({ "input": "Да." })).bytes().len() > 100);
    let before = memory(server.pid());
    let idle: Vec<_> = (0..200)
        .map(|_| std::net::TcpStream::connect(server.http()).unwrap())
        .collect();
    let long = "Поезд отправляется через пять минут с третьего пути. ".repeat(60);
    // They read the head of the answer and no more.
    let slow: Vec<_> = thread::scope(|scope| {
        // Random weights speak longer than people do.
        let wanted = json!({ "input": long, "response_format": "pcm", "speed": 2.0 });
        let clients: Vec<_> = (0..20)
            .map(|_| {
                let wanted = wanted.clone();
                let server = &server;
                scope.spawn(move || speak(server, &wanted))
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    // All that is made ahead for them is made when nothing is made any more.
    let mut made = 0.0;
    loop {
        assert!(
            !speak(
                &server,
                &json!({ "input": "Да.", "response_format": "pcm" })
            )
            .bytes()
            .is_empty()
        );
        let now = metric(&server, "cosyvoice3_utterances_total");
        if now == made + 1.0 {
            break;
        }
        made = now;
    }
    let grown = memory(server.pid()).saturating_sub(before) / 1024;
    println!(
        "{} idle and {} slow clients cost {grown} MiB",
        idle.len(),
        slow.len()
    );
    assert!(grown < 20, "{grown} MiB");
    drop((idle, slow));
    assert!(server.end());
}

#[test]
fn a_client_that_never_reads_is_disconnected() {
    let server = Server::http_alone(&["--stall-time", "1"]);
    let long = "Поезд отправляется через пять минут с третьего пути. ".repeat(300);
    let wanted = json!({ "input": long, "response_format": "pcm" });
    let _silent = speak(&server, &wanted);
    server.wait_for_start("warning: a client was disconnected");
    assert!(server.end());
}

const GIGABYTE: usize = 1 << 30;
const CHUNKED: &str = "Transfer-Encoding: chunked";

/// Sends a body of a gigabyte, which is never in memory, until the server takes no more of it. The error in the answer, and
/// the bytes that were taken.
#[track_caller]
fn send_gigabyte(server: &Server, head: &str, chunked: bool) -> (Value, usize) {
    let mut stream = TcpStream::connect(server.http()).expect("it listens");
    stream.set_read_timeout(Some(crate::PATIENCE)).unwrap();
    stream.set_write_timeout(Some(crate::PATIENCE)).unwrap();
    stream.write_all(head.as_bytes()).expect("it reads");
    thread::scope(|scope| {
        // As real clients do: who reads only after it has sent all may miss the answer.
        let reading = stream.try_clone().expect("a second handle");
        let answer = scope.spawn(move || Answer::read(reading).expect("an answer").error(413));
        let piece = [&b"10000\r\n"[..], &[b'x'; 1 << 16], b"\r\n"].concat();
        let piece = match chunked {
            true => &piece[..],
            false => &piece[7..][..1 << 16],
        };
        let mut sent = 0;
        while sent < GIGABYTE && stream.write_all(piece).is_ok() {
            sent += 1 << 16;
        }
        (answer.join().expect("a refusal"), sent)
    })
}

#[test]
fn a_body_of_a_gigabyte_and_a_head_of_a_megabyte_are_refused_early_and_cost_nothing() {
    // Recordings may be longer, and go to a file.
    let user = User::new();
    let server = Server::start(&mut user.command(&["--play", "fakesink"]));
    wait_until_ready(&server);
    let before = memory(server.pid());
    let recording =
        "--limit\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
    for (path, content, start) in [
        ("/v1/audio/speech", "application/json", "{\"input\": \""),
        (
            "/v1/audio/voices",
            "multipart/form-data; boundary=limit",
            recording,
        ),
        ("/say", "text/plain", "Да."),
    ] {
        for length in [format!("Content-Length: {GIGABYTE}"), CHUNKED.into()] {
            let chunked = length == CHUNKED;
            let start = match chunked {
                true => format!("{:x}\r\n{start}\r\n", start.len()),
                false => start.to_owned(),
            };
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content}\r\n{length}\r\n\r\n{start}"
            );
            let (error, sent) = send_gigabyte(&server, &head, chunked);
            println!("{path}, {length}: {sent} bytes were taken, then {error}");
            assert!(sent < GIGABYTE / 4, "{path}, {length}: {sent} bytes");
        }
    }
    let head = format!(
        "GET /v1/models HTTP/1.1\r\nX: {}\r\n\r\n",
        "x".repeat(1 << 20)
    );
    assert_eq!(server.send(head.as_bytes()).0, 431);
    let grown = memory(server.pid()).saturating_sub(before) / 1024;
    assert!(grown < 10, "{grown} MiB");
    assert!(server.end());
}
