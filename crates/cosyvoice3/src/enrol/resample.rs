//! The official program's resampler: torchaudio's default, a sinc of six zero crossings under a Hann window.
//!
//! Speech tokens depend on the resampler (near ties turn over), so it is this one and no better one.

use std::f64::consts::PI;

/// Zero crossings of the sinc on either side.
const WIDTH: f64 = 6.0;
/// Cut-off, as a share of the lower Nyquist frequency.
const ROLLOFF: f64 = 0.99;

/// `samples` of the rate `from` at the rate `to`, `ceil(n to / from)` of them.
///
/// # Panics
/// If a rate is 0.
pub fn resample(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    if from == to {
        return samples.to_vec();
    }
    let divisor = gcd(from, to);
    let (from, to) = ((from / divisor) as usize, (to / divisor) as usize);
    let phases: Vec<Phase> = (0..to).map(|phase| Phase::new(phase, from, to)).collect();
    let length = (samples.len() * to).div_ceil(from);
    let mut resampled = Vec::with_capacity(length);
    for i in 0..length {
        resampled.push(phases[i % to].apply(samples, (i / to * from) as isize));
    }
    resampled
}

/// Weights for all output samples that lie equally between two input samples.
struct Phase {
    /// Place of the first weight, from the input sample at which the period of rates begins.
    first: isize,
    weights: Vec<f32>,
}

impl Phase {
    fn new(phase: usize, from: usize, to: usize) -> Self {
        let base = ROLLOFF * from.min(to) as f64;
        let at = phase as f64 / to as f64;
        let reach = WIDTH / base;
        // Beyond the reach the window is zero.
        let first = ((at - reach) * from as f64).ceil() as isize;
        let last = ((at + reach) * from as f64).floor() as isize;
        let weight = |place: isize| {
            let t = ((place as f64 / from as f64 - at) * base).clamp(-WIDTH, WIDTH);
            let window = (PI * t / (2.0 * WIDTH)).cos().powi(2);
            (sinc(t) * window * base / from as f64) as f32
        };
        Self {
            first,
            weights: (first..=last).map(weight).collect(),
        }
    }

    /// Weighted sum of the input around `origin`; outside of the input is silence.
    fn apply(&self, samples: &[f32], origin: isize) -> f32 {
        let start = origin + self.first;
        let skipped = start.min(0).unsigned_abs().min(self.weights.len());
        let from = (start.max(0) as usize).min(samples.len());
        std::iter::zip(&samples[from..], &self.weights[skipped..])
            .map(|(x, w)| f64::from(*x) * f64::from(*w))
            .sum::<f64>() as f32
    }
}

fn sinc(t: f64) -> f64 {
    let angle = PI * t;
    if angle == 0.0 {
        1.0
    } else {
        angle.sin() / angle
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(frequency: f64, rate: u32, samples: usize) -> Vec<f32> {
        let step = 2.0 * PI * frequency / f64::from(rate);
        (0..samples)
            .map(|i| (step * i as f64).sin() as f32)
            .collect()
    }

    #[test]
    fn a_tone_stays_where_it_is_at_every_usual_rate() {
        for from in [
            8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000,
        ] {
            for to in [16_000, 24_000] {
                let resampled = resample(&sine(440.0, from, from as usize), from, to);
                let wanted = sine(440.0, to, to as usize);
                assert_eq!(resampled.len(), wanted.len());
                let middle = 500..to as usize - 500;
                let error = std::iter::zip(&resampled[middle.clone()], &wanted[middle])
                    .map(|(a, b)| (a - b).abs())
                    .fold(0.0, f32::max);
                assert!(error < 5e-3, "{from} to {to}: {error}");
            }
        }
    }

    #[test]
    fn tones_above_the_new_nyquist_frequency_are_gone() {
        let resampled = resample(&sine(11_000.0, 48_000, 48_000), 48_000, 16_000);
        let peak = resampled[500..15_500]
            .iter()
            .fold(0.0, |peak: f32, x| peak.max(x.abs()));
        assert!(peak < 0.02, "{peak}");
    }

    #[test]
    fn lengths_are_rounded_up_and_odd_rates_work() {
        assert_eq!(resample(&[0.0; 22_050], 22_050, 16_000).len(), 16_000);
        assert_eq!(resample(&[0.0; 3], 48_000, 16_000).len(), 1);
        assert_eq!(resample(&[0.0; 4], 48_000, 16_000).len(), 2);
        assert_eq!(resample(&[], 44_100, 24_000).len(), 0);
        let odd = resample(&sine(300.0, 44_101, 44_101), 44_101, 24_000);
        assert_eq!(odd.len(), 24_000);
    }
}
