//! Short-time power spectra, in double precision: the logarithms behind them enlarge what single precision loses.

use std::{f64::consts::TAU, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

/// Frames of a window that slides over a signal, as power spectra.
pub(super) struct Spectrum {
    fft: Arc<dyn RealToComplex<f64>>,
    window: Vec<f64>,
    frame: Vec<f64>,
    bins: Vec<Complex<f64>>,
    power: Vec<f64>,
}

impl Spectrum {
    /// Spectra of `fft` points under `window`, which is padded with zeros to that length.
    ///
    /// # Panics
    /// If the window is longer.
    pub(super) fn new(window: Vec<f64>, fft: usize) -> Self {
        assert!(window.len() <= fft);
        let plan = RealFftPlanner::new().plan_fft_forward(fft);
        Self {
            frame: plan.make_input_vec(),
            bins: plan.make_output_vec(),
            power: vec![0.0; fft / 2 + 1],
            fft: plan,
            window,
        }
    }

    /// Power of bins 0 to half the points, of a frame as long as the window. Does not allocate.
    pub(super) fn power(&mut self, samples: impl IntoIterator<Item = f64>) -> &[f64] {
        let windowed = std::iter::zip(samples, &self.window).map(|(x, w)| x * w);
        // The transform uses its input as scratch memory.
        self.frame.fill(0.0);
        for (place, value) in std::iter::zip(&mut self.frame, windowed) {
            *place = value;
        }
        self.fft
            .process(&mut self.frame, &mut self.bins)
            .expect("both buffers are the plan's own");
        for (power, bin) in std::iter::zip(&mut self.power, &self.bins) {
            *power = bin.norm_sqr();
        }
        &self.power
    }
}

/// A Hann window that would continue with a period of `length`.
pub(super) fn periodic_hann(length: usize) -> Vec<f64> {
    let angle = |i: usize| TAU * i as f64 / length as f64;
    (0..length).map(|i| 0.5 - 0.5 * angle(i).cos()).collect()
}

/// `samples` with `pad` more on either side, mirrored at the first and last sample, which are not repeated.
///
/// # Panics
/// If there are not more than `pad` samples.
pub(super) fn reflected(samples: &[f32], pad: usize) -> Vec<f64> {
    let last = samples.len() - 1;
    let front = (1..=pad).rev();
    let back = (last - pad..last).rev();
    front
        .chain(0..samples.len())
        .chain(back)
        .map(|i| f64::from(samples[i]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_mirrored_without_repeating_its_ends() {
        assert_eq!(
            reflected(&[1.0, 2.0, 3.0, 4.0], 2),
            [3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0]
        );
    }

    #[test]
    fn the_power_of_a_cosine_lies_in_its_bin() {
        let mut spectrum = Spectrum::new(vec![1.0; 16], 16);
        for _ in 0..2 {
            let cosine = (0..16).map(|i| (TAU * 3.0 * f64::from(i) / 16.0).cos());
            let power = spectrum.power(cosine);
            for (bin, value) in power.iter().enumerate() {
                let expected = if bin == 3 { 64.0 } else { 0.0 };
                assert!((value - expected).abs() < 1e-9, "{bin}: {value}");
            }
        }
    }
}
