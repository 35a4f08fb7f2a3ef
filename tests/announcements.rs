//! Guarantees for applications and text sources, over scripted stages and a clock that the test turns: announcements
//! and their messages, text in every form that sources give it.
#![allow(missing_docs)]

use test_support::fade;
use test_support::playing;
use test_support::script;

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use fade::{FADE, fade_of};
use gst::prelude::*;
use gst_check::{Harness, TestClock};
use playing::Watchdog;
use script::{Gate, NOBODY, Script, speech_of};

const PATIENCE: Duration = Duration::from_secs(60);
const QUEUED: &str = "cosyvoice3/utterance-queued";
const STARTED: &str = "cosyvoice3/utterance-started";
const FINISHED: &str = "cosyvoice3/utterance-finished";
const CANCELLED: &str = "cosyvoice3/utterance-cancelled";
const FAILED: &str = "cosyvoice3/utterance-failed";

type Messages = Arc<(Mutex<Vec<gst::Message>>, Condvar)>;

/// The element over a script, and a listener that takes everything at once.
struct Rig {
    script: Script,
    element: gst::Element,
    harness: Harness,
    messages: Messages,
    _watchdog: Watchdog,
}

impl Rig {
    fn new(settings: &[(&str, &str)], upstream: bool, prepare: impl FnOnce(&Script)) -> Self {
        playing::init();
        let element = gst::ElementFactory::make("cosyvoice3src").build().unwrap();
        let script = Script::default();
        script.give_to(&element);
        prepare(&script);
        for (name, value) in settings {
            element.set_property_from_str(name, value);
        }
        let messages = Messages::default();
        let bus = gst::Bus::new();
        let posted = messages.clone();
        bus.set_sync_handler(move |_, message| {
            posted.0.lock().unwrap().push(message.clone());
            posted.1.notify_all();
            gst::BusSyncReply::Drop
        });
        element.set_bus(Some(&bus));
        let mut harness = Harness::with_element(&element, upstream.then_some("sink"), Some("src"));
        harness.use_testclock();
        harness.set_live(false);
        harness.play();
        Self {
            script,
            element,
            harness,
            messages,
            _watchdog: Watchdog::new("an announcement", PATIENCE * 2),
        }
    }

    /// A live element without an upstream.
    fn live(settings: &[(&str, &str)]) -> Self {
        Self::new(&[&[("is-live", "true")], settings].concat(), false, |_| {})
    }

    fn clock(&self) -> TestClock {
        self.harness.testclock().unwrap()
    }

    /// Turns the clock on by so many milliseconds, in steps that the stream can follow.
    fn turn(&self, milliseconds: u64) {
        let clock = self.clock();
        for _ in 0..milliseconds.div_ceil(10) {
            clock.advance_time(10_000_000);
            self.pump();
        }
    }

    /// Turns the clock on before there is a stream that could wait for it.
    fn turn_clock(&self, milliseconds: u64) {
        self.clock().advance_time(milliseconds as i64 * 1_000_000);
    }

    /// Completes the waits that are due, until the stream waits for a later time.
    fn pump(&self) {
        let clock = self.clock();
        clock.wait_for_pending_id_count(1);
        while clock
            .next_entry_time()
            .is_some_and(|time| time <= clock.time())
        {
            clock.process_next_clock_id();
            clock.wait_for_pending_id_count(1);
        }
    }

    /// Waits for `count` messages `name` in all while time goes by, as far as the stream follows; returns the last.
    fn await_message(&self, name: &str, count: usize) -> gst::Structure {
        loop {
            if let Some(found) = self.posted(name).get(count - 1) {
                return found.clone();
            }
            let clock = self.clock();
            if clock.process_next_clock_id().is_none() && clock.next_entry_time().is_some() {
                clock.advance_time(5_000_000);
            }
            let messages = self.messages.0.lock().unwrap();
            let wait = Duration::from_millis(1);
            let _ = self.messages.1.wait_timeout(messages, wait).unwrap();
        }
    }

    /// Waits for `count` element messages `name` in all while no time goes by.
    fn await_at_once(&self, name: &str, count: usize) -> gst::Structure {
        let messages = self.messages.0.lock().unwrap();
        let (messages, timeout) = self
            .messages
            .1
            .wait_timeout_while(messages, PATIENCE, |all| named(all, name).len() < count)
            .unwrap();
        assert!(!timeout.timed_out(), "no {name}");
        named(&messages, name)[count - 1].clone()
    }

    fn posted(&self, name: &str) -> Vec<gst::Structure> {
        named(&self.messages.0.lock().unwrap(), name)
    }

    fn warnings(&self) -> Vec<String> {
        let messages = self.messages.0.lock().unwrap();
        messages
            .iter()
            .filter_map(|message| match message.view() {
                gst::MessageView::Warning(warning) => Some(warning.error().message().into()),
                _ => None,
            })
            .collect()
    }

    fn errors(&self) -> Vec<String> {
        let messages = self.messages.0.lock().unwrap();
        messages
            .iter()
            .filter_map(|message| match message.view() {
                gst::MessageView::Error(error) => Some(error.error().message().into()),
                _ => None,
            })
            .collect()
    }

    fn say(&self, text: &str) -> u64 {
        self.element.emit_by_name("say", &[&text])
    }

    fn say_full(&self, text: &str, priority: i32, interrupt: &str) -> u64 {
        let structure = gst::Structure::builder("say")
            .field("text", text)
            .field("priority", priority)
            .field("interrupt", interrupt)
            .build();
        self.element.emit_by_name("say-full", &[&structure])
    }

    /// Makes the sink block on speech until that of `text` is synthesized.
    fn hold_until_made(&self, text: &'static str) {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.script.on_speech(move |made, _| {
            if made == text {
                let _ = sender.send(());
            }
        });
        let receiver = Mutex::new(Some(receiver));
        let pad = self.element.static_pad("src").unwrap();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if !info.buffer().is_some_and(is_silence)
                && let Some(receiver) = receiver.lock().unwrap().take()
            {
                let made = receiver.recv_timeout(PATIENCE);
                made.unwrap_or_else(|_| panic!("{text:?} is made"));
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// All buffers so far.
    fn heard(&mut self) -> Vec<gst::Buffer> {
        std::iter::from_fn(|| self.harness.try_pull()).collect()
    }

    /// Speech so far, without the silence.
    fn spoken(&mut self) -> Vec<f32> {
        let heard = self.heard();
        let speech = heard.iter().filter(|buffer| !is_silence(buffer));
        speech.flat_map(playing::samples).collect()
    }

    /// Ends the stream and waits for it; all events.
    fn drain(&mut self) -> Vec<gst::Event> {
        let mut events = Vec::new();
        loop {
            let event = self.harness.pull_event().expect("the stream ends");
            let kind = event.type_();
            events.push(event);
            if kind == gst::EventType::Eos {
                return events;
            }
        }
    }

    fn push(&mut self, text: &[u8]) {
        self.harness
            .push(gst::Buffer::from_slice(text.to_vec()))
            .unwrap();
    }

    fn texts(&self) -> Vec<String> {
        let queued = self.posted(QUEUED);
        queued.iter().map(|m| m.get("text").unwrap()).collect()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        for gate in [Gate::Load, Gate::Lm, Gate::Vocoder] {
            self.script.open(gate);
        }
        let _ = self.element.set_state(gst::State::Null);
    }
}

fn named(messages: &[gst::Message], name: &str) -> Vec<gst::Structure> {
    let structures = messages.iter().filter_map(|message| message.structure());
    structures
        .filter(|structure| structure.name() == name)
        .map(ToOwned::to_owned)
        .collect()
}

fn id(message: &gst::StructureRef) -> u64 {
    message.get("id").unwrap()
}

fn time(message: &gst::StructureRef, field: &str) -> gst::ClockTime {
    message.get(field).unwrap()
}

fn is_silence(buffer: &gst::Buffer) -> bool {
    buffer.flags().contains(gst::BufferFlags::GAP)
}

fn milliseconds(count: u64) -> gst::ClockTime {
    gst::ClockTime::from_mseconds(count)
}

/// Time of so many samples.
fn time_of(samples: usize) -> gst::ClockTime {
    gst::ClockTime::from_nseconds((samples as u128 * 1_000_000_000 / 24_000) as u64)
}

// Announcements.

#[test]
fn each_announcement_tells_when_it_is_queued_started_and_finished() {
    let mut rig = Rig::live(&[]);
    rig.turn(100);
    let first = rig.say("1 aaa bb");
    let second = rig.say("2 c");
    assert_eq!((first, second), (1, 2));
    let finished = rig.await_message(FINISHED, 2);
    assert_eq!(id(&finished), second);
    for (number, text) in [(0, "1 aaa bb"), (1, "2 c")] {
        let queued = &rig.posted(QUEUED)[number];
        let started = &rig.posted(STARTED)[number];
        let finished = &rig.posted(FINISHED)[number];
        let length = speech_of(text).len();
        for message in [queued, started, finished] {
            assert_eq!(id(message), number as u64 + 1);
            assert_eq!(message.get::<String>("text").unwrap(), text);
        }
        let at = time(started, "running-time");
        assert!(at >= milliseconds(80), "{at}");
        assert_eq!(time(finished, "running-time"), at);
        assert_eq!(time(finished, "pts"), at);
        assert_eq!(time(finished, "duration"), time_of(length));
        assert_eq!(
            finished.get::<u64>("tokens").unwrap(),
            (length / 960) as u64
        );
        assert!(finished.has_field("synthesis-duration"));
        assert!(finished.get::<f64>("rtf").is_ok());
    }
    // Messages and speech agree: the first sample is stamped with the running time that was reported.
    let heard = rig.heard();
    let speech: Vec<_> = heard.iter().filter(|buffer| !is_silence(buffer)).collect();
    assert_eq!(
        speech[0].pts(),
        Some(time(&rig.posted(STARTED)[0], "running-time"))
    );
    assert_eq!(
        speech[2].pts(),
        Some(time(&rig.posted(STARTED)[1], "running-time"))
    );
}

#[test]
fn an_announcement_starts_within_one_buffer_of_being_ready() {
    for idle in ["silence", "gap", "none"] {
        let mut rig = Rig::live(&[("idle", idle)]);
        rig.script.shut(Gate::Vocoder);
        rig.say("1 aa");
        rig.script.await_visitor(Gate::Vocoder);
        if idle == "none" {
            rig.clock().advance_time(777_000_000);
        } else {
            rig.turn(777);
        }
        let ready = rig.element.current_running_time().unwrap();
        rig.script.open(Gate::Vocoder);
        let started = time(&rig.await_at_once(STARTED, 1), "running-time");
        rig.await_at_once(FINISHED, 1);
        let wait = started.saturating_sub(ready);
        println!("idle={idle}: ready at {ready}, heard at {started}");
        assert!(wait <= milliseconds(20), "{idle}: {wait}");
        assert!(ready.saturating_sub(started) <= milliseconds(20), "{idle}");
        assert_eq!(rig.spoken(), speech_of("1 aa"));
    }
}

#[test]
fn silence_flows_while_models_load() {
    let mut rig = Rig::new(&[("is-live", "true")], false, |script| {
        script.shut(Gate::Load);
    });
    rig.say("1 a");
    rig.turn(1000);
    let heard = rig.heard();
    assert!(heard.len() >= 48, "{} buffers in a second", heard.len());
    assert!(heard.iter().all(is_silence));
    rig.script.open(Gate::Load);
    rig.await_message(FINISHED, 1);
    assert_eq!(rig.spoken(), speech_of("1 a"));
}

#[test]
fn an_interruption_at_once_leaves_no_more_than_the_buffer_on_its_way_and_a_fade() {
    let mut rig = Rig::live(&[("buffer-duration", "40000000")]);
    rig.say("1 aaaaaaaaaa bbbbbbbbbb");
    rig.await_message(STARTED, 1);
    rig.turn(120);
    let before = rig.spoken();
    let urgent = rig.say_full("2 c", 1, "now");
    let finished = rig.await_message(FINISHED, 1);
    assert_eq!(id(&finished), urgent);
    let cancelled = rig.await_message(CANCELLED, 1);
    assert_eq!(id(&cancelled), 1);
    assert_eq!(cancelled.get::<String>("reason").unwrap(), "interrupted");
    let rest = rig.spoken();
    let more = rest.len() - speech_of("2 c").len();
    assert!(more <= 960 + FADE, "{more} samples more");
    assert_eq!(rest[more..], speech_of("2 c"));
    let heard = [&before, &rest[..more]].concat();
    let first = speech_of("1 aaaaaaaaaa");
    assert_eq!(fade_of(&heard, &first), Some(FADE));
    assert_eq!(time(&cancelled, "duration"), time_of(heard.len()));
}

#[test]
fn what_is_cancelled_in_the_middle_fades_and_its_end_counts_every_sample() {
    // In buffers shorter than the fade, and in longer ones.
    for buffer in ["1000000", "40000000"] {
        let mut rig = Rig::live(&[("buffer-duration", buffer)]);
        let id = rig.say("1 aaaaaaaaaa bbbb");
        rig.await_message(STARTED, 1);
        rig.turn(120);
        assert!(rig.element.emit_by_name::<bool>("cancel", &[&id]));
        let cancelled = rig.await_at_once(CANCELLED, 1);
        rig.say("2 c");
        rig.await_message(FINISHED, 1);
        let spoken = rig.spoken();
        let (heard, next) = spoken.split_at(spoken.len() - speech_of("2 c").len());
        assert_eq!(next, speech_of("2 c"));
        let whole = speech_of("1 aaaaaaaaaa bbbb");
        assert_eq!(fade_of(heard, &whole), Some(FADE), "{buffer}");
        assert_eq!(time(&cancelled, "duration"), time_of(heard.len()));
    }
}

#[test]
fn what_is_heard_when_the_stream_is_to_end_at_once_fades() {
    let mut rig = Rig::live(&[("buffer-duration", "40000000")]);
    rig.say("1 aaaaaaaaaa");
    rig.await_message(STARTED, 1);
    rig.turn(120);
    rig.element.send_event(gst::event::Eos::new());
    rig.drain();
    let cancelled = rig.await_at_once(CANCELLED, 1);
    let heard = rig.spoken();
    assert_eq!(fade_of(&heard, &speech_of("1 aaaaaaaaaa")), Some(FADE));
    assert_eq!(time(&cancelled, "duration"), time_of(heard.len()));
}

#[test]
fn an_important_text_takes_the_place_of_the_last_of_the_least_important() {
    let mut rig = Rig::live(&[("max-queued", "3")]);
    rig.script.shut(Gate::Lm);
    for number in 1..=3 {
        assert_eq!(rig.say(&format!("{number} a")), number);
    }
    assert_eq!(rig.say_full("9 a", 0, "now"), 0);
    assert_eq!(rig.warnings().len(), 1);
    assert_eq!(rig.say_full("4 b", 1, "none"), 4);
    let displaced = rig.await_at_once(CANCELLED, 1);
    assert_eq!(id(&displaced), 3);
    assert_eq!(displaced.get::<String>("reason").unwrap(), "displaced");
    assert_eq!(rig.say_full("5 c", 2, "none"), 5);
    assert_eq!(id(&rig.await_at_once(CANCELLED, 2)), 2);
    assert_eq!(rig.say_full("6 d", 1, "none"), 6);
    assert_eq!(id(&rig.await_at_once(CANCELLED, 3)), 1);
    // Announcements of the same priority keep their places.
    assert_eq!(rig.say_full("9 a", 1, "now"), 0);
    assert_eq!(rig.say("9 a"), 0);
    let warnings = rig.warnings();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings.iter().all(|text| text.contains("max-queued")));
    rig.script.open(Gate::Lm);
    rig.await_message(FINISHED, 3);
    let order: Vec<_> = rig.posted(FINISHED).iter().map(|m| id(m)).collect();
    assert_eq!(order, [5, 4, 6]);
    assert_eq!(rig.spoken(), ["5 c", "4 b", "6 d"].map(speech_of).concat());
}

#[test]
fn one_that_is_heard_takes_no_place_from_an_urgent_one() {
    let rig = Rig::live(&[("max-queued", "1"), ("buffer-duration", "40000000")]);
    rig.say("1 aaaaaaaaaa");
    rig.await_message(STARTED, 1);
    assert_eq!(rig.say_full("2 b", 5, "now"), 2);
    rig.await_message(FINISHED, 1);
    assert_eq!(id(&rig.await_message(CANCELLED, 1)), 1);
}

#[test]
fn a_text_that_cannot_be_taken_is_refused_with_a_reason() {
    let mut rig = Rig::live(&[]);
    let refused = |rig: &Rig, why: &str| {
        let before = rig.warnings().len();
        assert_eq!(rig.say("1 a"), 0, "{why}");
        let warnings = rig.warnings();
        assert_eq!(warnings.len(), before + 1, "{warnings:?}");
        assert!(warnings[before].contains(why), "{warnings:?}");
    };
    rig.element.send_event(gst::event::FlushStart::new());
    refused(&rig, "flush");
    rig.element.send_event(gst::event::FlushStop::new(true));
    rig.element.emit_by_name::<()>("end-of-stream", &[]);
    refused(&rig, "the stream has ended");
    rig.drain();
    refused(&rig, "the stream has ended");
    rig.element.set_state(gst::State::Ready).unwrap();
    refused(&rig, "below PAUSED");
    rig.element.set_state(gst::State::Null).unwrap();
    refused(&rig, "below PAUSED");
    // The property stays for the next start, so nothing is lost.
    let before = rig.warnings().len();
    rig.element.set_property("text", "2 b");
    assert_eq!(rig.warnings().len(), before);
    rig.heard();
    rig.element.set_state(gst::State::Playing).unwrap();
    rig.await_message(FINISHED, 1);
    assert_eq!(rig.spoken(), speech_of("2 b"));
}

#[test]
fn a_listener_may_ask_for_properties_while_one_is_set() {
    let rig = Rig::live(&[]);
    let bus = gst::Bus::new();
    let element = rig.element.downgrade();
    let (sender, receiver) = std::sync::mpsc::channel();
    bus.set_sync_handler(move |_, message| {
        if message.type_() == gst::MessageType::Latency {
            let element = element.upgrade().unwrap();
            sender.send(element.property::<u32>("latency")).unwrap();
        }
        gst::BusSyncReply::Drop
    });
    rig.element.set_bus(Some(&bus));
    rig.element.set_property("latency", 500_u32);
    assert_eq!(receiver.recv().unwrap(), 500);
}

#[test]
fn texts_that_fail_are_their_own_trouble_in_a_live_stream() {
    let mut rig = Rig::live(&[]);
    let failing = [
        "1 lm-fails",
        "2 flow-fails",
        "3 vocoder-fails",
        "4 device-lost",
        "5 vocoder-panics",
    ];
    for text in failing {
        assert!(rig.say(text) > 0);
    }
    // A voice that is gone when it is wanted.
    rig.element.set_property("voice", NOBODY);
    let gone = rig.say("6 a");
    rig.element.set_property("voice", None::<String>);
    let last = rig.say("7 b");
    let finished = rig.await_message(FINISHED, 1);
    assert_eq!(id(&finished), last);
    let failed: Vec<_> = rig.posted(FAILED).iter().map(|m| id(m)).collect();
    assert_eq!(failed, [1, 2, 3, 4, 5, gone]);
    assert_eq!(rig.warnings().len(), 6, "{:?}", rig.warnings());
    assert!(rig.errors().is_empty(), "{:?}", rig.errors());
    assert_eq!(rig.spoken(), speech_of("7 b"));
}

#[test]
fn three_failing_texts_in_a_row_end_a_file_and_two_do_not() {
    for (texts, heard, errors) in [
        (
            &b"1 a\n2 lm-fails\n3 lm-fails\n4 b\n5 lm-fails\n"[..],
            "1 a|4 b",
            0,
        ),
        (b"1 a\n2 lm-fails\n3 lm-fails\n4 lm-fails\n5 b\n", "1 a", 1),
    ] {
        let mut rig = Rig::new(&[], true, |_| {});
        rig.harness
            .push_event(gst::event::StreamStart::new("bytes"));
        let bytes = gst::FormattedSegment::<gst::format::Bytes>::new();
        rig.harness.push_event(gst::event::Segment::new(&bytes));
        // The last of them may meet the end already.
        let _ = rig.harness.push(gst::Buffer::from_slice(texts));
        rig.harness.push_event(gst::event::Eos::new());
        rig.drain();
        let whole: Vec<_> = heard.split('|').flat_map(speech_of).collect();
        assert_eq!(rig.spoken(), whole);
        assert_eq!(rig.errors().len(), errors, "{:?}", rig.errors());
    }
}

#[test]
fn a_file_in_which_nothing_could_be_said_ends_with_an_error() {
    let mut rig = Rig::new(&[("text", "1 lm-fails")], false, |_| {});
    rig.drain();
    rig.await_at_once(FAILED, 1);
    let errors = rig.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("nothing could be spoken"), "{errors:?}");
}

#[test]
fn messages_of_what_was_not_heard_have_no_times_rather_than_endless_ones() {
    let rig = Rig::live(&[]);
    // Nothing to speak, a failure, and a cancellation before it is heard.
    rig.say("1");
    rig.say("2 lm-fails");
    rig.await_message(FAILED, 1);
    rig.script.shut(Gate::Lm);
    rig.say("3 a");
    rig.element.emit_by_name::<u32>("cancel-all", &[]);
    let silent = [FINISHED, FAILED, CANCELLED].map(|name| rig.await_at_once(name, 1));
    rig.script.open(Gate::Lm);
    rig.say("4 a");
    let heard = rig.await_message(FINISHED, 2);
    for field in ["pts", "running-time", "first-audio", "rtf", "flow-backend"] {
        for message in &silent {
            assert!(!message.has_field(field), "{message:?}");
        }
        // The script names no back end.
        assert!(
            heard.has_field(field) || field == "flow-backend",
            "{heard:?}"
        );
    }
    let stats = rig.element.property::<gst::Structure>("stats");
    for message in silent.iter().chain([&heard, &stats]) {
        for (name, value) in message.iter() {
            assert_ne!(value.get::<u64>(), Ok(u64::MAX), "{name} of {message:?}");
        }
    }
}

#[test]
fn an_interruption_at_the_sentence_lets_it_end_and_no_other_begin() {
    let mut rig = Rig::live(&[("buffer-duration", "40000000")]);
    rig.say("1 aaaaaaaaaa bbbbbbbbbb cccc");
    rig.await_message(STARTED, 1);
    rig.turn(120);
    let urgent = rig.say_full("2 d", 1, "sentence");
    let finished = rig.await_message(FINISHED, 1);
    assert_eq!(id(&finished), urgent);
    let cancelled = rig.await_message(CANCELLED, 1);
    assert_eq!(cancelled.get::<String>("reason").unwrap(), "interrupted");
    let whole = [speech_of("1 aaaaaaaaaa"), speech_of("2 d")].concat();
    assert_eq!(rig.spoken(), whole);
}

#[test]
fn an_interruption_takes_nothing_from_what_is_as_important() {
    let mut rig = Rig::live(&[("buffer-duration", "40000000")]);
    let first = rig.say_full("1 aaaa bb", 1, "none");
    rig.await_message(STARTED, 1);
    let second = rig.say_full("2 c", 1, "now");
    rig.await_message(FINISHED, 2);
    assert_eq!(
        rig.posted(FINISHED)
            .iter()
            .map(|m| id(m))
            .collect::<Vec<_>>(),
        [first, second]
    );
    assert_eq!(
        rig.spoken(),
        [speech_of("1 aaaa bb"), speech_of("2 c")].concat()
    );
}

#[test]
fn what_is_ready_and_not_yet_heard_lets_the_more_important_go_first() {
    let mut rig = Rig::live(&[]);
    let first = rig.say("1 aaaaaaaaaa");
    let second = rig.say("2 b");
    // The second waits for the first to be played.
    rig.await_message(STARTED, 1);
    rig.await_at_once(FINISHED, 1);
    rig.turn(50);
    let urgent = rig.say_full("3 c", 1, "now");
    rig.await_message(FINISHED, 3);
    let order: Vec<_> = rig.posted(FINISHED).iter().map(|m| id(m)).collect();
    assert_eq!(order, [first, urgent, second]);
    let all = [
        speech_of("1 aaaaaaaaaa"),
        speech_of("3 c"),
        speech_of("2 b"),
    ];
    assert_eq!(rig.spoken(), all.concat());
}

#[test]
fn an_interruption_in_the_last_sentence_takes_nothing_away() {
    let mut rig = Rig::live(&[("buffer-duration", "40000000")]);
    rig.say("1 aaaaaaaaaa");
    rig.await_message(STARTED, 1);
    rig.turn(20);
    let second = rig.say_full("2 c", 1, "sentence");
    // The first is reported finished or cancelled, depending on whether the engine knew by then that it was at its end.
    rig.await_message(STARTED, 2);
    while !rig.posted(FINISHED).iter().any(|m| id(m) == second) {
        std::thread::yield_now();
    }
    assert_eq!(rig.posted(FINISHED).len() + rig.posted(CANCELLED).len(), 2);
    assert_eq!(
        rig.spoken(),
        [speech_of("1 aaaaaaaaaa"), speech_of("2 c")].concat()
    );
}

#[test]
fn cancelling_all_empties_the_line_and_the_stream_goes_on() {
    let mut rig = Rig::live(&[]);
    rig.script.shut(Gate::Lm);
    for number in 1..=3 {
        rig.say(&format!("{number} a"));
    }
    assert_eq!(rig.element.emit_by_name::<u32>("cancel-all", &[]), 3);
    for (number, cancelled) in rig.posted(CANCELLED).iter().enumerate() {
        assert_eq!(id(cancelled), number as u64 + 1);
        assert_eq!(cancelled.get::<String>("reason").unwrap(), "cancelled");
        assert_eq!(time(cancelled, "duration"), gst::ClockTime::ZERO);
    }
    assert_eq!(rig.posted(CANCELLED).len(), 3);
    assert_eq!(rig.element.emit_by_name::<u32>("cancel-all", &[]), 0);
    rig.script.open(Gate::Lm);
    rig.say("4 b");
    rig.await_message(FINISHED, 1);
    assert_eq!(rig.spoken(), speech_of("4 b"));
}

#[test]
fn a_text_of_which_nothing_can_be_spoken_fails_and_the_next_is_heard() {
    let mut rig = Rig::live(&[]);
    rig.say("1 vocoder-fails");
    rig.say("2 a lm-fails b");
    let finished = rig.await_message(FINISHED, 1);
    let failed = rig.await_message(FAILED, 1);
    assert_eq!((id(&failed), id(&finished)), (1, 2));
    assert!(failed.get::<String>("reason").unwrap().contains("scripted"));
    assert_eq!(rig.spoken(), speech_of("2 a lm-fails b"));
    let warnings = rig.warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings.iter().all(|text| text.contains("left out")));
}

#[test]
fn a_text_is_prepared_while_the_sink_holds_the_one_before() {
    for live in ["false", "true"] {
        let mut rig = Rig::new(&[("text", "1 a"), ("is-live", live)], false, |script| {
            script.shut(Gate::Load);
        });
        rig.hold_until_made("2 b");
        rig.script.open(Gate::Load);
        rig.await_message(STARTED, 1);
        rig.say("2 b");
        rig.await_message(FINISHED, 2);
        assert_eq!(rig.spoken(), [speech_of("1 a"), speech_of("2 b")].concat());
    }
}

#[test]
fn voice_and_text_change_while_playing() {
    let mut rig = Rig::live(&[]);
    rig.element.set_property("text", "1 a");
    rig.element.set_property("voice", "anna");
    rig.element.set_property("text", "2 b");
    let full = gst::Structure::builder("say")
        .field("text", "3 c")
        .field("voice", "boris")
        .build();
    assert_eq!(rig.element.emit_by_name::<u64>("say-full", &[&full]), 3);
    rig.say("4 d");
    rig.await_message(FINISHED, 4);
    let voices = rig.script.requests();
    let expected = [
        ("1 a", None),
        ("2 b", Some("anna")),
        ("3 c", Some("boris")),
        ("4 d", Some("anna")),
    ];
    let expected = expected.map(|(text, voice)| (text.to_owned(), voice.map(str::to_owned)));
    assert_eq!(voices, expected);
    let all = ["1 a", "2 b", "3 c", "4 d"].map(speech_of);
    assert_eq!(rig.spoken(), all.concat());
}

#[test]
fn a_text_set_before_the_start_is_said_once_and_only_the_last_one() {
    let mut rig = Rig::new(&[("text", "1 a")], false, |script| script.shut(Gate::Load));
    assert_eq!(rig.texts(), ["1 a"]);
    rig.element.set_state(gst::State::Ready).unwrap();
    rig.element.set_property("text", "2 b");
    rig.element.set_property("text", "3 c");
    rig.heard();
    rig.script.open(Gate::Load);
    rig.element.set_state(gst::State::Playing).unwrap();
    rig.await_at_once(FINISHED, 1);
    assert_eq!(rig.texts(), ["1 a", "3 c"]);
    assert_eq!(rig.spoken(), speech_of("3 c"));
}

#[test]
fn the_end_of_the_stream_waits_for_what_is_queued_and_takes_nothing_more() {
    let mut rig = Rig::live(&[]);
    rig.script.shut(Gate::Lm);
    rig.say("1 a");
    rig.say("2 b");
    rig.element.emit_by_name::<()>("end-of-stream", &[]);
    assert_eq!(rig.say("3 c"), 0);
    rig.script.open(Gate::Lm);
    rig.await_message(FINISHED, 2);
    rig.drain();
    assert_eq!(rig.spoken(), [speech_of("1 a"), speech_of("2 b")].concat());
    assert_eq!(rig.say("4 d"), 0);
}

#[test]
fn an_eos_event_ends_the_stream_at_once_and_tells_what_was_given_up() {
    let mut rig = Rig::live(&[]);
    rig.script.shut(Gate::Lm);
    rig.say("1 a");
    let eos = gst::event::Eos::new();
    let seqnum = eos.seqnum();
    rig.element.send_event(eos);
    let events = rig.drain();
    assert_eq!(events.last().unwrap().seqnum(), seqnum);
    let cancelled = rig.await_at_once(CANCELLED, 1);
    assert_eq!(
        cancelled.get::<String>("reason").unwrap(),
        "the stream has ended"
    );
}

#[test]
fn a_pause_keeps_what_was_queued_and_stamps_go_on_with_the_clock() {
    let mut rig = Rig::live(&[("buffer-duration", "40000000")]);
    rig.say("1 aaaaaaaaaa");
    rig.await_message(STARTED, 1);
    rig.turn(100);
    rig.element.set_state(gst::State::Paused).unwrap();
    let before = rig.heard();
    rig.clock().advance_time(3_000_000_000);
    assert!(rig.heard().is_empty());
    // As a pipeline would, leaves the pause out of running time.
    let base = rig.element.base_time().unwrap() + gst::ClockTime::from_seconds(3);
    rig.element.set_base_time(base);
    rig.element.set_state(gst::State::Playing).unwrap();
    rig.await_message(FINISHED, 1);
    let after = rig.heard();
    let all = [before, after].concat();
    for pair in all.windows(2) {
        assert!(pair[1].offset() >= pair[0].offset_end(), "{pair:?}");
    }
    let speech = all.iter().filter(|buffer| !is_silence(buffer));
    let samples: Vec<f32> = speech.flat_map(playing::samples).collect();
    assert_eq!(samples, speech_of("1 aaaaaaaaaa"));
}

#[test]
fn speech_in_small_buffers_has_no_seam_though_the_clock_wakes_late() {
    let mut rig = Rig::live(&[("buffer-duration", "20000000"), ("idle", "none")]);
    rig.say("1 aaaa");
    rig.await_at_once(STARTED, 1);
    // Each wait ends a little late, as on every real clock.
    while rig.posted(FINISHED).is_empty() {
        let clock = rig.clock();
        if let Some(time) = clock.next_entry_time() {
            clock.set_time(time.max(clock.time()) + gst::ClockTime::from_useconds(130));
            clock.process_next_clock_id();
        }
        std::thread::yield_now();
    }
    let heard = rig.heard();
    assert_eq!(heard.len(), 8);
    for pair in heard.windows(2) {
        assert_eq!(pair[1].offset(), pair[0].offset_end());
        assert!(!pair[1].flags().contains(gst::BufferFlags::DISCONT));
    }
}

// Text from upstream.

#[test]
fn plain_bytes_without_caps_are_text() {
    let mut rig = Rig::new(&[], true, |_| {});
    rig.harness
        .push_event(gst::event::StreamStart::new("bytes"));
    let bytes = gst::FormattedSegment::<gst::format::Bytes>::new();
    rig.harness.push_event(gst::event::Segment::new(&bytes));
    rig.push("\u{feff}1 aa.\r\n2 ".as_bytes());
    rig.push("b\r\n\r\n3 д".as_bytes());
    rig.harness.push_event(gst::event::Eos::new());
    let events = rig.drain();
    assert_eq!(rig.texts(), ["1 aa.", "2 b", "3 д"]);
    assert_eq!(rig.spoken(), ["1 aa", "2 b", "3 д"].map(speech_of).concat());
    let segments = events.iter().filter_map(|event| match event.view() {
        gst::EventView::Segment(segment) => Some(segment.segment().format()),
        _ => None,
    });
    assert_eq!(segments.collect::<Vec<_>>(), [gst::Format::Time]);
    assert!(rig.warnings().is_empty());
}

#[test]
fn upstream_waits_when_enough_is_queued_and_a_flush_ends_its_wait() {
    let settings = [("max-queued", "4")];
    let mut rig = Rig::new(&settings, true, |script| script.shut(Gate::Lm));
    rig.harness.push_event(gst::event::StreamStart::new("text"));
    let time = gst::FormattedSegment::<gst::ClockTime>::new();
    rig.harness.push_event(gst::event::Segment::new(&time));
    for number in 1..=4 {
        rig.push(format!("{number} a\n").as_bytes());
    }
    let pad = rig.harness.srcpad().unwrap();
    let upstream = std::thread::spawn(move || pad.push(gst::Buffer::from_slice(*b"5 a\n6 a\n")));
    // One more text is accepted, and then the next waits again.
    rig.script.let_one_pass(Gate::Lm);
    rig.await_at_once(QUEUED, 5);
    assert!(!upstream.is_finished());
    let pad = rig.harness.srcpad().unwrap();
    pad.push_event(gst::event::FlushStart::new());
    assert_eq!(upstream.join().unwrap(), Err(gst::FlowError::Flushing));
    assert_eq!(rig.texts().len(), 5);
    rig.await_at_once(CANCELLED, 4);
    rig.script.open(Gate::Lm);
    pad.push_event(gst::event::FlushStop::new(true));
    rig.heard();
    rig.harness.push_event(gst::event::Segment::new(&time));
    rig.push(b"7 b\n");
    rig.await_at_once(FINISHED, 2);
    assert_eq!(rig.spoken(), speech_of("7 b"));
}

fn cue(text: &str, start: u64, duration: u64) -> gst::Buffer {
    let mut buffer = gst::Buffer::from_slice(text.as_bytes().to_vec());
    let writable = buffer.get_mut().unwrap();
    writable.set_pts(milliseconds(start));
    writable.set_duration(milliseconds(duration));
    buffer
}

#[test]
fn timed_text_is_spoken_at_its_running_time_whatever_its_segment() {
    let mut rig = Rig::new(&[], true, |_| {});
    rig.harness.push_event(gst::event::StreamStart::new("text"));
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(milliseconds(10_000));
    segment.set_base(milliseconds(500));
    rig.harness.push_event(gst::event::Segment::new(&segment));
    rig.harness.push(cue("1 a", 11_000, 500)).unwrap();
    rig.harness.push_event(gst::event::Gap::new(
        milliseconds(11_500),
        milliseconds(1000),
    ));
    rig.harness.push(cue("2 b", 13_000, 500)).unwrap();
    rig.harness.push_event(gst::event::Eos::new());
    let events = rig.drain();
    let heard = rig.heard();
    let times: Vec<_> = heard.iter().map(|b| b.pts().unwrap().mseconds()).collect();
    assert_eq!(times, [1500, 3500]);
    // Gap events fill what is between, without overlap.
    let mut covered = heard
        .iter()
        .map(|b| (b.pts().unwrap(), b.duration().unwrap()))
        .collect::<Vec<_>>();
    covered.extend(events.iter().filter_map(|event| match event.view() {
        gst::EventView::Gap(gap) => {
            let (start, duration) = gap.get();
            Some((start, duration.unwrap()))
        }
        _ => None,
    }));
    covered.sort();
    let mut end = gst::ClockTime::ZERO;
    for (start, duration) in covered {
        assert!(
            start.absdiff(end) <= gst::ClockTime::from_nseconds(1),
            "{start} after {end}"
        );
        end = start + duration;
    }
    assert_eq!(end, milliseconds(3540));
}

#[test]
fn invalid_bytes_of_timed_texts_are_one_warning_and_the_rest_is_spoken() {
    let mut rig = Rig::new(&[], true, |_| {});
    rig.harness.push_event(gst::event::StreamStart::new("text"));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    rig.harness.push_event(gst::event::Segment::new(&segment));
    for number in [1_u8, 2] {
        let mut buffer = gst::Buffer::from_slice([b'0' + number, b' ', b'a', 0xff]);
        let writable = buffer.get_mut().unwrap();
        writable.set_pts(milliseconds(u64::from(number) * 1000));
        rig.harness.push(buffer).unwrap();
    }
    rig.harness.push_event(gst::event::Eos::new());
    rig.drain();
    assert_eq!(rig.texts(), ["1 a\u{fffd}", "2 a\u{fffd}"]);
    assert_eq!(rig.heard().len(), 2);
    assert_eq!(rig.warnings().len(), 1);
}

#[test]
fn a_character_that_the_end_cuts_off_is_one_warning_too() {
    let mut rig = Rig::new(&[], true, |_| {});
    rig.harness
        .push_event(gst::event::StreamStart::new("bytes"));
    let bytes = gst::FormattedSegment::<gst::format::Bytes>::new();
    rig.harness.push_event(gst::event::Segment::new(&bytes));
    rig.push(b"1 a\n\xd0");
    rig.harness.push_event(gst::event::Eos::new());
    rig.drain();
    assert_eq!(rig.texts(), ["1 a"]);
    assert_eq!(rig.warnings().len(), 1);
}

#[test]
fn speech_longer_than_its_slot_moves_the_next_or_is_cut() {
    for (overflow, second, first) in [("shift", 1200, 1200), ("clip", 1100, 100)] {
        let mut rig = Rig::new(&[("overflow", overflow)], true, |_| {});
        rig.harness.push_event(gst::event::StreamStart::new("text"));
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        rig.harness.push_event(gst::event::Segment::new(&segment));
        // 5 tokens are 200 ms.
        rig.harness.push(cue("1 aaaaa", 1000, 100)).unwrap();
        rig.harness.push(cue("2 b", 1100, 500)).unwrap();
        rig.harness.push_event(gst::event::Eos::new());
        rig.drain();
        let heard = rig.heard();
        let end = heard[0].pts().unwrap() + heard[0].duration().unwrap();
        assert_eq!(heard[1].pts().unwrap().mseconds(), second, "{overflow}");
        let expected = if overflow == "shift" {
            first
        } else {
            1000 + first
        };
        assert_eq!(end.mseconds(), expected, "{overflow}");
        // Clipped speech fades, to the sample where its slot ends.
        let fade = if overflow == "clip" { FADE } else { 0 };
        let samples = playing::samples(&heard[0]);
        assert_eq!(fade_of(&samples, &speech_of("1 aaaaa")), Some(fade));
    }
}

/// An element with text of 5 tokens, 200 ms, in a slot of 150 ms, and a text right behind it; everything that was pushed.
fn two_cues(settings: &[(&str, &str)]) -> (Rig, Vec<gst::Buffer>) {
    let mut rig = Rig::new(settings, true, |_| {});
    rig.harness.push_event(gst::event::StreamStart::new("text"));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    rig.harness.push_event(gst::event::Segment::new(&segment));
    rig.harness.push(cue("1 aaaaa", 1000, 150)).unwrap();
    rig.harness.push(cue("2 b", 1150, 500)).unwrap();
    rig.harness.push_event(gst::event::Eos::new());
    rig.drain();
    let heard = rig.heard();
    (rig, heard)
}

fn span(buffers: &[gst::Buffer]) -> (u64, u64) {
    let (first, last) = (&buffers[0], &buffers[buffers.len() - 1]);
    let end = last.pts().unwrap() + last.duration().unwrap();
    (first.pts().unwrap().mseconds(), end.mseconds())
}

#[test]
fn speech_longer_than_its_slot_is_compressed_as_far_as_max_overflow_wants() {
    for (max_overflow, buffer_duration, end, factor) in [
        ("0", "0", 1150, Some(200.0 / 150.0)),
        ("30", "0", 1180, Some(200.0 / 180.0)),
        ("50", "0", 1200, None),
        ("0", "20000000", 1150, Some(200.0 / 150.0)),
    ] {
        let (rig, heard) = two_cues(&[
            ("overflow", "compress"),
            ("max-overflow", max_overflow),
            ("buffer-duration", buffer_duration),
        ]);
        let (first, second) =
            heard.split_at(heard.len() - if buffer_duration == "0" { 1 } else { 2 });
        assert_eq!(span(first), (1000, end), "{max_overflow}");
        assert_eq!(span(second), (end.max(1150), end.max(1150) + 40));
        if factor.is_none() {
            assert_eq!(playing::samples(&first[0]), speech_of("1 aaaaa"));
        }
        let message = &rig.posted("cosyvoice3/synthesized-audio")[0];
        let found = message.get_optional::<f64>("compression-factor").unwrap();
        assert_eq!(found, factor, "{max_overflow}");
        assert_eq!(rig.posted(FINISHED).len(), 2);
        assert!(rig.warnings().is_empty(), "{:?}", rig.warnings());
    }
}

#[test]
fn speech_that_cannot_be_compressed_into_its_slot_shifts_the_next() {
    let mut rig = Rig::new(&[("overflow", "compress")], true, |_| {});
    rig.harness.push_event(gst::event::StreamStart::new("text"));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    rig.harness.push_event(gst::event::Segment::new(&segment));
    // Two utterances of 400 ms and 80 ms: together they are halved to 240 ms.
    rig.harness.push(cue("1 aaaaaaaaaa bb", 1000, 100)).unwrap();
    rig.harness.push(cue("2 b", 1100, 500)).unwrap();
    rig.harness.push_event(gst::event::Eos::new());
    rig.drain();
    let heard = rig.heard();
    assert_eq!(span(&heard[..2]), (1000, 1240));
    assert_eq!(span(&heard[2..]), (1240, 1280));
}

#[test]
fn overlapping_cues_keep_their_times() {
    let (_rig, heard) = two_cues(&[("overflow", "overlap")]);
    assert_eq!(span(&heard[..1]), (1000, 1200));
    assert_eq!(span(&heard[1..]), (1150, 1190));
    assert!(heard[1].flags().contains(gst::BufferFlags::DISCONT));
    assert_eq!(playing::samples(&heard[0]), speech_of("1 aaaaa"));
}

#[test]
fn a_text_cancelled_before_it_is_compressed_is_silent() {
    let mut rig = Rig::new(&[("overflow", "compress")], true, |script| {
        script.shut(Gate::Lm);
    });
    rig.harness.push_event(gst::event::StreamStart::new("text"));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    rig.harness.push_event(gst::event::Segment::new(&segment));
    rig.harness.push(cue("1 aaaaa bb", 1000, 100)).unwrap();
    rig.harness.push(cue("2 b", 2000, 500)).unwrap();
    // The first utterance is made and held, the second one is not.
    let (sender, made) = std::sync::mpsc::channel();
    rig.script.on_speech(move |_, utterance| {
        let _ = sender.send(utterance);
    });
    rig.script.let_one_pass(Gate::Lm);
    assert_eq!(made.recv_timeout(PATIENCE), Ok(0));
    assert!(rig.element.emit_by_name::<bool>("cancel", &[&1_u64]));
    rig.script.open(Gate::Lm);
    rig.harness.push_event(gst::event::Eos::new());
    rig.drain();
    assert_eq!(rig.spoken(), speech_of("2 b"));
    assert_eq!(
        (rig.posted(CANCELLED).len(), rig.posted(FINISHED).len()),
        (1, 1)
    );
}

// GStreamer's other speech elements.

#[test]
fn the_message_of_the_other_speech_elements_has_their_five_fields() {
    let (rig, heard) = two_cues(&[("overflow", "compress")]);
    let messages = rig.posted("cosyvoice3/synthesized-audio");
    assert_eq!(messages.len(), 2);
    let (first, second) = (&messages[0], &messages[1]);
    assert_eq!(first.get::<String>("content").unwrap(), "1 aaaaa");
    assert_eq!(Some(time(first, "pts")), heard[0].pts());
    assert_eq!(time(first, "input-duration"), milliseconds(150));
    assert_eq!(time(first, "actual-duration"), milliseconds(150));
    assert!(first.get::<f64>("compression-factor").unwrap() > 1.3);
    assert_eq!(time(second, "input-duration"), milliseconds(500));
    assert_eq!(time(second, "actual-duration"), milliseconds(40));
    assert!(!second.has_field("compression-factor"));
}

/// Texts of a live upstream whose times are long past.
fn late_texts(settings: &[(&str, &str)]) -> Rig {
    let mut rig = Rig::new(settings, true, |_| {});
    rig.harness.set_upstream_latency(milliseconds(0));
    rig.harness.set_live(true);
    rig.harness.push_event(gst::event::StreamStart::new("text"));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    rig.harness.push_event(gst::event::Segment::new(&segment));
    rig.turn_clock(10_000);
    rig.harness.push(cue("1 a", 1000, 500)).unwrap();
    rig.harness.push(cue("2 b", 1500, 500)).unwrap();
    rig.harness.push_event(gst::event::Eos::new());
    rig
}

#[test]
fn at_a_latency_of_minus_one_texts_of_a_live_upstream_are_spoken_when_they_come() {
    let mut rig = late_texts(&[("latency", "-1"), ("idle", "none")]);
    rig.await_message(FINISHED, 2);
    rig.drain();
    let heard = rig.heard();
    assert_eq!(heard.len(), 2, "each text by itself");
    assert!(span(&heard).0 >= 10_000, "stamps are the clock's");
    assert!(rig.warnings().is_empty(), "{:?}", rig.warnings());
    let pad = rig.element.static_pad("src").unwrap();
    let mut query = gst::query::Latency::new();
    assert!(pad.query(&mut query));
    assert_eq!(query.result(), (true, gst::ClockTime::ZERO, None));
    let mut late = late_texts(&[("idle", "none")]);
    late.drain();
    assert_eq!(late.warnings().len(), 1, "its own times are too late");
}

// The element itself (gst-plugin-closedcaption 0.15) wants the video library of GStreamer 1.24; Debian 12 has 1.22.
#[test]
fn the_contract_of_transcriberbin_for_a_synthesizer() {
    playing::init();
    let _watchdog = Watchdog::new("a synthesizer", PATIENCE);
    // A description of one element is that element, without a bin around it.
    let flags = gst::ParseFlags::NO_SINGLE_ELEMENT_BINS;
    let synthesizer =
        gst::parse::bin_from_description_full("cosyvoice3src latency=1500", true, None, flags);
    let synthesizer = synthesizer.unwrap();
    let script = Script::default();
    script.give_to(&synthesizer);
    // Its latency is asked for in PAUSED, with a live source that produces nothing in front of it.
    let probe = gst::ElementFactory::make("fakesrc").property("is-live", true);
    let probe = probe.build().unwrap();
    let source_pad = synthesizer
        .src_pads()
        .first()
        .cloned()
        .expect("a pad that is always there");
    probe.link(&synthesizer).unwrap();
    synthesizer.set_state(gst::State::Paused).unwrap();
    let mut query = gst::query::Latency::new();
    assert!(source_pad.query(&mut query));
    assert!(query.result().0);
    assert_eq!(query.result().1, milliseconds(1500));
    probe.unlink(&synthesizer);
    synthesizer.set_state(gst::State::Null).unwrap();
    // Then it is linked behind a queue, in a bin with ghost pads, and speaks at the times of the texts.
    let bin = gst::Bin::new();
    let queue = gst::ElementFactory::make("queue").build().unwrap();
    bin.add_many([&queue, &synthesizer]).unwrap();
    gst::Element::link_many([&queue, &synthesizer]).unwrap();
    let sink = gst::GhostPad::with_target(&queue.static_pad("sink").unwrap()).unwrap();
    bin.add_pad(&sink).unwrap();
    let src = gst::GhostPad::with_target(&synthesizer.static_pad("src").unwrap()).unwrap();
    bin.add_pad(&src).unwrap();
    let mut harness = Harness::with_element(&bin, Some("sink"), Some("src"));
    harness.set_src_caps_str("text/x-raw, format=utf8");
    harness.play();
    harness.push(cue("1 aaaaa", 1000, 500)).unwrap();
    harness.push_event(
        gst::event::Gap::builder(milliseconds(1500))
            .duration(milliseconds(500))
            .build(),
    );
    harness.push(cue("2 b", 2000, 500)).unwrap();
    harness.push_event(gst::event::Eos::new());
    let heard = [harness.pull().unwrap(), harness.pull().unwrap()];
    let times = heard.map(|buffer| (buffer.pts().unwrap().mseconds(), playing::samples(&buffer)));
    assert_eq!(
        times,
        [(1000, speech_of("1 aaaaa")), (2000, speech_of("2 b"))]
    );
    bin.set_state(gst::State::Null).unwrap();
}

// Words.

#[test]
fn each_buffer_lists_the_words_that_begin_in_it() {
    let mut rig = Rig::new(&[("buffer-duration", "100000000")], true, |_| {});
    rig.harness
        .push_event(gst::event::StreamStart::new("bytes"));
    let bytes = gst::FormattedSegment::<gst::format::Bytes>::new();
    rig.harness.push_event(gst::event::Segment::new(&bytes));
    rig.push(b"1 aaaaa bb c\n");
    rig.harness.push_event(gst::event::Eos::new());
    rig.drain();
    let mut words = Vec::new();
    for buffer in rig.heard() {
        let Ok(meta) = gst::meta::CustomMeta::from_buffer(&buffer, "GstCosyVoice3WordsMeta") else {
            continue;
        };
        for word in meta.structure().get::<gst::Array>("words").unwrap().iter() {
            let word = word.get::<gst::Structure>().unwrap();
            let begin = buffer.offset() + word.get::<u64>("start").unwrap();
            let end = buffer.offset() + word.get::<u64>("end").unwrap();
            assert!(begin < buffer.offset_end());
            words.push((word.get::<String>("text").unwrap(), begin / 24, end / 24));
        }
    }
    // Each word of the script is an utterance; the first is cut into buffers of 100 ms.
    let expected = [("aaaaa", 0, 200), ("bb", 200, 280), ("c", 280, 320)];
    let expected = expected.map(|(text, begin, end)| (text.to_owned(), begin, end));
    assert_eq!(words, expected);
}

#[test]
fn times_at_the_end_of_all_time_do_no_harm() {
    let most = gst::ClockTime::MAX;
    let nearly = most - gst::ClockTime::from_nseconds(1);
    let times = [gst::ClockTime::ZERO, milliseconds(1), nearly, most];
    for (segment_start, base, rate) in [
        (gst::ClockTime::ZERO, gst::ClockTime::ZERO, 1.0),
        (milliseconds(1), most, 1.0),
        (gst::ClockTime::ZERO, nearly, 1e-300),
        (gst::ClockTime::ZERO, most, 1e300),
    ] {
        for overflow in ["shift", "clip", "compress", "overlap"] {
            let settings = [
                ("overflow", overflow),
                ("buffer-duration", "18446744073709551615"),
                ("latency", "4294967294"),
                ("max-overflow", "4294967295"),
                ("max-queued", "1000"),
            ];
            let mut rig = Rig::new(&settings, true, |_| {});
            rig.harness.push_event(gst::event::StreamStart::new("text"));
            let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
            segment.set_start(segment_start);
            segment.set_time(most);
            segment.set_base(base);
            segment.set_rate(rate);
            rig.harness.push_event(gst::event::Segment::new(&segment));
            for start in times {
                for duration in times {
                    let mut buffer = gst::Buffer::from_slice(*b"1 a");
                    let writable = buffer.get_mut().unwrap();
                    writable.set_pts(start);
                    writable.set_duration(duration);
                    rig.harness.push(buffer).unwrap();
                    let gap = gst::event::Gap::builder(start).duration(duration).build();
                    rig.harness.push_event(gap);
                }
            }
            let element = &rig.element;
            let pad = element.static_pad("src").unwrap();
            let _ = pad.query_position::<gst::ClockTime>();
            let _ = pad.query(&mut gst::query::Latency::new());
            rig.harness.push_event(gst::event::Eos::new());
            rig.drain();
            let _ = pad.query_position::<gst::ClockTime>();
            assert!(rig.errors().is_empty(), "{:?}", rig.errors());
            rig.element.set_state(gst::State::Null).unwrap();
            assert_eq!(pad.task_state(), gst::TaskState::Stopped);
        }
    }
}

fn pango(text: &str) -> gst::Caps {
    gst::Caps::builder("text/x-raw")
        .field("format", text)
        .build()
}

#[test]
fn the_markup_of_subtitles_is_never_heard() {
    for (format, text, said) in [
        (
            "pango-markup",
            "<i>1 aa</i> &amp;amp; <span size='2'>b</span>",
            "1 aa & b",
        ),
        ("utf8", "{\\an8}<v Anna>1 aa</v>\\Nb", "1 aa b"),
        ("utf8", "I <3 you & R&D", "I <3 you & R&D"),
    ] {
        let mut rig = Rig::new(&[], true, |_| {});
        rig.harness.set_src_caps(pango(format));
        rig.harness.push(cue(text, 0, 500)).unwrap();
        rig.harness.push_event(gst::event::Eos::new());
        rig.drain();
        assert_eq!(rig.texts(), [said]);
        assert!(rig.warnings().is_empty());
    }
}

#[test]
fn a_sentence_over_two_lines_of_a_subtitle_is_heard_as_one_and_two_speakers_as_two() {
    for (text, said) in [
        (
            "1 I went to the\nshop and bought",
            "1 I went to the shop and bought",
        ),
        ("1 Мы едем в\nМоскву.", "1 Мы едем в Москву."),
        ("1 Yes?\n- No.", "1 Yes?\n- No."),
        ("1 Stop!\nWho is there?", "1 Stop!\nWho is there?"),
    ] {
        let mut rig = Rig::new(&[], true, |_| {});
        rig.harness.set_src_caps(pango("pango-markup"));
        rig.harness.push(cue(text, 0, 500)).unwrap();
        rig.harness.push_event(gst::event::Eos::new());
        rig.drain();
        assert_eq!(rig.texts(), [said]);
    }
}

#[test]
fn subtitles_read_as_one_text_have_blanks_between_them_and_no_markup() {
    let mut rig = Rig::new(&[("text-timing", "ignore")], true, |_| {});
    rig.harness.set_src_caps(pango("utf8"));
    rig.harness.push(cue("<i>1 aa", 0, 500)).unwrap();
    rig.harness.push(cue("bb.</i>", 1000, 500)).unwrap();
    // Pieces of a text that a source stamps have no end, and are joined as they are.
    for piece in ["2 c", "c"] {
        let mut buffer = gst::Buffer::from_slice(piece.as_bytes().to_vec());
        buffer.get_mut().unwrap().set_pts(milliseconds(3000));
        rig.harness.push(buffer).unwrap();
    }
    rig.harness.push_event(gst::event::Eos::new());
    rig.drain();
    assert_eq!(rig.texts(), ["1 aa bb.", "2 cc"]);
}

#[test]
fn a_text_pad_that_comes_while_playing_is_heard_and_its_end_is_not_the_elements() {
    let rig = Rig::live(&[]);
    for number in 1..=2 {
        let sink = rig.element.request_pad_simple("sink").unwrap();
        let source = gst::Pad::builder(gst::PadDirection::Src)
            .name("author")
            .build();
        source.link(&sink).unwrap();
        source.set_active(true).unwrap();
        source.push_event(gst::event::StreamStart::new("text"));
        let segment = gst::FormattedSegment::<gst::format::Bytes>::new();
        source.push_event(gst::event::Segment::new(&segment));
        let text = format!("{number} a\n");
        source
            .push(gst::Buffer::from_slice(text.into_bytes()))
            .unwrap();
        rig.await_message(FINISHED, 2 * number - 1);
        source.unlink(&sink).unwrap();
        rig.element.release_request_pad(&sink);
        source.set_active(false).unwrap();
        assert!(rig.say("9 b") > 0, "the element goes on without the pad");
        rig.await_message(FINISHED, 2 * number);
    }
}

#[test]
fn a_gap_between_two_texts_takes_neither_away() {
    for live in ["false", "true"] {
        let mut rig = Rig::new(&[("is-live", live)], true, |_| {});
        rig.hold_until_made("2 b");
        rig.harness.push_event(gst::event::StreamStart::new("text"));
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        rig.harness.push_event(gst::event::Segment::new(&segment));
        rig.harness.push(cue("1 a", 0, 100)).unwrap();
        rig.harness
            .push_event(gst::event::Gap::new(milliseconds(100), milliseconds(50)));
        rig.harness.push(cue("2 b", 200, 100)).unwrap();
        rig.await_message(FINISHED, 2);
        assert_eq!(rig.spoken(), [speech_of("1 a"), speech_of("2 b")].concat());
    }
}

// Flushes.

#[test]
fn a_flush_does_not_revive_an_element_whose_models_did_not_load() {
    let mut rig = Rig::new(&[("is-live", "true")], false, |script| {
        script.fail_to_load(true);
    });
    rig.drain();
    for _ in 0..2 {
        rig.element.send_event(gst::event::FlushStart::new());
        rig.element.send_event(gst::event::FlushStop::new(true));
        // A text queued before the stream has ended is reported cancelled.
        let id = rig.say("1 a");
        rig.drain();
        assert_eq!(
            rig.posted(CANCELLED).iter().any(|m| self::id(m) == id),
            id > 0
        );
    }
}

#[test]
fn the_end_of_a_flush_that_did_not_begin_changes_nothing() {
    let mut rig = Rig::live(&[]);
    rig.script.shut(Gate::Vocoder);
    rig.say("1 aa");
    rig.script.await_visitor(Gate::Vocoder);
    assert!(!rig.element.send_event(gst::event::FlushStop::new(true)));
    rig.script.open(Gate::Vocoder);
    rig.await_message(FINISHED, 1);
    assert_eq!(rig.spoken(), speech_of("1 aa"));
}

#[test]
fn a_flush_by_the_application_leaves_the_times_of_text_from_upstream() {
    let mut rig = Rig::new(&[], true, |_| {});
    rig.harness.push_event(gst::event::StreamStart::new("text"));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    rig.harness.push_event(gst::event::Segment::new(&segment));
    rig.harness.push(cue("1 a", 1000, 100)).unwrap();
    rig.await_at_once(FINISHED, 1);
    rig.element.send_event(gst::event::FlushStart::new());
    rig.element.send_event(gst::event::FlushStop::new(true));
    rig.heard();
    rig.harness.push(cue("2 b", 2000, 100)).unwrap();
    rig.await_at_once(FINISHED, 2);
    assert_eq!(rig.heard()[0].pts(), Some(milliseconds(2000)));
}
