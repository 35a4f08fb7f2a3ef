//! Several engines that start at the same moment in one process, as the elements of a pipeline do.
#![allow(missing_docs)]

use test_support::{
    models as support,
    playing::Player,
    together::{AT_ONCE, engines_speak_as_one_alone},
};

use std::{path::Path, sync::Barrier, thread};

#[test]
fn eight_engines_that_start_at_once_speak_as_one_alone() {
    engines_speak_as_one_alone();
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
