//! The filterbank that the speaker encoder hears: that of Kaldi, as `torchaudio.compliance.kaldi.fbank` computes it
//! without dither.

use super::{filters::FilterBank, spectrum::Spectrum};

/// Samples per second that the filterbank is for.
pub const RATE: u32 = 16_000;
/// Bins.
pub const BINS: usize = 80;
/// Samples of a frame: 25 ms.
const FRAME: usize = 400;
/// Samples from one frame to the next: 10 ms.
const HOP: usize = 160;
/// Points of the transform.
const FFT: usize = 512;
/// Lowest frequency of a filter, in Hz.
const LOW: f64 = 20.0;
const PRE_EMPHASIS: f64 = 0.97;
/// Least energy of a bin: the epsilon of single precision.
const FLOOR: f64 = f32::EPSILON as f64;

/// Logarithms of the energies in 80 mel bins, `[frames x BINS]`, row-major.
///
/// `samples` are 16 kHz, in -1 to 1. There are `1 + (n - 400) / 160` frames, none below 400 samples. Values lie at
/// ln(1.19e-7) = -15.9424 or above.
pub fn fbank(samples: &[f32]) -> Vec<f32> {
    let mut spectrum = Spectrum::new(povey(FRAME), FFT);
    let bank = FilterBank::kaldi(BINS, LOW, f64::from(RATE) / 2.0, f64::from(RATE), FFT);
    let mut features = Vec::with_capacity(samples.len() / HOP * BINS);
    for frame in samples.windows(FRAME).step_by(HOP) {
        let mean = frame.iter().map(|x| f64::from(*x)).sum::<f64>() / FRAME as f64;
        // The first sample stands in for the one before it.
        let before = std::iter::once(&frame[0]).chain(frame);
        let emphasised = std::iter::zip(frame, before)
            .map(|(x, before)| (f64::from(*x) - mean) - PRE_EMPHASIS * (f64::from(*before) - mean));
        let energies = bank.apply(spectrum.power(emphasised));
        features.extend(energies.map(|energy| energy.max(FLOOR).ln() as f32));
    }
    features
}

/// [`fbank`] less each bin's mean over time: the input of the speaker encoder.
pub fn centred_fbank(samples: &[f32]) -> Vec<f32> {
    let mut features = fbank(samples);
    let frames = features.len() / BINS;
    for bin in 0..BINS {
        let of_bin = features[bin.min(features.len())..].iter().step_by(BINS);
        let mean = of_bin.map(|x| f64::from(*x)).sum::<f64>() / frames as f64;
        for frame in features.chunks_exact_mut(BINS) {
            frame[bin] = (f64::from(frame[bin]) - mean) as f32;
        }
    }
    features
}

/// Povey's window: a symmetric Hann window to the power of 0.85.
fn povey(length: usize) -> Vec<f64> {
    let angle = |i: usize| std::f64::consts::TAU * i as f64 / (length - 1) as f64;
    (0..length)
        .map(|i| (0.5 - 0.5 * angle(i).cos()).powf(0.85))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_as_kaldi_does() {
        for (samples, frames) in [
            (0, 0),
            (399, 0),
            (400, 1),
            (16_000, 98),
            (16_160, 99),
            (48_000, 298),
        ] {
            assert_eq!(
                fbank(&vec![0.1; samples]).len(),
                frames * BINS,
                "{samples} samples"
            );
        }
    }

    #[test]
    fn silence_lies_at_the_floor_and_centred_at_zero() {
        let silence = vec![0.0; 16_000];
        assert!(fbank(&silence).iter().all(|x| (x + 15.9424).abs() < 1e-4));
        assert!(centred_fbank(&silence).iter().all(|x| *x == 0.0));
        assert!(centred_fbank(&[]).is_empty());
    }
}
