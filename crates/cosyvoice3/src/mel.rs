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

    /// Overwrites the frames from `at` on with the frames `range` of `other`.
    ///
    /// # Panics
    /// If either does not have these frames.
    pub fn write(&mut self, at: usize, other: &Self, range: std::ops::Range<usize>) {
        for bin in 0..MEL_BINS {
            self.row_mut(bin)[at..at + range.len()].copy_from_slice(&other.row(bin)[range.clone()]);
        }
    }

    /// Adds the frames of `other` at the end.
    pub fn append(&mut self, other: &Self) {
        let mut all = Self::zeros(self.frames + other.frames);
        all.write(0, self, 0..self.frames);
        all.write(self.frames, other, 0..other.frames);
        *self = all;
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

/// Gathers the mel of one utterance from windows that may overlap.
#[derive(Debug, Clone, PartialEq)]
pub struct MelAccumulator {
    bins: Vec<Vec<f32>>,
}

impl Default for MelAccumulator {
    fn default() -> Self {
        Self {
            bins: vec![Vec::new(); MEL_BINS],
        }
    }
}

impl MelAccumulator {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Frames gathered so far.
    pub fn frames(&self) -> usize {
        self.bins[0].len()
    }

    /// Appends the frames of `window` from `new_from` on. The last `blend` frames gathered so far fade into the `blend`
    /// frames of the window before `new_from`, which lie at the same times; the first window has nothing to blend with.
    ///
    /// # Panics
    /// If the window is not empty so far and has fewer than `blend` frames before `new_from`.
    pub fn append(&mut self, window: &Mel, new_from: usize, blend: usize) {
        let blend = blend.min(self.frames());
        for (bin, gathered) in self.bins.iter_mut().enumerate() {
            let row = window.row(bin);
            let start = gathered.len() - blend;
            let faded = std::iter::zip(&mut gathered[start..], &row[new_from - blend..new_from]);
            for (frame, (old, new)) in faded.enumerate() {
                let weight = (frame + 1) as f32 / (blend + 1) as f32;
                *old = weight * new + (1.0 - weight) * *old;
            }
            gathered.extend_from_slice(&row[new_from..]);
        }
    }

    /// Takes out all frames but the last `keep`, which a later window may still blend with.
    pub fn take(&mut self, keep: usize) -> Mel {
        let count = self.frames().saturating_sub(keep);
        let taken = self.bins.iter_mut().flat_map(|bin| bin.drain(..count));
        Mel::from_bins(taken.collect())
    }

    /// The whole utterance's mel.
    pub fn into_mel(self) -> Mel {
        Mel::from_bins(self.bins.concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(frames: usize, value: f32) -> Mel {
        Mel::from_bins(vec![value; MEL_BINS * frames])
    }

    #[test]
    fn windows_fade_into_each_other_where_they_overlap() {
        let mut accumulator = MelAccumulator::new();
        accumulator.append(&constant(20, 0.0), 0, 10);
        accumulator.append(&constant(30, 11.0), 12, 10);
        let mel = accumulator.into_mel();
        assert_eq!(mel.frames(), 20 + 18);
        for bin in [0, MEL_BINS - 1] {
            let row = mel.row(bin);
            assert_eq!(row[9], 0.0);
            for (f, value) in row[10..20].iter().enumerate() {
                assert!((value - (f + 1) as f32).abs() < 1e-5);
            }
            assert!(row[20..].iter().all(|value| *value == 11.0));
        }
    }

    #[test]
    fn taken_in_parts_it_is_the_same_mel() {
        let (first, second) = (constant(20, 0.0), constant(30, 11.0));
        let mut whole = MelAccumulator::new();
        let mut parts = MelAccumulator::new();
        let mut taken = Vec::new();
        for window in [(&first, 0), (&second, 12)] {
            whole.append(window.0, window.1, 10);
            parts.append(window.0, window.1, 10);
            taken.push(parts.take(10));
        }
        taken.push(parts.take(0));
        let whole = whole.into_mel();
        let lengths: Vec<_> = taken.iter().map(Mel::frames).collect();
        assert_eq!(lengths, [10, 18, 10]);
        let mut at = 0;
        for part in taken {
            assert_eq!(part, whole.columns(at..at + part.frames()));
            at += part.frames();
        }
    }

    #[test]
    fn frames_and_bins_keep_their_order() {
        let data: Vec<f32> = (0..MEL_BINS * 6).map(|i| i as f32).collect();
        let mel = Mel::from_frames(&data);
        let mut accumulator = MelAccumulator::new();
        accumulator.append(&mel.columns(0..4), 0, 0);
        accumulator.append(&mel.columns(2..6), 2, 0);
        assert_eq!(accumulator.frames(), 6);
        assert_eq!(accumulator.into_mel(), mel);
    }
}
