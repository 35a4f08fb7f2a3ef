//! The scripts in `pipelines/` that are programs of their own, run as users run them. Those that call the tool are in
//! `crates/cosyvoice3-cli/tests/`, RTSP and ONVIF in `crates/cosyvoice3-serve/tests/` and `crates/cosyvoice3-cli/tests/serve/`.
#![allow(missing_docs)]

use test_support::hearing;
use test_support::launch;
use test_support::models as support;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use hearing::floats;
use launch::{gst_launch, plugin_dir};
use support::tiny;

/// Random weights speak longer than they should: few steps, and no threads that wait for each other.
const PROPERTIES: &str = "flow-steps=2 threads=1 verify=never";
const RATE: usize = 24_000;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `pipelines/NAME` with everything set up already.
fn script(name: &str) -> Command {
    prepared(Command::new(root().join("pipelines").join(name)))
}

fn prepared(mut command: Command) -> Command {
    let dir = plugin_dir();
    command
        .env("COSYVOICE3_PREPARED", "1")
        .env("COSYVOICE3_MODEL_PATH", tiny())
        .env("GST_PLUGIN_PATH", &dir)
        .env("GST_REGISTRY", dir.join("registry.bin"))
        .env("PROPERTIES", PROPERTIES)
        .env("LC_ALL", "C.UTF-8");
    command
}

/// As without a sound device: GStreamer warns and plays to nowhere.
fn silently(mut command: Command) -> Command {
    launch::without_sound(&mut command);
    command
}

/// Runs it to its end, with `input` to read.
#[track_caller]
fn run(mut command: Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let words = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{words}");
    words
}

/// The element's speech, as mono floats at 24 kHz.
fn speech(text: &str) -> Vec<f32> {
    let dir = tempfile::tempdir().unwrap();
    let raw = dir.path().join("speech.raw");
    let (text, location) = (format!("text={text}"), location(&raw));
    let mut pipeline = vec!["-q", "cosyvoice3src", &text];
    pipeline.extend(PROPERTIES.split(' '));
    pipeline.extend(["!", "filesink", &location]);
    let (output, words) = gst_launch(&pipeline, &[("COSYVOICE3_MODEL_PATH", &tiny())]);
    assert!(output.status.success(), "{words}");
    floats(&fs::read(raw).unwrap())
}

/// Contents of a sound file of any kind, as mono floats at 24 kHz.
fn decoded(file: &Path) -> Vec<f32> {
    let raw = file.with_extension("raw");
    let (from, to) = (location(file), location(&raw));
    let pipeline = format!(
        "-q filesrc {from} ! decodebin ! audioconvert ! audioresample \
         ! audio/x-raw,format=F32LE,rate={RATE},channels=1 ! filesink {to}"
    );
    let words: Vec<&str> = pipeline.split_whitespace().collect();
    let (output, words) = gst_launch(&words, &[]);
    assert!(output.status.success(), "{words}");
    floats(&fs::read(raw).unwrap())
}

fn location(path: &Path) -> String {
    format!("location={}", path.display())
}

fn temporary() -> (tempfile::TempDir, impl Fn(&str) -> PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    (dir, move |name: &str| path.join(name))
}

/// Amplitude of the 1 kHz tone in a tenth of a second.
fn tone(samples: &[f32]) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (index, sample) in samples.iter().enumerate() {
        let angle = std::f64::consts::TAU * 1000.0 * index as f64 / RATE as f64;
        re += f64::from(*sample) * angle.cos();
        im += f64::from(*sample) * angle.sin();
    }
    2.0 * re.hypot(im) / samples.len() as f64
}

#[test]
fn music_goes_down_before_an_announcement_and_up_after_it() {
    let (_dir, file) = temporary();
    let music = location(&file("music.wav"));
    // Shorter than the announcement: it has to begin again.
    let pipeline = format!(
        "-q audiotestsrc freq=1000 volume=0.3 samplesperbuffer=4800 num-buffers=10 \
         ! audio/x-raw,rate=48000 ! wavenc ! filesink {music}"
    );
    gst_launch(&pipeline.split_whitespace().collect::<Vec<_>>(), &[]);
    let mut radio = script("ducking.py");
    let sink = format!("wavenc ! filesink {}", location(&file("radio.wav")));
    radio.arg(file("music.wav")).arg(sink);
    let wanted = speech("Да.");
    // A line without speech is neither waited for nor in the way.
    run(radio, "?!\nДа.\n?!\n");
    let heard = decoded(&file("radio.wav"));
    let levels: Vec<f64> = heard.chunks_exact(RATE / 10).map(tone).collect();
    println!("level of the music: {levels:.2?}");
    let after = |from: usize, wanted: fn(f64) -> bool, what: &str| {
        let found = levels[from..].iter().position(|level| wanted(*level));
        from + found.unwrap_or_else(|| panic!("it {what}"))
    };
    // On a busy machine it may be late.
    let begins = after(0, |level| level > 0.25, "begins");
    let down = after(begins, |level| level < 0.1, "goes down");
    let up = after(down, |level| level > 0.15, "goes up");
    // Before, it is at full volume, and after, it is again.
    assert!(
        levels[begins..down.saturating_sub(4).max(begins)]
            .iter()
            .all(|level| *level > 0.15)
    );
    assert!(levels[up..].iter().take(6).any(|level| *level > 0.25));
    // The speech lies where the music is low. The tone disturbs the comparison, so it is only as good as this.
    let spoken = &heard[down * RATE / 10..(up * RATE / 10).min(heard.len())];
    let (start, likeness) = (0..spoken.len().saturating_sub(wanted.len()))
        .step_by(1)
        .map(|start| {
            (
                start,
                hearing::correlation(&wanted[..4800], &spoken[start..][..4800]),
            )
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .expect("it is low as long as the announcement lasts");
    println!("the announcement begins {start} samples after the music is low: {likeness:.3}");
    assert!(likeness > 0.5, "{likeness}");
}

#[test]
fn the_applications_say_their_texts_and_tell_when_each_is_heard() {
    let example = std::env::current_exe()
        .unwrap()
        .with_file_name("../examples/app");
    assert!(
        example.exists(),
        "{} is missing: cargo build --release --workspace --examples makes it",
        example.display()
    );
    // PROPERTIES is for the scripts; twenty lines have no room for it.
    for command in [script("app.py"), prepared(Command::new(example))] {
        let mut command = silently(command);
        command.args(["Да.", "?!", "Нет."]);
        let words = run(command, "");
        for part in ["number 1", "number 2", "number 3", ": Да.", ": Нет."] {
            assert!(words.contains(part), "{part}: {words}");
        }
    }
}

#[test]
fn properties_of_announcements_over_music_are_words_and_never_part_of_a_pipeline() {
    let (dir, file) = temporary();
    for (properties, part) in [
        ("speed=1 ! filesink location=x", "NAME=VALUE"),
        ("speed=1\n! filesink location=x", "NAME=VALUE"),
        ("voices=a\"b\\", "no property"),
        ("speed=9", "0.5 to 2"),
    ] {
        let mut radio = script("ducking.py");
        radio.arg(file("music.ogg")).current_dir(dir.path());
        let output = radio.env("PROPERTIES", properties).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(
            words.starts_with("error: PROPERTIES: ") && words.contains(part),
            "{words}"
        );
        assert!(!file("x").exists(), "{properties:?}");
    }
}
