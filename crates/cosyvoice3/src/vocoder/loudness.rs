//! The gain of a request: one for all its utterances, found from what was made of it so far.
//!
//! Loudness is that of EBU R 128 (ITU-R BS.1770): the K-weighted mean over blocks of 400 ms, without those that are
//! silent. It is measured before the gain, and over all utterances of the request together, so that a whisper among them
//! stays one.

use ebur128::{EbuR128, Mode};

use crate::{Error, Result, constants::SAMPLE_RATE};

/// Loudness that speech gets, in LUFS: the recommendation of AES TD1008 for streamed speech.
const TARGET: f64 = -18.0;
/// Most gain.
const MAX_GAIN: f64 = 2.0;
/// Peak that no gain exceeds; the limiter that follows bends it to 0.93.
const PEAK: f64 = 1.0;
/// Most change of the gain from one utterance to the next: 0.5 dB, less than one hears between two sentences.
const STEP: f64 = 1.059_253_725_177_289;
/// Peak up to which an utterance counts as silence: it is neither measured nor amplified.
const SILENCE: f32 = 0.01;
/// Speech of a request that has to be measured before its gain is kept: one word may be far from what follows it.
const EVIDENCE_SAMPLES: usize = SAMPLE_RATE as usize;
/// Length of a gating block. Shorter speech has none.
const BLOCK_SAMPLES: usize = SAMPLE_RATE as usize * 4 / 10;

/// Change of the gain inside an utterance, decibels a second.
const GLIDE: f64 = 0.5;
/// The same until [`SURE_SAMPLES`] were measured.
const FIRST_GLIDE: f64 = 3.0;
/// Speech whose loudness hardly changes when more follows.
const SURE_SAMPLES: usize = 3 * SAMPLE_RATE as usize;

/// A gain that moves evenly from the first sample of a piece to its last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glide {
    from: f64,
    to: f64,
    samples: usize,
}

impl Glide {
    fn steady(gain: f64) -> Self {
        Self {
            from: gain,
            to: gain,
            samples: 1,
        }
    }

    /// The gain of sample `index` of the piece.
    pub fn at(&self, index: usize) -> f32 {
        let share = (index + 1) as f64 / self.samples as f64;
        (self.from + (self.to - self.from) * share.min(1.0)) as f32
    }
}

/// Loudness of one request so far.
pub struct Loudness {
    meter: EbuR128,
    /// Samples that were measured.
    heard: usize,
    /// The loudest peak so far.
    peak: f32,
    /// That of the utterance before.
    gain: Option<f64>,
}

impl Loudness {
    /// The loudness of a request without speech yet.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`](crate::ErrorKind::Failed) if there is no memory for the meter.
    pub fn new() -> Result<Self> {
        // The histogram needs the same memory for an hour as for a sentence, and is exact to 0.1 LU.
        let meter = EbuR128::new(1, SAMPLE_RATE, Mode::I | Mode::HISTOGRAM).map_err(failed)?;
        Ok(Self {
            meter,
            heard: 0,
            peak: 0.0,
            gain: None,
        })
    }

    /// The gain of the request's next utterance, whose `samples` must be finite.
    ///
    /// The first utterance gets the gain that brings it to -18 LUFS, at most 2. The later ones keep its gain, once a
    /// second has been measured; it follows the loudness of all of them together by half a decibel an utterance. None
    /// is amplified to a peak above 1.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`](crate::ErrorKind::Failed) if the meter fails, which it does not for finite samples.
    pub fn gain(&mut self, samples: &[f32]) -> Result<f32> {
        let peak = samples.iter().fold(0f32, |peak, x| peak.max(x.abs()));
        if peak <= SILENCE {
            return Ok(self.gain.unwrap_or(1.0).min(1.0) as f32);
        }
        let kept = self.gain.filter(|_| self.heard >= EVIDENCE_SAMPLES);
        self.heard += samples.len();
        self.peak = self.peak.max(peak);
        let wanted = (10f64.powf((TARGET - self.measure(samples)?) / 20.0))
            .min(MAX_GAIN)
            .min(PEAK / f64::from(self.peak));
        let gain = match kept {
            None => wanted,
            Some(before) => wanted.clamp(before / STEP, before * STEP),
        };
        let gain = gain.min(PEAK / f64::from(peak));
        self.gain = Some(gain);
        Ok(gain as f32)
    }

    /// The gain of the next piece of an utterance, whose `samples` must be finite: it begins with that of the piece before
    /// and moves towards what [`gain`](Self::gain) would be, by half a decibel a second; by three until
    /// three seconds were measured, since the first piece may be one quiet word. The limiter cares for peaks.
    ///
    /// # Errors
    /// As [`gain`](Self::gain).
    pub fn glide(&mut self, samples: &[f32]) -> Result<Glide> {
        let peak = samples.iter().fold(0f32, |peak, x| peak.max(x.abs()));
        if peak <= SILENCE {
            return Ok(Glide::steady(self.gain.unwrap_or(1.0).min(1.0)));
        }
        let sure = self.heard >= SURE_SAMPLES;
        self.heard += samples.len();
        self.peak = self.peak.max(peak);
        let wanted = (10f64.powf((TARGET - self.measure(samples)?) / 20.0))
            .min(MAX_GAIN)
            .min(PEAK / f64::from(self.peak));
        let Some(before) = self.gain else {
            self.gain = Some(wanted);
            return Ok(Glide::steady(wanted));
        };
        let seconds = samples.len() as f64 / f64::from(SAMPLE_RATE);
        let decibels = seconds * if sure { GLIDE } else { FIRST_GLIDE };
        let most = 10f64.powf(decibels / 20.0);
        let after = wanted.clamp(before / most, before * most);
        self.gain = Some(after);
        Ok(Glide {
            from: before,
            to: after,
            samples: samples.len(),
        })
    }

    /// Loudness of all utterances so far, in LUFS.
    fn measure(&mut self, samples: &[f32]) -> Result<f64> {
        self.meter.add_frames_f32(samples).map_err(failed)?;
        let gated = self.meter.loudness_global().map_err(failed)?;
        if gated.is_finite() {
            return Ok(gated);
        }
        // A first utterance of one short word: the mean over all of it, at most a block.
        let milliseconds = samples.len().min(BLOCK_SAMPLES) * 1000 / SAMPLE_RATE as usize;
        self.meter
            .loudness_window(milliseconds.max(1) as u32)
            .map_err(failed)
    }
}

fn failed(error: ebur128::Error) -> Error {
    Error::failed(format!("the loudness cannot be measured: {error}"))
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// `seconds` of a sine of `frequency` Hz whose peak is `peak`.
    fn sine(frequency: f64, peak: f64, seconds: f64) -> Vec<f32> {
        let samples = (seconds * f64::from(SAMPLE_RATE)) as usize;
        let step = TAU * frequency / f64::from(SAMPLE_RATE);
        (0..samples)
            .map(|n| (peak * (step * n as f64).sin()) as f32)
            .collect()
    }

    fn measured(samples: &[f32]) -> f64 {
        Loudness::new().unwrap().measure(samples).unwrap()
    }

    fn gains(utterances: &[&[f32]]) -> Vec<f32> {
        let mut loudness = Loudness::new().unwrap();
        utterances
            .iter()
            .map(|samples| loudness.gain(samples).unwrap())
            .collect()
    }

    fn decibels(gain: f32) -> f32 {
        20.0 * gain.log10()
    }

    #[test]
    fn a_sine_of_997_hz_at_minus_20_dbfs_measures_3_lu_less() {
        // BS.1770: a full-scale sine of 997 Hz in one channel is -3.01 LKFS.
        let loudness = measured(&sine(997.0, 0.1, 4.0));
        assert!((loudness + 23.01).abs() < 0.1, "{loudness}");
        // The weighting: treble counts more, and bass less.
        let at = |frequency| measured(&sine(frequency, 0.1, 4.0)) - loudness;
        assert!((at(4000.0) - 3.3).abs() < 0.3, "{}", at(4000.0));
        assert!(at(60.0) < -1.5, "{}", at(60.0));
    }

    #[test]
    fn inside_an_utterance_the_gain_has_no_steps_and_does_not_pump() {
        let mut loudness = Loudness::new().unwrap();
        let mut gains = Vec::new();
        // A quiet word, then loud and quiet ones in turns for twenty seconds.
        for (i, peak) in [0.05, 0.2, 0.1].into_iter().cycle().take(20).enumerate() {
            let piece = sine(997.0, peak, 1.0);
            let glide = loudness.glide(&piece).unwrap();
            if let Some(before) = gains.last() {
                let step: f32 = decibels(glide.at(0) / before);
                assert!(step.abs() < 0.001, "piece {i} begins with {step} dB");
            }
            gains.push(glide.at(piece.len() - 1));
        }
        let settled = &gains[5..];
        let steps = settled
            .windows(2)
            .map(|pair| decibels(pair[1] / pair[0]).abs());
        assert!(steps.clone().all(|step| step < 0.51), "{gains:?}");
        // It comes to rest, however the words go on.
        assert!(steps.skip(10).sum::<f32>() < 1.0, "{gains:?}");
    }

    #[test]
    fn pauses_do_not_make_speech_less_loud() {
        let speech = sine(997.0, 0.2, 2.0);
        let paused = [speech.clone(), vec![0.0; 48_000], speech.clone()].concat();
        assert!((measured(&paused) - measured(&speech)).abs() < 0.6);
    }

    #[test]
    fn one_short_word_is_as_loud_as_a_sentence_of_the_same() {
        let word = measured(&sine(997.0, 0.1, 0.3));
        let sentence = measured(&sine(997.0, 0.1, 3.0));
        assert!((word - sentence).abs() < 0.3, "{word} and {sentence}");
    }

    #[test]
    fn the_first_utterance_gets_the_target_within_a_gain_of_two() {
        let [gain] = gains(&[&sine(997.0, 0.126, 2.0)])[..] else {
            panic!("one utterance")
        };
        // -21 LUFS and 3 dB.
        assert!((decibels(gain) - 3.0).abs() < 0.2, "{gain}");
        assert_eq!(gains(&[&sine(997.0, 0.02, 2.0)]), [2.0]);
        let [gain] = gains(&[&sine(997.0, 0.9, 2.0)])[..] else {
            panic!("one utterance")
        };
        assert!(gain < 0.3, "too loud is made less loud: {gain}");
    }

    #[test]
    fn later_utterances_keep_the_gain_and_follow_slowly() {
        let (quiet, loud) = (sine(997.0, 0.1, 2.0), sine(997.0, 0.2, 2.0));
        let gains = gains(&[&quiet, &loud, &loud, &quiet, &loud, &loud]);
        let steps = gains
            .windows(2)
            .map(|pair| decibels(pair[1] / pair[0]).abs());
        assert!(steps.clone().all(|step| step < 0.51), "{gains:?}");
        assert!(steps.sum::<f32>() > 0.5, "{gains:?}");
    }

    #[test]
    fn one_word_in_front_does_not_decide_on_the_text_behind_it() {
        let (word, sentence) = (sine(997.0, 0.18, 0.5), sine(997.0, 0.126, 4.0));
        let gains = gains(&[&word, &sentence, &sentence]);
        assert!((decibels(gains[1]) - 3.0).abs() < 0.5, "{gains:?}");
        assert!(decibels(gains[2] / gains[1]).abs() < 0.3, "{gains:?}");
    }

    #[test]
    fn no_gain_takes_a_peak_above_one() {
        let mut shout = sine(997.0, 0.1, 2.0);
        shout[20_000] = 0.9;
        let [first, second, third] = gains(&[&sine(997.0, 0.05, 2.0), &shout, &shout])[..] else {
            panic!("three utterances")
        };
        assert_eq!(first, 2.0);
        assert!(
            second * 0.9 <= 1.0 && third * 0.9 <= 1.0,
            "{second}, {third}"
        );
        // One click does not make all that follows quiet for good.
        assert!(third >= second, "{second}, {third}");
    }

    #[test]
    fn silence_is_not_amplified_and_decides_nothing() {
        let speech = sine(997.0, 0.1, 2.0);
        let silence = vec![0.001; 24_000];
        assert_eq!(gains(&[&silence])[0], 1.0);
        let gains = gains(&[&silence, &speech]);
        assert_eq!(gains[1], self::gains(&[&speech])[0]);
    }
}
