//! Levels of a recording over time: where speech begins and ends, and how far it stands above the noise.

use std::ops::Range;

/// Frames per second.
const FRAMES: u32 = 100;
/// Level of digital silence, in dB.
const BOTTOM: f32 = -100.0;
/// Distance below the loudest speech, in dB, at which even a quiet syllable has ended.
const SPEECH_RANGE: f32 = 40.0;
/// Distance above the noise, in dB, from which on a frame is speech.
const ABOVE_NOISE: f32 = 8.0;
/// Least distance of that threshold below the loudest speech: noise that is nearly as loud hides the pauses.
const BELOW_SPEECH: f32 = 12.0;
/// Frames that speech lasts at least; a click is shorter.
const SYLLABLE: usize = 3;
/// Silence kept before and after the speech, in frames.
const MARGIN: usize = 10;
/// Frames of silence between two words that are a pause.
const PAUSE: usize = 15;

/// Levels of frames of 10 ms, in dB of full scale.
pub(super) struct Levels {
    frames: Vec<f32>,
    /// Samples of a frame.
    length: usize,
    samples: usize,
    threshold: f32,
}

impl Levels {
    /// The levels of `samples` at `rate`.
    pub(super) fn new(samples: &[f32], rate: u32) -> Self {
        let length = (rate / FRAMES).max(1) as usize;
        let frames: Vec<f32> = samples.chunks(length).map(level).collect();
        let (speech, noise) = (percentile(&frames, 0.98), percentile(&frames, 0.10));
        let threshold =
            (speech - SPEECH_RANGE).max((noise + ABOVE_NOISE).min(speech - BELOW_SPEECH));
        Self {
            frames,
            length,
            samples: samples.len(),
            threshold,
        }
    }

    /// Level of the speech, in dB: what its loudest parts reach.
    pub(super) fn speech(&self) -> f32 {
        percentile(&self.frames, 0.98)
    }

    /// Distance of speech from the noise in its pauses, in dB. Large where the pauses are digital silence.
    pub(super) fn signal_to_noise(&self, range: Range<usize>) -> f32 {
        let frames = &self.frames[self.frames_of(&range)];
        percentile(frames, 0.95) - percentile(frames, 0.10)
    }

    /// Samples from the first syllable to the last, with a tenth of a second on either side. Empty without any.
    pub(super) fn speech_range(&self) -> Range<usize> {
        let Some(syllables) = self.syllables() else {
            return 0..0;
        };
        self.with_margins(syllables)
    }

    /// Frames from the first syllable to the last.
    fn syllables(&self) -> Option<Range<usize>> {
        let is_syllable = |frames: &[f32]| frames.iter().all(|level| *level >= self.threshold);
        let first = self.frames.windows(SYLLABLE).position(is_syllable)?;
        let last = self.frames.windows(SYLLABLE).rposition(is_syllable)?;
        Some(first..last + SYLLABLE)
    }

    fn with_margins(&self, frames: Range<usize>) -> Range<usize> {
        let start = frames.start.saturating_sub(MARGIN) * self.length;
        let end = (frames.end + MARGIN) * self.length;
        start..end.min(self.samples)
    }

    /// Pieces of speech between pauses, in frames.
    fn phrases(&self) -> Vec<Range<usize>> {
        let mut phrases: Vec<Range<usize>> = Vec::new();
        for (i, level) in self.frames.iter().enumerate() {
            if *level < self.threshold {
                continue;
            }
            match phrases.last_mut() {
                Some(phrase) if i - phrase.end < PAUSE => phrase.end = i + 1,
                _ => phrases.push(i..i + 1),
            }
        }
        phrases.retain(|phrase| phrase.len() >= SYLLABLE);
        phrases
    }

    /// The best stretch of these samples to clone a voice from, and how good it is; it begins and ends in a pause.
    /// `None` where no pauses lie so that a stretch has a length within `seconds`.
    pub(super) fn best_stretch(
        &self,
        samples: &[f32],
        seconds: Range<f64>,
    ) -> Option<(Range<usize>, f32)> {
        let phrases = self.phrases();
        let mut best: Option<(Range<usize>, f32)> = None;
        for (i, first) in phrases.iter().enumerate() {
            for last in &phrases[i..] {
                let length = (last.end - first.start) as f64 / f64::from(FRAMES);
                if length >= seconds.end {
                    break;
                }
                if length < seconds.start {
                    continue;
                }
                let stretch = self.with_margins(first.start..last.end);
                let score = self.score(&stretch, samples);
                if best.as_ref().is_none_or(|(_, best)| score > *best) {
                    best = Some((stretch, score));
                }
            }
        }
        best
    }

    /// Worth of a stretch in dB, roughly: little noise, little silence, no clipping.
    fn score(&self, stretch: &Range<usize>, samples: &[f32]) -> f32 {
        /// A distance that nobody hears any more.
        const QUIET: f32 = 40.0;
        let frames = &self.frames[self.frames_of(stretch)];
        let spoken = frames.iter().filter(|level| **level >= self.threshold);
        let spoken = spoken.count() as f32 / frames.len().max(1) as f32;
        let clipped = clipped(&samples[stretch.clone()]);
        self.signal_to_noise(stretch.clone()).min(QUIET) + 20.0 * spoken - 1000.0 * clipped
    }

    fn frames_of(&self, samples: &Range<usize>) -> Range<usize> {
        let end = samples.end.div_ceil(self.length).min(self.frames.len());
        (samples.start / self.length).min(end)..end
    }
}

/// Share of samples that lie in runs at the recording's own peak, as a level too high for the recorder leaves them.
pub(super) fn clipped(samples: &[f32]) -> f32 {
    /// Least peak of a recording that can have been cut off.
    const LOUD: f32 = 0.5;
    /// Samples that a wave stays at its top by itself, at most.
    const TOP: usize = 3;
    let peak = samples.iter().fold(0.0, |peak: f32, x| peak.max(x.abs()));
    if peak < LOUD {
        return 0.0;
    }
    let at_peak = |x: &f32| x.abs() >= 0.999 * peak;
    let runs = samples.chunk_by(|a, b| at_peak(a) == at_peak(b) && a.signum() == b.signum());
    let clipped = runs.filter(|run| at_peak(&run[0]) && run.len() >= TOP);
    clipped.map(<[f32]>::len).sum::<usize>() as f32 / samples.len().max(1) as f32
}

fn level(frame: &[f32]) -> f32 {
    let mean = frame.iter().map(|x| f64::from(x * x)).sum::<f64>() / frame.len() as f64;
    (10.0 * mean.log10() as f32).max(BOTTOM)
}

/// The value below which the `share` of `values` lies; [`BOTTOM`] without any.
fn percentile(values: &[f32], share: f32) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let at = (sorted.len().saturating_sub(1)) as f32 * share;
    sorted.get(at as usize).copied().unwrap_or(BOTTOM)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// `seconds` of a tone whose level comes and goes as that of syllables does.
    pub(in super::super) fn speech(rate: u32, seconds: f64, peak: f32) -> Vec<f32> {
        let count = (seconds * f64::from(rate)) as usize;
        let sample = |i: usize| {
            let t = i as f64 / f64::from(rate);
            let syllable = (std::f64::consts::TAU * 4.0 * t).cos().mul_add(-0.45, 0.55);
            peak * (syllable * (std::f64::consts::TAU * 220.0 * t).sin()) as f32
        };
        (0..count).map(sample).collect()
    }

    /// `seconds` of noise up to `peak`, the same each time.
    pub(in super::super) fn noise(rate: u32, seconds: f64, peak: f32) -> Vec<f32> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            peak * (state as f32 / (1_u32 << 31) as f32 - 1.0)
        };
        (0..(seconds * f64::from(rate)) as usize)
            .map(|_| next())
            .collect()
    }

    pub(in super::super) fn mixed(a: &[f32], b: &[f32]) -> Vec<f32> {
        std::iter::zip(a, b).map(|(a, b)| a + b).collect()
    }

    #[test]
    fn silence_noise_and_clicks_at_both_ends_are_left_out() {
        const RATE: u32 = 16_000;
        for hiss in [0.0, 0.003] {
            let mut samples = vec![0.0; RATE as usize];
            samples.extend(speech(RATE, 3.0, 0.5));
            samples.extend(vec![0.0; 2 * RATE as usize]);
            samples[2_000] = 0.9;
            let samples = mixed(&samples, &noise(RATE, 6.0, hiss));
            let range = Levels::new(&samples, RATE).speech_range();
            let [start, end] = [range.start, range.end].map(|at| at as f64 / f64::from(RATE));
            assert!((0.85..=1.05).contains(&start), "{start}");
            assert!((3.95..=4.2).contains(&end), "{end}");
        }
    }

    #[test]
    fn the_distance_from_the_noise_is_measured() {
        const RATE: u32 = 16_000;
        let speech = speech(RATE, 5.0, 0.5);
        let measured = |hiss: f32| {
            let samples = mixed(&speech, &noise(RATE, 5.0, hiss));
            Levels::new(&samples, RATE).signal_to_noise(0..samples.len())
        };
        let (clean, noisy) = (measured(0.0005), measured(0.3));
        assert!(clean > 15.0, "{clean}");
        assert!(noisy < 10.0, "{noisy}");
    }

    #[test]
    fn clipping_is_seen_at_any_level_and_speech_that_is_merely_loud_has_none() {
        let loud = speech(16_000, 3.0, 1.0);
        assert_eq!(clipped(&loud), 0.0);
        let driven: Vec<f32> = loud.iter().map(|x| (2.0 * x).clamp(-1.0, 1.0)).collect();
        assert!(clipped(&driven) > 0.01, "{}", clipped(&driven));
        let turned_down: Vec<f32> = driven.iter().map(|x| 0.7 * x).collect();
        assert!(clipped(&turned_down) > 0.01);
        assert_eq!(clipped(&[]), 0.0);
    }

    #[test]
    fn the_best_stretch_is_the_cleanest_one_from_pause_to_pause() {
        const RATE: u32 = 16_000;
        let pause = vec![0.0; RATE as usize / 2];
        let noisy = mixed(&speech(RATE, 6.0, 0.5), &noise(RATE, 6.0, 0.2));
        let clean = speech(RATE, 6.0, 0.5);
        let samples = [&pause[..], &noisy, &pause, &clean, &pause, &noisy, &pause].concat();
        let levels = Levels::new(&samples, RATE);
        let (range, _) = levels.best_stretch(&samples, 4.0..12.0).unwrap();
        let [start, end] = [range.start, range.end].map(|at| at as f64 / f64::from(RATE));
        assert!(
            (6.8..=7.1).contains(&start) && (12.9..=13.3).contains(&end),
            "{start} {end}"
        );
    }
}
