//! The server answers, and speaks to nobody of its own accord.

use std::{fs, process::Command, process::Stdio};

use serde_json::json;

use crate::{
    PATIENCE,
    request::speak,
    server::{Server, http_command},
};

/// The server under strace, which writes down whom it connects or sends to. It stays this process's child.
fn traced(trace: &std::path::Path) -> Command {
    let server = http_command();
    let mut command = Command::new("strace");
    command
        .args(["-D", "-f", "--seccomp-bpf", "-o"])
        .arg(trace)
        .args(["-e", "trace=connect,sendto,sendmsg,sendmmsg"])
        .arg(server.get_program())
        .args(server.get_args())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in server.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // By these libraries recognise a build server, and keep quiet.
    for name in ["CI", "TF_BUILD", "GITHUB_ACTIONS", "BUILD_ID"] {
        command.env_remove(name);
    }
    command
}

#[test]
fn the_server_connects_to_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let server = Server::start(&mut traced(&trace));
    let pid = server.pid();
    let speech = speak(
        &server,
        &json!({ "input": "Да.", "response_format": "pcm" }),
    );
    assert!(speech.bytes().len() > 4800);
    assert!(server.end());
    // The tracer may have a line more to write.
    let ended = format!("{pid} ");
    let begin = std::time::Instant::now();
    let calls = loop {
        let calls = fs::read_to_string(&trace).unwrap_or_default();
        let is_last = |line: &str| line.starts_with(&ended) && line.contains("+++ exited with 0");
        if calls.lines().any(is_last) {
            break calls;
        }
        assert!(begin.elapsed() < PATIENCE, "{calls}");
        std::thread::yield_now();
    };
    let outside: Vec<&str> = calls
        .lines()
        .filter(|line| line.contains("AF_INET"))
        .collect();
    assert!(outside.is_empty(), "{outside:#?}");
}
