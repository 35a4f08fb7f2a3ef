//! The page at `/` in a real browser, where Debian's chromium and its driver are installed.

use std::process::Command;

use crate::{clients_of_openai::succeeds, request::send, root, server::Server};

#[test]
fn a_person_types_hears_stops_downloads_and_cancels_on_the_page() {
    let installed = Command::new("chromedriver").arg("--version").output();
    if !installed.is_ok_and(|output| output.status.success()) {
        return eprintln!("not checked: chromedriver is not installed");
    }
    let server = Server::http_alone(&["--play", "fakesink"]);
    let script = root().join("tests/clients/page.py");
    succeeds(
        Command::new("python3")
            .arg(script)
            .arg(format!("http://{}/", server.http())),
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
