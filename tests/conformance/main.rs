//! Promises that a strict reviewer of GStreamer elements tries, and those of an element that runs for months.
#![allow(missing_docs)]

use test_support::alone;
use test_support::c_caller;
use test_support::clock;
use test_support::launch;
use test_support::model_dir;
use test_support::models as support;
use test_support::playing;
use test_support::process;
use test_support::script;
use test_support::wav;

mod announcements;
mod errors;
mod inspect;
mod live;
mod offline;
mod queries;
mod soak;
mod states;
mod subtitles;
mod upstream;

use std::{path::Path, process::Output, time::Duration};

use gst::prelude::*;
use gst_check::Harness;
use playing::{Player, Watchdog, init};
use script::Script;
use support::tiny;

/// Longest wait for anything that must happen.
const PATIENCE: Duration = Duration::from_secs(600);

fn patience() -> gst::ClockTime {
    gst::ClockTime::try_from(PATIENCE).unwrap()
}

fn watchdog() -> Watchdog {
    init();
    Watchdog::new("a check", PATIENCE)
}

fn ms(milliseconds: u64) -> gst::ClockTime {
    gst::ClockTime::from_mseconds(milliseconds)
}

/// The element with the tiny model.
fn element(settings: &[(&str, &str)]) -> gst::Element {
    init();
    let element = gst::ElementFactory::make("cosyvoice3src")
        .name("speech")
        .property("model-path", tiny().to_str().unwrap())
        .property("flow-steps", 2u32)
        .build()
        .unwrap();
    playing::set(&element, settings);
    element
}

/// The element between an upstream and a downstream that a test plays.
fn filter(settings: &[(&str, &str)]) -> Harness {
    let mut harness = Harness::with_element(&element(settings), Some("sink"), Some("src"));
    harness.set_live(false);
    harness.play();
    harness
}

/// The same with speech of known lengths: a word is an utterance, a letter 40 ms.
fn scripted_filter(settings: &[(&str, &str)]) -> Harness {
    let element = element(settings);
    Script::default().give_to(&element);
    let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_live(false);
    harness.play();
    harness
}

/// `cosyvoice3src ! SINK` with scripted speech.
fn scripted(text: Option<&str>, settings: &[(&str, &str)], sink: &str) -> (Player, Script) {
    let script = Script::default();
    let player = Player::with_sink(&tiny(), text, settings, sink);
    script.give_to(&player.element);
    (player, script)
}

/// A live stream with scripted speech on a clock that a test drives.
fn scripted_live(
    settings: &[(&str, &str)],
    sink: &str,
) -> (Player, Script, gst_check::TestClock, gst::Bus) {
    let settings = [&[("is-live", "true")], settings].concat();
    let (player, script) = scripted(None, &settings, sink);
    let clock = gst_check::TestClock::new();
    player.pipeline.use_clock(Some(&clock));
    let bus = player.pipeline.bus().unwrap();
    (player, script, clock, bus)
}

fn text_caps() -> gst::Caps {
    gst::Caps::builder("text/x-raw")
        .field("format", "utf8")
        .build()
}

fn untimed(text: &[u8]) -> gst::Buffer {
    gst::Buffer::from_slice(text.to_vec())
}

/// A text with a time and a slot, both in milliseconds.
fn cue(text: &str, start: u64, duration: u64) -> gst::Buffer {
    let mut buffer = untimed(text.as_bytes());
    let writable = buffer.get_mut().unwrap();
    writable.set_pts(ms(start));
    writable.set_duration(ms(duration));
    buffer
}

/// All events up to EOS, and all buffers.
fn drain(harness: &mut Harness) -> (Vec<gst::Event>, Vec<gst::Buffer>) {
    let mut events = Vec::new();
    loop {
        let event = harness.pull_event().unwrap();
        let last = event.type_() == gst::EventType::Eos;
        events.push(event);
        if last {
            break;
        }
    }
    let buffers = std::iter::from_fn(|| harness.try_pull()).collect();
    (events, buffers)
}

/// Gives a harness's element a bus.
fn bus_of(harness: &Harness) -> gst::Bus {
    let bus = gst::Bus::new();
    harness.element().unwrap().set_bus(Some(&bus));
    bus
}

/// `gst-launch-1.0` with the words of `pipeline`, which hold no blanks, and the tiny model.
fn launch(pipeline: &str) -> (Output, String) {
    launch_with(pipeline, &[])
}

fn launch_with(pipeline: &str, variables: &[(&str, &Path)]) -> (Output, String) {
    let dir = tiny();
    let words: Vec<&str> = pipeline.split_whitespace().collect();
    let variables = [&[("COSYVOICE3_MODEL_PATH", dir.as_path())], variables].concat();
    launch::gst_launch(&words, &variables)
}

/// The element messages `name` that are on the bus.
fn messages(bus: &gst::Bus, name: &str) -> Vec<gst::Structure> {
    std::iter::from_fn(|| bus.pop())
        .filter_map(|message| message.structure().map(|s| s.to_owned()))
        .filter(|structure| structure.name() == name)
        .collect()
}

/// Fails with the words of an error message.
#[track_caller]
fn assert_no_error(message: &gst::Message) {
    if let gst::MessageView::Error(error) = message.view() {
        panic!("{}", error.error());
    }
}

/// Waits for the element message `cosyvoice3/utterance-NAME`.
fn posted(bus: &gst::Bus, name: &str) -> gst::Structure {
    loop {
        let message = bus.timed_pop_filtered(patience(), &TELLING).expect(name);
        if let Some(structure) = utterance(&message, name) {
            return structure;
        }
    }
}

/// The same, and moves the clock on no further than that; some thread must be waiting for the clock all the time.
fn posted_by(clock: &gst_check::TestClock, bus: &gst::Bus, name: &str) -> gst::Structure {
    loop {
        while let Some(message) = bus.pop_filtered(&TELLING) {
            if let Some(structure) = utterance(&message, name) {
                return structure;
            }
        }
        clock.crank();
    }
}

const TELLING: [gst::MessageType; 2] = [gst::MessageType::Element, gst::MessageType::Error];

fn utterance(message: &gst::Message, name: &str) -> Option<gst::Structure> {
    assert_no_error(message);
    let structure = message.structure().unwrap();
    let found = structure.name().strip_prefix("cosyvoice3/utterance-");
    (found == Some(name)).then(|| structure.to_owned())
}

/// The text of a warning.
fn warning(message: &gst::Message) -> String {
    match message.view() {
        gst::MessageView::Warning(warning) => warning.error().message().into(),
        _ => String::new(),
    }
}

fn say(element: &gst::Element, text: &str) -> u64 {
    element.emit_by_name("say", &[&text])
}

fn is_silence(buffer: &gst::Buffer) -> bool {
    buffer.flags().contains(gst::BufferFlags::GAP)
}

fn end_of(buffer: &gst::Buffer) -> gst::ClockTime {
    buffer.pts().unwrap() + buffer.duration().unwrap()
}

#[track_caller]
fn assert_contiguous(buffers: &[gst::Buffer]) {
    for pair in buffers.windows(2) {
        assert_eq!(pair[1].pts().unwrap(), end_of(&pair[0]));
        assert_eq!(pair[1].offset(), pair[0].offset_end());
        assert!(!pair[1].flags().contains(gst::BufferFlags::DISCONT));
    }
}

/// Prints how long something took, and fails at ten times what is wanted.
#[track_caller]
fn assert_took(what: &str, took: Duration, wanted: Duration) {
    println!("{what} took {took:?} (wanted: {wanted:?})");
    assert!(took < 10 * wanted, "{what} took {took:?}");
}
