//! When the stages work: as soon as they can, and beside each other.
#![allow(missing_docs)]

use test_support::models as support;
use test_support::played;

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use cosyvoice3::{
    Result,
    cancel::Cancel,
    cpu::worker::Worker,
    mel::Mel,
    synth::{
        Decoded, Engine, Event, FlowStage, Flush, Job, Jobs, LmStage, Recorder, Request, RequestId,
        Synthesizer, VocoderStage,
    },
};
use played::{BigCores, CACHED, COLD, Times};

/// Wanted; a busy machine wakes sleepers late, so ten times that fails.
const WANTED: f64 = 0.02;

fn assert_on_time(name: &str, times: &Times, cores: BigCores, utterances: usize, pace: f64) {
    let bound = times.bound(cores, utterances);
    let total = played::play(times, cores, utterances, pace, Flush::FullMel).total;
    println!(
        "{name}, {utterances}, {cores:?}: {total:.2} s, bound {bound:.2} s, {:+.1} % (wanted: {:.0} %)",
        100.0 * (total / bound - 1.0),
        100.0 * WANTED
    );
    assert!(total >= bound * (1.0 - WANTED), "faster than possible");
    assert!(total <= bound * (1.0 + 10.0 * WANTED), "{total} s");
}

#[test]
fn the_critical_paths_are_those_of_the_seed() {
    let path = |times: &Times, utterances| (100.0 * times.critical_path(utterances)).round();
    assert_eq!((path(&COLD, 1), path(&CACHED, 1)), (830.0, 636.0));
    assert_eq!((path(&COLD, 6), path(&CACHED, 6)), (3430.0, 2266.0));
}

#[test]
fn an_utterance_takes_no_longer_than_its_critical_path() {
    std::thread::scope(|scope| {
        for (name, times) in [("cold", COLD), ("cached", CACHED)] {
            scope.spawn(move || assert_on_time(name, &times, BigCores::Separate, 1, 1.0));
        }
    });
}

#[test]
fn sentences_take_no_longer_than_the_busiest_cores() {
    // At their true speed six take most of a minute.
    let pace = if support::long() { 1.0 } else { 0.2 };
    std::thread::scope(|scope| {
        for cores in [BigCores::Separate, BigCores::Shared] {
            for (name, times) in [("cold", COLD), ("cached", CACHED)] {
                scope.spawn(move || assert_on_time(name, &times, cores, 6, pace));
            }
        }
    });
}

/// Whole utterances of such a board begin after 8.3 s, and 6.4 s with a cached prefix.
#[test]
fn chunks_of_a_board_begin_long_before_whole_utterances_and_do_not_run_dry() {
    std::thread::scope(|scope| {
        for (name, times, within) in [("cold", COLD, 4.0), ("cached", CACHED, 2.0)] {
            scope.spawn(move || {
                let run = played::play(&times, BigCores::Separate, 1, 1.0, Flush::Chunk);
                let (first, dry) = (run.first, run.dry);
                println!("{name}: first speech after {first:.2} s, dry for {dry:.2} s");
                // A busy machine wakes sleepers late.
                assert!(first <= within + 0.3, "{first} s");
                assert!(dry < 0.5, "dry for {dry} s");
            });
        }
    });
}

/// Tokens after which the windows of 130 tokens can begin, but for the last one.
const WINDOWS: [usize; 5] = [28, 53, 78, 103, 128];
const TOKENS: usize = 130;

/// A language model that goes on only when the flow has made what it can of the tokens so far.
struct Stepwise {
    made: Arc<Mutex<mpsc::Receiver<()>>>,
    make: mpsc::Sender<()>,
}

impl Engine for Stepwise {
    fn jobs(&self, id: RequestId, request: &Request) -> Result<Jobs> {
        Ok(Box::new(std::iter::once(Ok(played::job(id, 0, request)))))
    }

    fn lm(&self, _worker: &Arc<Worker>) -> Result<Box<dyn LmStage>> {
        Ok(Box::new(StepwiseLm(self.made.clone())))
    }

    fn flow(&self, recorder: &Recorder) -> Result<Box<dyn FlowStage>> {
        let made = self.make.clone();
        Ok(played::flow(recorder, 1, move |_, _| {
            let _ = made.send(());
        }))
    }

    fn vocoder(&self) -> Result<Box<dyn VocoderStage>> {
        Ok(Box::new(Mute))
    }
}

struct StepwiseLm(Arc<Mutex<mpsc::Receiver<()>>>);

impl LmStage for StepwiseLm {
    fn run(
        &mut self,
        _job: &Job,
        _cancel: &Cancel,
        on_token: &mut dyn FnMut(u32) -> Result<()>,
    ) -> Result<Decoded> {
        for token in 1..=TOKENS {
            on_token(0)?;
            if WINDOWS.contains(&token) {
                let made = self.0.lock().unwrap();
                made.recv_timeout(Duration::from_secs(60))
                    .expect("a window that has its tokens is made");
            }
        }
        Ok(played::decoded(Duration::ZERO, Duration::ZERO))
    }
}

struct Mute;

impl VocoderStage for Mute {
    fn run(&mut self, _job: &Job, mel: Mel, _cancel: &Cancel) -> Result<Vec<f32>> {
        Ok(vec![0.0; mel.frames()])
    }
}

#[test]
fn a_window_is_made_as_soon_as_its_tokens_exist() {
    let (make, made) = mpsc::channel();
    let engine = Stepwise {
        made: Arc::new(Mutex::new(made)),
        make,
    };
    let synth = Synthesizer::open(Recorder::off(), move |_| Ok(Arc::new(engine)));
    synth.say(Request::default());
    loop {
        match synth.next_event().expect("open") {
            Event::Ready { .. } => {}
            Event::Speech(speech) => {
                assert_eq!(speech.samples.len(), 2 * TOKENS);
                break;
            }
            event => panic!("{event:?}"),
        }
    }
}
