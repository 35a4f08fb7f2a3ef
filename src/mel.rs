//! Mel spectrograms.

use crate::constants::MEL_BINS;

/// A log-mel spectrogram, `[MEL_BINS x frames]`, row-major: all frames of bin 0, then of bin 1 and so on, as the flow
/// and the vocoder take it.
#[derive(Debug, Clone, PartialEq)]
pub struct Mel {
    frames: usize,
    data: Vec<f32>,
}

impl Mel {
    /// Zeros.
    pub fn zeros(frames: usize) -> Self {
        Self {
            frames,
            data: vec![0.0; MEL_BINS * frames],
        }
    }

    /// A spectrogram of `[MEL_BINS x frames]` values.
    ///
    /// # Panics
    /// If `data` does not hold a whole number of frames.
    pub fn from_bins(data: Vec<f32>) -> Self {
        assert_eq!(data.len() % MEL_BINS, 0, "{} values are no mel", data.len());
        Self {
            frames: data.len() / MEL_BINS,
            data,
        }
    }

    /// A spectrogram of `[frames x MEL_BINS]` values (the order in which voices are stored).
    ///
    /// # Panics
    /// If `data` does not hold a whole number of frames.
    pub fn from_frames(data: &[f32]) -> Self {
        assert_eq!(data.len() % MEL_BINS, 0, "{} values are no mel", data.len());
        let mut mel = Self::zeros(data.len() / MEL_BINS);
        for (t, frame) in data.chunks_exact(MEL_BINS).enumerate() {
            for (bin, value) in frame.iter().enumerate() {
                mel.row_mut(bin)[t] = *value;
            }
        }
        mel
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// All frames of one bin.
    pub fn row(&self, bin: usize) -> &[f32] {
        &self.data[bin * self.frames..(bin + 1) * self.frames]
    }

    /// All frames of one bin.
    pub fn row_mut(&mut self, bin: usize) -> &mut [f32] {
        &mut self.data[bin * self.frames..(bin + 1) * self.frames]
    }

    /// All values, `[MEL_BINS x frames]`.
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }

    /// All values, `[MEL_BINS x frames]`.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The frames `range`, copied.
    pub fn columns(&self, range: std::ops::Range<usize>) -> Self {
        let mut part = Self::zeros(range.len());
        for bin in 0..MEL_BINS {
            part.row_mut(bin)
                .copy_from_slice(&self.row(bin)[range.clone()]);
        }
        part
    }
}
