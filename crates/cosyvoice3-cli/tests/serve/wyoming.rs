//! Wyoming: its published client, and clients that are wrong or gone.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::Stdio,
};

use serde_json::{Value, json};

use crate::{
    PATIENCE,
    clients_of_openai::{python_with, succeeds},
    network::in_a_network_of_its_own,
    openai::wait_for_metric,
    root,
    server::Server,
};

fn server() -> Server {
    Server::http_alone(&["--wyoming", "127.0.0.1:0"])
}

fn connect(server: &Server) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(server.wyoming()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    BufReader::new(stream)
}

fn write(stream: &mut BufReader<TcpStream>, event: &Value) {
    writeln!(stream.get_mut(), "{event}").unwrap();
}

/// The next event: its kind and its data.
#[track_caller]
fn read(stream: &mut BufReader<TcpStream>) -> (String, Value) {
    let mut line = String::new();
    stream.read_line(&mut line).expect("an event");
    let header: Value =
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("an event: {line:?}"));
    let length = |name: &str| header[name].as_u64().unwrap_or(0) as usize;
    let mut data = vec![0; length("data_length")];
    stream.read_exact(&mut data).unwrap();
    let mut payload = vec![0; length("payload_length")];
    stream.read_exact(&mut payload).unwrap();
    let data = serde_json::from_slice(&data).unwrap_or(Value::Null);
    (header["type"].as_str().unwrap().to_string(), data)
}

#[test]
fn the_published_python_client_works_unchanged() {
    let Some(mut python) = python_with("wyoming") else {
        return;
    };
    let server = server();
    let script = root().join("tests/clients/wyoming_client.py");
    let (address, port) = server.wyoming().rsplit_once(':').unwrap();
    succeeds(python.arg(script).args([address, port]));
    assert!(server.end());
}

#[test]
fn home_assistant_finds_the_server_in_the_network_until_it_ends() {
    let Some(mut python) = python_with("zeroconf") else {
        return;
    };
    let test = "wyoming::home_assistant_finds_the_server_in_the_network_until_it_ends";
    in_a_network_of_its_own(test, |address| {
        let server = Server::http_alone(&[
            "--wyoming",
            "0.0.0.0:0",
            "--trust-network",
            "--zeroconf",
            "Кухня",
        ]);
        let port = server.wyoming().rsplit_once(':').unwrap().1.to_owned();
        let script = root().join("tests/clients/zeroconf_client.py");
        let mut client = python
            .arg(script)
            .args(["Кухня", address, &port])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "found");
        server.wait_for_start("announced in the network by mDNS");
        // The farewell takes it away.
        assert!(server.end());
        assert_eq!(lines.next().unwrap().unwrap(), "gone");
        assert!(client.wait().unwrap().success());
    });
}

#[test]
fn what_is_no_event_gets_a_reason_and_ends_that_connection_alone() {
    let server = server();
    let mut other = connect(&server);
    for wrong in ["hello\n", "{\"type\": \"x\", \"data_length\": 999999999}\n"] {
        let mut stream = connect(&server);
        stream.get_mut().write_all(wrong.as_bytes()).unwrap();
        let (kind, data) = read(&mut stream);
        assert_eq!(
            (kind.as_str(), &data["code"]),
            ("error", &json!("malformed_event")),
            "{data}"
        );
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    write(
        &mut other,
        &json!({ "type": "ping", "data": { "text": "x" } }),
    );
    assert_eq!(read(&mut other), ("pong".into(), json!({ "text": "x" })));
    assert!(server.end());
}

#[test]
fn a_client_that_leaves_ends_its_synthesis() {
    let server = server();
    let long = "Поезд отправляется через пять минут с третьего пути. ".repeat(100);
    let mut stream = connect(&server);
    write(
        &mut stream,
        &json!({ "type": "synthesize", "data": { "text": long } }),
    );
    assert_eq!(read(&mut stream).0, "audio-start");
    drop(stream);
    wait_for_metric(
        &server,
        "cosyvoice3_requests_total{end=\"cancelled\"}",
        |count| count == 1.0,
    );
    assert!(server.end());
}

#[test]
fn events_that_come_while_speech_is_made_are_answered_after_it() {
    let server = server();
    let mut stream = connect(&server);
    for text in ["Да.", "Нет."] {
        write(
            &mut stream,
            &json!({ "type": "synthesize", "data": { "text": text } }),
        );
    }
    write(&mut stream, &json!({ "type": "describe" }));
    let mut stops = 0;
    loop {
        match read(&mut stream).0.as_str() {
            "audio-stop" => stops += 1,
            "info" => break,
            _ => {}
        }
    }
    assert_eq!(stops, 2);
    assert!(server.end());
}
