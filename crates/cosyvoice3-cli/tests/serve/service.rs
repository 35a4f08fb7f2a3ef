//! The unit for systemd.

use std::process::Command;

use crate::root;

#[test]
fn the_service_is_confined_and_opens_no_http() {
    let ci = root().join("ci/debian");
    let defaults = std::fs::read_to_string(ci.join("cosyvoice3-serve.default")).unwrap();
    let options = defaults.lines().find(|line| line.starts_with("OPTIONS="));
    assert!(!options.expect("options").contains("--http"));
    let analyze = Command::new("systemd-analyze")
        .args(["security", "--no-pager", "--offline=yes", "--threshold=29"])
        .arg(ci.join("cosyvoice3-serve.service"))
        .output();
    let Ok(output) = analyze else {
        return eprintln!("not checked: systemd-analyze is not installed");
    };
    // Exposure below 3 of 10.
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{words}");
}
