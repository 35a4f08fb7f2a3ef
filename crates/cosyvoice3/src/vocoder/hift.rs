//! HiFT: F0 is predicted in float64 ([`f0`](super::f0)), turned into a harmonic source in the order of rounding that the
//! network was trained with ([`source`](super::source)), and filtered by the decoder on ONNX Runtime in float32. The
//! source's phase and noise count from the utterance's first sample.

use std::path::Path;

use crate::{
    Error, Result,
    cancel::Cancel,
    constants::{MEL_BINS, SAMPLES_PER_FRAME},
    manifest::SourceKind,
    mel::Mel,
    onnx::{Element, FREE, Port, Session, SessionOptions, Tensor},
};

use super::{
    f0::{F0Predictor, F0Stream},
    finite,
    source::{Source, SourceStream},
    splitmix::SplitMix,
    weights::SourceWeights,
};

/// HiFT: F0 predictor, harmonic source and decoder.
pub struct Hift {
    f0: F0Predictor,
    source: Source,
    decoder: Session,
}

impl Hift {
    /// Loads the graph `decoder`, which works with `threads` threads (0: one per core), and the weights for its source.
    ///
    /// # Errors
    /// As [`Vocoder::load`](super::Vocoder::load).
    pub fn load(
        decoder: &Path,
        weights: &Path,
        kind: SourceKind,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Self> {
        let weights = SourceWeights::read(weights)?;
        let options = SessionOptions {
            threads,
            ..Default::default()
        };
        let decoder = Session::load(decoder, &options, cancel)?;
        decoder.check(
            &[
                Port::new("mel", Element::F32, &[1, MEL_BINS as i64, FREE]),
                Port::new("source", Element::F32, &[1, FREE]),
            ],
            &[Port::new("audio", Element::F32, &[1, FREE])],
        )?;
        Ok(Self {
            f0: F0Predictor::new(&weights)?,
            source: Source::new(&weights, kind)?,
            decoder,
        })
    }

    /// The speech of a whole utterance, the same for the same `seed`.
    ///
    /// # Errors
    /// As [`Vocoder::synthesize`](super::Vocoder::synthesize).
    pub fn synthesize(&mut self, mel: &Mel, seed: u64, cancel: &Cancel) -> Result<Vec<f32>> {
        let noise = SplitMix::new(seed);
        let f0 = self.f0(mel, cancel)?;
        let source = self.source(&f0, |index| noise.uniform(index));
        self.decode(mel, &source, cancel)
    }

    /// F0 of every frame in Hz; see [`F0Predictor::predict`].
    pub fn f0(&self, mel: &Mel, cancel: &Cancel) -> Result<Vec<f32>> {
        self.f0.predict(mel, cancel)
    }

    /// The harmonic source for `f0` with the given noise; see [`Source::signal`].
    pub fn source(&self, f0: &[f32], noise: impl Fn(usize) -> f32) -> Vec<f32> {
        self.source.signal(f0, noise)
    }

    pub(super) fn f0_stream(&self) -> F0Stream {
        self.f0.stream()
    }

    pub(super) fn source_stream(&self) -> SourceStream {
        self.source.stream()
    }

    /// F0 of the frames that `mel` completes.
    pub(super) fn f0_after(
        &self,
        stream: &mut F0Stream,
        mel: &Mel,
        last: bool,
        cancel: &Cancel,
    ) -> Result<Vec<f32>> {
        self.f0.predict_after(stream, mel, last, cancel)
    }

    /// The source for `f0`, the next frames.
    pub(super) fn source_after(
        &self,
        stream: &mut SourceStream,
        f0: &[f32],
        noise: impl Fn(usize) -> f32,
    ) -> Vec<f32> {
        self.source.signal_after(stream, f0, noise)
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
        finite::samples(&path, samples.to_vec())
    }
}
