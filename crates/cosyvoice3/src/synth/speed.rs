//! Tempo: the mel resampled in time.

use crate::{constants::MEL_BINS, mel::Mel};

/// `mel` at `speed` times its tempo: `floor(frames / speed)` frames, linearly interpolated between frame centres as the
/// official program does (`interpolate(..., mode="linear")`, corners not aligned).
pub(super) fn resample(mel: &Mel, speed: f64) -> Mel {
    let frames = mel.frames();
    let wanted = (frames as f64 / speed) as usize;
    if speed == 1.0 || frames == 0 || wanted == 0 {
        return mel.clone();
    }
    let scale = frames as f64 / wanted as f64;
    let mut resampled = Mel::zeros(wanted);
    for t in 0..wanted {
        let position = ((t as f64 + 0.5) * scale - 0.5).max(0.0);
        let left = (position as usize).min(frames - 1);
        let right = (left + 1).min(frames - 1);
        let share = (position - left as f64) as f32;
        for bin in 0..MEL_BINS {
            let row = mel.row(bin);
            resampled.row_mut(bin)[t] = row[left] + (row[right] - row[left]) * share;
        }
    }
    resampled
}

/// The same while the mel comes: the number of frames is not known yet, so positions go by `speed` itself.
pub(super) struct Tempo {
    speed: f64,
    /// The frames from `first` on.
    mel: Mel,
    first: usize,
    /// Frames that have left.
    done: usize,
}

impl Tempo {
    /// At `speed` times the tempo.
    pub fn new(speed: f64) -> Self {
        Self {
            speed,
            mel: Mel::zeros(0),
            first: 0,
            done: 0,
        }
    }

    /// The frames that `mel`, the next ones, completes; all that are left if they are the `last`.
    pub fn push(&mut self, mel: Mel, last: bool) -> Mel {
        if self.speed == 1.0 {
            return mel;
        }
        self.mel.append(&mel);
        let frames = self.first + self.mel.frames();
        let left = |t: usize| ((t as f64 + 0.5) * self.speed - 0.5).max(0.0);
        let mut end = self.done;
        while match last {
            true => end < (frames as f64 / self.speed) as usize,
            false => (left(end) as usize) + 1 < frames,
        } {
            end += 1;
        }
        let mut resampled = Mel::zeros(end - self.done);
        for t in self.done..end {
            let position = left(t);
            let left = (position as usize).min(frames - 1);
            let right = (left + 1).min(frames - 1);
            let share = (position - left as f64) as f32;
            for bin in 0..MEL_BINS {
                let row = self.mel.row(bin);
                let (left, right) = (row[left - self.first], row[right - self.first]);
                resampled.row_mut(bin)[t - self.done] = left + (right - left) * share;
            }
        }
        self.done = end;
        let needed = (left(end) as usize).min(frames);
        let gone = needed.saturating_sub(self.first);
        self.mel = self.mel.columns(gone..self.mel.frames());
        self.first += gone;
        resampled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_pieces_it_is_the_same_line() {
        for speed in [0.5, 0.9, 1.0, 1.3, 2.0] {
            let whole = resample(&ramp(100), speed);
            let mut tempo = Tempo::new(speed);
            let mut pieces = Mel::zeros(0);
            for (range, last) in [(0..7, false), (7..60, false), (60..100, true)] {
                pieces.append(&tempo.push(ramp(100).columns(range), last));
            }
            assert_eq!(pieces.frames(), whole.frames(), "{speed}");
            for (a, b) in std::iter::zip(pieces.row(3), whole.row(3)) {
                // The whole is stretched by what is left behind its last frame: less than one frame of the tempo.
                assert!((a - b).abs() < speed.max(1.0) as f32, "{speed}: {a} {b}");
            }
        }
    }

    fn ramp(frames: usize) -> Mel {
        Mel::from_bins(
            (0..MEL_BINS * frames)
                .map(|i| (i % frames) as f32)
                .collect(),
        )
    }

    #[test]
    fn tempo_one_changes_nothing() {
        assert_eq!(resample(&ramp(7), 1.0), ramp(7));
    }

    #[test]
    fn double_tempo_halves_the_frames_and_keeps_the_line() {
        let fast = resample(&ramp(100), 2.0);
        assert_eq!(fast.frames(), 50);
        for (t, value) in fast.row(3).iter().enumerate() {
            assert!((value - (2.0 * t as f32 + 0.5)).abs() < 1e-4);
        }
    }

    #[test]
    fn half_tempo_doubles_the_frames_and_stays_in_range() {
        let slow = resample(&ramp(10), 0.5);
        assert_eq!(slow.frames(), 20);
        assert_eq!((slow.row(0)[0], slow.row(0)[19]), (0.0, 9.0));
    }
}
