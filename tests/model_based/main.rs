//! Random sequences of everything that applications, upstream and downstream do, against a model of the invariants.
//!
//! `COSYVOICE3_ACTIONS_SEED` draws other sequences than the usual ones, `COSYVOICE3_ACTIONS` sets their number.
#![allow(missing_docs)]

mod action;
mod check;
mod cuts;
use test_support::fade;
use test_support::models as support;
use test_support::playing;
use test_support::script;
mod trace;
mod world;

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex, MutexGuard, Once,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Instant,
};

use action::{Action, Setup};
use cosyvoice3::synth;
use gst::glib;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use trace::Entry;
use world::{Voice, World};

/// Output of threads that must never appear: panics, and warnings and criticals of GStreamer.
static CRIES: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn cries() -> MutexGuard<'static, Vec<String>> {
    CRIES.lock().unwrap_or_else(|e| e.into_inner())
}

fn listen_for_cries() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        playing::init();
        glib::log_set_default_handler(|domain, level, message| {
            use glib::LogLevel::{Critical, Error, Warning};
            if matches!(level, Error | Critical | Warning) {
                cries().push(format!("{}: {message}", domain.unwrap_or("?")));
            }
        });
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let message = info.payload_as_str().unwrap_or("?");
            // A test that fails beside this one does not count here.
            let ours = info.location().is_some_and(|at| at.file() == file!());
            if ours {
                usual(info);
            } else if message != "scripted" {
                cries().push(format!("panic: {message} at {:?}", info.location()));
                usual(info);
            }
        }));
    });
}

/// Runs one sequence; the error is the violated invariant, with the trace.
fn run(voice: &Voice, setup: &Setup, actions: &[Action]) -> Result<(), String> {
    listen_for_cries();
    let world = Arc::new(World::new(voice, setup));
    let (trace, tag) = (world.trace.clone(), world.tag.clone());
    let (sender, receiver) = mpsc::channel();
    let thread = {
        let (voice, setup, actions) = (voice.clone(), setup.clone(), actions.to_vec());
        thread::spawn(move || {
            for action in &actions {
                world.act(action);
            }
            let finished = world.finish();
            let trace = world.trace.clone();
            drop(world);
            let model = check::Model {
                voice: &voice,
                live: setup.live,
                may_become_live: setup.live_upstream,
                timed: setup.timed,
            };
            let checked = finished.and_then(|()| model.check(&trace.entries()));
            let _ = sender.send(checked);
        })
    };
    let mut outcome = match receiver.recv_timeout(4 * voice.patience()) {
        Ok(outcome) => {
            thread.join().expect("it has reported already");
            outcome
        }
        // A sequence that hangs cannot be stopped: its threads are left behind.
        Err(RecvTimeoutError::Timeout) => Err("it hangs".into()),
        Err(RecvTimeoutError::Disconnected) => Err("the test panicked".into()),
    };
    // Those that name another world belong to that one.
    let cries: Vec<String> = cries()
        .extract_if(.., |cry| cry.contains(&tag) || !cry.contains("-w"))
        .collect();
    if outcome.is_ok() && !cries.is_empty() {
        outcome = Err(cries.join("\n"));
    }
    outcome.map_err(|what| {
        let entries = trace.entries();
        let lines: Vec<String> = entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| match entry {
                Entry::Taken => false,
                Entry::Buffer(heard) => !heard.gap || heard.discont,
                _ => true,
            })
            .map(|(i, entry)| format!("{i:4} {entry:?}"))
            .collect();
        let last = lines.len().saturating_sub(150);
        format!("{what}\n{}", lines[last..].join("\n"))
    })
}

/// A runner of `default` random cases, or `all` of them, always the same ones, and its seed.
fn random_config(default: u32, all: u32) -> (TestRunner, u64) {
    let seed = std::env::var("COSYVOICE3_ACTIONS_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1_u64);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let wanted = std::env::var("COSYVOICE3_ACTIONS").ok();
    let config = Config {
        cases: match wanted.and_then(|count| count.parse().ok()) {
            Some(count) => count,
            None if support::long() => all,
            None => default,
        },
        failure_persistence: None,
        max_shrink_iters: 400,
        max_shrink_time: 120_000,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    (TestRunner::new_with_rng(config, rng), seed)
}

/// Runs `default` sequences of up to `most` actions, or `all` of them; reports the shortest that fails.
fn run_random(voice: &Voice, live: bool, default: u32, all: u32, most: usize) {
    let (mut runner, seed) = random_config(default, all);
    let since = Instant::now();
    let count = Cell::new(0_u32);
    let outcome = runner.run(&action::sequence(live, most), |(setup, all)| {
        count.set(count.get() + 1);
        run(voice, &setup, &all).map_err(TestCaseError::fail)
    });
    println!(
        "{} sequences in {:?}, seed {seed}",
        count.get(),
        since.elapsed()
    );
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, (setup, actions))) => {
            panic!("seed {seed}: {why}\n{setup:?}\n{actions:?}")
        }
        Err(other) => panic!("seed {seed}: {other}"),
    }
}

#[test]
fn every_text_of_a_live_stream_is_heard_once_or_told_to_have_ended() {
    run_random(&Voice::Script, true, 1_000, 5_000, 25);
}

#[test]
fn every_text_of_an_offline_stream_is_heard_once_or_told_to_have_ended() {
    run_random(&Voice::Script, false, 1_000, 5_000, 25);
}

/// `models/tiny`, and its speech.
fn model() -> Voice {
    let dir = support::tiny();
    let synth = synth::Synthesizer::open_model(synth::Options::new(&dir));
    let texts = ["Да.", "Нет.", "Раз.", "Готово!", "Yes.", "Раз. Да."];
    let texts = texts.map(|text| (text.to_owned(), render(&synth, text)));
    Voice::Model {
        dir,
        texts: Arc::new(texts.into()),
    }
}

fn render(synth: &synth::Synthesizer, text: &str) -> Vec<f32> {
    let mut request = synth::Request::new(text);
    request.settings.flow_steps = 2;
    let mut samples = Vec::new();
    for speech in synth.speak(request) {
        samples.extend(speech.expect("the model speaks").samples);
    }
    samples
}

#[test]
fn every_text_that_a_model_is_given_is_heard_once_or_told_to_have_ended() {
    let voice = model();
    for live in [true, false] {
        run_random(&voice, live, 6, 150, 12);
    }
}
