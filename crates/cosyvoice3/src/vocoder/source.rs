//! The harmonic source: nine sines and noise, mixed to one signal that the decoder filters into speech.
//!
//! With `uv = 1` for frames whose F0 is above 10 Hz and `uv = 0` for the others, sample `n` of the source is
//!
//! ```text
//! a    = 0.003 uv + (0.1 / 3) (1 - uv)
//! s(n) = tanh(bias + sum over h = 1..9 of weight[h] (0.1 uv sin(phase_h(n)) + a noise(n, h)))
//! ```
//!
//! where `noise` is uniform in [0, 1) and `weight`, `bias` are the layer `l_linear`. What `phase_h` is depends on the
//! [`SourceKind`]; a network only works with the kind it was trained with.
//!
//! **Staircase** (CosyVoice3): the phase is held for a whole frame `k` of 480 samples,
//!
//! ```text
//! phase_h = 2 pi 480 * sum over j = 0..=k of ((f0[j] h / 24000) mod 1)
//! ```
//!
//! in float32, rounded after each of the official steps. This is a staircase and not a tone; the rounding is heard in
//! no test but grows with the utterance, so parity needs the same order.
//!
//! **Sine**: F0 is held for a frame and the phase runs at audio rate, in float64,
//!
//! ```text
//! phase_h(n) = 2 pi h * ((sum over m = 0..=n of f0[m / 480] / 24000) mod 1)
//! ```
//!
//! The sum includes the current sample and starts at zero, and it runs on through unvoiced frames with their F0 as
//! predicted. A training recipe must use the same formula.

use std::f64::consts::TAU;

use super::weights::SourceWeights;
use crate::{
    Result,
    constants::{SAMPLE_RATE, SAMPLES_PER_FRAME},
    manifest::SourceKind,
};

/// Sines of the source: the fundamental and eight harmonics.
pub const HARMONICS: usize = 9;
/// F0 above which a frame is voiced, Hz.
const VOICED_ABOVE: f32 = 10.0;
/// Amplitude of each sine.
const SINE_AMPLITUDE: f32 = 0.1;
/// Amplitude of the noise in voiced frames.
const VOICED_NOISE: f32 = 0.003;
/// Amplitude of the noise in unvoiced frames.
const UNVOICED_NOISE: f32 = SINE_AMPLITUDE / 3.0;

/// The source and its linear layer.
pub struct Source {
    kind: SourceKind,
    weight: [f32; HARMONICS],
    bias: f32,
}

impl Source {
    /// Takes `l_linear.*`.
    pub fn new(weights: &SourceWeights, kind: SourceKind) -> Result<Self> {
        let weight = weights.tensor("l_linear.weight", &[1, HARMONICS])?;
        Ok(Self {
            kind,
            weight: weight.try_into().expect("the shape was checked"),
            bias: weights.tensor("l_linear.bias", &[1])?[0],
        })
    }

    /// The source for `f0` (Hz, finite, one value per frame): [`SAMPLES_PER_FRAME`] samples in -1..1 for each of them.
    ///
    /// `noise(HARMONICS * n + h)` is the noise of sample `n`, counted from the start of the utterance, and harmonic `h`
    /// (from 0), uniform in [0, 1).
    pub fn signal(&self, f0: &[f32], noise: impl Fn(usize) -> f32) -> Vec<f32> {
        self.signal_after(&mut self.stream(), f0, noise)
    }

    /// An utterance of which nothing has come yet.
    pub fn stream(&self) -> SourceStream {
        let oscillator: Box<dyn Oscillator + Send> = match self.kind {
            SourceKind::Staircase => Box::new(Staircase::default()),
            SourceKind::Sine => Box::new(Sine::default()),
        };
        SourceStream {
            oscillator,
            samples: 0,
        }
    }

    /// As [`signal`](Self::signal), for the frames that come next.
    pub(super) fn signal_after(
        &self,
        stream: &mut SourceStream,
        f0: &[f32],
        noise: impl Fn(usize) -> f32,
    ) -> Vec<f32> {
        let mut signal = Vec::with_capacity(f0.len() * SAMPLES_PER_FRAME);
        for &f0 in f0 {
            stream.oscillator.begin_frame(f0);
            let (sine_amplitude, noise_amplitude) = if f0 > VOICED_ABOVE {
                (SINE_AMPLITUDE, VOICED_NOISE)
            } else {
                (0.0, UNVOICED_NOISE)
            };
            for _ in 0..SAMPLES_PER_FRAME {
                let sines = stream.oscillator.next_sines();
                let first = HARMONICS * stream.samples;
                stream.samples += 1;
                let mut sum = self.bias;
                for (h, sine) in sines.into_iter().enumerate() {
                    let noise = noise_amplitude * noise(first + h);
                    sum += self.weight[h] * (sine * sine_amplitude + noise);
                }
                signal.push(sum.tanh());
            }
        }
        signal
    }
}

/// The phase of the sines, and the place of the noise.
pub struct SourceStream {
    oscillator: Box<dyn Oscillator + Send>,
    samples: usize,
}

/// Generator of the sines.
trait Oscillator {
    /// The following samples have this F0.
    fn begin_frame(&mut self, f0: f32);
    /// `sin(phase_h)` of the next sample.
    fn next_sines(&mut self) -> [f32; HARMONICS];
}

#[derive(Default)]
struct Staircase {
    /// Sum over the frames, in turns per sample.
    sums: [f64; HARMONICS],
    sines: [f32; HARMONICS],
}

impl Oscillator for Staircase {
    fn begin_frame(&mut self, f0: f32) {
        for h in 0..HARMONICS {
            self.sums[h] += f64::from(f0 * (h + 1) as f32 / SAMPLE_RATE as f32 % 1.0);
            let phase = self.sums[h] as f32 * 2.0 * std::f32::consts::PI * SAMPLES_PER_FRAME as f32;
            self.sines[h] = phase.sin();
        }
    }

    fn next_sines(&mut self) -> [f32; HARMONICS] {
        self.sines
    }
}

#[derive(Default)]
struct Sine {
    /// Phase of the fundamental before this frame, in turns.
    start: f64,
    /// Turns per sample.
    step: f64,
    /// Samples of this frame that are out.
    samples: usize,
}

impl Oscillator for Sine {
    fn begin_frame(&mut self, f0: f32) {
        self.start = (self.start + self.samples as f64 * self.step).fract();
        self.step = f64::from(f0) / f64::from(SAMPLE_RATE);
        self.samples = 0;
    }

    fn next_sines(&mut self) -> [f32; HARMONICS] {
        self.samples += 1;
        let turns = (self.start + self.samples as f64 * self.step).fract();
        let (sin, cos) = (TAU * turns).sin_cos();
        // the harmonics by turning on by the same angle: one sine and cosine instead of nine
        let (mut x, mut y) = (cos, sin);
        let mut sines = [sin as f32; HARMONICS];
        for sine in &mut sines[1..] {
            (x, y) = (x * cos - y * sin, x * sin + y * cos);
            *sine = y as f32;
        }
        sines
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn source(kind: SourceKind) -> Source {
        Source {
            kind,
            weight: [0.9, 0.7, -0.5, 0.3, 0.2, -0.1, 0.1, 0.05, -0.05],
            bias: 0.01,
        }
    }

    /// The formula of the module's documentation, term by term.
    fn sine_source_by_formula(source: &Source, f0: &[f32], n: usize, noise: f64) -> f64 {
        let turns: f64 = (0..=n).map(|m| f64::from(f0[m / 480]) / 24_000.0).sum();
        let uv = if f0[n / 480] > 10.0 { 1.0 } else { 0.0 };
        let a = 0.003 * uv + 0.1 / 3.0 * (1.0 - uv);
        let sum: f64 = (1..=9)
            .map(|h| {
                let sine = (TAU * f64::from(h) * turns).sin();
                f64::from(source.weight[h as usize - 1]) * (0.1 * uv * sine + a * noise)
            })
            .sum();
        (f64::from(source.bias) + sum).tanh()
    }

    #[test]
    fn staircase_is_constant_within_a_frame_without_noise() {
        let signal = source(SourceKind::Staircase).signal(&[110.0, 220.0, 0.0, 330.0], |_| 0.0);
        assert_eq!(signal.len(), 4 * 480);
        for frame in signal.chunks_exact(480) {
            assert!(frame.iter().all(|sample| *sample == frame[0]));
        }
        assert_ne!(signal[0], signal[480]);
    }

    #[test]
    fn sine_has_the_period_of_f0() {
        let signal = source(SourceKind::Sine).signal(&[200.0; 5], |_| 0.0);
        for n in 0..signal.len() - 120 {
            assert!((signal[n] - signal[n + 120]).abs() < 1e-6, "sample {n}");
        }
        let largest_step = signal.windows(2).map(|w| (w[0] - w[1]).abs());
        assert!(
            largest_step.fold(0.0, f32::max) < 0.05,
            "no steps at frame borders"
        );
    }

    #[test]
    fn noise_is_asked_once_for_every_sample_and_harmonic_in_order() {
        let asked = std::cell::RefCell::new(Vec::new());
        let note = |index| {
            asked.borrow_mut().push(index);
            0.5
        };
        source(SourceKind::Staircase).signal(&[100.0, 0.0], note);
        assert_eq!(*asked.borrow(), (0..2 * 480 * 9).collect::<Vec<_>>());
    }

    #[test]
    fn no_frames_give_no_samples() {
        assert!(source(SourceKind::Sine).signal(&[], |_| 0.0).is_empty());
    }

    proptest! {
        #[test]
        fn sine_follows_the_documented_formula(
            f0 in prop::collection::vec(0f32..600.0, 1..40),
            noise in 0f32..1.0,
        ) {
            let source = source(SourceKind::Sine);
            let signal = source.signal(&f0, |_| noise);
            for n in (0..signal.len()).step_by(97) {
                let expected = sine_source_by_formula(&source, &f0, n, f64::from(noise));
                prop_assert!((f64::from(signal[n]) - expected).abs() < 2e-6, "sample {}", n);
            }
        }

        #[test]
        fn every_source_stays_within_one_and_is_repeatable(
            f0 in prop::collection::vec(0f32..30_000.0, 0..20),
            sine in any::<bool>(),
        ) {
            let source = source(if sine { SourceKind::Sine } else { SourceKind::Staircase });
            let noise = |index: usize| (index % 7) as f32 / 7.0;
            let signal = source.signal(&f0, noise);
            prop_assert!(signal.iter().all(|sample| sample.abs() <= 1.0));
            prop_assert_eq!(&signal, &source.signal(&f0, noise));
        }
    }
}
