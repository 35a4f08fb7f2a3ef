//! Loudness: gain and limiter after the decoder.

use serde::{Deserialize, Serialize};

/// Peak that normalised speech gets.
const TARGET_PEAK: f32 = 0.85;
/// Most gain that normalising applies.
const MAX_GAIN: f32 = 2.0;
/// Peak up to which an utterance counts as silence and is not amplified.
const SILENCE_PEAK: f32 = 0.01;
/// Level above which the limiter bends the curve.
const KNEE: f32 = 0.7;
/// Level at which samples are cut without a limiter, as the decoder does.
const CLAMP: f32 = 0.99;

/// What is done to the level of an utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Brings the peak to 0.85, with a gain of at most 2, then limits. Silence (a peak up to 0.01) gets no gain.
    #[default]
    Normalize,
    /// Bends what lies above 0.7 softly towards 1, no gain.
    Limit,
    /// Cuts at 0.99.
    None,
}

impl Level {
    /// Applies the level to the samples of one utterance, which must be finite. None leaves -1..1.
    pub fn apply(self, samples: &mut [f32]) {
        match self {
            Self::Normalize => {
                let gain = gain(samples);
                for sample in samples {
                    *sample = limit(*sample * gain);
                }
            }
            Self::Limit => samples
                .iter_mut()
                .for_each(|sample| *sample = limit(*sample)),
            Self::None => {
                for sample in samples {
                    *sample = sample.clamp(-CLAMP, CLAMP);
                }
            }
        }
    }
}

fn gain(samples: &[f32]) -> f32 {
    let peak = samples.iter().fold(0f32, |peak, x| peak.max(x.abs()));
    if peak > SILENCE_PEAK {
        (TARGET_PEAK / peak).min(MAX_GAIN)
    } else {
        1.0
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
        level.apply(&mut samples);
        samples
    }

    fn peak(samples: &[f32]) -> f32 {
        samples.iter().fold(0.0, |peak, x| peak.max(x.abs()))
    }

    #[test]
    fn normalize_brings_the_peak_to_the_target_through_the_knee() {
        let expected = 0.7 + 0.3 * (0.15f32 / 0.3).tanh();
        for loudest in [0.45, 0.85, 0.99] {
            let out = applied(Level::Normalize, &[0.1, -loudest, 0.2]);
            assert!((peak(&out) - expected).abs() < 1e-6, "{loudest}: {out:?}");
        }
    }

    #[test]
    fn normalize_amplifies_at_most_twice_and_leaves_silence_alone() {
        assert_eq!(applied(Level::Normalize, &[0.02, -0.1]), [0.04, -0.2]);
        assert_eq!(applied(Level::Normalize, &[0.01, -0.002]), [0.01, -0.002]);
        assert_eq!(applied(Level::Normalize, &[0.0; 4]), [0.0; 4]);
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
