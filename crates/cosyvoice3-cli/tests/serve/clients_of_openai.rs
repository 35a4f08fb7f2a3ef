//! OpenAI's own clients, unchanged, where they are installed: the Python package `openai` for the Python that
//! `COSYVOICE3_CLIENT_PYTHON` names (python3 without it), and the one for Node in the directory
//! `COSYVOICE3_OPENAI_NODE`.

use std::process::Command;

use crate::{not_checked, root, server::Server};

/// Python with `package`, if there is one.
pub fn python_with(package: &str) -> Option<Command> {
    let name = std::env::var("COSYVOICE3_CLIENT_PYTHON").unwrap_or("python3".into());
    let found = Command::new(&name)
        .args(["-c", &format!("import {package}")])
        .output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(Command::new(name));
    }
    not_checked(&format!("{name} has not the package {package}"));
    None
}

#[track_caller]
pub fn succeeds(command: &mut Command) {
    let output = command.output().expect("it starts");
    let words =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{}", words.concat());
    println!("{}", words[0]);
}

#[test]
fn openais_python_client_works_unchanged() {
    let Some(mut python) = python_with("openai") else {
        return;
    };
    let server = Server::http_alone(&[]);
    let dir = tempfile::tempdir().unwrap();
    let script = root().join("tests/clients/openai_client.py");
    succeeds(
        python
            .arg(script)
            .arg(format!("http://{}/v1", server.http()))
            .arg(dir.path()),
    );
    assert!(server.end());
}

#[test]
fn openais_client_for_node_works_unchanged() {
    if std::env::var_os("COSYVOICE3_OPENAI_NODE").is_none() {
        return not_checked(
            "COSYVOICE3_OPENAI_NODE names no directory with OpenAI's client for Node",
        );
    }
    let server = Server::http_alone(&[]);
    let script = root().join("tests/clients/openai_client.mjs");
    succeeds(
        Command::new("node")
            .arg(script)
            .arg(format!("http://{}/v1", server.http())),
    );
    assert!(server.end());
}
