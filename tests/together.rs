//! Several engines that start at the same moment in one process, as the elements of a pipeline do.
#![allow(missing_docs)]

mod support;

use std::{path::PathBuf, sync::Barrier, thread};

use cosyvoice3::{
    lm::PrefixCaching,
    synth::{Event, Options, Request, Settings, Synthesizer},
};

const ENGINES: usize = 8;

/// Says a short text and returns its samples.
fn speak(dir: PathBuf, start: &Barrier) -> Vec<f32> {
    start.wait();
    let synth = Synthesizer::open_model(Options {
        prefix_caching: PrefixCaching::Memory,
        ..Options::new(dir)
    });
    synth.say(Request {
        text: "Да.".into(),
        settings: Settings {
            forced_tokens: Some(12),
            flow_steps: 1,
            ..Default::default()
        },
    });
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
    let start = Barrier::new(ENGINES);
    let spoken: Vec<Vec<f32>> = thread::scope(|scope| {
        let engines: Vec<_> = (0..ENGINES)
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
