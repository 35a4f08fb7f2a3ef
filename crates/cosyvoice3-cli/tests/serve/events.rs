//! The events of announcements, as a client on a plain socket reads them.

use std::{collections::BTreeMap, io::Write, net::TcpStream};

use axcl_rt::harness::Machine;
use serde_json::{Value, json};
use test_support::models::tiny_npu;

use crate::{
    PATIENCE,
    request::Answer,
    server::{Server, http_command},
};

/// A stream of events.
struct Stream {
    answer: Answer,
    rest: String,
}

impl Stream {
    fn new(server: &Server) -> Self {
        let mut stream = TcpStream::connect(server.http()).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
            .write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        let answer = Answer::read(stream).expect("an answer");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "text/event-stream");
        assert_eq!(answer.header("cache-control"), "no-store");
        let rest = String::new();
        Self { answer, rest }
    }

    /// The next event, behind comments.
    fn next(&mut self) -> Value {
        loop {
            if let Some((event, rest)) = self.rest.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.rest = rest;
                match event.strip_prefix("data: ") {
                    Some(data) => return serde_json::from_str(data).expect(data),
                    None => assert!(event.starts_with(':'), "{event:?}"),
                }
                continue;
            }
            let chunk = self.answer.chunk().expect("the stream goes on");
            self.rest += std::str::from_utf8(&chunk).expect("UTF-8");
        }
    }

    /// The events up to one of a kind and number.
    fn up_to(&mut self, kind: &str, id: u64) -> Vec<Value> {
        let mut events = Vec::new();
        while events
            .last()
            .is_none_or(|event: &Value| event["event"] != kind || event["id"] != id)
        {
            events.push(self.next());
        }
        events
    }
}

/// Events by the number of their announcement.
fn by_id(events: Vec<Value>) -> BTreeMap<u64, Vec<Value>> {
    let mut found = BTreeMap::<u64, Vec<Value>>::new();
    for event in events {
        let id = event["id"].as_u64().expect("a number");
        found.entry(id).or_default().push(event);
    }
    found
}

#[test]
fn a_socket_gets_the_list_and_each_change_with_the_fields_that_are_documented() {
    let server = Server::http_alone(&["--play", "fakesink"]);
    let mut stream = Stream::new(&server);
    let empty = json!({ "event": "queue", "announcements": [] });
    assert_eq!(stream.next(), empty);

    let long = ["Раз, два, три, четыре, пять, шесть, семь, восемь."; 5].join(" ");
    let long = long.as_str();
    let first = server.say(long);
    let event = |kind: &str, id: u64, text: &str| json!({ "event": kind, "id": id, "text": text });
    assert_eq!(stream.next(), event("queued", first, long));
    assert_eq!(stream.next(), event("started", first, long));
    let waits = server.say("Час.");
    assert_eq!(stream.next(), event("queued", waits, "Час."));

    let mut late = Stream::new(&server);
    let list = json!({ "event": "queue", "announcements": [
        { "id": first, "text": long, "state": "started" },
        { "id": waits, "text": "Час.", "state": "queued" },
    ] });
    assert_eq!(late.next(), list);

    assert_eq!(server.post(&format!("/cancel?id={waits}"), "").0, 202);
    let (status, urgent) = server.post("/say?priority=5&interrupt=now", "Да.");
    assert_eq!(status, 202, "{urgent}");
    let urgent: u64 = urgent.parse().unwrap();
    let with = |mut event: Value, reason: &str| {
        event["reason"] = reason.into();
        event
    };
    let wanted = BTreeMap::from([
        (
            first,
            vec![with(event("cancelled", first, long), "interrupted")],
        ),
        (
            waits,
            vec![with(event("cancelled", waits, "Час."), "cancelled")],
        ),
        (
            urgent,
            ["queued", "started", "finished"]
                .map(|kind| event(kind, urgent, "Да."))
                .to_vec(),
        ),
    ]);
    assert_eq!(by_id(stream.up_to("finished", urgent)), wanted);
    // Both clients get the same.
    assert_eq!(by_id(late.up_to("finished", urgent)), wanted);
    assert_eq!(Stream::new(&server).next(), empty);
    assert!(server.end());
}

#[test]
fn an_announcement_that_fails_is_an_event_with_the_reason() {
    let machine = Machine::new("");
    let library = format!("axcl-library={}", machine.library().display());
    let mut command = http_command();
    command
        .args(["--play", "fakesink", "--set", "flow-backend=npu"])
        .args(["--set", &library])
        .env("COSYVOICE3_MODEL_PATH", tiny_npu())
        .env_remove("AXCL_RT_LIBRARY");
    let server = Server::start(&mut command);
    let mut stream = Stream::new(&server);
    stream.next();
    let id = server.say("Да.");
    stream.up_to("finished", id);
    machine.set("execute-loses-device = 1");
    let id = server.say("Нет.");
    let failed = stream.up_to("failed", id).pop().unwrap();
    let fields = failed.as_object().unwrap();
    let mut names: Vec<&str> = fields.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["event", "id", "reason", "text"], "{failed}");
    assert_eq!(failed["text"], "Нет.");
    assert!(
        failed["reason"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty())
    );
}
