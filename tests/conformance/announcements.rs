//! Announcements by signal and property in a live stream: each is played, or reported as cancelled.

use std::sync::{Arc, Mutex};

use gst::prelude::*;

use cosyvoice3::voice;

use crate::{
    clock::{Driver, drive},
    end_of, is_silence,
    model_dir::ModelDir,
    ms, patience,
    playing::Player,
    posted, posted_by,
    process::resident,
    say, scripted, scripted_live,
    support::tiny,
    warning, watchdog,
};

/// A live pipeline whose sink does not wait for the clock.
fn live(settings: &[(&str, &str)]) -> (Player, gst::Bus) {
    let settings = [&[("is-live", "true")], settings].concat();
    let player = Player::new(&tiny(), None, &settings);
    let bus = player.pipeline.bus().unwrap();
    player.start().unwrap();
    (player, bus)
}

#[test]
fn texts_set_while_playing_are_spoken_in_order_and_of_those_set_before_the_last() {
    let _watchdog = watchdog();
    let (player, bus) = live(&[]);
    player.element.set_property("text", "Раз.");
    player.element.set_property("text", "Раз.");
    let mut last = 0;
    for _ in 0..2 {
        let finished = posted(&bus, "finished");
        let id: u64 = finished.get("id").unwrap();
        assert!(id > last);
        last = id;
        assert_eq!(finished.get::<&str>("text").unwrap(), "Раз.");
        assert!(finished.get::<gst::ClockTime>("duration").unwrap() > gst::ClockTime::ZERO);
    }
    let (player, _script) = scripted(None, &[], "fakesink sync=false");
    player.pipeline.set_state(gst::State::Ready).unwrap();
    player.element.set_property("text", "раз");
    player.element.set_property("text", "двадцать");
    let played = player.play().in_peace();
    assert!(played.samples() == crate::script::speech_of("двадцать"));
}

#[test]
fn a_thousand_texts_are_refused_or_spoken() {
    let _watchdog = watchdog();
    let (player, bus) = live(&[("max-queued", "5")]);
    let before = resident();
    let ids: Vec<u64> = (0..1000).map(|_| say(&player.element, "Да.")).collect();
    let grown = resident().saturating_sub(before);
    println!("{grown} bytes more after 1,000 texts, the models among them");
    assert!(grown < 1 << 30);
    let accepted: Vec<u64> = ids.into_iter().filter(|id| *id > 0).collect();
    assert!((5..1000).contains(&accepted.len()), "{}", accepted.len());
    for id in accepted {
        assert_eq!(posted(&bus, "finished").get::<u64>("id").unwrap(), id);
    }
}

#[test]
fn a_cancelled_text_falls_silent_and_the_next_is_heard() {
    let _watchdog = watchdog();
    let settings = [("buffer-duration", "100000000")];
    let (player, _script, clock, bus) = scripted_live(&settings, "fakesink sync=false");
    player.start().unwrap();
    drive(&clock, ms(500));
    // 1.2 s.
    let first = say(&player.element, &"а".repeat(30));
    let started = posted_by(&clock, &bus, "started");
    assert_eq!(started.get::<u64>("id").unwrap(), first);
    drive(&clock, clock.time() + ms(700));
    let cancelled_at = player.element.current_running_time().unwrap();
    assert!(player.element.emit_by_name::<bool>("cancel", &[&first]));
    assert!(!player.element.emit_by_name::<bool>("cancel", &[&first]));
    let cancelled = posted(&bus, "cancelled");
    assert_eq!(cancelled.get::<u64>("id").unwrap(), first);
    drive(&clock, clock.time() + ms(500));
    let second = say(&player.element, "два");
    let driver = Driver::new(&clock);
    let finished = posted(&bus, "finished");
    drop(driver);
    assert_eq!(finished.get::<u64>("id").unwrap(), second);
    let played = player.stop(gst::State::Null);
    assert!(
        !played
            .events
            .iter()
            .any(|e| e.type_() == gst::EventType::Eos)
    );
    let second_at: gst::ClockTime = finished.get("running-time").unwrap();
    let speech = played.buffers.iter().filter(|b| !is_silence(b));
    let of_first: Vec<_> = speech.filter(|b| b.pts() < Some(second_at)).collect();
    let end = end_of(of_first.last().unwrap());
    println!("cancelled at {cancelled_at}, silent from {end}");
    assert!(end <= cancelled_at + ms(100 + 20));
    let heard: u64 = of_first.iter().map(|b| b.size() as u64 / 4).sum();
    let reported: gst::ClockTime = cancelled.get("duration").unwrap();
    assert_eq!(reported.nseconds(), heard * 1_000_000_000 / 24_000);
}

#[test]
fn an_important_announcement_cuts_the_other_off_and_each_is_accounted_for() {
    let _watchdog = watchdog();
    let (player, bus) = live(&[("buffer-duration", "100000000")]);
    let long = say(&player.element, "Раз. Два. Три.");
    posted(&bus, "started");
    let urgent = gst::Structure::builder("say")
        .field("text", "Внимание!")
        .field("priority", 5)
        .field("interrupt", "now")
        .build();
    let urgent: u64 = player.element.emit_by_name("say-full", &[&urgent]);
    let mut ends = Vec::new();
    while ends.len() < 2 {
        let message = bus.timed_pop_filtered(patience(), &[gst::MessageType::Element]);
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

/// The only warning on the bus.
#[track_caller]
fn one_warning(bus: &gst::Bus) -> String {
    let wanted = [gst::MessageType::Warning, gst::MessageType::Error];
    let found: Vec<_> = std::iter::from_fn(|| bus.pop_filtered(&wanted)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    warning(&found[0])
}

#[test]
fn two_thousand_wrong_calls_leave_the_stream_as_it_was() {
    let _watchdog = watchdog();
    let (player, bus) = live(&[]);
    for call in 0..2000 {
        let (field, value) = match call % 4 {
            0 => ("voice", format!("nobody-{call}").to_send_value()),
            1 => ("speed", (3.0 + f64::from(call)).to_send_value()),
            2 => ("seed", (-2 - call).to_send_value()),
            _ => ("colour", call.to_send_value()),
        };
        let mut structure = gst::Structure::builder("say").field("text", "Да.").build();
        structure.set_value(field, value);
        let element = &player.element;
        assert_eq!(element.emit_by_name::<u64>("say-full", &[&structure]), 0);
        assert!(one_warning(&bus).contains(field));
    }
    let id = say(&player.element, "Да.");
    assert!(id > 0);
    assert_eq!(posted(&bus, "finished").get::<u64>("id").unwrap(), id);
}

#[test]
fn what_a_text_brings_is_checked_when_it_is_queued() {
    let _watchdog = watchdog();
    let (player, bus) = live(&[]);
    let wrong = [
        ("voice", "nobody".to_send_value(), "nobody", "golden"),
        ("voice", 3.to_send_value(), "3", "a string"),
        ("instruct", true.to_send_value(), "true", "a string"),
        ("speed", 2.5.to_send_value(), "2.5", "from 0.5 to 2"),
        ("speed", f64::NAN.to_send_value(), "nan", "from 0.5 to 2"),
        ("speed", "fast".to_send_value(), "fast", "from 0.5 to 2"),
        ("seed", (-2).to_send_value(), "-2", "from -1"),
        (
            "seed",
            u64::MAX.to_send_value(),
            "18446744073709551615",
            "from -1",
        ),
        ("priority", "high".to_send_value(), "high", "-2147483648"),
        (
            "priority",
            (1_i64 << 40).to_send_value(),
            "1099511627776",
            "2147483647",
        ),
        ("interrupt", "never".to_send_value(), "never", "sentence"),
        ("volume", 3.to_send_value(), "volume", "interrupt"),
    ];
    for (field, value, shown, allowed) in wrong {
        let mut structure = gst::Structure::builder("say").field("text", "Да.").build();
        structure.set_value(field, value);
        let id = player
            .element
            .emit_by_name::<u64>("say-full", &[&structure]);
        assert_eq!(id, 0, "{structure:?}");
        let said = one_warning(&bus);
        for word in [field, shown, allowed] {
            assert!(said.contains(word), "{word} is not in {said:?}");
        }
    }
    let nothing = gst::Structure::new_empty("say");
    assert_eq!(
        player.element.emit_by_name::<u64>("say-full", &[&nothing]),
        0
    );
    assert!(one_warning(&bus).contains("text"));
    // The property is refused the same way when an announcement takes it over.
    player.element.set_property("voice", "nobody");
    assert_eq!(say(&player.element, "Да."), 0);
    assert!(one_warning(&bus).contains("golden"));
    player.element.set_property("text", "Да.");
    assert!(one_warning(&bus).contains("golden"));
    // The stream goes on.
    let right = gst::Structure::builder("say")
        .field("text", "Да.")
        .field("voice", "golden")
        .field("speed", 2)
        .field("seed", 7)
        .field("priority", 1_i64)
        .field("interrupt", "now")
        .build();
    let id: u64 = player.element.emit_by_name("say-full", &[&right]);
    assert!(id > 0);
    assert_eq!(posted(&bus, "finished").get::<u64>("id").unwrap(), id);
}

#[test]
fn a_voice_that_is_wrong_at_the_start_fails_the_start() {
    let _watchdog = watchdog();
    let player = Player::new(&tiny(), Some("Да."), &[("is-live", "true")]);
    player.pipeline.set_state(gst::State::Ready).unwrap();
    player.element.set_property("voice", "nobody");
    assert!(player.start().is_err());
    let played = player.stop(gst::State::Null);
    assert_eq!(played.errors.len(), 1, "{played:?}");
    assert!(played.errors[0].text().contains("golden"), "{played:?}");
}

#[test]
fn a_voice_that_goes_between_queueing_and_speaking_fails_its_text_alone() {
    let _watchdog = watchdog();
    let model = ModelDir::of_tiny();
    let voices = ["golden", "second"].map(|name| voice::path(model.path(), name));
    std::fs::copy(&voices[0], &voices[1]).unwrap();
    let player = Player::new(model.path(), Some("Да."), &[]);
    let bus = player.pipeline.bus().unwrap();
    let ids = Arc::new(Mutex::new(Vec::new()));
    let queued = ids.clone();
    player.on_first_buffer(move |element| {
        // The first of them goes to the engine at once, the others stay queued.
        for voice in ["golden", "second", "golden"] {
            let full = gst::Structure::builder("say")
                .field("text", "Нет.")
                .field("voice", voice)
                .build();
            let queue = || element.emit_by_name::<u64>("say-full", &[&full]);
            queued.lock().unwrap().push(queue());
        }
        std::fs::remove_file(&voices[1]).unwrap();
    });
    player.start().unwrap();
    let failed = posted(&bus, "failed");
    let ids = ids.lock().unwrap().clone();
    assert_eq!(failed.get::<u64>("id").unwrap(), ids[1]);
    assert!(failed.get::<String>("reason").unwrap().contains("second"));
    assert_eq!(posted(&bus, "finished").get::<u64>("id").unwrap(), ids[2]);
    player.wait();
    let played = player.stop(gst::State::Null);
    assert!(played.errors.is_empty() && played.eos, "{played:?}");
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
