//! The unit for systemd.

use std::process::Command;

use crate::{not_checked, root};

#[test]
fn the_service_bounds_files_tasks_memory_and_devices_and_suggests_who_may_connect() {
    let unit = root().join("ci/debian/cosyvoice3-serve.service");
    let unit = std::fs::read_to_string(unit).unwrap();
    for setting in [
        "LimitNOFILE=",
        "TasksMax=",
        "MemoryMax=",
        "DevicePolicy=closed",
        "#   IPAddressDeny=any",
        "#   IPAddressAllow=localhost",
        "LoadCredential=camera:",
        "LoadCredential=api-keys:",
        "Environment=ORT_DISABLE_TELEMETRY=1",
    ] {
        assert!(
            unit.lines().any(|line| line.starts_with(setting)),
            "{setting}"
        );
    }
}

#[test]
fn the_service_is_confined_and_opens_nothing_to_the_network() {
    let ci = root().join("ci/debian");
    let defaults = std::fs::read_to_string(ci.join("cosyvoice3-serve.default")).unwrap();
    let options = defaults.lines().find(|line| line.starts_with("OPTIONS="));
    let options = options.expect("options");
    let options = options.trim_end_matches('"').split_whitespace();
    let mut addresses = options.filter(|word| word.contains(':'));
    assert!(addresses.all(|address| address.starts_with("127.0.0.1:")));
    let analyze = Command::new("systemd-analyze")
        .args(["security", "--no-pager", "--offline=yes", "--threshold=29"])
        .arg(ci.join("cosyvoice3-serve.service"))
        .output();
    let Ok(output) = analyze else {
        return not_checked("systemd-analyze is not installed");
    };
    // Exposure below 3 of 10.
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{words}");
}
