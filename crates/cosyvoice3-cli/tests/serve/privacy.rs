//! The server answers, and speaks to nobody of its own accord.

use std::process::Stdio;

use serde_json::json;
use test_support::privacy::{Home, internet};

use crate::{
    request::speak,
    root,
    server::{Server, http_command},
};

/// Calls by which a process is found by others, or finds them.
const CALLS: &str = "socket,listen,connect,sendto,sendmsg,sendmmsg";
/// A client that reports waits some seconds before it connects, so the server plays as long.
const TEXT: &str =
    "The last train to the airport leaves at midnight. Please take all your belongings with you.";

#[test]
fn the_server_connects_to_nobody_and_writes_only_its_own_cache() {
    let mut command = http_command();
    command
        .args(["--wyoming", "127.0.0.1:0", "--play", "fakesink", "--model"])
        .arg(root().join("models/demo"));
    let mut listening = 2;
    if cfg!(feature = "rtsp") {
        command.args(["--rtsp", "127.0.0.1:0", "--camera", "none"]);
        listening += 1;
    }
    let home = Home::default();
    let server = Server::start(
        home.traced(&command, CALLS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    let pid = server.pid();
    let speech = speak(
        &server,
        &json!({ "input": "Да.", "response_format": "pcm" }),
    );
    assert!(speech.bytes().len() > 4800);
    let id = server.say(TEXT);
    server.wait_for(&format!("announcement {id} finished"));
    assert!(server.end());
    let calls = home.calls(pid);
    let of = |call: &str| calls.lines().filter(|line| line.contains(call)).count();
    assert_eq!(of("listen("), listening, "{calls}");
    // Sockets that listen, and nothing that is sent to an address.
    let sockets = internet(&calls);
    assert_eq!(sockets.len(), listening, "{sockets:#?}");
    assert!(
        sockets
            .iter()
            .all(|line| line.contains(" socket(AF_INET, ")),
        "{sockets:#?}"
    );
    home.assert_only_caches();
}
