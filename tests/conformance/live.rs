//! Live streams: the clock decides, not the synthesis.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use gst::prelude::*;

use crate::{
    assert_contiguous,
    clock::{Driver, drive},
    end_of, is_silence, ms,
    playing::Player,
    posted, say,
    script::{Gate, speech_of},
    scripted_live,
    support::tiny,
    watchdog,
};

fn by_name(player: &Player, name: &str) -> gst::Element {
    player.pipeline.by_name(name).unwrap()
}

#[test]
fn silence_speech_and_silence_have_no_seam() {
    let _watchdog = watchdog();
    let sink =
        "identity check-imperfect-timestamp=true check-imperfect-offset=true ! fakesink sync=false";
    let (player, _script, clock, bus) = scripted_live(&[], sink);
    let seams = Arc::new(Mutex::new(Vec::new()));
    let seen = seams.clone();
    bus.set_sync_handler(move |_, message| {
        let name = message.structure().map(|s| s.name().to_string());
        seen.lock()
            .unwrap()
            .extend(name.filter(|name| name.starts_with("imperfect")));
        gst::BusSyncReply::Pass
    });
    player.start().unwrap();
    drive(&clock, ms(1000));
    for word in ["раз", "двадцать"] {
        say(&player.element, word);
        let driver = Driver::new(&clock);
        posted(&bus, "finished");
        drop(driver);
        drive(&clock, clock.time() + ms(2000));
    }
    player.element.emit_by_name::<()>("end-of-stream", &[]);
    let driver = Driver::new(&clock);
    player.wait();
    drop(driver);
    let played = player.stop(gst::State::Null);
    assert!(seams.lock().unwrap().is_empty());
    let speech: Vec<f32> = played
        .buffers
        .iter()
        .filter(|b| !is_silence(b))
        .flat_map(crate::playing::samples)
        .collect();
    assert!(speech == [speech_of("раз"), speech_of("двадцать")].concat());
    assert!(played.buffers.len() > 100);
    assert_contiguous(&played.buffers);
}

#[test]
fn idle_decides_what_is_pushed_while_nothing_is_said() {
    let _watchdog = watchdog();
    let rtp = "audioconvert ! audioresample ! mulawenc ! rtppcmupay ! fakesink name=packets sync=false async=false";
    for (idle, packets, silent, gaps) in [
        ("silence", 490..=510, 500, 0),
        ("gap", 0..=0, 0, 500),
        ("none", 0..=0, 0, 0),
    ] {
        let (player, _script, clock, _bus) = scripted_live(&[("idle", idle)], rtp);
        let sink = player
            .pipeline
            .iterate_recurse()
            .find(|e| e.name() == "packets");
        let sink = sink.unwrap().static_pad("sink").unwrap();
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = sent.clone();
        sink.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            counted.fetch_add(1, Ordering::SeqCst);
            gst::PadProbeReturn::Ok
        });
        player.start().unwrap();
        match idle {
            // No thread waits for the clock.
            "none" => {
                clock.set_time(ms(10_000));
                player.listen_for(ms(200));
            }
            // The wait after the last tick shows that it is out.
            _ => {
                drive(&clock, ms(10_000));
                clock.wait_for_next_pending_id();
            }
        }
        let played = player.stop(gst::State::Null);
        let sent = sent.load(Ordering::SeqCst);
        println!("{idle}: {sent} packets in 10 s");
        assert!(packets.contains(&sent), "{idle}: {sent} packets");
        assert_eq!(played.buffers.len(), silent, "{idle}");
        let found = played
            .events
            .iter()
            .filter(|e| e.type_() == gst::EventType::Gap);
        assert_eq!(found.count(), gaps, "{idle}");
    }
}

#[test]
fn live_streams_do_not_preroll_and_stand_still_in_paused() {
    let _watchdog = watchdog();
    let player = Player::new(&tiny(), Some("Да."), &[("is-live", "true")]);
    let paused = player.pipeline.set_state(gst::State::Paused);
    assert_eq!(paused, Ok(gst::StateChangeSuccess::NoPreroll));
    player.listen_for(ms(300));
    assert!(player.stop(gst::State::Paused).buffers.is_empty());
    player.play_to_first_buffer();
    let paused = player.pipeline.set_state(gst::State::Paused);
    assert_eq!(paused, Ok(gst::StateChangeSuccess::NoPreroll));
    player.stop(gst::State::Paused);
    player.listen_for(ms(300));
    assert!(player.stop(gst::State::Paused).buffers.is_empty());
    let live = gst::ElementFlags::REQUIRE_CLOCK;
    assert!(player.element.element_flags().contains(live));
}

/// Buffers that a sink rendered and dropped.
fn rendered_and_dropped(player: &Player, sink: &str) -> (u64, u64) {
    let stats = by_name(player, sink).property::<gst::Structure>("stats");
    (
        stats.get("rendered").unwrap(),
        stats.get("dropped").unwrap(),
    )
}

#[test]
fn speech_after_ten_idle_seconds_is_stamped_with_the_time_of_the_clock() {
    let _watchdog = watchdog();
    for idle in ["silence", "none"] {
        let sink = "fakesink name=out sync=true max-lateness=20000000 qos=true";
        let (player, _script, clock, bus) = scripted_live(&[("idle", idle)], sink);
        player.start().unwrap();
        match idle {
            "none" => clock.set_time(ms(10_000)),
            _ => drive(&clock, ms(10_000)),
        }
        let asked = player.element.current_running_time().unwrap();
        assert!(asked >= ms(10_000));
        say(&player.element, "двадцать");
        let _driver = Driver::new(&clock);
        let finished = posted(&bus, "finished");
        player.element.emit_by_name::<()>("end-of-stream", &[]);
        player.wait();
        let (rendered, dropped) = rendered_and_dropped(&player, "out");
        let played = player.stop(gst::State::Null);
        let speech = played.buffers.iter().find(|b| !is_silence(b)).unwrap();
        let pts = speech.pts().unwrap();
        assert_eq!(finished.get::<gst::ClockTime>("running-time").unwrap(), pts);
        // After silence, speech begins where the silence ends: at most a tick behind the clock, which
        // the latency covers.
        let tick = match idle {
            "none" => ms(0),
            _ => ms(20),
        };
        assert!(pts + tick >= asked, "{idle}: {pts} after {asked}");
        assert_eq!(dropped, 0, "{idle}");
        assert_eq!(rendered, played.buffers.len() as u64, "{idle}");
    }
}

#[test]
fn slow_synthesis_in_a_live_stream_loses_no_sample_and_says_where_time_jumped() {
    let _watchdog = watchdog();
    let text = "раз два три четыре";
    let sink = "fakesink name=out sync=true max-lateness=20000000 qos=true signal-handoffs=true";
    let (player, script, clock, bus) = scripted_live(&[("idle", "none")], sink);
    script.shut(Gate::Vocoder);
    player.start().unwrap();
    say(&player.element, text);
    // For the sink, which waits as long as its latency.
    let _driver = Driver::new(&clock);
    let (sender, heard) = std::sync::mpsc::channel();
    // A buffer that the sink hands off is not dropped any more.
    by_name(&player, "out").connect("handoff", false, move |_| {
        let _ = sender.send(());
        None
    });
    for word in text.split(' ') {
        script.await_visitor(Gate::Vocoder);
        // Five times its duration.
        clock.advance_time(5 * 40_000_000 * word.chars().count() as i64);
        script.let_one_pass(Gate::Vocoder);
        heard.recv_timeout(crate::PATIENCE).unwrap();
    }
    posted(&bus, "finished");
    player.element.emit_by_name::<()>("end-of-stream", &[]);
    player.wait();
    let (rendered, dropped) = rendered_and_dropped(&player, "out");
    let played = player.stop(gst::State::Null);
    assert_eq!((rendered, dropped), (4, 0));
    assert!(played.samples() == speech_of(text));
    for pair in played.buffers.windows(2) {
        assert!(pair[1].pts().unwrap() > end_of(&pair[0]));
        assert!(pair[1].flags().contains(gst::BufferFlags::DISCONT));
    }
}

#[test]
fn a_live_stream_flows_while_models_load() {
    let _watchdog = watchdog();
    let (player, script, clock, bus) = scripted_live(&[], "fakesink sync=false");
    script.shut(Gate::Load);
    player.start().unwrap();
    let id = say(&player.element, "раз");
    drive(&clock, ms(30_000));
    script.open(Gate::Load);
    let _driver = Driver::new(&clock);
    assert_eq!(posted(&bus, "finished").get::<u64>("id").unwrap(), id);
    let played = player.stop(gst::State::Null);
    let silent = played.buffers.iter().take_while(|b| is_silence(b)).count();
    assert!(silent >= 30_000 / 20 - 1, "{silent}");
    assert_contiguous(&played.buffers);
}

#[test]
fn an_eos_event_ends_a_live_stream_in_the_middle_of_an_utterance() {
    let _watchdog = watchdog();
    let settings = [("buffer-duration", "100000000")];
    let (player, _script, clock, bus) = scripted_live(&settings, "fakesink sync=false");
    player.start().unwrap();
    say(&player.element, &"а".repeat(30));
    posted(&bus, "started");
    drive(&clock, clock.time() + ms(500));
    player.pipeline.send_event(gst::event::Eos::new());
    player.wait();
    let played = player.stop(gst::State::Null);
    assert!(played.eos);
    assert!(end_of(played.buffers.last().unwrap()) < ms(1000));
}
