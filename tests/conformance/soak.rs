//! Running for months: nothing grows, nothing hangs, and time stays exact. Each test has a process of its own, so that
//! memory and threads are its alone.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axcl_rt::harness::Machine;
use gst::prelude::*;

use crate::{
    alone::alone,
    end_of, is_silence, ms, patience,
    playing::{Player, Watchdog, init},
    posted,
    process::{in_use, resident, threads},
    say,
    script::Script,
    scripted,
    support::{long, tiny, tiny_npu},
};

/// Random moments that are the same each time.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 0 to below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % limit
    }

    /// A time below `limit`.
    pub fn moment(&mut self, limit: Duration) -> gst::ClockTime {
        gst::ClockTime::from_nseconds(self.below(limit.as_nanos() as u64))
    }
}

/// Leaked objects in the log of the tracer `leaks`.
pub fn leaks(words: &str) -> Vec<&str> {
    words
        .lines()
        .filter(|line| line.contains("object-alive, type-name=(string)Gst"))
        .collect()
}

const LEAKS: [(&str, &str); 3] = [
    ("GST_TRACERS", "leaks"),
    ("GST_DEBUG", "GST_TRACER:7"),
    ("GST_DEBUG_NO_COLOR", "1"),
];

/// With several arenas, memory that is free in one of them would look used.
const ONE_ARENA: [(&str, &str); 1] = [("MALLOC_ARENA_MAX", "1")];

/// Megabytes that memory may differ by in NULL, where everything is given back.
const UNLOADED: f64 = 4.0;

/// The same while models are loaded: ONNX Runtime keeps the memory that the longest request so far needed.
const LOADED: f64 = 24.0;

/// Memory and threads, once everything is warm and at the end.
struct Use {
    memory: u64,
    threads: u64,
}

impl Use {
    fn now() -> Self {
        Self {
            memory: in_use(),
            threads: threads(),
        }
    }

    /// Fails if more threads are there now, or more memory by `margin` MB.
    #[track_caller]
    fn assert_flat(&self, what: &str, margin: f64) {
        let kept = resident();
        let now = Self::now();
        let [before, after] = [self.memory, now.memory].map(|bytes| bytes as f64 / 1e6);
        println!(
            "{what}: {before:.1} MB and {} threads, then {after:.1} MB and {} threads; {:.1} MB with what the \
             allocator kept",
            self.threads,
            now.threads,
            kept as f64 / 1e6
        );
        // A thread may be starting or ending; a leak leaks each time.
        assert!(now.threads <= self.threads + 2, "threads are left");
        assert!(after < before + margin, "memory grew");
    }
}

/// Backend of the flow model.
enum On {
    Cpu,
    Npu(Machine),
}

impl On {
    fn npu() -> Self {
        Self::Npu(Machine::new(""))
    }

    /// `cosyvoice3src ! fakesink`; one thread a stage, so that their number is known.
    fn player(&self, text: Option<&str>, settings: &[(&str, &str)]) -> Player {
        let base = [("threads", "1"), ("prefix-cache", "off")];
        match self {
            Self::Cpu => {
                let settings = [&base, &[("flow-backend", "cpu")][..], settings].concat();
                Player::new(&tiny(), text, &settings)
            }
            Self::Npu(machine) => {
                let library = machine.library();
                let npu = [
                    ("flow-backend", "npu"),
                    ("axcl-library", library.to_str().unwrap()),
                ];
                Player::new(&tiny_npu(), text, &[&base, &npu[..], settings].concat())
            }
        }
    }
}

/// From NULL to PLAYING and back, at moments from the first step of loading to the last buffer.
fn start_and_stop(on: &On) {
    let cycles = if long() { 2000 } else { 40 };
    let player = on.player(Some("Да. Нет."), &[]);
    let since = Instant::now();
    player.play().in_peace();
    let time = since.elapsed();
    let mut chance = Chance::new(1);
    let mut warm = Use::now();
    let mut slowest = Duration::ZERO;
    for cycle in 0..cycles {
        if cycle == cycles / 5 {
            // To the end: models that an interrupted start was loading stay in memory for a moment.
            player.play().in_peace();
            warm = Use::now();
        }
        if cycle % (cycles / 10) == 0 {
            println!("{cycle}: {:.1} MB", resident() as f64 / 1e6);
        }
        let _watchdog = Watchdog::new("a cycle", time + Duration::from_secs(30));
        player.start().unwrap();
        player.listen_for(chance.moment(time));
        let since = Instant::now();
        let played = player.stop(gst::State::Null);
        slowest = slowest.max(since.elapsed());
        assert!(played.errors.is_empty(), "{:?}", played.errors);
    }
    println!("the slowest way from PLAYING to NULL took {slowest:?}");
    player.play().in_peace();
    warm.assert_flat(&format!("{cycles} times NULL-PLAYING-NULL"), UNLOADED);
}

/// Cancels announcements or flushes, at moments from the acceptance to the end.
fn cancel(on: &On) {
    let cancels = if long() { 2000 } else { 40 };
    let settings = [
        ("is-live", "true"),
        ("idle", "none"),
        ("buffer-duration", "100000000"),
    ];
    let mut player = on.player(None, &settings);
    // Millions of buffers would be kept.
    player.forget_buffers();
    let bus = player.pipeline.bus().unwrap();
    player.start().unwrap();
    say(&player.element, "Да.");
    posted(&bus, "finished");
    let since = Instant::now();
    say(&player.element, "Нет.");
    posted(&bus, "started");
    let time = since.elapsed() * 3 / 2;
    let _ = posted(&bus, "finished");
    let mut chance = Chance::new(2);
    let mut warm = Use::now();
    let mut ends = [0; 2];
    for round in 0..cancels {
        if round == cancels / 5 {
            warm = Use::now();
        }
        let _watchdog = Watchdog::new("a cancel", Duration::from_secs(60));
        let id = say(&player.element, ["Раз.", "Два.", "Три."][round % 3]);
        assert!(id > 0);
        // A moment, not a synchronisation.
        std::thread::sleep(chance.moment(time).into());
        match chance.below(3) {
            0 => {
                player.element.emit_by_name::<bool>("cancel", &[&id]);
            }
            1 => {
                player.element.emit_by_name::<u32>("cancel-all", &[]);
            }
            _ => {
                player.flush();
            }
        }
        // Exactly one end, whichever comes first.
        let end = loop {
            let message = bus.timed_pop(patience()).expect("an end");
            crate::assert_no_error(&message);
            let Some(structure) = message.structure() else {
                continue;
            };
            match structure.name().as_str() {
                "cosyvoice3/utterance-cancelled" => break (0, structure.get::<u64>("id")),
                "cosyvoice3/utterance-finished" => break (1, structure.get::<u64>("id")),
                _ => {}
            }
        };
        assert_eq!(end.1.unwrap(), id);
        ends[end.0] += 1;
    }
    println!("{} cancelled, {} finished before", ends[0], ends[1]);
    assert!(ends[0] > cancels / 4);
    // A stage that was interrupted works again.
    let id = say(&player.element, "Да.");
    assert_eq!(posted(&bus, "finished").get::<u64>("id").unwrap(), id);
    warm.assert_flat(&format!("{cancels} cancels"), LOADED);
}

#[test]
fn starting_and_stopping_thousands_of_times_costs_nothing_on_the_cpu() {
    let name = "soak::starting_and_stopping_thousands_of_times_costs_nothing_on_the_cpu";
    print!("{}", alone(name, &ONE_ARENA, || start_and_stop(&On::Cpu)));
}

#[test]
fn starting_and_stopping_thousands_of_times_costs_nothing_on_the_npu() {
    let name = "soak::starting_and_stopping_thousands_of_times_costs_nothing_on_the_npu";
    print!("{}", alone(name, &ONE_ARENA, || start_and_stop(&On::npu())));
}

#[test]
fn cancelling_thousands_of_times_costs_nothing_on_the_cpu() {
    let name = "soak::cancelling_thousands_of_times_costs_nothing_on_the_cpu";
    print!("{}", alone(name, &ONE_ARENA, || cancel(&On::Cpu)));
}

#[test]
fn cancelling_thousands_of_times_costs_nothing_on_the_npu() {
    let name = "soak::cancelling_thousands_of_times_costs_nothing_on_the_npu";
    print!("{}", alone(name, &ONE_ARENA, || cancel(&On::npu())));
}

/// Totals of a live stream, to check its timing.
#[derive(Default)]
struct Ledger {
    /// End of the last pushed buffer, in samples.
    end: u64,
    buffers: u64,
    speech: u64,
    /// Largest lag of the stream behind the clock.
    behind: gst::ClockTime,
}

#[test]
fn eight_hours_of_announcements_are_exact_to_the_sample() {
    let name = "soak::eight_hours_of_announcements_are_exact_to_the_sample";
    let words = alone(name, &ONE_ARENA, || {
        let minutes = if long() { 8 * 60 } else { 10 };
        let _watchdog = Watchdog::new("a day", Duration::from_secs(1800));
        let settings = [("is-live", "true")];
        let (mut player, _script) = scripted(None, &settings, "fakesink sync=false");
        player.forget_buffers();
        let clock = gst_check::TestClock::new();
        player.pipeline.use_clock(Some(&clock));
        let bus = player.pipeline.bus().unwrap();
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let book = ledger.clone();
        let now = clock.clone();
        player
            .pad()
            .add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                let Some(gst::PadProbeData::Buffer(buffer)) = &info.data else {
                    return gst::PadProbeReturn::Ok;
                };
                let mut book = book.lock().unwrap();
                assert_eq!(buffer.offset(), book.end, "no hole and no jump back");
                book.end = buffer.offset_end();
                assert_eq!(book.end - buffer.offset(), buffer.size() as u64 / 4);
                let stamp = |samples: u64| samples * 1_000_000_000 / 24_000;
                assert_eq!(buffer.pts().unwrap().nseconds(), stamp(buffer.offset()));
                assert_eq!(end_of(buffer).nseconds(), stamp(book.end));
                book.buffers += 1;
                book.speech += u64::from(!is_silence(buffer));
                let behind = now.time().saturating_sub(buffer.pts().unwrap());
                book.behind = book.behind.max(behind);
                gst::PadProbeReturn::Ok
            });
        player.start().unwrap();
        let mut chance = Chance::new(3);
        let mut warm = Use::now();
        let mut said = 0;
        for minute in 0..minutes {
            if minute == minutes / 5 {
                warm = Use::now();
            }
            let word = "а".repeat(1 + chance.below(30) as usize);
            let at = ms(minute * 60_000 + chance.below(50_000));
            crate::clock::drive(&clock, at);
            assert!(say(&player.element, &word) > 0);
            said += 1;
            let driver = crate::clock::Driver::new(&clock);
            posted(&bus, "finished");
            drop(driver);
            while bus.pop().is_some() {}
        }
        crate::clock::drive(&clock, ms(minutes * 60_000));
        clock.wait_for_next_pending_id();
        let book = ledger.lock().unwrap();
        println!(
            "{minutes} minutes: {} buffers, {} announcements, {} at most behind the clock",
            book.buffers, book.speech, book.behind
        );
        assert_eq!(book.speech, said);
        // No drift: at the end the stream is at the clock's time, up to the current tick.
        let end = gst::ClockTime::from_nseconds(book.end * 1_000_000_000 / 24_000);
        assert!(end <= clock.time() + ms(4000) && end + ms(40) >= clock.time());
        assert!(book.behind < ms(1000));
        drop(book);
        warm.assert_flat("the day", UNLOADED);
    });
    print!("{words}");
}

#[test]
fn twenty_requests_in_a_row_are_spoken_and_memory_stays_flat() {
    let name = "soak::twenty_requests_in_a_row_are_spoken_and_memory_stays_flat";
    let words = alone(name, &ONE_ARENA, || {
        let _watchdog = Watchdog::new("twenty requests", Duration::from_secs(600));
        let settings = [("is-live", "true"), ("idle", "none"), ("threads", "1")];
        let mut player = Player::new(&tiny(), None, &settings);
        player.forget_buffers();
        let bus = player.pipeline.bus().unwrap();
        player.start().unwrap();
        let mut warm = Use::now();
        for request in 1..=20u64 {
            let id = say(
                &player.element,
                &format!("Поезд номер {request} прибывает. Осторожно!"),
            );
            assert_eq!(id, request);
            let finished = posted(&bus, "finished");
            assert_eq!(finished.get::<u64>("id").unwrap(), id);
            assert!(finished.get::<u64>("tokens").unwrap() > 0);
            let first: f64 = finished.get("first-audio").unwrap();
            let rtf: f64 = finished.get("rtf").unwrap();
            println!("request {request}: first audio {first:.3} s, RTF {rtf:.3}");
            if request == 4 {
                warm = Use::now();
            }
        }
        let stats: gst::Structure = player.element.property("stats");
        assert_eq!(stats.get::<u64>("texts-finished").unwrap(), 20);
        assert_eq!(stats.get::<u64>("texts-failed").unwrap(), 0);
        warm.assert_flat("twenty requests", LOADED);
    });
    print!("{words}");
}

#[test]
fn nothing_is_leaked_offline_live_flushed_cancelled_or_broken() {
    let name = "soak::nothing_is_leaked_offline_live_flushed_cancelled_or_broken";
    let words = alone(name, &LEAKS, || {
        init();
        let _watchdog = Watchdog::new("the leak hunt", Duration::from_secs(300));
        {
            Player::new(&tiny(), Some("Да. Нет."), &[])
                .play()
                .in_peace();
            let interrupted = Player::new(&tiny(), Some("Да. Нет."), &[]);
            interrupted.play_to_first_buffer();
            interrupted.stop(gst::State::Null);
            assert!(
                Player::new(std::path::Path::new("/nonexistent"), None, &[])
                    .start()
                    .is_err()
            );
        }
        {
            let (player, _script) = scripted(None, &[("is-live", "true")], "fakesink sync=false");
            let bus = player.pipeline.bus().unwrap();
            player.start().unwrap();
            let ids = ["раз два", "три"].map(|text| say(&player.element, text));
            assert!(player.element.emit_by_name::<bool>("cancel", &[&ids[1]]));
            posted(&bus, "finished");
            say(&player.element, "четыре");
            player.element.send_event(gst::event::FlushStart::new());
            player.element.send_event(gst::event::FlushStop::new(true));
            say(&player.element, "пять");
            posted(&bus, "finished");
            player.element.emit_by_name::<()>("end-of-stream", &[]);
            player.wait();
        }
        {
            let (player, _script) = scripted(Some("раз vocoder-panics"), &[], "fakesink");
            assert_eq!(player.play().errors.len(), 1);
        }
        for pts in [None, Some(ms(0))] {
            let element = crate::element(&[]);
            Script::default().give_to(&element);
            let mut harness = gst_check::Harness::with_element(&element, Some("sink"), Some("src"));
            drop(element);
            harness.set_live(false);
            harness.play();
            harness.set_src_caps(crate::text_caps());
            let mut text = crate::untimed("раз\nдва\n".as_bytes());
            text.get_mut().unwrap().set_pts(pts);
            harness.push(text).unwrap();
            harness.push_event(gst::event::Eos::new());
            crate::drain(&mut harness);
        }
        {
            // The requested pad is never released.
            let element = crate::element(&[]);
            element.request_pad_simple("sink").unwrap();
        }
        // SAFETY: nothing of GStreamer is used any more; the tracer reports what is left.
        unsafe { gst::deinit() };
    });
    assert!(!words.is_empty());
    assert_eq!(leaks(&words), Vec::<&str>::new());
}

#[test]
fn a_leak_would_be_found() {
    let words = alone("soak::a_leak_would_be_found", &LEAKS, || {
        init();
        std::mem::forget(crate::element(&[]));
        // SAFETY: nothing of GStreamer is used any more; the tracer reports what is left.
        unsafe { gst::deinit() };
    });
    let found = leaks(&words);
    assert!(
        found.iter().any(|line| line.contains("GstCosyVoice3Src")),
        "{words}"
    );
}
