//! Taking in a recording of any length with bounded memory.

use std::ops::Range;

use super::{Recording, levels::Levels};
use crate::{Error, ErrorKind, Result};

/// Rates that recordings have: from telephones to studios.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=384_000;
/// Seconds held at once. A recording that is not longer is kept whole.
const HELD: usize = 60;
/// Length of the stretch that is taken of a longer recording, in seconds.
const STRETCH: Range<f64> = 4.0..12.0;
/// Samples beyond this are no audio in -1 to 1, but integers that were not scaled.
const UNSCALED: f32 = 16.0;

/// A recording on its way in, block by block. Of a long one only its best stretch is kept, so that hours take no more memory
/// than a minute.
///
/// A minute is held at a time. Whenever it is full, the best stretch in it is looked for: 4 to 12 s from pause to pause, with
/// the least noise, the least silence and no clipping. Then the older half of the minute goes.
pub struct Intake {
    rate: u32,
    held: Vec<f32>,
    /// Samples before those held.
    gone: u64,
    best: Option<Stretch>,
}

/// A part of a longer recording.
struct Stretch {
    samples: Vec<f32>,
    start: u64,
    score: f32,
}

/// A recording that was taken in.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// The whole recording, or its best stretch.
    pub(super) recording: Recording,
    /// Seconds of the whole.
    pub(super) seconds: f64,
    /// Second at which `recording` begins in the whole.
    pub(super) start: f64,
    /// True if `recording` is but a part.
    pub(super) cut: bool,
}

impl Intake {
    /// Takes in samples at `rate`.
    ///
    /// # Errors
    /// [`ErrorKind::Recording`] for a rate below 8000, which has no speech to clone, or above 384000.
    pub fn new(rate: u32) -> Result<Self> {
        if !RATES.contains(&rate) {
            return Err(Error::new(
                ErrorKind::Recording,
                format!(
                    "a sample rate of {rate} Hz, expected {} to {}: record with 16000 Hz or more",
                    RATES.start(),
                    RATES.end()
                ),
            ));
        }
        Ok(Self {
            rate,
            held: Vec::new(),
            gone: 0,
            best: None,
        })
    }

    /// Takes in the next `samples`: mono, in -1 to 1.
    ///
    /// # Errors
    /// [`ErrorKind::Recording`] for samples that are not finite, or far beyond full scale.
    pub fn push(&mut self, mut samples: &[f32]) -> Result<()> {
        self.check(samples)?;
        let room = HELD * self.rate as usize;
        while !samples.is_empty() {
            if self.held.len() == room {
                self.look_for_a_stretch();
                self.gone += (room / 2) as u64;
                self.held.drain(..room / 2);
            }
            let (now, later) = samples.split_at(samples.len().min(room - self.held.len()));
            self.held.extend_from_slice(now);
            samples = later;
        }
        Ok(())
    }

    fn check(&self, samples: &[f32]) -> Result<()> {
        let Some(at) = samples
            .iter()
            .position(|x| x.is_nan() || x.abs() > UNSCALED)
        else {
            return Ok(());
        };
        let second = (self.gone + (self.held.len() + at) as u64) as f64 / f64::from(self.rate);
        let what = match samples[at].is_finite() {
            false => "that is not finite: the file is damaged, or of another format than it says",
            true => "far beyond full scale, 1: the file holds integers that are marked as floats",
        };
        Err(Error::new(
            ErrorKind::Recording,
            format!(
                "a sample at {second:.2} s is {}, {what}; save the recording again as 16-bit WAV",
                samples[at]
            ),
        ))
    }

    fn look_for_a_stretch(&mut self) {
        let levels = Levels::new(&self.held, self.rate);
        let Some((range, score)) = levels.best_stretch(&self.held, STRETCH) else {
            return;
        };
        if self.best.as_ref().is_none_or(|best| score > best.score) {
            self.best = Some(Stretch {
                start: self.gone + range.start as u64,
                samples: self.held[range].to_vec(),
                score,
            });
        }
    }

    /// The recording, now that all of it is in.
    pub fn finish(mut self) -> Heard {
        let rate = f64::from(self.rate);
        let seconds = (self.gone + self.held.len() as u64) as f64 / rate;
        let speech = Levels::new(&self.held, self.rate).speech_range();
        let whole = self.gone == 0 && speech.len() as f64 / rate <= super::LONGEST;
        let (samples, start) = if whole {
            (self.held, 0)
        } else {
            self.look_for_a_stretch();
            match self.best.take() {
                Some(stretch) => (stretch.samples, stretch.start),
                None => self.middle(),
            }
        };
        Heard {
            recording: Recording {
                samples,
                rate: self.rate,
            },
            seconds,
            start: start as f64 / rate,
            cut: !whole,
        }
    }

    /// A stretch of speech without pauses, from the middle of what is held.
    fn middle(&self) -> (Vec<f32>, u64) {
        let length = ((STRETCH.end * f64::from(self.rate)) as usize).min(self.held.len());
        let start = (self.held.len() - length) / 2;
        (
            self.held[start..start + length].to_vec(),
            self.gone + start as u64,
        )
    }
}
