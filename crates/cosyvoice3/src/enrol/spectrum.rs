//! Short-time power spectra, in double precision: the logarithms behind them enlarge what single precision loses.

use std::{f64::consts::TAU, sync::Arc};

use rustfft::{Fft, FftPlanner, num_complex::Complex};

/// Frames of a window that slides over a signal, as power spectra.
pub(super) struct Spectrum {
    fft: Arc<dyn Fft<f64>>,
    window: Vec<f64>,
    bins: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
    power: Vec<f64>,
}

impl Spectrum {
    /// Spectra of `points` under `window`, which is padded with zeros to that length.
    ///
    /// # Panics
    /// If the window is longer.
    pub(super) fn new(window: Vec<f64>, points: usize) -> Self {
        assert!(window.len() <= points);
        let fft = FftPlanner::new().plan_fft_forward(points);
        Self {
            bins: vec![Complex::default(); points],
            scratch: vec![Complex::default(); fft.get_inplace_scratch_len()],
            power: vec![0.0; points / 2 + 1],
            fft,
            window,
        }
    }

    /// Power of bins 0 to half the points, of a frame as long as the window. Does not allocate.
    pub(super) fn power(&mut self, samples: impl IntoIterator<Item = f64>) -> &[f64] {
        self.bins.fill(Complex::default());
        let windowed = std::iter::zip(samples, &self.window).map(|(x, w)| x * w);
        for (bin, value) in std::iter::zip(&mut self.bins, windowed) {
            bin.re = value;
        }
        self.fft
            .process_with_scratch(&mut self.bins, &mut self.scratch);
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
