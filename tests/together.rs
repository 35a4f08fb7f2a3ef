//! Several engines that start at the same moment in one process, as the elements of a pipeline do.
#![allow(missing_docs)]

use test_support::models as support;
use test_support::playing::Player;

use std::{
    path::{Path, PathBuf},
    sync::Barrier,
    thread,
};

use cosyvoice3::{
    lm::PrefixCaching,
    synth::{Event, Options, Request, Synthesizer},
};

const AT_ONCE: usize = 8;

/// Says a short text and returns its samples.
fn speak(dir: PathBuf, start: &Barrier) -> Vec<f32> {
    start.wait();
    let mut options = Options::new(dir);
    options.prefix_caching = PrefixCaching::Memory;
    let synth = Synthesizer::open_model(options);
    let mut request = Request::new("Да.");
    request.settings.forced_tokens = Some(12);
    request.settings.flow_steps = 1;
    synth.say(request);
    let mut samples = Vec::new();
    loop {
        match synth.next_event().expect("an event") {
            Event::Speech(speech) => samples.extend(speech.samples),
            Event::LoadFailed(error) | Event::UtteranceFailed { error, .. } => panic!("{error}"),
            Event::Finished { .. } => return samples,
            _ => {}
        }
    }
}

#[test]
fn eight_engines_that_start_at_once_speak_as_one_alone() {
    let dirs = [support::tiny(), support::tiny_f32()];
    let start = Barrier::new(AT_ONCE);
    let spoken: Vec<Vec<f32>> = thread::scope(|scope| {
        let engines: Vec<_> = (0..AT_ONCE)
            .map(|n| {
                scope.spawn({
                    let (dir, start) = (dirs[n % 2].clone(), &start);
                    move || speak(dir, start)
                })
            })
            .collect();
        let spoken = engines.into_iter().map(|engine| engine.join().unwrap());
        spoken.collect()
    });
    for (dir, first) in std::iter::zip(dirs, 0..) {
        let alone = speak(dir, &Barrier::new(1));
        assert_eq!(alone.len(), 12 * 960);
        for samples in spoken.iter().skip(first).step_by(2) {
            assert!(*samples == alone, "other samples than alone");
        }
    }
}

/// Plays a short text in a pipeline of its own and returns its samples.
fn play(dir: &Path, start: &Barrier) -> Vec<f32> {
    start.wait();
    let settings = [("seed", "1"), ("flow-steps", "1"), ("speed", "2")];
    let player = Player::new(dir, Some("Да."), &settings);
    player.play().in_peace().samples()
}

#[test]
fn eight_elements_that_start_at_once_speak_as_one_alone() {
    let dirs = [support::tiny(), support::tiny_f32()];
    let start = Barrier::new(AT_ONCE);
    let spoken: Vec<Vec<f32>> = thread::scope(|scope| {
        let elements: Vec<_> = (0..AT_ONCE)
            .map(|n| {
                let (dir, start) = (&dirs[n % 2], &start);
                scope.spawn(move || play(dir, start))
            })
            .collect();
        let spoken = elements.into_iter().map(|element| element.join().unwrap());
        spoken.collect()
    });
    for (dir, first) in std::iter::zip(&dirs, 0..) {
        let alone = play(dir, &Barrier::new(1));
        assert!(!alone.is_empty());
        for samples in spoken.iter().skip(first).step_by(2) {
            assert!(*samples == alone, "other samples than alone");
        }
    }
}
