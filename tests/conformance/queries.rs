//! Answers to queries, and statistics, during synthesis and after it.

use std::sync::atomic::{AtomicBool, Ordering};

use gst::prelude::*;

use crate::{
    alone::alone,
    bus_of, element, end_of, filter, ms, patience,
    playing::Player,
    posted,
    process::resident,
    say, scripted,
    support::tiny,
    upstream::{scripted_pipeline, subtitles},
    watchdog,
};

fn seek() -> gst::Event {
    gst::event::Seek::new(
        1.0,
        gst::SeekFlags::FLUSH,
        gst::SeekType::Set,
        gst::ClockTime::ZERO,
        gst::SeekType::None,
        gst::ClockTime::NONE,
    )
}

#[test]
fn seeks_are_refused_without_and_forwarded_with_an_upstream() {
    let _watchdog = watchdog();
    let source = element(&[]);
    let pad = source.static_pad("src").unwrap();
    assert!(!pad.send_event(seek()));
    assert!(!source.send_event(seek()));
    let mut seeking = gst::query::Seeking::new(gst::Format::Time);
    assert!(pad.query(&mut seeking) && !seeking.result().0);
    let mut harness = filter(&[]);
    harness.push_upstream_event(seek());
    harness.push_upstream_event(gst::event::Latency::new(ms(50)));
    let upstream: Vec<_> = std::iter::from_fn(|| harness.try_pull_upstream_event())
        .map(|event| event.type_())
        .collect();
    for forwarded in [gst::EventType::Seek, gst::EventType::Latency] {
        assert!(upstream.contains(&forwarded), "{upstream:?}");
    }
}

#[test]
fn a_flushing_seek_reaches_the_file_and_what_follows_is_spoken() {
    let _watchdog = watchdog();
    let dir = tempfile::tempdir().unwrap();
    let cues = [
        ("00:00:01,000 --> 00:00:02,000", "раз"),
        ("00:00:04,000 --> 00:00:05,000", "два"),
    ];
    let srt = subtitles(dir.path(), &cues);
    let (pipeline, pad) =
        scripted_pipeline(&format!("filesrc name=file location={srt} ! subparse"));
    let bus = pipeline.bus().unwrap();
    pipeline.set_state(gst::State::Paused).unwrap();
    let prerolled = bus.timed_pop_filtered(patience(), &[gst::MessageType::AsyncDone]);
    assert!(prerolled.is_some());
    let (sender, heard) = std::sync::mpsc::channel();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &info.data {
            let _ = sender.send(buffer.pts().unwrap());
        }
        gst::PadProbeReturn::Ok
    });
    // subparse restarts the file before it notes the new segment; a fast file source would get the old one.
    let file = pipeline.by_name("file").unwrap();
    let file = file.static_pad("src").unwrap();
    let buffers = gst::PadProbeType::BLOCK | gst::PadProbeType::BUFFER;
    let hold = file.add_probe(buffers, |_, _| gst::PadProbeReturn::Ok);
    let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
    pipeline.seek_simple(flags, ms(3000)).unwrap();
    file.remove_probe(hold.unwrap());
    pipeline.set_state(gst::State::Playing).unwrap();
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = bus.timed_pop_filtered(patience(), &ends).unwrap();
    assert_eq!(end.type_(), gst::MessageType::Eos, "{end:?}");
    // The second cue, one second after the seek position.
    let heard: Vec<_> = heard.try_iter().collect();
    assert_eq!(heard, [ms(1000)]);
    let position = pad.query_position::<gst::ClockTime>();
    pipeline.set_state(gst::State::Null).unwrap();
    assert_eq!(position, Some(ms(4000 + 3 * 40)));
}

#[test]
fn latency_is_none_offline_a_tick_live_and_upstreams_and_ours_in_between() {
    let _watchdog = watchdog();
    let ask = |element: &gst::Element| {
        let mut query = gst::query::Latency::new();
        let pad = element.static_pad("src").unwrap();
        pad.query(&mut query).then(|| query.result())
    };
    assert_eq!(ask(&element(&[])), Some((false, ms(0), None)));
    let live = [("is-live", "true")];
    assert_eq!(ask(&element(&live)), Some((true, ms(20), None)));
    let mut harness = filter(&[("latency", "700")]);
    let bus = bus_of(&harness);
    harness.set_live(true);
    harness.set_upstream_latency(ms(30));
    let element = harness.element().unwrap();
    let timed = ask(&element).unwrap();
    assert!(timed.0);
    assert_eq!(timed.1, ms(730));
    element.set_property("latency", 900u32);
    let posted = bus.timed_pop_filtered(patience(), &[gst::MessageType::Latency]);
    assert!(posted.is_some());
    assert_eq!(ask(&element).unwrap().1, ms(930));
}

#[test]
fn two_elements_share_the_models_and_one_may_go() {
    let name = "queries::two_elements_share_the_models_and_one_may_go";
    let words = alone(name, &[], || {
        let _watchdog = watchdog();
        let model = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
        let start = || {
            let player = Player::new(&model, None, &[("is-live", "true"), ("threads", "1")]);
            let bus = player.pipeline.bus().unwrap();
            player.start().unwrap();
            say(&player.element, "Yes.");
            posted(&bus, "finished");
            (player, bus)
        };
        // Loads the libraries, which are not to be counted.
        let tiny = Player::new(&tiny(), Some("Да."), &[("threads", "1")]);
        tiny.play().in_peace();
        drop(tiny);
        let mut memory = vec![resident()];
        let first = start();
        memory.push(resident());
        let second = start();
        memory.push(resident());
        let grown = [memory[1] - memory[0], memory[2].saturating_sub(memory[1])];
        println!(
            "{} and {} MB for two elements",
            grown[0] >> 20,
            grown[1] >> 20
        );
        assert!(grown[1] < grown[0] / 2, "{grown:?}");
        drop(first);
        let (player, bus) = second;
        say(&player.element, "No.");
        assert!(posted(&bus, "finished").get::<u64>("tokens").unwrap() > 0);
    });
    print!("{words}");
}

#[test]
fn statistics_can_be_read_at_any_time_and_only_grow() {
    let _watchdog = watchdog();
    let player = Player::new(&tiny(), None, &[("is-live", "true")]);
    let bus = player.pipeline.bus().unwrap();
    player.start().unwrap();
    let read = || -> gst::Structure { player.element.property("stats") };
    let over = AtomicBool::new(false);
    let reads = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let counters = ["texts-finished", "utterances", "tokens"];
            let mut last = [0; 3];
            let mut reads = 0u64;
            let wait = gst::SystemClock::obtain();
            while !over.load(Ordering::SeqCst) {
                let stats = read();
                let now = counters.map(|name| stats.get::<u64>(name).unwrap());
                assert!(std::iter::zip(now, last).all(|(now, last)| now >= last));
                last = now;
                reads += 1;
                // A hundred a second.
                let _ = wait.new_single_shot_id(wait.time() + ms(10)).wait();
            }
            reads
        });
        let mut last = 0;
        for _ in 0..3 {
            say(&player.element, "Да.");
            let finished = posted(&bus, "finished");
            assert!(finished.get::<f64>("rtf").unwrap() > 0.0);
            assert!(finished.get::<f64>("first-audio").unwrap() > 0.0);
            let tokens: u64 = read().get("tokens").unwrap();
            assert_eq!(tokens, last + finished.get::<u64>("tokens").unwrap());
            last = tokens;
        }
        over.store(true, Ordering::SeqCst);
        reader.join().unwrap()
    });
    println!("read {reads} times");
    let stats = read();
    assert_eq!(stats.get::<u64>("texts-finished").unwrap(), 3);
    assert!(stats.get::<gst::ClockTime>("synthesis-duration").unwrap() > gst::ClockTime::ZERO);
    // The same voice and text again need no prefill.
    assert!(
        stats.get::<u64>("prefix-full-hits").unwrap() >= 2,
        "{stats:?}"
    );
    assert_eq!(stats.get::<String>("flow-backend").unwrap(), "cpu");
}

#[test]
fn the_position_is_the_end_of_what_was_pushed_and_the_length_known_at_the_end() {
    let _watchdog = watchdog();
    let (player, _script) = scripted(Some("раз два три"), &[], "fakesink sync=false");
    let (sender, receiver) = std::sync::mpsc::channel();
    player
        .pad()
        .add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let Some(gst::PadProbeData::Buffer(buffer)) = &info.data else {
                return gst::PadProbeReturn::Ok;
            };
            let position = pad.query_position::<gst::ClockTime>();
            let duration = pad.query_duration::<gst::ClockTime>();
            let _ = sender.send((position, duration, end_of(buffer)));
            gst::PadProbeReturn::Ok
        });
    player.start().unwrap();
    player.wait();
    for (position, duration, end) in receiver.try_iter() {
        assert_eq!(position, Some(end));
        assert_eq!(duration, None, "it is not known yet");
    }
    let pad = player.pad();
    let position = pad.query_position::<gst::ClockTime>();
    let duration = pad.query_duration::<gst::ClockTime>();
    let in_samples = pad.query_duration::<gst::format::Default>();
    let played = player.stop(gst::State::Null).in_peace();
    let end = end_of(played.buffers.last().unwrap());
    assert_eq!((position, duration), (Some(end), Some(end)));
    let samples = played.samples().len() as u64;
    assert_eq!(in_samples, Some(gst::format::Default::from_u64(samples)));
}
