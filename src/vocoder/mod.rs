//! Vocoder: mel to 24 kHz samples (HiFT).
//!
//! F0 is predicted in float64 ([`f0`]), turned into a harmonic source in the order of rounding that the network was
//! trained with ([`source`]), and filtered by the decoder on ONNX Runtime in float32. All of an utterance at once: the
//! source's phase and noise count from its first sample. [`level`] follows.

pub mod f0;
pub mod level;
pub mod noise;
pub mod source;
pub mod weights;

use std::path::Path;

use crate::{
    Error, Result,
    cancel::Cancel,
    constants::{MEL_BINS, SAMPLES_PER_FRAME},
    mel::Mel,
    model::manifest,
    onnx::{Element, FREE, Port, Session, SessionOptions, Tensor},
};

use self::{f0::F0Predictor, noise::Noise, source::Source, weights::SourceWeights};

/// HiFT: F0 predictor, harmonic source and decoder.
pub struct Vocoder {
    f0: F0Predictor,
    source: Source,
    decoder: Session,
}

impl Vocoder {
    /// Loads the files that `vocoder` names from the model directory `dir`; the decoder uses `threads` threads (0: one
    /// per core that this process may use).
    ///
    /// # Errors
    /// That of a file that is missing, unreadable, damaged, or of other shapes than a HiFT of 80 mel bins and 480
    /// samples a frame; or [`ErrorKind::Library`](crate::ErrorKind::Library) without ONNX Runtime.
    pub fn load(dir: &Path, vocoder: &manifest::Vocoder, threads: usize) -> Result<Self> {
        let weights = SourceWeights::read(&dir.join(&vocoder.source_weights))?;
        let options = SessionOptions {
            threads,
            ..Default::default()
        };
        let decoder = Session::load(&dir.join(&vocoder.decoder), &options)?;
        decoder.check(
            &[
                Port::new("mel", Element::F32, &[1, MEL_BINS as i64, FREE]),
                Port::new("source", Element::F32, &[1, FREE]),
            ],
            &[Port::new("audio", Element::F32, &[1, FREE])],
        )?;
        Ok(Self {
            f0: F0Predictor::new(&weights)?,
            source: Source::new(&weights, vocoder.source)?,
            decoder,
        })
    }

    /// The speech of a whole utterance: exactly [`SAMPLES_PER_FRAME`] samples in -1..1 per frame of `mel`, the same for
    /// the same `seed`.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled), or [`ErrorKind::Failed`](crate::ErrorKind::Failed) if the
    /// mel or the samples are not finite or ONNX Runtime fails.
    pub fn synthesize(&mut self, mel: &Mel, seed: u64, cancel: &Cancel) -> Result<Vec<f32>> {
        let noise = Noise::new(seed);
        let f0 = self.f0(mel, cancel)?;
        let source = self.source(&f0, |index| noise.uniform(index));
        self.decode(mel, &source, cancel)
    }

    /// F0 of every frame in Hz; see [`F0Predictor::predict`].
    pub fn f0(&self, mel: &Mel, cancel: &Cancel) -> Result<Vec<f32>> {
        if mel.as_slice().iter().any(|value| !value.is_finite()) {
            return Err(Error::failed(
                "the vocoder was given a mel that is not finite: the flow model's output is broken",
            ));
        }
        self.f0.predict(mel, cancel)
    }

    /// The harmonic source for `f0` with the given noise; see [`Source::signal`].
    pub fn source(&self, f0: &[f32], noise: impl Fn(usize) -> f32) -> Vec<f32> {
        self.source.signal(f0, noise)
    }

    /// Filters `source`, [`SAMPLES_PER_FRAME`] samples per frame of `mel`, to speech of the same length.
    pub fn decode(&mut self, mel: &Mel, source: &[f32], cancel: &Cancel) -> Result<Vec<f32>> {
        assert_eq!(source.len(), mel.frames() * SAMPLES_PER_FRAME, "source");
        if mel.frames() == 0 {
            return Ok(Vec::new());
        }
        let path = self.decoder.path().to_owned();
        let outputs = self.decoder.run(
            &[
                (
                    "mel",
                    Tensor::F32(&[1, MEL_BINS, mel.frames()], mel.as_slice()),
                ),
                ("source", Tensor::F32(&[1, source.len()], source)),
            ],
            cancel,
        )?;
        let (_, samples) = outputs.f32("audio")?;
        if samples.len() != source.len() {
            return Err(Error::damaged(
                &path,
                format!(
                    "{} samples came out, expected {}",
                    samples.len(),
                    source.len()
                ),
            ));
        }
        if samples.iter().any(|sample| !sample.is_finite()) {
            return Err(Error::failed(format!(
                "{}: the samples are not finite",
                path.display()
            )));
        }
        Ok(samples.to_vec())
    }
}
