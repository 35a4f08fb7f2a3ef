//! Gain and limiter after the decoder.

use serde::{Deserialize, Serialize};

use super::loudness::Loudness;
use crate::Result;

/// Level above which the limiter bends the curve.
const KNEE: f32 = 0.7;
/// Level at which samples are cut without a limiter, as the decoder does.
const CLAMP: f32 = 0.99;

/// Processing of the speech's level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Brings the request to -18 LUFS with one [gain](Loudness::gain) for all its utterances, at most 2, then limits.
    /// Silence (a peak up to 0.01) is not amplified.
    #[default]
    Normalize,
    /// Bends what lies above 0.7 softly towards 1, no gain.
    Limit,
    /// Cuts at 0.99.
    None,
}

/// The level of one request, utterance by utterance.
pub struct Leveller {
    level: Level,
    loudness: Loudness,
}

impl Leveller {
    /// For the utterances of a new request.
    ///
    /// # Errors
    /// As [`Loudness::new`].
    pub fn new(level: Level) -> Result<Self> {
        Ok(Self {
            level,
            loudness: Loudness::new()?,
        })
    }

    /// As [`apply`](Self::apply), for the samples of the next piece of an utterance: with [`Level::Normalize`] the gain
    /// [glides](Loudness::glide) from piece to piece, too slowly to be heard.
    ///
    /// # Errors
    /// As [`Loudness::glide`].
    pub fn apply_to_piece(&mut self, samples: &mut [f32]) -> Result<()> {
        if self.level != Level::Normalize {
            return self.apply(samples);
        }
        let glide = self.loudness.glide(samples)?;
        for (index, sample) in samples.iter_mut().enumerate() {
            *sample = limit(*sample * glide.at(index));
        }
        Ok(())
    }

    /// Applies the level to the samples of the next utterance, which must be finite. None leaves -1..1.
    ///
    /// # Errors
    /// As [`Loudness::gain`].
    pub fn apply(&mut self, samples: &mut [f32]) -> Result<()> {
        match self.level {
            Level::Normalize => {
                let gain = self.loudness.gain(samples)?;
                for sample in samples {
                    *sample = limit(*sample * gain);
                }
            }
            Level::Limit => samples
                .iter_mut()
                .for_each(|sample| *sample = limit(*sample)),
            Level::None => {
                for sample in samples {
                    *sample = sample.clamp(-CLAMP, CLAMP);
                }
            }
        }
        Ok(())
    }
}

/// The identity up to the knee, above it a tanh that reaches 1 nowhere but in rounding.
fn limit(x: f32) -> f32 {
    if x.abs() <= KNEE {
        return x;
    }
    // float64, so that rounding cannot break the order of neighbouring samples
    let (knee, room) = (f64::from(KNEE), 1.0 - f64::from(KNEE));
    let limited = knee + room * ((f64::from(x.abs()) - knee) / room).tanh();
    (limited as f32).copysign(x)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LEVELS: [Level; 3] = [Level::Normalize, Level::Limit, Level::None];

    fn applied(level: Level, samples: &[f32]) -> Vec<f32> {
        let mut samples = samples.to_vec();
        Leveller::new(level).unwrap().apply(&mut samples).unwrap();
        samples
    }

    fn peak(samples: &[f32]) -> f32 {
        samples.iter().fold(0.0, |peak, x| peak.max(x.abs()))
    }

    /// Two seconds like speech: syllables of a buzz with noise, four a second, and a pause. Peak some 12 dB above its
    /// loudness.
    fn speech(amplitude: f32) -> Vec<f32> {
        let mut noise = 1u32;
        (0..48_000)
            .map(|n| {
                let time = n as f32 / 24_000.0;
                let syllable = (std::f32::consts::PI * (4.0 * time).fract()).sin();
                let voiced = (0.3 * time).fract() < 0.25;
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (noise >> 8) as f32 / 8_388_608.0 - 1.0;
                let buzz = 2.0 * (140.0 * time).fract() - 1.0;
                amplitude * syllable * (0.7 * buzz + 0.3 * noise) * if voiced { 1.0 } else { 0.2 }
            })
            .collect()
    }

    fn loudness(samples: &[f32]) -> f64 {
        let mut meter = ebur128::EbuR128::new(1, 24_000, ebur128::Mode::I).unwrap();
        meter.add_frames_f32(samples).unwrap();
        meter.loudness_global().unwrap()
    }

    #[test]
    fn loud_and_quiet_sentences_of_a_request_keep_their_difference_in_both_orders() {
        let (loud, quiet) = (speech(0.45), speech(0.225));
        let natural = loudness(&loud) - loudness(&quiet);
        assert!((natural - 6.0).abs() < 0.1, "{natural}");
        for (first, second, sign) in [(&loud, &quiet, 1.0), (&quiet, &loud, -1.0)] {
            let mut leveller = Leveller::new(Level::Normalize).unwrap();
            let [first, second] = [first, second].map(|samples| {
                let mut samples = samples.clone();
                leveller.apply(&mut samples).unwrap();
                samples
            });
            let difference = sign * (loudness(&first) - loudness(&second));
            assert!((difference - natural).abs() < 1.0, "{difference} LU");
            assert!(peak(&first).max(peak(&second)) <= 0.93);
        }
    }

    #[test]
    fn what_came_before_a_request_does_not_change_it() {
        let utterances = [speech(0.3), speech(0.1), speech(0.4)];
        let render = || {
            let mut leveller = Leveller::new(Level::Normalize).unwrap();
            utterances.clone().map(|mut samples| {
                leveller.apply(&mut samples).unwrap();
                samples
            })
        };
        assert_eq!(render(), render());
    }

    #[test]
    fn normalize_leaves_silence_alone() {
        assert_eq!(applied(Level::Normalize, &[0.01, -0.002]), [0.01, -0.002]);
        assert_eq!(applied(Level::Normalize, &[0.0; 4]), [0.0; 4]);
        assert_eq!(applied(Level::Normalize, &[]), [0.0f32; 0]);
    }

    #[test]
    fn limit_keeps_everything_below_the_knee() {
        assert_eq!(applied(Level::Limit, &[0.7, -0.7, 1e-9]), [0.7, -0.7, 1e-9]);
        assert!(applied(Level::Limit, &[0.71])[0] < 0.71);
    }

    #[test]
    fn none_only_cuts() {
        assert_eq!(
            applied(Level::None, &[0.98, 1.5, -7.0]),
            [0.98, 0.99, -0.99]
        );
    }

    proptest! {
        #[test]
        fn output_is_bounded_and_never_nan(
            samples in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::ZERO | prop::num::f32::SUBNORMAL, 0..64),
        ) {
            for level in LEVELS {
                let out = applied(level, &samples);
                prop_assert_eq!(out.len(), samples.len());
                prop_assert!(out.iter().all(|x| x.abs() <= 1.0), "{:?}: {:?}", level, out);
            }
        }

        #[test]
        fn louder_stays_louder(samples in prop::collection::vec(-2f32..2.0, 2..64)) {
            let mut sorted = samples;
            sorted.sort_by(f32::total_cmp);
            for level in LEVELS {
                prop_assert!(applied(level, &sorted).is_sorted(), "{:?}", level);
            }
        }

        #[test]
        fn both_half_waves_are_treated_alike(samples in prop::collection::vec(-2f32..2.0, 0..64)) {
            let negated: Vec<f32> = samples.iter().map(|x| -x).collect();
            for level in LEVELS {
                let out: Vec<f32> = applied(level, &samples).iter().map(|x| -x).collect();
                prop_assert_eq!(out, applied(level, &negated));
            }
        }
    }
}
