//! The mel that the flow continues: 24 kHz, 80 bins to 12 kHz, 50 frames a second.

use super::{
    filters::FilterBank,
    spectrum::{Spectrum, periodic_hann, reflected},
};
use crate::{
    constants::{MEL_BINS, SAMPLE_RATE, SAMPLES_PER_FRAME},
    mel::Mel,
};

const FFT: usize = 1920;
/// Samples mirrored at either end: a frame lies in the middle of its window.
const PAD: usize = (FFT - SAMPLES_PER_FRAME) / 2;
/// Added to every power, so that the root has a slope at silence: the models are trained so.
const EPSILON: f64 = 1e-9;
const FLOOR: f64 = 1e-5;

/// Log-mel spectrogram of 24 kHz `samples` in -1 to 1: `n / 480` frames, none below 721 samples, which cannot be mirrored.
/// Values lie at ln(1e-5) = -11.5129 or above.
pub fn prompt_mel(samples: &[f32]) -> Mel {
    if samples.len() <= PAD {
        return Mel::zeros(0);
    }
    let padded = reflected(samples, PAD);
    let mut spectrum = Spectrum::new(periodic_hann(FFT), FFT);
    let bank = FilterBank::slaney(MEL_BINS, f64::from(SAMPLE_RATE), FFT);
    let mut mel = Mel::zeros(samples.len() / SAMPLES_PER_FRAME);
    let mut magnitudes = vec![0.0; FFT / 2 + 1];
    for (t, window) in padded.windows(FFT).step_by(SAMPLES_PER_FRAME).enumerate() {
        let power = spectrum.power(window.iter().copied());
        for (magnitude, power) in std::iter::zip(&mut magnitudes, power) {
            *magnitude = (power + EPSILON).sqrt();
        }
        for (bin, value) in bank.apply(&magnitudes).enumerate() {
            mel.row_mut(bin)[t] = value.max(FLOOR).ln() as f32;
        }
    }
    mel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_twenty_milliseconds() {
        for (samples, frames) in [(0, 0), (720, 0), (721, 1), (23_999, 49), (24_000, 50)] {
            let mel = prompt_mel(&vec![0.1; samples]);
            assert_eq!(mel.frames(), frames, "{samples} samples");
        }
    }

    #[test]
    fn silence_is_quiet_and_full_scale_is_finite() {
        let silence = prompt_mel(&vec![0.0; 24_000]);
        assert!(
            silence
                .as_slice()
                .iter()
                .all(|x| *x < -8.0 && *x >= -11.513)
        );
        let square: Vec<f32> = (0..24_000)
            .map(|i| if i / 60 % 2 == 0 { 1.0 } else { -1.0 })
            .collect();
        let loud = prompt_mel(&square);
        assert!(loud.as_slice().iter().all(|x| x.is_finite()));
    }
}
