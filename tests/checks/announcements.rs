//! Texts by signal and property in a live stream: each is heard, or told to have been cancelled.

use std::sync::{Arc, Mutex};

use gst::prelude::*;

use crate::{
    clock::{Driver, drive},
    end_of, is_silence, ms, patience,
    playing::Player,
    process::resident,
    say, scripted, scripted_live,
    support::tiny,
    told, told_by, warning, watchdog,
};

/// A live pipeline without a sink that waits.
fn live(settings: &[(&str, &str)]) -> (Player, gst::Bus) {
    let settings = [&[("is-live", "true")], settings].concat();
    let player = Player::new(&tiny(), None, &settings);
    let bus = player.pipeline.bus().unwrap();
    player.start().unwrap();
    (player, bus)
}

#[test]
fn check_29_texts_set_while_playing_are_spoken_in_order_and_of_those_set_before_the_last() {
    let _watchdog = watchdog();
    let (player, bus) = live(&[]);
    player.element.set_property("text", "Раз.");
    player.element.set_property("text", "Раз.");
    let mut last = 0;
    for _ in 0..2 {
        let finished = told(&bus, "finished");
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
fn check_30_a_thousand_texts_are_refused_or_spoken() {
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
        assert_eq!(told(&bus, "finished").get::<u64>("id").unwrap(), id);
    }
}

#[test]
fn check_31_a_cancelled_text_falls_silent_and_the_next_is_heard() {
    let _watchdog = watchdog();
    let settings = [("buffer-duration", "100000000")];
    let (player, _script, clock, bus) = scripted_live(&settings, "fakesink sync=false");
    player.start().unwrap();
    drive(&clock, ms(500));
    // 1.2 s.
    let first = say(&player.element, &"а".repeat(30));
    let started = told_by(&clock, &bus, "started");
    assert_eq!(started.get::<u64>("id").unwrap(), first);
    drive(&clock, clock.time() + ms(700));
    let cancelled_at = player.element.current_running_time().unwrap();
    assert!(player.element.emit_by_name::<bool>("cancel", &[&first]));
    assert!(!player.element.emit_by_name::<bool>("cancel", &[&first]));
    let cancelled = told(&bus, "cancelled");
    assert_eq!(cancelled.get::<u64>("id").unwrap(), first);
    drive(&clock, clock.time() + ms(500));
    let second = say(&player.element, "два");
    let driver = Driver::new(&clock);
    let finished = told(&bus, "finished");
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
    let told: gst::ClockTime = cancelled.get("duration").unwrap();
    assert_eq!(told.nseconds(), heard * 1_000_000_000 / 24_000);
}

#[test]
fn an_important_announcement_cuts_the_other_off_and_each_is_accounted_for() {
    let _watchdog = watchdog();
    let (player, bus) = live(&[("buffer-duration", "100000000")]);
    let long = say(&player.element, "Раз. Два. Три.");
    told(&bus, "started");
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

#[test]
fn a_wrong_field_of_say_full_is_named_and_the_text_refused() {
    let _watchdog = watchdog();
    let (player, bus) = live(&[]);
    let wrong = gst::Structure::builder("say")
        .field("text", "Да.")
        .field("volume", 3)
        .build();
    assert_eq!(player.element.emit_by_name::<u64>("say-full", &[&wrong]), 0);
    let refusal = bus
        .timed_pop_filtered(patience(), &[gst::MessageType::Warning])
        .unwrap();
    assert!(warning(&refusal).contains("volume"), "{refusal:?}");
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
