//! Going up and down, flushes and interruptions, at any moment.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use cosyvoice3::{Error, manifest::FileEntry};
use gst::prelude::*;
use gstcosyvoice3::element::CosyVoice3Src;

use crate::{
    alone::alone,
    assert_took, bus_of,
    clock::Driver,
    element, filter,
    launch::{Running, command},
    model_dir::ModelDir,
    ms,
    playing::{Player, Watchdog},
    posted,
    process::threads,
    say,
    script::{Gate, Script},
    scripted,
    soak::{Chance, leaks},
    support::{long, tiny},
    text_caps, untimed, watchdog,
    wav::wav,
};

/// A model that takes minutes to load: one of its files is huge and has to be hashed.
fn slow_model() -> ModelDir {
    let model = ModelDir::of_tiny();
    let name = "lm.gguf";
    let bytes = model.read(name);
    model.write(name, &bytes);
    // Without blocks on disk.
    let size = 1 << 36;
    let file = fs::File::options()
        .write(true)
        .open(model.file(name))
        .unwrap();
    file.set_len(size).unwrap();
    model.edit_manifest(|manifest| {
        let sha256 = "0".repeat(64);
        manifest
            .files
            .insert(name.into(), FileEntry { size, sha256 });
    });
    model
}

#[test]
fn ctrl_c_while_models_load_is_the_end_at_once() {
    let _watchdog = watchdog();
    let slow = slow_model();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
    let plain = &["-m"][..];
    let cases = [
        (plain, slow.path(), "check of the files"),
        (&["-m", "-e"], slow.path(), "check of the files"),
        // Inside llama.cpp and ONNX Runtime, whose globals go with the process.
        (plain, &demo, "language model"),
        (plain, &demo, "flow model"),
        (plain, &demo, "vocoder"),
    ];
    for (options, model, component) in cases {
        let mut running = Running::start(
            command("gst-launch-1.0")
                .args(options)
                .args([
                    "cosyvoice3src",
                    "text=Да.",
                    "verify=always",
                    "!",
                    "fakesink",
                ])
                .env("COSYVOICE3_MODEL_PATH", model),
        );
        running.wait_for(&format!("loading {component}"));
        let (took, status, said) = running.interrupt();
        assert_took(
            &format!("Ctrl-C with {options:?}, {component}"),
            took,
            Duration::from_secs(1),
        );
        assert!(
            !status.core_dumped() && status.signal().is_none(),
            "{status}: {said}"
        );
        assert!(said.contains("Freeing pipeline"), "{said}");
    }
}

#[test]
fn going_down_does_not_wait_for_a_loader_but_the_element_does_not_go_without_it() {
    let _watchdog = watchdog();
    let element = element(&[]);
    let (inside, entered) = mpsc::channel();
    let (go_on, held) = mpsc::channel();
    let held = Mutex::new(held);
    let left = Arc::new(AtomicBool::new(false));
    let ended = left.clone();
    let speech = element.downcast_ref::<CosyVoice3Src>().unwrap();
    speech.set_engine(move |_| {
        inside.send(()).unwrap();
        // A foreign library that sees no cancellation.
        held.lock().unwrap().recv().unwrap();
        ended.store(true, Ordering::SeqCst);
        Err(Error::cancelled())
    });
    element.set_state(gst::State::Paused).unwrap();
    entered.recv().unwrap();
    element.set_state(gst::State::Null).unwrap();
    element.add_weak_ref_notify(move || go_on.send(()).unwrap());
    drop(element);
    assert!(left.load(Ordering::SeqCst));
}

#[test]
fn ctrl_c_with_an_eos_closes_the_file_properly() {
    let _watchdog = watchdog();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("said.wav");
    let text = format!("text={}", "Да. ".repeat(5000));
    let location = format!("location={}", path.display());
    for (source, speaks) in [
        (&["flow-steps=2", &text][..], true),
        (&["is-live=true"][..], false),
    ] {
        let mut running = Running::start(
            command("gst-launch-1.0")
                .args(["-v", "-e", "cosyvoice3src"])
                .args(source)
                .args(["!", "identity", "silent=false", "!"])
                .args(["wavenc", "!", "filesink", &location])
                .env("COSYVOICE3_MODEL_PATH", tiny()),
        );
        running.wait_for("last-message = chain");
        let (took, status, said) = running.interrupt();
        assert_took("EOS after Ctrl-C", took, Duration::from_millis(500));
        assert!(status.success(), "{status}: {said}");
        assert!(said.contains("EOS received"), "{said}");
        let data = wav(&path).3;
        assert!(!data.is_empty());
        assert_eq!(data.iter().any(|byte| *byte != 0), speaks);
    }
}

#[test]
fn starting_and_stopping_at_random_moments_leaves_nothing_behind() {
    let variables = [
        ("GST_TRACERS", "leaks"),
        ("GST_DEBUG", "GST_TRACER:7"),
        ("GST_DEBUG_NO_COLOR", "1"),
    ];
    let name = "states::starting_and_stopping_at_random_moments_leaves_nothing_behind";
    let words = alone(name, &variables, || {
        let cycles = if long() { 200 } else { 30 };
        crate::playing::init();
        // One thread a stage, so that their number is known.
        let settings = [("threads", "1")];
        let whole = Player::new(&tiny(), Some("Да. Нет."), &settings);
        let since = Instant::now();
        whole.play().in_peace();
        let time = since.elapsed();
        drop(whole);
        let before = threads();
        let mut chance = Chance::new(22);
        let mut slowest = Duration::ZERO;
        let player = Player::new(&tiny(), Some("Да. Нет."), &settings);
        for cycle in 0..cycles {
            let down = [gst::State::Null, gst::State::Ready][cycle % 2];
            let _watchdog = Watchdog::new("a cycle", time + Duration::from_secs(20));
            player.start().unwrap();
            player.listen_for(chance.moment(time));
            let since = Instant::now();
            let played = player.stop(down);
            slowest = slowest.max(since.elapsed());
            assert!(played.errors.is_empty(), "{:?}", played.errors);
            assert!(played.warnings.is_empty(), "{:?}", played.warnings);
        }
        assert_took("the slowest way down", slowest, Duration::from_secs(2));
        player.play().in_peace();
        drop(player);
        println!(
            "{before} threads before, {} after {cycles} cycles",
            threads()
        );
        assert!(threads() <= before + 2);
        // SAFETY: nothing of GStreamer is used any more; the tracer reports what is left.
        unsafe { gst::deinit() };
    });
    print!("{words}");
    assert_eq!(leaks(&words), Vec::<&str>::new());
}

#[test]
fn a_flush_ends_everything_and_the_element_speaks_again() {
    let _watchdog = watchdog();
    let mut harness = filter(&[]);
    harness.set_src_caps(text_caps());
    harness
        .push(untimed("Раз. Два. Три.\n".as_bytes()))
        .unwrap();
    let since = Instant::now();
    harness.push_event(gst::event::FlushStart::new());
    assert_took("FLUSH_START", since.elapsed(), Duration::from_millis(50));
    harness.push_event(gst::event::FlushStop::new(true));
    while harness.try_pull().is_some() {}
    while harness.try_pull_event().is_some() {}
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    harness.push_event(gst::event::Segment::new(&segment));
    harness.push(untimed("Да.\n".as_bytes())).unwrap();
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
fn a_flushed_source_says_nothing_old_and_waits_for_a_new_text() {
    let _watchdog = watchdog();
    for live in ["false", "true"] {
        let settings = [("is-live", live), ("idle", "none")];
        let (player, script) = scripted(Some("раз два три"), &settings, "fakesink sync=false");
        let bus = player.pipeline.bus().unwrap();
        script.shut(Gate::Vocoder);
        player.start().unwrap();
        script.await_visitor(Gate::Vocoder);
        player.element.send_event(gst::event::FlushStart::new());
        assert_eq!(
            posted(&bus, "cancelled").get::<&str>("reason").unwrap(),
            "flushed"
        );
        player.element.send_event(gst::event::FlushStop::new(true));
        script.open(Gate::Vocoder);
        player.element.set_property("text", "четыре");
        let finished = posted(&bus, "finished");
        assert_eq!(finished.get::<&str>("text").unwrap(), "четыре");
        if live == "true" {
            player.element.emit_by_name::<()>("end-of-stream", &[]);
        }
        player.wait();
        let played = player.stop(gst::State::Null).in_peace();
        assert!(played.samples() == crate::script::speech_of("четыре"));
    }
}

#[test]
fn flushes_below_paused_are_harmless() {
    let _watchdog = watchdog();
    let (player, _script) = scripted(Some("раз"), &[], "fakesink sync=false");
    for state in [gst::State::Null, gst::State::Ready] {
        player.pipeline.set_state(state).unwrap();
        player.element.send_event(gst::event::FlushStart::new());
        player.element.send_event(gst::event::FlushStop::new(true));
        assert_ne!(player.pad().task_state(), gst::TaskState::Started);
    }
    player.play().in_peace();
}

#[test]
fn a_storm_of_flushes_texts_and_questions_ends_in_no_deadlock() {
    let time = Duration::from_secs(if long() { 60 } else { 4 });
    let _watchdog = Watchdog::new("the storm", time + Duration::from_secs(60));
    let settings = [("is-live", "true"), ("threads", "1")];
    let player = Player::new(&tiny(), None, &settings);
    let bus = player.pipeline.bus().unwrap();
    player.start().unwrap();
    let element = &player.element;
    let over = AtomicBool::new(false);
    let (flushes, texts, questions) = std::thread::scope(|scope| {
        let flushes = scope.spawn(|| {
            let mut count = 0;
            while !over.load(Ordering::SeqCst) {
                player.flush();
                count += 1;
            }
            count
        });
        let texts = scope.spawn(|| {
            let mut count = 0;
            while !over.load(Ordering::SeqCst) {
                count += u64::from(say(element, "Да.") > 0);
            }
            count
        });
        let questions = scope.spawn(|| {
            let mut count = 0;
            while !over.load(Ordering::SeqCst) {
                element.property::<gst::Structure>("stats");
                element.property::<Option<String>>("text");
                player.pad().query_position::<gst::ClockTime>();
                count += 1;
            }
            count
        });
        let until = Instant::now() + time;
        while Instant::now() < until {
            // Messages would only pile up on the bus.
            if let Some(message) = bus.timed_pop(ms(10)) {
                assert_ne!(message.type_(), gst::MessageType::Error, "{message:?}");
            }
        }
        over.store(true, Ordering::SeqCst);
        let join = |thread: std::thread::ScopedJoinHandle<'_, u64>| thread.join().unwrap();
        (join(flushes), join(texts), join(questions))
    });
    println!("{flushes} flushes, {texts} texts, {questions} questions in {time:?}");
    while bus.pop().is_some() {}
    // After the last flush the queue may have been filled again.
    element.emit_by_name::<u32>("cancel-all", &[]);
    let id = say(element, "Нет.");
    assert!(id > texts);
    while posted(&bus, "finished").get::<u64>("id").unwrap() != id {}
}

#[test]
fn there_is_one_text_pad_and_it_can_be_had_again() {
    let _watchdog = watchdog();
    let element = element(&[]);
    let pad = element.request_pad_simple("sink").unwrap();
    assert!(element.request_pad_simple("sink").is_none());
    assert!(!element.element_flags().contains(gst::ElementFlags::SOURCE));
    element.release_request_pad(&pad);
    assert!(element.element_flags().contains(gst::ElementFlags::SOURCE));
    assert!(element.request_pad_simple("sink").is_some());
}

#[test]
fn the_text_pad_comes_and_goes_while_it_speaks() {
    let _watchdog = watchdog();
    let element = element(&[("is-live", "true"), ("idle", "none")]);
    Script::default().give_to(&element);
    let mut harness = gst_check::Harness::with_element(&element, None, Some("src"));
    harness.play();
    let bus = bus_of(&harness);
    let _driver = Driver::new(&harness.testclock().unwrap());
    for text in ["раз", "два"] {
        let pad = element.request_pad_simple("sink").unwrap();
        assert!(pad.is_active());
        pad.send_event(gst::event::StreamStart::new("text"));
        pad.send_event(gst::event::Caps::new(&text_caps()));
        let segment = gst::FormattedSegment::<gst::format::Bytes>::new();
        pad.send_event(gst::event::Segment::new(&segment));
        pad.chain(untimed(format!("{text}\n").as_bytes())).unwrap();
        assert_eq!(posted(&bus, "finished").get::<&str>("text").unwrap(), text);
        element.release_request_pad(&pad);
        // Without it the signals still work.
        say(&element, "и");
        assert_eq!(posted(&bus, "finished").get::<&str>("text").unwrap(), "и");
    }
    assert_eq!(harness.buffers_received(), 4);
}

#[test]
fn an_element_goes_with_the_text_pad_that_nobody_released() {
    let _watchdog = watchdog();
    let weak = {
        let element = element(&[]);
        element.request_pad_simple("sink").unwrap();
        element.downgrade()
    };
    assert!(weak.upgrade().is_none());
}
