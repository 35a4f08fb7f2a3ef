//! The spectrogram that the speech tokenizer hears: Whisper's, of 128 bins, without its padding to 30 s.

use super::{
    filters::FilterBank,
    spectrum::{Spectrum, periodic_hann, reflected},
};

/// Samples per second that the spectrogram is for.
pub const RATE: u32 = 16_000;
/// Bins.
pub const BINS: usize = 128;
/// Frames to a speech token.
pub const FRAMES_PER_TOKEN: usize = 4;
const FFT: usize = 400;
/// Samples from one frame to the next: 10 ms.
const HOP: usize = 160;
const FLOOR: f64 = 1e-10;
/// Distance from the loudest value of the whole recording, in powers of ten, below which values are lifted.
const RANGE: f64 = 8.0;

/// Log-mel spectrogram, `[BINS x frames]`, row-major.
///
/// `samples` are 16 kHz, in -1 to 1. There are `n / 160` frames, none below 201 samples, which cannot be mirrored.
pub fn log_mel(samples: &[f32]) -> Vec<f32> {
    if samples.len() <= FFT / 2 {
        return Vec::new();
    }
    let padded = reflected(samples, FFT / 2);
    let frames = samples.len() / HOP;
    let mut spectrum = Spectrum::new(periodic_hann(FFT), FFT);
    let bank = FilterBank::slaney(BINS, f64::from(RATE), FFT);
    let mut mel = vec![0.0; BINS * frames];
    // The last frame is dropped there, as by Whisper.
    let windows = padded.windows(FFT).step_by(HOP).take(frames);
    for (t, window) in windows.enumerate() {
        let energies = bank.apply(spectrum.power(window.iter().copied()));
        for (bin, energy) in energies.enumerate() {
            mel[bin * frames + t] = energy.max(FLOOR).log10();
        }
    }
    let loudest = mel.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let scaled = mel
        .iter()
        .map(|x| ((x.max(loudest - RANGE) + 4.0) / 4.0) as f32);
    scaled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_ten_milliseconds_and_the_last_is_dropped() {
        for (samples, frames) in [(0, 0), (200, 0), (201, 1), (15_999, 99), (16_000, 100)] {
            assert_eq!(
                log_mel(&vec![0.1; samples]).len(),
                frames * BINS,
                "{samples} samples"
            );
        }
    }

    #[test]
    fn silence_is_flat() {
        let mel = log_mel(&vec![0.0; 16_000]);
        assert!(mel.iter().all(|x| *x == -1.5));
    }

    #[test]
    fn no_value_is_further_than_two_below_the_loudest() {
        let step = std::f32::consts::TAU * 440.0 / RATE as f32;
        let mut tone: Vec<f32> = (0..16_000).map(|i| (step * i as f32).sin()).collect();
        tone.extend([0.0; 16_000]);
        let mel = log_mel(&tone);
        let (least, most) = mel.iter().fold((f32::MAX, f32::MIN), |(least, most), x| {
            (least.min(*x), most.max(*x))
        });
        assert!((most - least - 2.0).abs() < 1e-6, "{least} {most}");
    }
}
