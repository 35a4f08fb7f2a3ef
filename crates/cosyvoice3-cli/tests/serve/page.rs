//! The page at `/` in a real browser, where Debian's chromium and its driver are installed.

use std::{fs, process::Command};

use serde_json::json;

use crate::{
    clients_of_openai::succeeds,
    not_checked,
    request::{send, speak},
    root,
    server::Server,
    voices::User,
};

/// A WAV file of samples at 24 kHz. (The server's own does not know its length when it begins.)
pub fn wav(pcm: &[u8]) -> Vec<u8> {
    let size = pcm.len() as u32;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + size).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(24_000_u32.to_le_bytes());
    file.extend(48_000_u32.to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(size.to_le_bytes());
    file.extend(pcm);
    file
}

#[test]
fn a_person_types_hears_stops_downloads_cancels_and_adds_a_voice_on_the_page() {
    let installed = Command::new("chromedriver").arg("--version").output();
    if !installed.is_ok_and(|output| output.status.success()) {
        return not_checked("chromedriver is not installed");
    }
    let user = User::new();
    let server = Server::start(&mut user.command(&["--play", "fakesink"]));
    let words = "Поезд отправляется через пять минут с третьего пути.";
    let wanted = json!({ "input": words, "voice": "ru_female", "response_format": "pcm" });
    let recording = user.path("recording.wav");
    fs::write(&recording, wav(&speak(&server, &wanted).bytes())).unwrap();
    let script = root().join("tests/clients/page.py");
    succeeds(
        Command::new("python3")
            .arg(script)
            .arg(format!("http://{}/", server.http()))
            .arg(recording),
    );
    assert!(server.end());
}

#[test]
fn the_page_loads_nothing_from_elsewhere_and_runs_no_code_of_others() {
    let server = Server::http_alone(&[]);
    let answer = send(&server, "GET", "/", "", "");
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    let policy = answer.header("content-security-policy").to_string();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    let page = answer.text();
    assert!(
        !page.contains("http://") && !page.contains("https://"),
        "an address from outside"
    );
    assert!(server.end());
}
