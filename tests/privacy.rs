//! Programs that speak open no connections, and write nothing but their own cache.
#![allow(missing_docs)]

use test_support::{
    launch::{plugin_dir, without_sound},
    privacy::{Home, internet},
};

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use cosyvoice3::synth::{Event, Options, Request, Synthesizer};

/// A client that reports waits some seconds before it connects, so programs live as long as this takes to play.
const TEXT: &str =
    "The last train to the airport leaves at midnight. Please take all your belongings with you.";
/// Set for the test that is a program without GStreamer.
const INSIDE: &str = "COSYVOICE3_TEST_SPEAKS";

/// The voice in the box.
fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo")
}

/// Fails if `command` opens a socket of the Internet's families or writes more than its cache.
#[track_caller]
fn assert_private(command: &mut Command) {
    command.env("GST_PLUGIN_PATH", plugin_dir());
    let home = Home::default();
    let (calls, words) = home.run(command);
    assert!(internet(&calls).is_empty(), "{calls}\n{words}");
    home.assert_only_caches();
    home.assert_own_cache();
}

#[test]
fn the_element_opens_no_connection_and_writes_only_its_own_cache() {
    let mut command = Command::new("gst-launch-1.0");
    command
        .args(["-q", "cosyvoice3src", "threads=1"])
        .arg(format!("model-path={}", demo().display()))
        .arg(format!("text={TEXT}"))
        .args(["!", "fakesink", "sync=true"]);
    assert_private(&mut command);
}

#[test]
fn an_application_opens_no_connection_and_writes_only_its_own_cache() {
    let test = env::current_exe().unwrap();
    let example = test.with_file_name("../examples/app");
    assert!(
        example.exists(),
        "{} is missing: cargo build --release --workspace --examples makes it",
        example.display()
    );
    let mut command = Command::new(example);
    without_sound(command.arg(TEXT).env("COSYVOICE3_MODEL_PATH", demo()));
    assert_private(&mut command);
}

#[test]
fn a_program_with_the_engine_alone_opens_no_connection_and_writes_only_its_own_cache() {
    if env::var_os(INSIDE).is_some() {
        return speak();
    }
    let test = "a_program_with_the_engine_alone_opens_no_connection_and_writes_only_its_own_cache";
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args([test, "--exact", "--test-threads=1"])
        .env(INSIDE, "1");
    assert_private(&mut command);
}

/// Speaks as benchmarks do, and stays while the speech would be heard.
fn speak() {
    let synth = Synthesizer::open_model(Options::new(demo()));
    synth.say(Request::new(TEXT));
    let mut samples = 0;
    loop {
        match synth.next_event().expect("an event") {
            Event::Speech(speech) => samples += speech.samples.len(),
            Event::LoadFailed(error) | Event::UtteranceFailed { error, .. } => panic!("{error}"),
            Event::Finished { .. } => break,
            _ => {}
        }
    }
    assert!(samples > 48_000);
    thread::sleep(Duration::from_secs_f64(samples as f64 / 24_000.0));
}
