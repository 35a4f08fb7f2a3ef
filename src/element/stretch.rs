//! Compression of speech in time that keeps its pitch: waveform-similarity overlap-add (WSOLA).
//!
//! Windows of the input are laid closer together than they were taken. Each is taken from the place near its due one that
//! continues the window before best, so that the periods of a voice meet in phase.

use cosyvoice3::SAMPLE_RATE;

/// Samples of a window: 25 ms, at least two periods of any voice.
const WINDOW: usize = SAMPLE_RATE as usize / 40;
/// Samples from one window of the output to the next.
const HOP: usize = WINDOW / 2;
/// Samples to both sides of its due place in which a window is looked for: a period of a voice of 80 Hz.
const SEARCH: usize = SAMPLE_RATE as usize / 80;

/// `samples` in the time of `length` samples, at their pitch. Nothing changes where `length` is no shorter.
pub(super) fn compress(samples: &[f32], length: usize) -> Vec<f32> {
    if length >= samples.len() {
        return samples.to_vec();
    }
    let Some(last) = samples.len().checked_sub(WINDOW) else {
        // Shorter than a window: there is no pitch to keep.
        return samples[..length].to_vec();
    };
    let window = window();
    let pace = last as f64 / length.saturating_sub(WINDOW).max(1) as f64;
    let mut sum = vec![0.0_f32; length + WINDOW];
    let mut weight = vec![0.0_f32; length + WINDOW];
    let mut place = 0;
    for at in (0..length).step_by(HOP) {
        if at > 0 {
            let due = ((at as f64 * pace) as usize).min(last);
            let follows = (place + HOP).min(last);
            place = most_similar(samples, follows, due, last);
        }
        for (index, factor) in window.iter().enumerate() {
            sum[at + index] += samples[place + index] * factor;
            weight[at + index] += factor;
        }
    }
    sum.truncate(length);
    sum.iter()
        .zip(&weight)
        .map(|(sum, weight)| sum / weight)
        .collect()
}

/// A Hann window that is nowhere 0, so that the first samples have a weight.
fn window() -> Vec<f32> {
    let phase = |index: usize| (index as f32 + 0.5) / WINDOW as f32 * std::f32::consts::TAU;
    (0..WINDOW)
        .map(|index| 0.5 - 0.5 * phase(index).cos())
        .collect()
}

/// The place near `due` at which the samples are most like those at `follows`. Of equals it is the nearest one.
fn most_similar(samples: &[f32], follows: usize, due: usize, last: usize) -> usize {
    let wanted = &samples[follows..follows + WINDOW];
    let mut best = (f32::NEG_INFINITY, due);
    for distance in 0..=SEARCH {
        for place in [due.checked_sub(distance), Some(due + distance)] {
            let Some(place) = place.filter(|place| *place <= last) else {
                continue;
            };
            let found = similarity(wanted, &samples[place..place + WINDOW]);
            if found > best.0 {
                best = (found, place);
            }
        }
    }
    best.1
}

/// Correlation of two windows, by the loudness of the second: a louder place is no better for being louder.
fn similarity(wanted: &[f32], other: &[f32]) -> f32 {
    let (mut product, mut energy) = (0.0, 1e-9);
    for (a, b) in wanted.iter().zip(other) {
        product += a * b;
        energy += b * b;
    }
    product / energy.sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A tone with overtones, as of a voice.
    fn voice(hertz: f32, length: usize) -> Vec<f32> {
        let phase =
            |index: usize| index as f32 / SAMPLE_RATE as f32 * hertz * std::f32::consts::TAU;
        (0..length)
            .map(|index| {
                (1..5)
                    .map(|n| (phase(index) * n as f32).sin() / n as f32)
                    .sum::<f32>()
                    * 0.3
            })
            .collect()
    }

    /// Rising crossings of zero by the fundamental, in a second.
    fn pitch(samples: &[f32]) -> f32 {
        let rising = samples
            .windows(2)
            .filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0)
            .count();
        rising as f32 * SAMPLE_RATE as f32 / samples.len() as f32
    }

    fn loudness(samples: &[f32]) -> f32 {
        let energy: f32 = samples.iter().map(|sample| sample * sample).sum();
        (energy / samples.len() as f32).sqrt()
    }

    #[test]
    fn compressed_speech_keeps_its_pitch_and_loudness_and_has_the_length_asked_for() {
        for hertz in [90.0, 140.0, 230.0] {
            let speech = voice(hertz, 48_000);
            for length in [47_000, 40_000, 24_001] {
                let found = compress(&speech, length);
                assert_eq!(found.len(), length);
                let (before, after) = (pitch(&speech), pitch(&found));
                assert!(
                    (after / before - 1.0).abs() < 0.03,
                    "{hertz}: {before} {after}"
                );
                let (before, after) = (loudness(&speech), loudness(&found));
                assert!(
                    (after / before - 1.0).abs() < 0.1,
                    "{hertz}: {before} {after}"
                );
            }
        }
    }

    #[test]
    fn compressed_speech_has_no_clicks() {
        let speech = voice(150.0, 24_000);
        let step = |samples: &[f32]| {
            samples
                .windows(2)
                .map(|pair| (pair[1] - pair[0]).abs())
                .fold(0.0, f32::max)
        };
        assert!(step(&compress(&speech, 14_000)) < step(&speech) * 1.3);
    }

    #[test]
    fn the_end_of_the_speech_is_the_end_of_the_compressed_speech() {
        let mut speech = vec![0.0; 24_000];
        speech[23_400..23_760].copy_from_slice(&voice(200.0, 360));
        let found = compress(&speech, 16_000);
        assert!(loudness(&found[..14_500]) < 0.01);
        assert!(loudness(&found[15_000..]) > 0.05);
    }

    proptest! {
        #[test]
        fn any_lengths_give_the_length_asked_for_and_finite_samples(
            samples in prop::collection::vec(-1.0_f32..1.0, 0..3000),
            share in 0.0..1.2_f64,
        ) {
            let length = (samples.len() as f64 * share) as usize;
            let found = compress(&samples, length);
            prop_assert_eq!(found.len(), length.min(samples.len()));
            prop_assert!(found.iter().all(|sample| sample.is_finite()));
        }
    }
}
