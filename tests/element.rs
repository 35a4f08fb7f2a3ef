//! The element as applications meet it: in pipelines, over the bus, on a converted model.
#![allow(missing_docs)]

use test_support::c_caller;
use test_support::launch;
use test_support::model_dir;
use test_support::models as support;
use test_support::playing;
use test_support::process;
use test_support::wav;

use std::time::Duration;

use cosyvoice3::{
    constants::{SAMPLE_RATE, SAMPLES_PER_FRAME, SAMPLES_PER_TOKEN},
    manifest::{Sampling, Schedule},
    synth::{Options, Request, Settings, Speech, Synthesizer},
};
use gst::{glib, prelude::*};
use launch::gst_launch;
use model_dir::ModelDir;
use playing::{Played, Player};
use process::resident;
use support::tiny;
use wav::wav;

fn say(text: &str, settings: &[(&str, &str)]) -> Played {
    Player::new(&tiny(), Some(text), settings).play().in_peace()
}

/// Speech that the engine makes of `text` without GStreamer, with the settings of [`say`] and those of `set`.
fn engine_says(text: &str, set: impl FnOnce(&mut Settings)) -> Vec<Speech> {
    let synth = Synthesizer::open_model(Options::new(tiny()));
    let mut request = Request::new(text);
    request.settings.flow_steps = 2;
    set(&mut request.settings);
    let speech: cosyvoice3::Result<Vec<_>> = synth.speak(request).collect();
    speech.expect("the model speaks")
}

fn time_of(sample: u64) -> gst::ClockTime {
    gst::ClockTime::from_nseconds(sample * 1_000_000_000 / u64::from(SAMPLE_RATE))
}

fn types(events: &[gst::Event]) -> Vec<gst::EventType> {
    events.iter().map(|event| event.type_()).collect()
}

#[test]
fn utterances_are_buffers_stamped_to_the_sample_from_zero_without_a_gap() {
    let played = say("Да. Нет. Ну.", &[]);
    assert!(played.buffers.len() >= 2, "one buffer per utterance");
    let mut at = 0;
    for (number, buffer) in played.buffers.iter().enumerate() {
        let end = at + buffer.size() as u64 / 4;
        assert_eq!(buffer.pts(), Some(time_of(at)));
        assert_eq!(buffer.duration(), Some(time_of(end) - time_of(at)));
        assert_eq!((buffer.offset(), buffer.offset_end()), (at, end));
        assert_eq!(
            buffer.flags().contains(gst::BufferFlags::DISCONT),
            number == 0
        );
        at = end;
    }
}

#[test]
fn a_stream_is_start_caps_segment_tag_and_in_the_end_eos() {
    let played = say("Да.", &[]);
    assert_eq!(
        types(&played.events),
        [
            gst::EventType::StreamStart,
            gst::EventType::Caps,
            gst::EventType::Segment,
            gst::EventType::Tag,
            gst::EventType::Eos
        ]
    );
    let gst::EventView::Caps(caps) = played.events[1].view() else {
        unreachable!()
    };
    let caps = caps.caps().structure(0).expect("one structure");
    assert_eq!(caps.name(), "audio/x-raw");
    assert_eq!(caps.get::<&str>("format"), Ok("F32LE"));
    assert_eq!(caps.get::<i32>("rate"), Ok(24_000));
    assert_eq!(caps.get::<i32>("channels"), Ok(1));
    let gst::EventView::Segment(segment) = played.events[2].view() else {
        unreachable!()
    };
    let segment = segment.segment();
    assert_eq!(segment.format(), gst::Format::Time);
    assert_eq!(
        segment.start(),
        gst::GenericFormattedValue::from(gst::ClockTime::ZERO)
    );
}

#[test]
fn the_element_says_what_the_engine_says_and_forty_milliseconds_a_token() {
    let text = "Да. Нет.";
    let speeches = engine_says(text, |_| {});
    let played = say(text, &[]);
    assert_eq!(played.buffers.len(), speeches.len());
    for (buffer, speech) in std::iter::zip(&played.buffers, &speeches) {
        assert_eq!(
            speech.samples.len(),
            speech.stats.tokens * SAMPLES_PER_TOKEN
        );
        assert!(playing::samples(buffer) == speech.samples);
    }
}

#[test]
fn guidance_and_time_points_are_those_of_the_properties() {
    let engine = |set: fn(&mut Settings)| engine_says("Да.", set).remove(0).samples;
    let usual = engine(|settings| settings.flow_steps = 6);
    assert!(say("Да.", &[("flow-steps", "6")]).samples() == usual);
    let seldom_guided = engine(|settings| {
        settings.flow_steps = 6;
        settings.guidance_interval = 2;
    });
    assert!(seldom_guided != usual);
    assert!(
        say("Да.", &[("flow-steps", "6"), ("guidance-interval", "2")]).samples() == seldom_guided
    );
    let epss = engine(|settings| {
        settings.flow_steps = 6;
        settings.flow_schedule = Some(Schedule::Epss);
    });
    assert!(epss != usual);
    assert!(say("Да.", &[("flow-steps", "6"), ("flow-schedule", "epss")]).samples() == epss);
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
    let first = say("Да.", &[("seed", "7")]).samples();
    assert!(say("Да.", &[("seed", "7")]).samples() == first);
    assert!(say("Да.", &[("seed", "8")]).samples() != first);
}

#[test]
fn top_k_and_top_p_are_the_manifests_unless_they_are_set() {
    let says = |model: &ModelDir, settings: &[(&str, &str)]| {
        let settings = [settings, &[("threads", "1")]].concat();
        let player = Player::new(model.path(), Some("Да."), &settings);
        player.play().in_peace().samples()
    };
    let published = [("top-k", "25"), ("top-p", "0.8")];
    let usual = ModelDir::of_tiny();
    let heard = says(&usual, &[]);

    type Edit = fn(&mut Sampling);
    let others: [(Edit, _); 2] = [
        (|sampling| sampling.top_k = 2, ("top-k", "2")),
        (|sampling| sampling.top_p = 0.01, ("top-p", "0.01")),
    ];
    for (edit, setting) in others {
        let other = ModelDir::of_tiny();
        other.edit_manifest(|manifest| edit(&mut manifest.lm.sampling));
        let heard_of_other = says(&other, &[]);
        assert!(heard_of_other != heard, "{setting:?}");
        assert!(heard_of_other == says(&usual, &[setting]), "{setting:?}");
        assert!(says(&other, &published) == heard, "{setting:?}");
    }
}

#[test]
fn speed_divides_the_mel_frames_and_rounds_down() {
    let frames = say("Да.", &[]).samples().len() / SAMPLES_PER_FRAME;
    for speed in [2.0, 1.3, 0.5] {
        let played = say("Да.", &[("speed", &speed.to_string())]);
        assert_eq!(
            played.samples().len(),
            (frames as f64 / speed) as usize * SAMPLES_PER_FRAME,
            "speed {speed}"
        );
    }
}

#[test]
fn under_flush_chunk_each_piece_is_a_buffer_and_a_seed_means_the_same_samples() {
    let text = "Раз два три четыре пять шесть семь восемь девять десять.";
    let whole = say(text, &[]).samples();
    let settings = [("flush", "chunk"), ("flow-backend", "cpu")];
    let played = say(text, &settings);
    assert!(played.buffers.len() >= 3, "{}", played.buffers.len());
    // The first second of speech without the frames that the vocoder looks ahead.
    assert_eq!(played.buffers[0].size(), 42 * SAMPLES_PER_FRAME * 4);
    let mut at = 0;
    for buffer in &played.buffers {
        let end = at + buffer.size() as u64 / 4;
        assert_eq!(buffer.pts(), Some(time_of(at)));
        assert_eq!(buffer.duration(), Some(time_of(end) - time_of(at)));
        assert_eq!((buffer.offset(), buffer.offset_end()), (at, end));
        at = end;
    }
    assert_eq!(at as usize, whole.len(), "as long as the whole utterance");
    assert_eq!(say(text, &settings).samples(), played.samples());
}

#[test]
fn the_window_plan_speaks_as_long_as_the_whole_plan() {
    let whole = [("flow-plan", "whole"), ("flow-backend", "cpu")];
    let whole = say("Да.", &whole).samples();
    let windows = say("Да.", &[("flow-plan", "windows")]).samples();
    assert_eq!(windows.len(), whole.len());
}

#[test]
fn the_level_keeps_its_bounds_and_the_limiter_leaves_quiet_samples_alone() {
    let peak = |samples: &[f32]| samples.iter().fold(0f32, |peak, x| peak.max(x.abs()));
    let normalized = say("Да.", &[("level", "normalize")]).samples();
    let limited = say("Да.", &[("level", "limit")]).samples();
    let plain = say("Да.", &[("level", "none")]).samples();
    // No gain brings a peak above 1, which the knee bends to 0.93.
    assert!(peak(&normalized) <= 0.93);
    assert!(peak(&limited) <= 1.0);
    assert!(peak(&plain) <= 0.99);
    for (limited, plain) in std::iter::zip(limited, plain) {
        if plain.abs() <= 0.7 {
            assert_eq!(limited, plain);
        }
    }
}

fn element() -> gst::Element {
    playing::init();
    gst::ElementFactory::make("cosyvoice3src").build().unwrap()
}

#[test]
fn every_property_has_a_nick_and_a_blurb() {
    // Types, ranges, defaults and the states in which they can be set are in docs/element.md, which tests/element_docs.rs
    // compares with the element.
    let element = element();
    for pspec in element.list_properties() {
        if pspec.owner_type() == element.type_() {
            let name = pspec.name();
            assert_ne!(pspec.nick(), name, "a nick of its own");
            assert!(
                pspec.blurb().is_some_and(|blurb| blurb.len() > 10),
                "{name}"
            );
        }
    }
}

#[test]
fn voices_lists_what_the_model_directory_holds() {
    let element = element();
    element.set_property("model-path", tiny().to_str().unwrap());
    assert_eq!(
        element.property::<glib::StrV>("voices"),
        glib::StrV::from(["golden"])
    );
    element.set_property("model-path", "/nonexistent");
    assert!(element.property::<glib::StrV>("voices").is_empty());
}

#[test]
fn glib_refuses_numbers_out_of_range_and_the_element_still_speaks() {
    let player = Player::new(&tiny(), Some("Да."), &[]);
    let out_of_range: [(&str, glib::Value); 8] = [
        ("speed", 0.49f64.to_value()),
        ("speed", f64::INFINITY.to_value()),
        ("seed", (-2i64).to_value()),
        ("temperature", 2.1f64.to_value()),
        ("top-k", 6562u32.to_value()),
        ("top-p", 1.01f64.to_value()),
        ("flow-steps", 101u32.to_value()),
        ("threads", 257u32.to_value()),
    ];
    for (name, value) in out_of_range {
        let before = format!("{:?}", player.element.property_value(name));
        c_caller::set_property(&player.element, name, &value);
        let after = format!("{:?}", player.element.property_value(name));
        assert_eq!(after, before, "{name}");
    }
    assert!(!player.play().in_peace().buffers.is_empty());
}

#[test]
fn a_text_of_punctuation_is_a_warning_and_the_end() {
    let played = Player::new(&tiny(), Some("?!… — ."), &[]).play();
    assert!(played.errors.is_empty(), "{:?}", played.errors);
    assert!(played.eos && played.buffers.is_empty());
    let [warning] = &played.warnings[..] else {
        panic!("{:?}", played.warnings);
    };
    assert!(warning.text().contains("nothing to say"), "{warning:?}");
}

#[test]
fn a_hundred_thousand_characters_are_spoken_from_the_start_and_can_be_stopped() {
    let text: String = "Да. ".chars().cycle().take(100_000).collect();
    let player = Player::new(&tiny(), Some(&text), &[]);
    let before = resident();
    player.play_to_first_buffer();
    let played = player.stop(gst::State::Null);
    assert!(played.errors.is_empty(), "{:?}", played.errors);
    assert!(!played.eos && !played.buffers.is_empty());
    assert!(resident().saturating_sub(before) < 1 << 30);
}

#[test]
fn without_a_cache_directory_gst_launch_warns_once_and_speaks() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a file where the cache belongs");
    std::fs::write(&file, "").unwrap();
    let said = dir.path().join("said.wav");
    let model = format!("model-path={}", tiny().display());
    let location = format!("location={}", said.display());
    let pipeline = [
        "cosyvoice3src",
        &model,
        "text=Да.",
        "flow-steps=2",
        "!",
        "wavenc",
        "!",
        "filesink",
        &location,
    ];
    let (output, words) = gst_launch(&pipeline, &[("XDG_CACHE_HOME", &file)]);
    assert!(output.status.success(), "{words}");
    // With random weights most speech is cut, which is a warning too.
    let warnings = words
        .lines()
        .filter(|line| line.starts_with("WARNING: from element") && !line.contains(" was cut "));
    assert_eq!(warnings.count(), 1, "{words}");
    assert!(words.contains("XDG_CACHE_HOME"), "{words}");
    assert!(!wav(&said).3.is_empty());
}

#[test]
fn a_text_set_while_playing_is_said_after_the_first() {
    let player = Player::new(&tiny(), Some("Да."), &[]);
    player.on_first_buffer(|element| element.set_property("text", "Нет."));
    let played = player.play().in_peace();
    let [first, second] = &played.buffers[..] else {
        panic!("{} buffers", played.buffers.len());
    };
    assert!(playing::samples(first) == say("Да.", &[]).samples());
    assert!(playing::samples(second) == say("Нет.", &[]).samples());
    assert_eq!(second.offset(), first.offset_end());
    assert!(!second.flags().contains(gst::BufferFlags::DISCONT));
}

#[test]
fn an_eos_event_ends_the_stream_in_the_middle_of_a_text() {
    let player = Player::new(&tiny(), Some(&"Да. ".repeat(20_000)), &[]);
    player.play_to_first_buffer();
    let eos = gst::event::Eos::new();
    let seqnum = eos.seqnum();
    assert!(player.pipeline.send_event(eos));
    player.wait();
    let played = player.stop(gst::State::Null).in_peace();
    let last = played.events.last().expect("events");
    assert_eq!(last.type_(), gst::EventType::Eos);
    assert_eq!(last.seqnum(), seqnum);
}

#[test]
fn cores_that_are_not_there_are_refused_by_name() {
    let player = Player::new(&tiny(), Some("Да."), &[("cpu-affinity", "lm=999")]);
    let played = player.play();
    assert_eq!(played.errors.len(), 1, "{played:?}");
    let error = &played.errors[0];
    assert!(error.error.matches(gst::ResourceError::Settings));
    assert!(
        error.text().contains("cpu-affinity") && error.text().contains("999"),
        "{error:?}"
    );
}

#[test]
fn more_threads_than_cores_are_not_used_and_that_is_reported() {
    let player = Player::new(&tiny(), Some("Да."), &[("threads", "256")]);
    let played = player.play();
    assert!(played.eos && played.warnings.len() == 1, "{played:?}");
    assert!(played.warnings[0].text().contains("threads=256"));
}

#[test]
fn statistics_and_the_message_that_ends_a_text_tell_what_each_stage_took() {
    let player = Player::new(&tiny(), Some("Раз."), &[("prefix-cache", "memory")]);
    let (sender, receiver) = std::sync::mpsc::channel();
    let bus = player.pipeline.bus().unwrap();
    bus.enable_sync_message_emission();
    bus.connect_sync_message(Some("element"), move |_, message| {
        let structure = message.structure().expect("a structure");
        if structure.name() == "cosyvoice3/utterance-finished" {
            let _ = sender.send(structure.to_owned());
        }
    });
    player.play_to_first_buffer();
    player.wait();
    let message = receiver.recv_timeout(Duration::from_secs(60)).unwrap();
    let stats: gst::Structure = player.element.property("stats");
    for structure in [&message, &stats] {
        let number = |name: &str| {
            let value = structure.get::<f64>(name);
            value.unwrap_or_else(|e| panic!("{name}: {e} in {structure:?}"))
        };
        let tokens = structure.get::<u64>("tokens").unwrap();
        let audio = (tokens as usize * SAMPLES_PER_TOKEN) as f64 / f64::from(SAMPLE_RATE);
        let stages = [
            ("rtf-lm", number("prefill") + number("decode")),
            ("rtf-flow", number("flow")),
            ("rtf-vocoder", number("vocoder")),
        ];
        for (name, seconds) in stages {
            assert!(seconds > 0.0, "{name} of {structure:?}");
            assert!((number(name) * audio - seconds).abs() < 1e-9, "{name}");
        }
        let work: f64 = stages.iter().map(|(_, seconds)| seconds).sum();
        assert!((0.0..work).contains(&number("overlap")), "{structure:?}");
        assert!((number("rtf") * audio - (work - number("overlap"))).abs() < 1e-9);
        assert_eq!(structure.get::<u64>("prefix-full-hits").unwrap(), 0);
        assert_eq!(structure.get::<u64>("prefix-shared-hits").unwrap(), 0);
        assert!(!structure.get::<String>("flow-backend").unwrap().is_empty());
    }
    assert!(message.get::<f64>("first-audio").unwrap() > 0.0);
    for name in ["first-audio-last", "first-audio-mean", "first-audio-max"] {
        assert!(stats.get::<f64>(name).unwrap() > 0.0, "{name}");
    }
    assert_eq!(stats.get::<u64>("npu-threads-abandoned").unwrap(), 0);
}
