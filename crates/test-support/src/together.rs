//! Several engines that start at the same moment in one process.
use std::{path::PathBuf, sync::Barrier, thread};

use cosyvoice3::{
    lm::PrefixCaching,
    synth::{Event, Options, Request, Synthesizer},
};

use crate::models::{tiny, tiny_f32};

/// Number of those that start at once.
pub const AT_ONCE: usize = 8;

/// Has [`AT_ONCE`] engines, of two models in turns, start at once and say a short text; each must speak as one alone does.
///
/// # Panics
/// One speaks otherwise, or not at all.
pub fn engines_speak_as_one_alone() {
    let dirs = [tiny(), tiny_f32()];
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
