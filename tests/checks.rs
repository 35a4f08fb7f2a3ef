//! What a strict reviewer of GStreamer elements tries, one test each; those about properties, errors and files are in
//! `element.rs` and `bad_input.rs`.
#![allow(missing_docs)]

#[path = "support/launch.rs"]
mod launch;
#[path = "support/playing.rs"]
mod playing;
mod support;

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use gst::prelude::*;
use gst_check::Harness;
use launch::gst_launch;
use playing::{Player, Watchdog, init};
use support::tiny;

const PATIENCE: Duration = Duration::from_secs(120);

fn watchdog() -> Watchdog {
    init();
    Watchdog::new("a check", PATIENCE)
}

fn element() -> gst::Element {
    init();
    let element = gst::ElementFactory::make("cosyvoice3src")
        .property("model-path", tiny().to_str().unwrap())
        .property("flow-steps", 2u32)
        .build()
        .unwrap();
    element.set_property_from_str("verify", "never");
    element
}

/// The element with text from upstream.
fn filter(settings: &[(&str, &str)]) -> Harness {
    let element = element();
    for (name, value) in settings {
        element.set_property_from_str(name, value);
    }
    let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_live(false);
    harness.play();
    harness
}

fn text_caps() -> gst::Caps {
    gst::Caps::builder("text/x-raw")
        .field("format", "utf8")
        .build()
}

fn cue(text: &str, start: u64, duration: u64) -> gst::Buffer {
    let mut buffer = gst::Buffer::from_slice(text.as_bytes().to_vec());
    let writable = buffer.get_mut().unwrap();
    writable.set_pts(gst::ClockTime::from_mseconds(start));
    writable.set_duration(gst::ClockTime::from_mseconds(duration));
    buffer
}

/// All buffers up to EOS.
fn drain(harness: &mut Harness) -> Vec<gst::Buffer> {
    let mut buffers = Vec::new();
    loop {
        match harness.pull_event().unwrap().type_() {
            gst::EventType::Eos => break,
            _ => continue,
        }
    }
    while let Some(buffer) = harness.try_pull() {
        buffers.push(buffer);
    }
    buffers
}

fn launch(pipeline: &str) -> (std::process::Output, String) {
    let dir = tiny();
    let words: Vec<&str> = pipeline.split(' ').collect();
    gst_launch(&words, &[("COSYVOICE3_MODEL_PATH", &dir)])
}

fn messages(bus: &gst::Bus, name: &str) -> Vec<gst::Structure> {
    let mut found = Vec::new();
    while let Some(message) = bus.pop() {
        if let Some(structure) = message.structure()
            && structure.name() == name
        {
            found.push(structure.to_owned());
        }
    }
    found
}

/// Waits for the element message `name`.
fn message(bus: &gst::Bus, name: &str) -> gst::Structure {
    let patience = gst::ClockTime::try_from(PATIENCE).unwrap();
    loop {
        let wanted = [gst::MessageType::Element, gst::MessageType::Error];
        let message = bus.timed_pop_filtered(patience, &wanted).expect(name);
        assert_ne!(message.type_(), gst::MessageType::Error, "{message:?}");
        let structure = message.structure().unwrap();
        if structure.name() == name {
            return structure.to_owned();
        }
    }
}

/// The text of a warning.
fn words(message: &gst::Message) -> String {
    match message.view() {
        gst::MessageView::Warning(warning) => warning.error().message().into(),
        _ => String::new(),
    }
}

fn assert_contiguous(buffers: &[gst::Buffer]) {
    for pair in buffers.windows(2) {
        let end = pair[0].pts().unwrap() + pair[0].duration().unwrap();
        assert_eq!(pair[1].pts().unwrap(), end);
        assert_eq!(pair[1].offset(), pair[0].offset_end());
        assert!(!pair[1].flags().contains(gst::BufferFlags::DISCONT));
    }
}

#[test]
fn check_01_inspect_shows_class_rank_pads_and_no_null() {
    let _watchdog = watchdog();
    let factory = gst::ElementFactory::find("cosyvoice3src").unwrap();
    assert_eq!(factory.metadata("klass"), Some("Source/Audio"));
    assert_eq!(factory.rank(), gst::Rank::NONE);
    let pads: Vec<_> = factory
        .static_pad_templates()
        .iter()
        .map(|template| (template.name_template().to_string(), template.presence()))
        .collect();
    assert!(pads.contains(&("src".into(), gst::PadPresence::Always)));
    assert!(pads.contains(&("sink".into(), gst::PadPresence::Request)));
    let element = element();
    for pspec in element.list_properties() {
        assert!(
            pspec.blurb().is_some_and(|blurb| !blurb.is_empty()),
            "{}",
            pspec.name()
        );
    }
}

#[test]
fn check_03_a_sentence_is_one_buffer_and_eos() {
    let _watchdog = watchdog();
    let played = Player::new(&tiny(), Some("Hello."), &[]).play().in_peace();
    assert_eq!(played.buffers.len(), 1);
}

#[test]
fn check_05_sentences_follow_each_other_to_the_sample() {
    let (output, words) = launch(
        "-m cosyvoice3src text=Раз.Два.Три. flow-steps=2 ! identity check-imperfect-timestamp=true \
         check-imperfect-offset=true ! fakesink",
    );
    assert!(output.status.success(), "{words}");
    assert!(!words.contains("imperfect"), "{words}");
}

#[test]
fn check_09_characters_cut_by_buffers_are_whole_again() {
    let _watchdog = watchdog();
    let mut harness = filter(&[]);
    let bus = gst::Bus::new();
    harness.element().unwrap().set_bus(Some(&bus));
    harness.set_src_caps(text_caps());
    let text = "Привет, мир. Ёжик.\n".repeat(3);
    for block in text.as_bytes().chunks(5) {
        harness
            .push(gst::Buffer::from_slice(block.to_vec()))
            .unwrap();
    }
    harness.push_event(gst::event::Eos::new());
    assert_contiguous(&drain(&mut harness));
    let queued = messages(&bus, "cosyvoice3/utterance-queued");
    let said: Vec<String> = queued.iter().map(|m| m.get("text").unwrap()).collect();
    assert_eq!(said, ["Привет, мир.", "Ёжик."].repeat(3));
}

#[test]
fn check_10_invalid_bytes_are_one_warning_and_the_rest_is_spoken() {
    let _watchdog = watchdog();
    let mut harness = filter(&[]);
    let bus = gst::Bus::new();
    harness.element().unwrap().set_bus(Some(&bus));
    harness.set_src_caps(text_caps());
    for block in [&b"\xd0\xff\xfe. "[..], b"\xff\xff", b"Good."] {
        harness
            .push(gst::Buffer::from_slice(block.to_vec()))
            .unwrap();
    }
    harness.push_event(gst::event::Eos::new());
    assert!(!drain(&mut harness).is_empty());
    let warnings = bus.iter_filtered(&[gst::MessageType::Warning]);
    let texts: Vec<_> = warnings
        .map(|message| words(&message))
        .filter(|text| text.contains("UTF-8"))
        .collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
}

#[test]
fn check_11_sound_cannot_be_linked_to_the_text_pad() {
    let (output, words) = launch("audiotestsrc ! cosyvoice3src ! fakesink");
    assert!(!output.status.success());
    assert!(words.contains("could not link"), "{words}");
}

#[test]
fn check_12_another_rate_needs_a_resampler() {
    let (output, _) = launch("cosyvoice3src text=Да. ! audio/x-raw,rate=48000 ! fakesink");
    assert!(!output.status.success());
    let (output, words) = launch(
        "cosyvoice3src text=Да. flow-steps=2 ! audioresample ! audio/x-raw,rate=48000 ! fakesink",
    );
    assert!(output.status.success(), "{words}");
}

#[test]
fn check_13_text_sources_link_by_name_and_without() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "Да.\nНет.\n").unwrap();
    let path = file.path().display();
    for pipeline in [
        format!("filesrc location={path} ! cosyvoice3src flow-steps=2 ! fakesink"),
        format!("filesrc location={path} ! t.sink cosyvoice3src name=t flow-steps=2 ! fakesink"),
    ] {
        let (output, words) = launch(&pipeline);
        assert!(output.status.success(), "{pipeline}: {words}");
    }
}

#[test]
fn check_14_cues_are_heard_at_their_times_with_gaps_between() {
    let _watchdog = watchdog();
    let mut harness = filter(&[]);
    harness.set_src_caps(text_caps());
    for start in [1000, 40_000] {
        harness.push(cue("Да.", start, 1000)).unwrap();
    }
    harness.push_event(gst::event::Eos::new());
    let mut gaps = Vec::new();
    loop {
        let event = harness.pull_event().unwrap();
        match event.view() {
            gst::EventView::Gap(gap) => gaps.push(gap.get()),
            gst::EventView::Eos(_) => break,
            _ => {}
        }
    }
    let buffers: Vec<_> = std::iter::from_fn(|| harness.try_pull()).collect();
    let starts: Vec<_> = buffers
        .iter()
        .map(|b| b.pts().unwrap().mseconds())
        .collect();
    assert_eq!(starts, [1000, 40_000]);
    let end = buffers[0].pts().unwrap() + buffers[0].duration().unwrap();
    assert_eq!(gaps[0].0, gst::ClockTime::ZERO);
    assert_eq!(gaps[1].0, end);
    assert_eq!(gaps[1].0 + gaps[1].1.unwrap(), buffers[1].pts().unwrap());
}

#[test]
fn check_15_speech_longer_than_its_slot_shifts_the_next_or_is_cut() {
    let _watchdog = watchdog();
    for (overflow, second) in [("shift", None), ("clip", Some(500))] {
        let mut harness = filter(&[("overflow", overflow)]);
        harness.set_src_caps(text_caps());
        for start in [0, 500] {
            harness.push(cue("Да.", start, 500)).unwrap();
        }
        harness.push_event(gst::event::Eos::new());
        let buffers = drain(&mut harness);
        let first_end = buffers[0].pts().unwrap() + buffers[0].duration().unwrap();
        let pts = buffers[1].pts().unwrap();
        match second {
            None => assert_eq!(pts, first_end),
            Some(second) => assert_eq!(pts.mseconds(), second),
        }
        for buffer in &buffers {
            let bytes = buffer.duration().unwrap().nseconds() as f64 / 1e9 * 96_000.0;
            assert!((bytes - buffer.size() as f64).abs() < 1.0);
        }
    }
}

#[test]
fn check_24_a_flush_ends_everything_and_the_element_speaks_again() {
    let _watchdog = watchdog();
    let mut harness = filter(&[]);
    harness.set_src_caps(text_caps());
    harness
        .push(gst::Buffer::from_slice("Раз. Два. Три.\n".as_bytes()))
        .unwrap();
    let since = Instant::now();
    harness.push_event(gst::event::FlushStart::new());
    println!("FLUSH_START took {:?} (wanted: 50 ms)", since.elapsed());
    assert!(since.elapsed() < Duration::from_millis(500));
    harness.push_event(gst::event::FlushStop::new(true));
    while harness.try_pull().is_some() {}
    while harness.try_pull_event().is_some() {}
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    harness.push_event(gst::event::Segment::new(&segment));
    harness
        .push(gst::Buffer::from_slice("Да.\n".as_bytes()))
        .unwrap();
    let buffer = harness.pull().unwrap();
    assert_eq!(buffer.pts(), Some(gst::ClockTime::ZERO));
    assert!(buffer.flags().contains(gst::BufferFlags::DISCONT));
    let types: Vec<_> = std::iter::from_fn(|| harness.try_pull_event())
        .map(|event| event.type_())
        .collect();
    assert!(types.contains(&gst::EventType::Segment), "{types:?}");
    let pad = harness.element().unwrap().static_pad("src").unwrap();
    assert!(pad.current_caps().is_some());
}

#[test]
fn check_26_seeks_are_refused_without_and_forwarded_with_an_upstream() {
    let _watchdog = watchdog();
    let seek = || {
        gst::event::Seek::new(
            1.0,
            gst::SeekFlags::FLUSH,
            gst::SeekType::Set,
            gst::ClockTime::ZERO,
            gst::SeekType::None,
            gst::ClockTime::NONE,
        )
    };
    let source = element();
    assert!(!source.static_pad("src").unwrap().send_event(seek()));
    let mut harness = filter(&[]);
    harness.push_upstream_event(seek());
    let upstream = std::iter::from_fn(|| harness.try_pull_upstream_event());
    assert!(
        upstream
            .into_iter()
            .any(|e| e.type_() == gst::EventType::Seek)
    );
}

#[test]
fn check_27_what_downstream_refuses_ends_the_task_with_at_most_one_error() {
    let _watchdog = watchdog();
    for (flow, errors) in [
        (gst::FlowError::Flushing, 0),
        (gst::FlowError::Eos, 0),
        (gst::FlowError::NotLinked, 1),
        (gst::FlowError::Error, 1),
    ] {
        let player = Player::new(&tiny(), Some("Да. Нет."), &[]);
        let (tell, told) = std::sync::mpsc::channel();
        player
            .pad()
            .add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                info.flow_res = Err(flow);
                let _ = tell.send(());
                gst::PadProbeReturn::Handled
            });
        player.start().unwrap();
        told.recv_timeout(PATIENCE).unwrap();
        player.listen_for(gst::ClockTime::from_mseconds(if errors > 0 {
            5000
        } else {
            200
        }));
        let played = player.stop(gst::State::Null);
        assert_eq!(played.errors.len(), errors, "{flow:?}: {:?}", played.errors);
    }
}

#[test]
fn check_28_there_is_one_text_pad_and_it_can_be_had_again() {
    let _watchdog = watchdog();
    let element = element();
    let pad = element.request_pad_simple("sink").unwrap();
    assert!(element.request_pad_simple("sink").is_none());
    assert!(!element.element_flags().contains(gst::ElementFlags::SOURCE));
    element.release_request_pad(&pad);
    assert!(element.element_flags().contains(gst::ElementFlags::SOURCE));
    assert!(element.request_pad_simple("sink").is_some());
}

/// A live pipeline without a sink that waits.
fn live(settings: &[(&str, &str)]) -> (Player, gst::Bus) {
    let settings = [&[("is-live", "true")], settings].concat();
    let player = Player::new(&tiny(), None, &settings);
    let bus = player.pipeline.bus().unwrap();
    player.start().unwrap();
    (player, bus)
}

fn say(element: &gst::Element, text: &str) -> u64 {
    element.emit_by_name("say", &[&text])
}

#[test]
fn check_29_texts_are_spoken_in_order_with_increasing_ids() {
    let _watchdog = watchdog();
    let (player, bus) = live(&[]);
    let ids = [say(&player.element, "Раз."), say(&player.element, "Два.")];
    assert_eq!(ids, [1, 2]);
    for id in ids {
        let finished = message(&bus, "cosyvoice3/utterance-finished");
        assert_eq!(finished.get::<u64>("id").unwrap(), id);
        assert!(finished.get::<gst::ClockTime>("duration").unwrap() > gst::ClockTime::ZERO);
    }
}

#[test]
fn check_30_a_thousand_texts_are_refused_or_spoken() {
    let _watchdog = watchdog();
    let (player, bus) = live(&[("max-queued", "5")]);
    let accepted = (0..1000)
        .filter(|_| say(&player.element, "Да.") > 0)
        .count();
    assert!(accepted >= 5);
    for _ in 0..accepted {
        message(&bus, "cosyvoice3/utterance-finished");
    }
}

#[test]
fn check_31_a_cancelled_text_falls_silent_and_the_next_is_heard() {
    let _watchdog = watchdog();
    let (player, bus) = live(&[("buffer-duration", "100000000")]);
    let first = say(&player.element, "Раз.");
    let started = message(&bus, "cosyvoice3/utterance-started");
    assert_eq!(started.get::<u64>("id").unwrap(), first);
    assert!(player.element.emit_by_name::<bool>("cancel", &[&first]));
    assert!(!player.element.emit_by_name::<bool>("cancel", &[&first]));
    let cancelled = message(&bus, "cosyvoice3/utterance-cancelled");
    let heard: gst::ClockTime = cancelled.get("duration").unwrap();
    println!("heard {heard} of a cancelled text");
    let second = say(&player.element, "Два.");
    let finished = message(&bus, "cosyvoice3/utterance-finished");
    assert_eq!(finished.get::<u64>("id").unwrap(), second);
}

#[test]
fn check_32_silence_speech_and_silence_have_no_seam() {
    let _watchdog = watchdog();
    let (player, bus) = live(&[]);
    say(&player.element, "Да.");
    message(&bus, "cosyvoice3/utterance-finished");
    // The speech is pushed at once and heard for its length; silence comes after that.
    player.listen_for(gst::ClockTime::from_mseconds(3000));
    say(&player.element, "Нет.");
    message(&bus, "cosyvoice3/utterance-finished");
    player.element.emit_by_name::<()>("end-of-stream", &[]);
    player.wait();
    let played = player.stop(gst::State::Null);
    let speech = |b: &&gst::Buffer| !b.flags().contains(gst::BufferFlags::GAP);
    assert_eq!(played.buffers.iter().filter(speech).count(), 2);
    assert!(played.buffers.len() > 10);
    assert_contiguous(&played.buffers);
}

#[test]
fn check_33_idle_decides_what_is_pushed_while_nothing_is_said() {
    let _watchdog = watchdog();
    for (idle, buffers, gaps) in [
        ("silence", true, false),
        ("gap", false, true),
        ("none", false, false),
    ] {
        let player = Player::with_sink(
            &tiny(),
            None,
            &[("is-live", "true"), ("idle", idle)],
            "fakesink sync=false async=false",
        );
        player.start().unwrap();
        player.listen_for(gst::ClockTime::from_mseconds(500));
        let played = player.stop(gst::State::Null);
        let is_gap = |e: &&gst::Event| e.type_() == gst::EventType::Gap;
        assert_eq!(!played.buffers.is_empty(), buffers, "{idle}");
        assert_eq!(played.events.iter().any(|e| is_gap(&e)), gaps, "{idle}");
    }
}

#[test]
fn check_35_live_streams_do_not_preroll_and_stand_still_in_paused() {
    let _watchdog = watchdog();
    let player = Player::new(&tiny(), Some("Да."), &[("is-live", "true")]);
    let paused = player.pipeline.set_state(gst::State::Paused);
    assert_eq!(paused, Ok(gst::StateChangeSuccess::NoPreroll));
    player.listen_for(gst::ClockTime::from_mseconds(300));
    assert!(player.stop(gst::State::Paused).buffers.is_empty());
    player.play_to_first_buffer();
    let paused = player.pipeline.set_state(gst::State::Paused);
    assert_eq!(paused, Ok(gst::StateChangeSuccess::NoPreroll));
}

#[test]
fn check_36_speech_after_a_pause_is_stamped_with_the_time_of_the_clock() {
    let _watchdog = watchdog();
    let (player, bus) = live(&[("idle", "none")]);
    player.listen_for(gst::ClockTime::from_mseconds(700));
    let asked = player.element.current_running_time().unwrap();
    say(&player.element, "Да.");
    let finished = message(&bus, "cosyvoice3/utterance-finished");
    assert!(finished.get::<gst::ClockTime>("running-time").unwrap() >= asked);
}

#[test]
fn check_37_latency_is_none_offline_a_tick_live_and_upstreams_and_ours_in_between() {
    let _watchdog = watchdog();
    let ask = |element: &gst::Element| {
        let mut query = gst::query::Latency::new();
        element
            .static_pad("src")
            .unwrap()
            .query(&mut query)
            .then(|| query.result())
    };
    let offline = element();
    assert_eq!(ask(&offline), Some((false, gst::ClockTime::ZERO, None)));
    let live = element();
    live.set_property("is-live", true);
    assert_eq!(
        ask(&live),
        Some((true, gst::ClockTime::from_mseconds(20), None))
    );
    let mut harness = filter(&[("latency", "700")]);
    harness.set_live(true);
    harness.set_upstream_latency(gst::ClockTime::from_mseconds(30));
    let timed = ask(&harness.element().unwrap()).unwrap();
    assert!(timed.0);
    assert_eq!(timed.1, gst::ClockTime::from_mseconds(730));
}

#[test]
fn check_41_upstreams_eos_comes_after_all_speech_with_its_number() {
    let _watchdog = watchdog();
    let mut harness = filter(&[]);
    harness.set_src_caps(text_caps());
    harness
        .push(gst::Buffer::from_slice("Раз.\nДва.".as_bytes()))
        .unwrap();
    let eos = gst::event::Eos::new();
    let seqnum = eos.seqnum();
    harness.push_event(eos);
    let last = loop {
        let event = harness.pull_event().unwrap();
        if event.type_() == gst::EventType::Eos {
            break event;
        }
    };
    assert_eq!(last.seqnum(), seqnum);
    assert_eq!(harness.buffers_received(), 2);
    let mut empty = filter(&[]);
    empty.set_src_caps(text_caps());
    empty.push_event(gst::event::Eos::new());
    assert!(drain(&mut empty).is_empty());
}

#[test]
fn an_important_announcement_cuts_the_other_off_and_each_is_accounted_for() {
    let _watchdog = watchdog();
    let (player, bus) = live(&[("buffer-duration", "100000000")]);
    let long = say(&player.element, "Раз. Два. Три.");
    message(&bus, "cosyvoice3/utterance-started");
    let urgent = gst::Structure::builder("say")
        .field("text", "Внимание!")
        .field("priority", 5)
        .field("interrupt", "now")
        .build();
    let urgent: u64 = player.element.emit_by_name("say-full", &[&urgent]);
    let mut ends = Vec::new();
    while ends.len() < 2 {
        let message = bus.timed_pop_filtered(
            gst::ClockTime::try_from(PATIENCE).unwrap(),
            &[gst::MessageType::Element],
        );
        let message = message.unwrap();
        let structure = message.structure().unwrap();
        let name = structure.name().as_str();
        if name.ends_with("finished") || name.ends_with("cancelled") {
            ends.push((name.to_owned(), structure.get::<u64>("id").unwrap()));
        }
    }
    assert_eq!(ends[0], ("cosyvoice3/utterance-cancelled".into(), long));
    assert_eq!(ends[1], ("cosyvoice3/utterance-finished".into(), urgent));
}

#[test]
fn a_wrong_field_of_say_full_is_named_and_the_text_refused() {
    let _watchdog = watchdog();
    let (player, bus) = live(&[]);
    let wrong = gst::Structure::builder("say")
        .field("text", "Да.")
        .field("volume", 3)
        .build();
    assert_eq!(player.element.emit_by_name::<u64>("say-full", &[&wrong]), 0);
    let patience = gst::ClockTime::try_from(PATIENCE).unwrap();
    let warning = bus
        .timed_pop_filtered(patience, &[gst::MessageType::Warning])
        .unwrap();
    assert!(words(&warning).contains("volume"), "{warning:?}");
}

#[test]
fn each_buffer_names_its_text() {
    let _watchdog = watchdog();
    let player = Player::new(&tiny(), Some("Да."), &[]);
    let ids = Arc::new(Mutex::new(Vec::new()));
    let seen = ids.clone();
    player
        .pad()
        .add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(gst::PadProbeData::Buffer(buffer)) = &info.data {
                let meta = gst::meta::CustomMeta::from_buffer(buffer, "GstCosyVoice3UtteranceMeta");
                seen.lock()
                    .unwrap()
                    .push(meta.unwrap().structure().get::<u64>("id").unwrap());
            }
            gst::PadProbeReturn::Ok
        });
    player.play().in_peace();
    assert_eq!(*ids.lock().unwrap(), [1]);
}

#[test]
fn check_39_statistics_can_be_read_at_any_time_and_only_grow() {
    let _watchdog = watchdog();
    let (player, bus) = live(&[]);
    let read = || -> gst::Structure { player.element.property("stats") };
    let mut last = 0;
    for _ in 0..3 {
        say(&player.element, "Да.");
        let finished = message(&bus, "cosyvoice3/utterance-finished");
        assert!(finished.get::<f64>("rtf").unwrap() > 0.0);
        assert!(finished.get::<f64>("first-audio").unwrap() > 0.0);
        let stats = read();
        let tokens: u64 = stats.get("tokens").unwrap();
        assert_eq!(tokens, last + finished.get::<u64>("tokens").unwrap());
        last = tokens;
    }
    let stats = read();
    assert_eq!(stats.get::<u64>("texts-finished").unwrap(), 3);
    // The same voice and text again need no prefill.
    assert!(
        stats.get::<u64>("prefix-full-hits").unwrap() >= 2,
        "{stats:?}"
    );
    let backend = std::env::var("COSYVOICE3_TEST_FLOW_BACKEND");
    assert_eq!(
        stats.get::<String>("flow-backend").unwrap(),
        backend.unwrap_or("cpu".into())
    );
}

#[test]
fn check_42_a_uri_is_spoken_and_a_bad_one_is_refused() {
    let _watchdog = watchdog();
    let uri = "cosyvoice3://%D0%94%D0%B0.%20Yes%21?voice=golden";
    let element = gst::Element::make_from_uri(gst::URIType::Src, uri, None).unwrap();
    assert_eq!(element.property::<String>("text"), "Да. Yes!");
    assert_eq!(element.property::<String>("voice"), "golden");
    let handler = element.dynamic_cast::<gst::URIHandler>().unwrap();
    let again = handler.uri().unwrap();
    handler.set_uri(&again).unwrap();
    assert_eq!(handler.uri().unwrap(), again);
    for bad in ["cosyvoice3://x?speed=2", "cosyvoice3://%FF", "cosyvoice3:x"] {
        let error = handler.set_uri(bad).unwrap_err();
        assert!(error.matches(gst::URIError::BadUri), "{bad}: {error}");
    }
}
