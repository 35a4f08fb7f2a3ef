//! The process opens no connections, and writes nothing but its own cache.
#![allow(missing_docs)]

use test_support::launch;

use std::{env, fs, path::Path, process::Command};

use launch::{plugin_dir, run};

/// strace records the sockets that the process opens: a telemetry client would look up a name and connect.
fn traced(trace: &Path) -> Command {
    let mut command = Command::new("strace");
    command
        .args(["-f", "--seccomp-bpf", "-e", "trace=socket", "-o"])
        .arg(trace);
    command
}

/// A home of its own, and none of the variables by which libraries recognise a build server and keep quiet.
fn as_at_home(command: &mut Command, home: &Path) {
    command
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap())
        .env("HOME", home)
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("GST_PLUGIN_PATH", plugin_dir())
        .env("GST_REGISTRY", home.join("registry.bin"));
    if let Some(library) = env::var_os("ORT_DYLIB_PATH") {
        command.env("ORT_DYLIB_PATH", library);
    }
}

#[test]
fn speaking_opens_no_connection_and_writes_only_its_own_cache() {
    let home = tempfile::tempdir().unwrap();
    let cache = home.path().join("cache");
    fs::create_dir(&cache).unwrap();
    let trace = home.path().join("trace");
    let mut command = traced(&trace);
    // A client that reports waits some seconds before it connects, so speech of that length is played in real time.
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
    command
        .args(["gst-launch-1.0", "-q", "cosyvoice3src", "threads=1"])
        .arg(format!("model-path={}", demo.display()))
        .arg("text=The last train to the airport leaves at midnight. Please take all your belongings with you.")
        .args(["!", "fakesink", "sync=true"]);
    as_at_home(&mut command, home.path());
    let (output, words) = run(&mut command);
    assert!(output.status.success(), "{words}");

    let sockets = fs::read_to_string(&trace).unwrap();
    let outside: Vec<_> = sockets
        .lines()
        .filter(|line| line.contains("AF_INET"))
        .collect();
    assert!(outside.is_empty(), "{outside:#?}");
    let written: Vec<_> = fs::read_dir(&cache)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(written, ["cosyvoice3"]);
    assert!(!home.path().join(".cache").exists());
}
