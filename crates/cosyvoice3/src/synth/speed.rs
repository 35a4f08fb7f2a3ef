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

#[cfg(test)]
mod tests {
    use super::*;

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
