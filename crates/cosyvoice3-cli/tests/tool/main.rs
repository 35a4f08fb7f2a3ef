//! The tool `cosyvoice3` and the scripts that are built on it, run as users run them.
#![allow(missing_docs)]

use test_support::hearing;
use test_support::wav;

mod command_line;
mod cues;
mod heard;
mod privacy;
mod scripts;

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Random weights speak longer than they should: few steps, and no threads that wait for each other.
const PROPERTIES: [&str; 3] = ["flow-steps=2", "threads=1", "verify=never"];
const RATE: usize = 24_000;

/// Texts that mean something to a shell, or to a parser of pipeline descriptions.
const HOSTILE: [&str; 9] = [
    "She said \"hi\".",
    "it's",
    "a ! fakesink",
    "a\\b",
    "ab\\",
    "one\ntwo",
    "$(touch x) `touch x`",
    "--voice",
    "a=b, name=c",
];

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The model with random weights.
fn tiny() -> PathBuf {
    let dir = std::env::var_os("COSYVOICE3_TINY")
        .map_or_else(|| root().join("models/tiny"), PathBuf::from);
    let manifest = dir.join("cosyvoice3.toml");
    assert!(
        manifest.exists(),
        "{} is missing: ./tests/run.sh makes it",
        manifest.display()
    );
    dir
}

/// The tool, with the model of random weights.
fn tool(words: &[&str]) -> Command {
    let mut command = prepared(Command::new(env!("CARGO_BIN_EXE_cosyvoice3")));
    command.args(words);
    command
}

/// `cosyvoice3 say` with settings that are quick.
fn say(words: &[&str]) -> Command {
    let mut command = tool(&["say"]);
    for property in PROPERTIES {
        command.args(["--set", property]);
    }
    command.args(words);
    command
}

/// `pipelines/NAME` with everything set up already.
fn script(name: &str) -> Command {
    let mut command = prepared(Command::new(root().join("pipelines").join(name)));
    command.env("PROPERTIES", PROPERTIES.join(" "));
    command
}

fn prepared(mut command: Command) -> Command {
    let tools = Path::new(env!("CARGO_BIN_EXE_cosyvoice3"))
        .parent()
        .unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = [tools.as_os_str(), OsStr::new(":"), &path]
        .iter()
        .copied()
        .collect::<std::ffi::OsString>();
    command
        .env("PATH", path)
        .env("COSYVOICE3_PREPARED", "1")
        .env("COSYVOICE3_MODEL_PATH", tiny())
        .env("LC_ALL", "C.UTF-8");
    command
}

/// Without a sound device: GStreamer reports that and plays to nowhere.
fn silently(mut command: Command) -> Command {
    test_support::launch::without_sound(&mut command);
    command
}

/// Runs it to its end with `input` on standard input; returns its exit and its output.
fn run(mut command: Command, input: &str) -> (Output, String) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // It may end before it has read all.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let words =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    (output, words.concat())
}

/// The same for a command that succeeds; returns its output.
#[track_caller]
fn succeeds(command: Command, input: &str) -> String {
    let (output, words) = run(command, input);
    assert!(output.status.success(), "{words}");
    words
}

/// The same for a command that fails with exit code 1 and a line that begins with `error: `; returns that line.
#[track_caller]
fn fails(command: Command, input: &str) -> String {
    let (output, words) = run(command, input);
    assert_eq!(output.status.code(), Some(1), "{words}");
    let error = words.lines().find(|line| line.starts_with("error: "));
    error
        .unwrap_or_else(|| panic!("an error: {words}"))
        .to_owned()
}

/// A directory that is deleted with the test, and the paths in it.
fn temporary() -> (tempfile::TempDir, impl Fn(&str) -> String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    (dir, move |name: &str| path.join(name).display().to_string())
}

/// The sorted names of a directory's entries.
fn names(dir: &tempfile::TempDir) -> Vec<String> {
    let entries = fs::read_dir(dir.path()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
